Feature: Who is left in data center A
  Two copies that both take messages are worse than an outage.

  Background:
    Given the estate "litware"
    And log shipping of mgc every 15 minutes

  @smoke
  Scenario: The primary is still alive
    Given 4 log backups are on the share
    And the primary survives the loss of its data center
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the primary is alive
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    And mgc on the backup is not mirrored
    And the active servers are as before

  Scenario: The mirror is still alive
    Given 4 log backups are on the share
    And the mirror survives the loss of its data center
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the mirror is alive
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    And mgc on the backup is not mirrored
    And the active servers are as before

  Scenario: Accepting data loss does not make two writable copies
    Given 4 log backups are on the share
    And the primary survives the loss of its data center
    When data center A is lost
    And the operator fails over to the backup and accepts data loss
    Then the failover stops before step 1
    And the operator is told that the primary is alive
    And mgc on the backup is restoring
    And the pool state is Normal

  @smoke
  Scenario: The old primary comes back half way
    Given 4 log backups are on the share and none is copied
    And the primary comes back when step 3 begins
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 4
    And the operator is told that the primary is alive
    And mgc on the backup is restoring
    And the pool state is Normal
    And mgc on the backup is not mirrored
    And the active servers are as before
    When the primary is lost
    And the operator resumes the failover
    Then the failover succeeds
    And mgc on the backup is online and writable
    And no other copy of mgc is writable
    And nothing that was shipped is lost
    And the pool state is FailedOver

  Scenario: Data center A comes back after the failover
    Given 4 log backups are on the share
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And the operator is told that the old primary has to be fenced
    And the operator is told that the old jobs have to be disabled
    When data center A comes back
    And 10 minutes pass
    Then mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 4 are lost
