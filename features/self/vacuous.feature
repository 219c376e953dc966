@self
Feature: Drills that check nothing
  None of these may be green.

  Background:
    Given the estate "litware"
    And log shipping of mgc every 15 minutes
    And 4 log backups are on the share

  Scenario: A step that nobody defined
    When data center A is lost
    And the operator prays for the backup
    Then the failover succeeds

  Scenario: No Then
    When data center A is lost
    And the operator fails over to the backup

  Scenario: A fault that never strikes
    Given the failover program will be killed while it restores log backup 77
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds

  Scenario: No failover
    When data center A is lost
    Then mgc on the backup is restoring

  Scenario: A command that failed and that nobody asked about
    When data center A is lost
    And the operator runs on the backup
      """
      SELEC 1
      """
    And the operator fails over to the backup
    Then the failover succeeds

  Scenario: A cmdlet that was to fail and was never called
    Given the mirror cmdlet always fails
    And the primary survives the loss of its data center
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1

  Scenario: A server that comes back and was never lost
    Given no log backup is restored
    And the backup comes back when step 3 begins
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds

  Scenario: A disk that never fills up
    Given no log backup is restored
    And the disk of the copy destination has room for 100000 more bytes
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds

  Scenario: A survivor of a loss that never came
    Given the backup mirror survives the loss of its data center
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds

  Scenario: A wrong program that does no harm
    Given a failover program without the guard "primary-is-gone"
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
