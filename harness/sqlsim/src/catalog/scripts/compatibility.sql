-- Compatibility views, and catalog views whose rows follow from others: "System Compatibility Views (Transact-SQL)".
GO
CREATE VIEW sys.filegroups AS
SELECT CAST(N'PRIMARY' AS sysname) AS name, CAST(1 AS int) AS data_space_id, CAST('FG' AS char(2)) AS type,
    CAST(N'ROWS_FILEGROUP' AS nvarchar(60)) AS type_desc, CAST(1 AS bit) AS is_default, CAST(0 AS bit) AS is_system,
    CAST(NULL AS uniqueidentifier) AS filegroup_guid, CAST(NULL AS int) AS log_filegroup_id, CAST(0 AS bit) AS is_read_only
GO
CREATE VIEW sys.data_spaces AS
SELECT name, data_space_id, type, type_desc, is_default, is_system FROM sys.filegroups
GO
CREATE VIEW sys.stats AS
SELECT object_id, name, CAST(index_id AS int) AS stats_id, CAST(0 AS bit) AS auto_created, CAST(0 AS bit) AS user_created,
    CAST(0 AS bit) AS no_recompute, has_filter, filter_definition, CAST(0 AS bit) AS is_temporary, CAST(0 AS bit) AS is_incremental
FROM sys.indexes WHERE index_id > 0
GO
CREATE VIEW sys.all_views AS
SELECT * FROM sys.views
GO
CREATE VIEW sys.all_sql_modules AS
SELECT * FROM sys.sql_modules
GO
CREATE VIEW sys.all_parameters AS
SELECT * FROM sys.parameters
GO
CREATE VIEW sys.sysfiles AS
SELECT CAST(file_id AS smallint) AS fileid, CAST(CASE type WHEN 0 THEN 1 ELSE 0 END AS smallint) AS groupid, CAST(size AS int) AS size,
    CAST(max_size AS int) AS maxsize, CAST(growth AS int) AS growth,
    CAST(CASE type WHEN 1 THEN 66 ELSE 2 END + CASE is_percent_growth WHEN 1 THEN 1048576 ELSE 0 END AS int) AS status,
    CAST(0 AS int) AS perf, CAST(name AS sysname) AS name, CAST(physical_name AS nvarchar(260)) AS filename
FROM sys.database_files
GO
CREATE VIEW sys.sysaltfiles AS
SELECT CAST(file_id AS smallint) AS fileid, CAST(CASE type WHEN 0 THEN 1 ELSE 0 END AS smallint) AS groupid, CAST(size AS int) AS size,
    CAST(max_size AS int) AS maxsize, CAST(growth AS int) AS growth,
    CAST(CASE type WHEN 1 THEN 66 ELSE 2 END + CASE is_percent_growth WHEN 1 THEN 1048576 ELSE 0 END AS int) AS status,
    CAST(0 AS int) AS perf, CAST(database_id AS smallint) AS dbid, CAST(name AS sysname) AS name, CAST(physical_name AS nvarchar(260)) AS filename
FROM sys.master_files
GO
CREATE VIEW sys.sysfilegroups AS
SELECT CAST(data_space_id AS smallint) AS groupid, CAST(0 AS smallint) AS allocpolicy, CAST(16 AS int) AS status, name AS groupname
FROM sys.filegroups
GO
CREATE VIEW sys.syscolumns AS
SELECT CAST(c.name AS sysname) AS name, c.object_id AS id, CAST(c.system_type_id AS tinyint) AS xtype, CAST(0 AS tinyint) AS typestat,
    CAST(c.user_type_id AS smallint) AS xusertype, CAST(c.max_length AS smallint) AS length, CAST(0 AS tinyint) AS xprec,
    CAST(0 AS tinyint) AS xscale, CAST(c.column_id AS smallint) AS colid, CAST(0 AS smallint) AS xoffset, CAST(0 AS tinyint) AS bitpos,
    CAST(0 AS tinyint) AS reserved, CAST(0 AS smallint) AS colstat, c.default_object_id AS cdefault, CAST(0 AS int) AS domain,
    CAST(0 AS smallint) AS number, CAST(c.column_id AS smallint) AS colorder, CAST(NULL AS varbinary(8000)) AS autoval,
    CAST(0 AS smallint) AS offset, CAST(NULL AS int) AS collationid, CAST(NULL AS int) AS language,
    CAST(CASE c.is_nullable WHEN 1 THEN 8 ELSE 0 END + CASE c.is_identity WHEN 1 THEN 128 ELSE 0 END AS tinyint) AS status,
    CAST(c.system_type_id AS tinyint) AS type, CAST(c.user_type_id AS smallint) AS usertype, CAST(NULL AS varchar(255)) AS printfmt,
    CAST(c.precision AS smallint) AS prec, CAST(c.scale AS int) AS scale, CAST(c.is_computed AS int) AS iscomputed,
    CAST(0 AS int) AS isoutparam, CAST(c.is_nullable AS int) AS isnullable, c.collation_name AS collation, CAST(NULL AS binary(5)) AS tdscollation
FROM sys.columns c
GO
CREATE VIEW sys.sysindexes AS
SELECT i.object_id AS id, CAST(CASE WHEN i.is_unique = 1 THEN 2 ELSE 0 END + CASE WHEN i.index_id = 1 THEN 16 ELSE 0 END
        + CASE WHEN i.is_primary_key = 1 THEN 2048 ELSE 0 END + CASE WHEN i.is_unique_constraint = 1 THEN 4096 ELSE 0 END AS int) AS status,
    CAST(NULL AS binary(6)) AS first, CAST(i.index_id AS smallint) AS indid, CAST(NULL AS binary(6)) AS root, CAST(0 AS smallint) AS minlen,
    CAST((SELECT COUNT(*) FROM sys.index_columns k WHERE k.object_id = i.object_id AND k.index_id = i.index_id) AS smallint) AS keycnt,
    CAST(1 AS smallint) AS groupid, CAST(s.in_row_data_page_count AS int) AS dpages, CAST(s.reserved_page_count AS int) AS reserved,
    CAST(s.used_page_count AS int) AS used, CAST(s.row_count AS bigint) AS rowcnt, CAST(0 AS int) AS rowmodctr,
    CAST(i.fill_factor AS tinyint) AS OrigFillFactor, CAST(i.name AS sysname) AS name, CAST(s.row_count AS int) AS rows
FROM sys.indexes i JOIN sys.dm_db_partition_stats s ON s.object_id = i.object_id AND s.index_id = i.index_id
GO
CREATE VIEW sys.sysindexkeys AS
SELECT object_id AS id, CAST(index_id AS smallint) AS indid, CAST(column_id AS smallint) AS colid, CAST(key_ordinal AS smallint) AS keyno
FROM sys.index_columns WHERE key_ordinal > 0
GO
CREATE VIEW sys.syscomments AS
SELECT m.object_id AS id, CAST(1 AS smallint) AS number, CAST(1 AS smallint) AS colid, CAST(0 AS smallint) AS status,
    CAST(m.definition AS varbinary(8000)) AS ctext, CAST(2 AS smallint) AS texttype, CAST(0 AS smallint) AS language,
    CAST(0 AS bit) AS encrypted, CAST(0 AS bit) AS compressed, CAST(m.definition AS nvarchar(4000)) AS text
FROM (
    SELECT object_id, definition FROM sys.sql_modules
    UNION ALL SELECT object_id, definition FROM sys.default_constraints
    UNION ALL SELECT object_id, definition FROM sys.check_constraints
) AS m
GO
CREATE VIEW sys.systypes AS
SELECT CAST(name AS sysname) AS name, CAST(system_type_id AS tinyint) AS xtype, CAST(0 AS tinyint) AS status,
    CAST(user_type_id AS smallint) AS xusertype, CAST(max_length AS smallint) AS length, CAST(precision AS tinyint) AS xprec,
    CAST(scale AS tinyint) AS xscale, CAST(0 AS int) AS tdefault, CAST(0 AS int) AS domain, CAST(schema_id AS smallint) AS uid,
    CAST(NULL AS smallint) AS reserved, CAST(NULL AS int) AS collationid, CAST(user_type_id AS smallint) AS usertype,
    CAST(0 AS bit) AS variable, is_nullable AS allownulls, CAST(system_type_id AS tinyint) AS type,
    CAST(NULL AS varchar(255)) AS printfmt, CAST(precision AS smallint) AS prec, CAST(scale AS tinyint) AS scale, collation_name AS collation
FROM sys.types
GO
CREATE VIEW sys.sysconfigures AS
SELECT CAST(value AS int) AS value, CAST(configuration_id AS int) AS config, CAST(description AS nvarchar(255)) AS comment,
    CAST(CASE is_dynamic WHEN 1 THEN 1 ELSE 0 END + CASE is_advanced WHEN 1 THEN 2 ELSE 0 END AS smallint) AS status
FROM sys.configurations
GO
CREATE VIEW sys.syscurconfigs AS
SELECT CAST(value_in_use AS int) AS value, CAST(configuration_id AS smallint) AS config, CAST(description AS nvarchar(255)) AS comment,
    CAST(CASE is_dynamic WHEN 1 THEN 1 ELSE 0 END + CASE is_advanced WHEN 1 THEN 2 ELSE 0 END AS smallint) AS status
FROM sys.configurations
GO
CREATE VIEW sys.sysmessages AS
SELECT message_id AS error, CAST(severity AS tinyint) AS severity, CAST(CASE is_event_logged WHEN 1 THEN 128 ELSE 0 END AS smallint) AS dlevel,
    CAST(text AS nvarchar(255)) AS description, CAST(language_id AS smallint) AS msglangid
FROM sys.messages
GO
CREATE VIEW sys.sysmembers AS
SELECT CAST(member_principal_id AS smallint) AS memberuid, CAST(role_principal_id AS smallint) AS groupuid FROM sys.database_role_members
GO
CREATE VIEW sys.sysforeignkeys AS
SELECT constraint_object_id AS constid, parent_object_id AS fkeyid, referenced_object_id AS rkeyid, CAST(parent_column_id AS smallint) AS fkey,
    CAST(referenced_column_id AS smallint) AS rkey, CAST(constraint_column_id AS smallint) AS keyno
FROM sys.foreign_key_columns
GO
CREATE VIEW sys.sysreferences AS
SELECT f.object_id AS constid, f.parent_object_id AS fkeyid, f.referenced_object_id AS rkeyid, CAST(1 AS smallint) AS rkeyindid,
    CAST((SELECT COUNT(*) FROM sys.foreign_key_columns c WHERE c.constraint_object_id = f.object_id) AS smallint) AS keycnt
FROM sys.foreign_keys f
GO
CREATE VIEW sys.sysconstraints AS
SELECT k.object_id AS constid, k.parent_object_id AS id, CAST(k.column_id AS smallint) AS colid, CAST(0 AS tinyint) AS spare1,
    CAST(k.status AS int) AS status, CAST(0 AS int) AS actions, CAST(0 AS int) AS error
FROM (
    SELECT object_id, parent_object_id, 0 AS column_id, CASE type WHEN 'PK' THEN 1 ELSE 2 END AS status FROM sys.key_constraints
    UNION ALL SELECT object_id, parent_object_id, 0, 3 FROM sys.foreign_keys
    UNION ALL SELECT object_id, parent_object_id, parent_column_id, 4 FROM sys.check_constraints
    UNION ALL SELECT object_id, parent_object_id, parent_column_id, 5 FROM sys.default_constraints
) AS k
GO
CREATE VIEW sys.sysservers AS
SELECT CAST(server_id AS smallint) AS srvid, CAST(name AS sysname) AS srvname, CAST(product AS nvarchar(128)) AS srvproduct,
    CAST(provider AS nvarchar(128)) AS providername, CAST(data_source AS nvarchar(4000)) AS datasource, CAST(name AS sysname) AS srvnetname,
    CAST(is_remote_login_enabled AS bit) AS isremote
FROM sys.servers
GO
CREATE VIEW sys.syslockinfo AS
SELECT CAST(NULL AS nchar(32)) AS rsc_text, CAST(resource_database_id AS smallint) AS rsc_dbid, CAST(0 AS smallint) AS rsc_indid,
    CAST(CASE WHEN resource_type = N'DATABASE' THEN 0 ELSE resource_associated_entity_id END AS int) AS rsc_objid,
    CAST(CASE resource_type WHEN N'DATABASE' THEN 2 WHEN N'OBJECT' THEN 5 WHEN N'KEY' THEN 7 ELSE 9 END AS tinyint) AS rsc_type,
    CAST(0 AS tinyint) AS rsc_flag,
    CAST(CASE request_mode WHEN N'Sch-M' THEN 2 WHEN N'S' THEN 3 WHEN N'U' THEN 4 WHEN N'X' THEN 5 WHEN N'IS' THEN 6
        WHEN N'IU' THEN 7 WHEN N'IX' THEN 8 WHEN N'SIU' THEN 9 WHEN N'SIX' THEN 10 WHEN N'UIX' THEN 11 ELSE 0 END AS tinyint) AS req_mode,
    CAST(CASE request_status WHEN N'GRANT' THEN 1 WHEN N'CONVERT' THEN 2 ELSE 3 END AS tinyint) AS req_status,
    CAST(request_reference_count AS smallint) AS req_refcnt, CAST(request_session_id AS int) AS req_spid, CAST(0 AS int) AS req_ecid,
    CAST(CASE request_owner_type WHEN N'TRANSACTION' THEN 1 ELSE 3 END AS smallint) AS req_ownertype, CAST(request_owner_id AS bigint) AS req_transactionID
FROM sys.dm_tran_locks
GO
CREATE VIEW INFORMATION_SCHEMA.VIEWS AS
SELECT CAST(DB_NAME() AS nvarchar(128)) AS TABLE_CATALOG, CAST(SCHEMA_NAME(v.schema_id) AS nvarchar(128)) AS TABLE_SCHEMA,
    CAST(v.name AS sysname) AS TABLE_NAME, CAST(m.definition AS nvarchar(4000)) AS VIEW_DEFINITION,
    CAST('NONE' AS varchar(7)) AS CHECK_OPTION, CAST('NO' AS varchar(2)) AS IS_UPDATABLE
FROM sys.views v JOIN sys.sql_modules m ON m.object_id = v.object_id
GO
CREATE VIEW INFORMATION_SCHEMA.PARAMETERS AS
SELECT CAST(DB_NAME() AS nvarchar(128)) AS SPECIFIC_CATALOG, CAST(SCHEMA_NAME(o.schema_id) AS nvarchar(128)) AS SPECIFIC_SCHEMA,
    CAST(o.name AS nvarchar(128)) AS SPECIFIC_NAME, p.parameter_id AS ORDINAL_POSITION,
    CAST(CASE p.is_output WHEN 1 THEN N'INOUT' ELSE N'IN' END AS nvarchar(10)) AS PARAMETER_MODE, CAST(N'NO' AS nvarchar(10)) AS IS_RESULT,
    CAST(N'NO' AS nvarchar(10)) AS AS_LOCATOR, CAST(p.name AS nvarchar(128)) AS PARAMETER_NAME, CAST(TYPE_NAME(p.user_type_id) AS nvarchar(128)) AS DATA_TYPE,
    CAST(CASE WHEN p.system_type_id IN (231, 239) AND p.max_length > 0 THEN p.max_length / 2 WHEN p.system_type_id IN (165, 167, 173, 175, 231, 239) THEN p.max_length END AS int) AS CHARACTER_MAXIMUM_LENGTH,
    CAST(CASE WHEN p.system_type_id IN (48, 52, 56, 59, 60, 62, 106, 108, 122, 127) THEN p.precision END AS tinyint) AS NUMERIC_PRECISION,
    CAST(CASE WHEN p.system_type_id IN (48, 52, 56, 60, 106, 108, 122, 127) THEN p.scale END AS int) AS NUMERIC_SCALE
FROM sys.parameters p JOIN sys.objects o ON o.object_id = p.object_id
GO
CREATE VIEW INFORMATION_SCHEMA.REFERENTIAL_CONSTRAINTS AS
SELECT CAST(DB_NAME() AS nvarchar(128)) AS CONSTRAINT_CATALOG, CAST(SCHEMA_NAME(f.schema_id) AS nvarchar(128)) AS CONSTRAINT_SCHEMA,
    CAST(f.name AS sysname) AS CONSTRAINT_NAME, CAST(DB_NAME() AS nvarchar(128)) AS UNIQUE_CONSTRAINT_CATALOG,
    CAST(OBJECT_SCHEMA_NAME(f.referenced_object_id) AS nvarchar(128)) AS UNIQUE_CONSTRAINT_SCHEMA,
    CAST((SELECT TOP (1) i.name FROM sys.indexes i WHERE i.object_id = f.referenced_object_id AND i.is_unique = 1
        ORDER BY i.is_primary_key DESC, i.index_id) AS sysname) AS UNIQUE_CONSTRAINT_NAME,
    CAST('SIMPLE' AS varchar(7)) AS MATCH_OPTION, CAST(REPLACE(f.update_referential_action_desc, N'_', N' ') AS varchar(11)) AS UPDATE_RULE,
    CAST(REPLACE(f.delete_referential_action_desc, N'_', N' ') AS varchar(11)) AS DELETE_RULE
FROM sys.foreign_keys f
GO
CREATE VIEW INFORMATION_SCHEMA.CHECK_CONSTRAINTS AS
SELECT CAST(DB_NAME() AS nvarchar(128)) AS CONSTRAINT_CATALOG, CAST(SCHEMA_NAME(schema_id) AS nvarchar(128)) AS CONSTRAINT_SCHEMA,
    CAST(name AS sysname) AS CONSTRAINT_NAME, CAST(definition AS nvarchar(4000)) AS CHECK_CLAUSE
FROM sys.check_constraints
GO
CREATE VIEW INFORMATION_SCHEMA.CONSTRAINT_TABLE_USAGE AS
SELECT TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS
GO
CREATE VIEW INFORMATION_SCHEMA.CONSTRAINT_COLUMN_USAGE AS
SELECT TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME
FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE
GO
CREATE VIEW INFORMATION_SCHEMA.TABLE_PRIVILEGES AS
SELECT CAST(N'dbo' AS nvarchar(128)) AS GRANTOR, CAST(USER_NAME(p.grantee_principal_id) AS nvarchar(128)) AS GRANTEE,
    CAST(DB_NAME() AS nvarchar(128)) AS TABLE_CATALOG, CAST(SCHEMA_NAME(o.schema_id) AS nvarchar(128)) AS TABLE_SCHEMA,
    CAST(o.name AS sysname) AS TABLE_NAME, CAST(p.permission_name AS varchar(10)) AS PRIVILEGE_TYPE, CAST('NO' AS varchar(3)) AS IS_GRANTABLE
FROM sys.database_permissions p JOIN sys.objects o ON o.object_id = p.major_id
WHERE p.class = 1 AND p.state = 'G' AND o.type IN ('U', 'V')
