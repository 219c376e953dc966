Feature: Links and machines fail in other ways than by being lost
  A server that hangs keeps its connections and answers nothing; a link may be cut, one way or both, or slow.

  Background:
    Given the estate "litware"
    And log shipping of mgc every 15 minutes

  @smoke
  Scenario: The backup hangs until the operator tries again
    Given 3 log backups are on the share and none is copied
    When data center A is lost
    And the backup hangs
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the backup cannot be reached
    And the pool state is Normal
    When the backup goes on
    And the operator fails over again
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And nothing that was shipped is lost

  @smoke
  Scenario: The operator's link to the backup is cut
    Given 3 log backups are on the share and none is copied
    When data center A is lost
    And the link between the operator and the backup is cut
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the backup cannot be reached
    And mgc on the backup is restoring
    And log shipping still lists mgc on the backup
    And the pool state is Normal
    When the link between the operator and the backup is repaired
    And the operator fails over again
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And nothing that was shipped is lost

  Scenario: What the backup answers never reaches the operator
    Given 3 log backups are on the share and none is copied
    When data center A is lost
    And the link from the backup to the operator is cut
    And the operator fails over to the backup
    Then the failover stops before step 1
    And the operator is told that the backup cannot be reached
    And mgc on the backup is restoring
    And the pool state is Normal
    When the link between the operator and the backup is repaired
    And the operator fails over again
    Then the failover succeeds
    And nothing that was shipped is lost

  Scenario: A slow link makes the failover slower, and nothing else
    Given 3 log backups are on the share and none is copied
    When data center A is lost
    And the link between the operator and the backup is slowed down by 20 milliseconds
    And the operator fails over to the backup
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And nothing that was shipped is lost

  @smoke
  Scenario: The backup does not reach its mirror
    Given 3 log backups are on the share and none is copied
    When data center A is lost
    And the link between the backup and the backup mirror is cut
    And the operator fails over to the backup
    Then the failover fails in step 6
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is not mirrored
    When the link between the backup and the backup mirror is repaired
    And the operator resumes the failover
    Then the failover succeeds
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And nothing that was shipped is lost

  Scenario: The backup is shut down and started again half way
    Given 4 log backups are on the share and none is copied
    And the failover program will be killed while it restores log backup 3
    When data center A is lost
    And the operator fails over to the backup
    Then the failover was killed
    When the backup is shut down
    And the backup comes back
    And the operator resumes the failover
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And nothing that was shipped is lost

  @smoke
  Scenario: Data center B loses its power half way
    Given 4 log backups are on the share and none is copied
    And the failover program will be killed while it restores log backup 3
    When data center A is lost
    And the operator fails over to the backup
    Then the failover was killed
    When data center B is restarted
    And the operator resumes the failover
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And nothing that was shipped is lost
