Feature: Shares, folders and disks
  The log backups are where the failover can reach them, or it says so before it removes anything.

  Background:
    Given the estate "litware"
    And log shipping of mgc every 15 minutes

  @smoke
  Scenario: The backup share was in data center A
    Given the backup share is in data center A
    And 5 log backups are on the share
    And the first 3 log backups are copied
    And the first 2 log backups are restored
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the backup share cannot be reached
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    And the active servers are as before
    When the operator fails over again and accepts data loss
    Then the failover succeeds
    And exactly the messages after log backup 3 are lost
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B

  Scenario: The backup share cannot be reached although its data center stands
    Given the backup share cannot be reached
    And 4 log backups are on the share
    And no log backup is restored
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the backup share cannot be reached
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And mgc on the backup is not mirrored
    And the pool state is Normal
    And the active servers are as before

  Scenario: The backup share is lost while its files are copied
    Given 4 log backups are on the share and none is copied
    And the backup share will be lost when step 2 begins
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before recovery
    And mgc on the backup is restoring
    And the pool state is Normal
    And the active servers are as before
    When the backup share comes back
    And the operator resumes the failover
    Then the failover succeeds
    And exactly the messages after log backup 4 are lost
    And the pool state is FailedOver

  Scenario: Somebody has emptied the backup share
    Given 4 log backups are on the share
    And no log backup is restored
    And the backup share has been emptied
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And exactly the messages after log backup 4 are lost
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B

  Scenario: The disk of the backup is full
    Given 4 log backups are on the share and none is copied
    And the disk of the copy destination has room for 3000 more bytes
    When data center A is lost
    And the operator fails over to the backup
    Then the failover fails in step 2
    And the operator is told that the disk is full
    And mgc on the backup is restoring
    And mgc on the backup is not mirrored
    And the pool state is Normal
    And the active servers are as before
    And service is not restored

  Scenario: The operator reaches another folder than the server's copy destination
    Given 4 log backups are on the share and none is copied
    And the operator reaches another folder than the copy destination of the backup
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the two sides of a path differ
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    And the active servers are as before

  Scenario: The operator reaches another folder than the backup share
    Given 4 log backups are on the share and none is copied
    And the operator reaches another folder than the backup share
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the two sides of a path differ
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal

  Scenario: An interrupted copy has left its work file
    Given 4 log backups are on the share
    And the first 2 log backups are copied
    And an interrupted copy has left a work file in the copy destination
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And the operator is told that an unfinished copy was found
    And exactly the messages after log backup 4 are lost
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
