Feature: The log chain
  What was shipped is applied, in sequence, whatever lies on the share; what is missing stops the failover before
  recovery, and the operator learns what would be lost.

  Background:
    Given the estate "litware"
    And log shipping of mgc every 15 minutes

  @smoke
  Scenario: Every log backup is copied and none is applied
    Given 4 log backups are on the share
    And no log backup is restored
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 4 are lost
    And the operator is told that no log backup is scheduled

  Scenario: Some are copied and none is applied
    Given 5 log backups are on the share
    And the first 2 log backups are copied
    And no log backup is restored
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 5 are lost

  Scenario: Nothing is left to apply
    Given 4 log backups are on the share
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 4 are lost

  Scenario: The first log backups are applied already and lie there still
    Given 5 log backups are on the share
    And the first 3 log backups are restored
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 5 are lost

  @smoke
  Scenario Outline: A log backup that is <damage> stops the failover before recovery
    Given 5 log backups are on the share and none is copied
    And log backup 3 is <damage>
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before recovery
    And the operator is told that log backup 3 is <told>
    And mgc on the backup is restoring
    And mgc on the backup is not mirrored
    And the pool state is Normal
    And the active servers are as before
    And service is not restored
    When the operator fails over again and accepts data loss
    Then the failover succeeds
    And exactly the messages after log backup 2 are lost
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B

    Examples:
      | damage              | told                |
      | missing             | missing             |
      | torn                | damaged             |
      | corrupt             | damaged             |
      | of another database | not a backup of mgc |

  Scenario: The last log backup is torn
    Given 4 log backups are on the share and none is copied
    And log backup 4 is torn
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before recovery
    And the operator is told that log backup 4 is damaged
    And mgc on the backup is restoring
    And the pool state is Normal
    When the operator fails over again and accepts data loss
    Then the failover succeeds
    And exactly the messages after log backup 3 are lost

  Scenario: A log backup is missing that was applied long ago
    Given 5 log backups are on the share
    And the first 3 log backups are restored
    And log backup 1 is missing
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And exactly the messages after log backup 5 are lost
    And mgc on the backup is online and writable
    And the pool state is FailedOver

  Scenario: File dates are out of order
    Given 5 log backups are on the share and none is copied
    And log backup 4 has an older file date than all others
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 5 are lost

  Scenario: One file holds two backup sets
    Given 5 log backups are on the share and none is copied
    And log backup 3 was appended to the file of the one before
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 5 are lost

  Scenario: A log backup is there twice
    Given 4 log backups are on the share and none is copied
    And log backup 2 is there twice under two names
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And exactly the messages after log backup 4 are lost

  Scenario: A full and a differential backup lie on the share too
    Given 5 log backups are on the share and none is copied
    And a full backup of mgc is on the share
    And a differential backup of mgc is on the share
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 5 are lost

  Scenario: The mirror had taken over in data center A
    Given the chat service has posted 120 messages over 2 hours
    And the mirror took over in data center A while messages were posted
    And the restore job is 3 log backups behind
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And nothing that was shipped is lost
    And at most 15 minutes of messages are lost
