Feature: What always holds
  mgccomp stays as it is; a killed failover is resumed; a finished one changes nothing.

  Background:
    Given the estate "litware"
    And log shipping of mgc every 15 minutes

  @smoke
  Scenario: A compliance backlog is left alone
    Given 4 log backups are on the share
    And 50 compliance events wait in mgccomp
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    And mgccomp has not been touched
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 4 are lost

  Scenario Outline: The failover program is killed when step <step> begins
    Given 4 log backups are on the share
    And the first 2 log backups are copied
    And the failover program will be killed when step <step> begins
    When data center A is lost
    And the operator fails over to the backup
    Then the failover was killed
    When the operator resumes the failover
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And log shipping no longer lists mgc on the backup
    And exactly the messages after log backup 4 are lost

    Examples:
      | step |
      | 1    |
      | 2    |
      | 3    |
      | 4    |
      | 5    |
      | 6    |
      | 7    |

  Scenario Outline: The failover program is killed when step <step> has run
    Given 4 log backups are on the share
    And the first 2 log backups are copied
    And the failover program will be killed when step <step> has run
    When data center A is lost
    And the operator fails over to the backup
    Then the failover was killed
    When the operator resumes the failover
    Then the failover succeeds
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And log shipping no longer lists mgc on the backup
    And exactly the messages after log backup 4 are lost

    Examples:
      | step |
      | 1    |
      | 3    |
      | 4    |
      | 5    |
      | 6    |

  # The servers are set; what is left is that they get to know it.
  Scenario: The failover program is killed when step 7 has run
    Given 4 log backups are on the share
    And the failover program will be killed when step 7 has run
    When data center A is lost
    And the operator fails over to the backup
    Then the failover was killed
    When the operator resumes the failover
    Then the failover succeeds
    And the operator is not told that everything is done already
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 4 are lost

  Scenario: The failover program dies while it restores
    Given 5 log backups are on the share and none is copied
    And the failover program will be killed while it restores log backup 4
    When data center A is lost
    And the operator fails over to the backup
    Then the failover was killed
    When the operator resumes the failover
    Then the failover succeeds
    And nothing that was shipped is lost
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized

  @smoke
  Scenario: Run twice
    Given 4 log backups are on the share
    When data center A is lost
    And the operator fails over to the backup
    Then the failover succeeds
    When the operator fails over again
    Then the failover succeeds without changing anything
    And the operator is told that everything is done already
    And mgc on the backup is online and writable
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And exactly the messages after log backup 4 are lost
