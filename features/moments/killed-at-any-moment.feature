Feature: Killed at any moment
  The failover program is killed before and after each of its changes, and resumed: 1 is the procedure that ends log
  shipping, then come three copies, three restores, the recovery, and three cmdlets, twice each.

  Scenario Outline: The failover program is killed at moment <moment>
    Given the estate "litware"
    And log shipping of mgc every 15 minutes
    And 5 log backups are on the share
    And the first 2 log backups are copied
    And the failover program will be killed at moment <moment>
    When data center A is lost
    And the operator fails over to the backup
    Then the failover was killed
    When the operator resumes the failover
    Then the failover succeeds
    And mgc on the backup is online and writable
    And log shipping no longer lists mgc on the backup
    And the pool state is FailedOver
    And mgc on the backup is mirrored to the backup mirror and synchronized
    And the active servers are the 4 servers of data center B
    And mgccomp has not been touched
    And exactly the messages after log backup 5 are lost

    Examples:
      | moment |
      | 1      |
      | 2      |
      | 3      |
      | 4      |
      | 5      |
      | 6      |
      | 7      |
      | 8      |
      | 9      |
      | 10     |
      | 11     |
      | 12     |
      | 13     |
      | 14     |
      | 15     |
      | 16     |
      | 17     |
      | 18     |
      | 19     |
      | 20     |
      | 21     |
      | 22     |
