Feature: The backup database
  Who uses it, what state it is in, and who got there first.

  Background:
    Given the estate "litware"
    And log shipping of mgc every 15 minutes

  @smoke
  Scenario: Readers of a standby database come back whenever they are cut off
    Given 4 log backups are on the share
    And the first 2 log backups are restored
    And mgc on the backup is in standby with 3 readers who come back
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And the operator is told that a connection was ended
    And mgc on the backup is online and writable
    And exactly the messages after log backup 4 are lost
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B

  Scenario: Locks in mgc are held from another database
    Given 4 log backups are on the share
    And the first 2 log backups are restored
    And mgc on the backup is in standby with 1 reader who come back
    And a session whose current database is another one holds locks in mgc on the backup
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And exactly the messages after log backup 4 are lost
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized

  Scenario: A session id is used again between listing and killing
    Given 4 log backups are on the share
    And the first 2 log backups are restored
    And mgc on the backup is in standby with 1 reader who come back
    And a session id is used again by somebody else when step 4 begins
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And exactly the messages after log backup 4 are lost
    And the pool state is FailedOver

  Scenario Outline: The <job> job is running
    Given 4 log backups are on the share
    And the first 2 log backups are copied
    And the <job> job of the backup runs for another 2 minutes
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And the operator is told that a job is running
    And mgc on the backup is online and writable
    And exactly the messages after log backup 4 are lost
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B

    Examples:
      | job     |
      | copy    |
      | restore |

  Scenario: Somebody has recovered the backup too early
    Given 4 log backups are on the share
    And the first 2 log backups are restored
    And somebody has recovered mgc on the backup already
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that somebody recovered the database early
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    And the active servers are as before
    When the operator fails over again and accepts data loss
    Then the failover succeeds
    And exactly the messages after log backup 2 are lost
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized

  Scenario: Somebody has run step 1 by hand
    Given 4 log backups are on the share
    And the first 2 log backups are copied
    And somebody has removed log shipping from the backup already
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And the operator is told that the log shipping history is gone
    And exactly the messages after log backup 4 are lost
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B

  Scenario: The log shipping monitor was in data center A
    Given 4 log backups are on the share
    And the log shipping monitor is in data center A
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And log shipping no longer lists mgc on the backup
    And mgc on the backup is online and writable
    And exactly the messages after log backup 4 are lost
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized

  Scenario: The site file says mgcc, as the Korean document does
    Given 4 log backups are on the share
    And the site file names the database "mgcc"
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the database is not on the backup
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    And the active servers are as before

  Scenario: The failover's sign-in is not sysadmin
    Given 4 log backups are on the share
    And the failover's sign-in is not sysadmin on the backup
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the sign-in is not sysadmin
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    And the active servers are as before

  Scenario: Recovery takes three quarters of an hour
    Given 4 log backups are on the share
    And recovery of mgc on the backup takes 45 minutes
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And step 4 took at least 45 minutes
    And mgc on the backup is online and writable
    And exactly the messages after log backup 4 are lost
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And service is restored within 90 minutes
