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
