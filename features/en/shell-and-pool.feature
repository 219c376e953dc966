Feature: The management shell, the pool and its servers
  What the shell refuses, what it does late, and who may be active afterwards.

  Background:
    Given the estate "litware"
    And log shipping of mgc every 15 minutes
    And 4 log backups are on the share
    And the first 2 log backups are restored

  Scenario: The management shell is missing
    Given the management shell is missing
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the management shell is missing
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    And the active servers are as before

  Scenario: A cmdlet is missing
    Given the active-server cmdlet is missing in the management shell
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that a cmdlet is missing
    And mgc on the backup is restoring
    And the pool state is Normal
    And the active servers are as before

  Scenario: The management store was in data center A
    Given the management store is in data center A
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the management store cannot be reached
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And mgc on the backup is not mirrored

  Scenario: The pool-state cmdlet fails once
    Given the pool-state cmdlet fails 1 time
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And the operator is told that a cmdlet failed
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 4 are lost

  Scenario: The pool-state cmdlet always fails
    Given the pool-state cmdlet always fails
    When data center A is lost
    And the operator fails over to the backup
    Then the failover fails in step 5
    And mgc on the backup is online and writable
    And the pool state is Normal
    And the active servers are as before
    When the operator resumes the failover
    Then the failover fails in step 5
    And the pool state is Normal
    And service is not restored

  Scenario: The mirror cmdlet fails once
    Given the mirror cmdlet fails 1 time
    When data center A is lost
    And the operator fails over to the backup
    Then the failover fails in step 6
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is not mirrored
    When the operator resumes the failover
    Then the failover succeeds
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 4 are lost

  Scenario: Somebody leaves out -PoolState
    When data center A is lost
    And the operator enters in the management shell
      """
      Set-CsPersistentChatState -Identity "service:atl-cs-001.litwareinc.com"
      """
    Then the pool state is Normal
    And mgc on the backup is restoring
    And the active servers are as before
    When the operator fails over to the backup
    Then the failover succeeds
    And the pool state is FailedOver
    And exactly the messages after log backup 4 are lost

  Scenario: Somebody spells the identity wrong
    When data center A is lost
    And the operator enters in the management shell
      """
      Set-CsPersistentChatState -Identity "service:atl-cs-01.litwareinc.com" -PoolState FailedOver
      """
    Then the command is refused
    And the pool state is Normal
    And mgc on the backup is restoring
    And the active servers are as before

  Scenario: The site file spells the pool in another way
    Given the site file spells the pool "service: ATL-CS-001.litwareinc.com"
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 4 are lost

  Scenario: The site file names a pool that does not exist
    Given the site file spells the pool "atl-cs-999.litwareinc.com"
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the pool is not known
    And mgc on the backup is restoring
    And the pool state is Normal
    And the active servers are as before

  Scenario: No replica is brought up to date
    Given no replica of the management store is brought up to date
    When data center A is lost
    And the operator fails over to the backup
    Then the operator is told that a replica is not up to date
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And service is not restored

  Scenario: The topology has no backup mirror
    Given the topology has no backup mirror
    When data center A is lost
    And the operator fails over to the backup
    Then the failover fails in step 6
    And the operator is told that the topology has no backup mirror
    And mgc on the backup is online and writable
    And mgc on the backup is not mirrored
    And the pool state is FailedOver
    And exactly the messages after log backup 4 are lost

  Scenario: An old copy of mgc is on the backup mirror
    Given an old copy of mgc is on the backup mirror
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And the operator is told that an old copy of mgc is on the backup mirror
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the pool state is FailedOver
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 4 are lost

  Scenario: The backup mirror has a mirroring endpoint on another port
    Given the backup mirror's mirroring endpoint listens on port 5024
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the pool state is FailedOver
    And exactly the messages after log backup 4 are lost

  Scenario: Five servers are to be active
    Given 5 chat servers stand in data center B
    And the site file wants "chat-b1, chat-b2, chat-b3, chat-b4, chat-b5" active
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that too many servers are to be active
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    And the active servers are as before

  Scenario: A server of data center A is to be active
    Given the site file wants "chat-b1, chat-a1" active
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that an active server is on the wrong side
    And mgc on the backup is restoring
    And the pool state is Normal
    And the active servers are as before

  Scenario: The chat servers of data center B are in another time zone than the next hop
    Given the chat servers of data center B are in the time zone "America/Los_Angeles"
    When data center A is lost
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that a time zone differs
    And mgc on the backup is restoring
    And the pool state is Normal
    And the active servers are as before

  Scenario: The chat service's sign-in is missing on the backup
    Given the chat service's sign-in is missing on the backup
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And the operator is told that a sign-in has no match on the backup
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And service is not restored
    And exactly the messages after log backup 4 are lost
