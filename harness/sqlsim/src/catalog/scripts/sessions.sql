-- Procedures and views about sessions, locks and waits.
GO
CREATE PROCEDURE sys.sp_lock @spid1 int = NULL, @spid2 int = NULL
AS
SET NOCOUNT ON
SELECT CAST(request_session_id AS smallint) AS spid, CAST(resource_database_id AS smallint) AS dbid,
    CAST(CASE resource_type WHEN N'DATABASE' THEN 0 ELSE resource_associated_entity_id END AS int) AS ObjId,
    CAST(CASE resource_type WHEN N'KEY' THEN 1 ELSE 0 END AS smallint) AS IndId,
    CAST(CASE resource_type WHEN N'DATABASE' THEN N'DB' WHEN N'OBJECT' THEN N'TAB' ELSE resource_type END AS nchar(4)) AS Type,
    CAST(resource_description AS nchar(32)) AS Resource, CAST(request_mode AS nvarchar(8)) AS Mode,
    CAST(CASE request_status WHEN N'CONVERT' THEN N'CNVT' ELSE request_status END AS nvarchar(5)) AS Status
FROM sys.dm_tran_locks
WHERE @spid1 IS NULL OR request_session_id IN (@spid1, @spid2)
ORDER BY request_session_id
RETURN 0
GO
CREATE VIEW sys.dm_os_waiting_tasks AS
SELECT CAST(NULL AS varbinary(8)) AS waiting_task_address, session_id, CAST(0 AS int) AS exec_context_id,
    CAST(wait_time AS bigint) AS wait_duration_ms, wait_type, CAST(NULL AS varbinary(8)) AS resource_address,
    CAST(NULL AS varbinary(8)) AS blocking_task_address,
    CAST(CASE WHEN blocking_session_id <> 0 THEN blocking_session_id END AS smallint) AS blocking_session_id,
    CAST(NULL AS int) AS blocking_exec_context_id, CAST(wait_resource AS nvarchar(3072)) AS resource_description
FROM sys.dm_exec_requests WHERE wait_type IS NOT NULL
