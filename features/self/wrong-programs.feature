@self
Feature: Failover programs that are wrong
  Every drill here must fail: the harness is tested by drills that have to go red.

  Background:
    Given the estate "litware"
    And log shipping of mgc every 15 minutes
    And 4 log backups are on the share and none is copied

  Scenario: It leaves out step 5
    Given a failover program that leaves out step 5
    When data center A is lost
    And the operator fails over to the backup
    Then the pool state is FailedOver

  Scenario: It reports success after step 3
    Given a failover program that reports success after step 3
    When data center A is lost
    And the operator fails over to the backup
    Then mgccomp has not been touched

  Scenario: It does step 5 before step 4
    Given a failover program that does step 5 one step too early
    And a failover program without the guard "backup-is-online"
    When data center A is lost
    And the operator fails over to the backup
    Then mgccomp has not been touched

  Scenario: It does not look for a living primary
    Given the primary survives the loss of its data center
    And a failover program without the guard "primary-is-gone"
    When data center A is lost
    And the operator fails over to the backup
    Then mgccomp has not been touched

  Scenario: It does not apply what it copied
    Given a failover program without the action "apply-log-backups"
    And a failover program without the verification "log-applied"
    And a failover program without the guard "everything-applicable-applied"
    When data center A is lost
    And the operator fails over to the backup
    Then mgccomp has not been touched

  Scenario: It does not say what may be lost
    Given a failover program that does not say what may be lost
    When data center A is lost
    And the operator fails over to the backup
    Then mgc on the backup is online and writable

  Scenario: It empties mgccomp
    Given 20 compliance events wait in mgccomp
    And a failover program that empties mgccomp
    When data center A is lost
    And the operator fails over to the backup
    Then mgc on the backup is online and writable
