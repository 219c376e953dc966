Feature: Data center A is lost
  The document's assumption: the primary, its mirror and the Front End are gone; data center B is up.

  Background:
    Given the estate "litware"
    And log shipping of mgc every 15 minutes

  @smoke
  Scenario: The backup takes over
    Given the chat service has posted 240 messages over 2 hours
    And the last log backup reached the share 5 minutes ago
    And the restore job is 2 log backups behind
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And log shipping no longer lists mgc on the backup
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And mgccomp has not been touched
    And nothing that was shipped is lost
    And at most 5 minutes of messages are lost
    And service is restored within 30 minutes
    And the operator is told what to do next

  Scenario: The backup takes over although the copy job is behind too
    Given the chat service has posted 120 messages over 1 hour
    And the copy job is 1 log backup behind
    And the restore job is 2 log backups behind
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And nothing that was shipped is lost
    And at most 15 minutes of messages are lost
    And service is restored within 30 minutes

  Scenario: Looking first changes nothing
    Given the chat service has posted 60 messages over 1 hour
    When data center A is lost
    And the operator asks what stands in the way
    Then the failover program exits with 0
    And the operator is told that nothing stands in the way
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    And the active servers are as before
    When the operator fails over to the backup
    Then the failover succeeds
    And nothing that was shipped is lost
    And service is restored within 30 minutes

  Scenario: Messages posted afterwards are kept by the new primary
    Given the chat service has posted 60 messages over 1 hour
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    When the chat service posts 20 more messages over 10 minutes
    Then nothing that was shipped is lost
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And at most 15 minutes of messages are lost
