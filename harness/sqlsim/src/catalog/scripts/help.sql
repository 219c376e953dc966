-- Procedures that describe objects: "sp_help", "sp_helptext", "sp_helpindex", "sp_helpconstraint".
GO
CREATE PROCEDURE sys.sp_helptext @objname nvarchar(776), @columnname sysname = NULL
AS
SET NOCOUNT ON
DECLARE @id int = OBJECT_ID(@objname), @database sysname = DB_NAME(), @text nvarchar(max), @at int, @line nvarchar(max)
IF @columnname IS NOT NULL
    SELECT @text = definition FROM sys.computed_columns WHERE object_id = @id AND name = @columnname
ELSE
    SELECT @text = definition FROM (
        SELECT object_id, definition FROM sys.sql_modules
        UNION ALL SELECT object_id, definition FROM sys.default_constraints
        UNION ALL SELECT object_id, definition FROM sys.check_constraints) AS m
    WHERE object_id = ISNULL(@id, (SELECT TOP (1) object_id FROM sys.objects WHERE name = @objname))
IF @text IS NULL
BEGIN
    IF @id IS NULL
        RAISERROR(15009, -1, -1, @objname, @database)
    ELSE
        RAISERROR(15197, -1, -1, @objname)
    RETURN 1
END
CREATE TABLE #lines (position int IDENTITY PRIMARY KEY, line nvarchar(max) COLLATE database_default)
WHILE LEN(@text + N'.') > 1
BEGIN
    SET @at = CHARINDEX(NCHAR(10), @text)
    IF @at = 0 OR @at > 255
        SET @at = CASE WHEN LEN(@text + N'.') - 1 < 255 THEN LEN(@text + N'.') - 1 ELSE 255 END
    SET @line = SUBSTRING(@text, 1, @at)
    INSERT #lines (line) VALUES (@line)
    SET @text = SUBSTRING(@text, @at + 1, 2147483647)
END
SELECT CAST(line AS nvarchar(255)) AS Text FROM #lines ORDER BY position
RETURN 0
GO
CREATE PROCEDURE sys.sp_helpindex @objname nvarchar(776)
AS
SET NOCOUNT ON
DECLARE @id int = OBJECT_ID(@objname), @database sysname = DB_NAME()
IF @id IS NULL
BEGIN
    RAISERROR(15009, -1, -1, @objname, @database)
    RETURN 1
END
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = @id AND index_id > 0)
BEGIN
    RAISERROR(15472, -1, -1, @objname)
    RETURN 0
END
SELECT CAST(i.name AS sysname) AS index_name,
    CAST(CASE i.index_id WHEN 1 THEN 'clustered' ELSE 'nonclustered' END + CASE i.is_unique WHEN 1 THEN ', unique' ELSE '' END
        + CASE i.is_primary_key WHEN 1 THEN ', primary key' ELSE '' END + CASE i.is_unique_constraint WHEN 1 THEN ', unique key' ELSE '' END
        + ' located on PRIMARY' AS varchar(210)) AS index_description,
    CAST((SELECT STRING_AGG(COL_NAME(k.object_id, k.column_id) + CASE k.is_descending_key WHEN 1 THEN N'(-)' ELSE N'' END, N', ') WITHIN GROUP (ORDER BY k.key_ordinal)
        FROM sys.index_columns k WHERE k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal > 0) AS nvarchar(2078)) AS index_keys
FROM sys.indexes i
WHERE i.object_id = @id AND i.index_id > 0
ORDER BY 1
RETURN 0
GO
CREATE PROCEDURE sys.sp_helpconstraint @objname nvarchar(776), @nomsg varchar(5) = 'msg'
AS
SET NOCOUNT ON
DECLARE @id int = OBJECT_ID(@objname), @database sysname = DB_NAME()
IF @id IS NULL
BEGIN
    RAISERROR(15009, -1, -1, @objname, @database)
    RETURN 1
END
IF @nomsg <> 'nomsg'
    SELECT @objname AS [Object Name]
SELECT k.kind AS constraint_type, k.name AS constraint_name, k.delete_action, k.update_action, k.status_enabled,
    k.status_for_replication, k.keys AS constraint_keys
INTO #constraints
FROM (
    SELECT CAST(CASE c.type WHEN 'PK' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END + CASE i.index_id WHEN 1 THEN ' (clustered)' ELSE ' (non-clustered)' END AS nvarchar(146)) AS kind,
        CAST(c.name AS sysname) AS name, CAST('(n/a)' AS nvarchar(11)) AS delete_action, CAST('(n/a)' AS nvarchar(11)) AS update_action,
        CAST('(n/a)' AS varchar(8)) AS status_enabled, CAST('(n/a)' AS varchar(19)) AS status_for_replication,
        CAST((SELECT STRING_AGG(COL_NAME(k.object_id, k.column_id), N', ') WITHIN GROUP (ORDER BY k.key_ordinal)
            FROM sys.index_columns k WHERE k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal > 0) AS nvarchar(2126)) AS keys
    FROM sys.key_constraints c JOIN sys.indexes i ON i.object_id = c.parent_object_id AND i.name = c.name
    WHERE c.parent_object_id = @id
    UNION ALL
    SELECT 'FOREIGN KEY', f.name,
        CASE f.delete_referential_action WHEN 0 THEN 'No Action' WHEN 1 THEN 'Cascade' WHEN 2 THEN 'Set Null' ELSE 'Set Default' END,
        CASE f.update_referential_action WHEN 0 THEN 'No Action' WHEN 1 THEN 'Cascade' WHEN 2 THEN 'Set Null' ELSE 'Set Default' END,
        CASE f.is_disabled WHEN 1 THEN 'Disabled' ELSE 'Enabled' END, 'Is_For_Replication',
        (SELECT STRING_AGG(COL_NAME(k.parent_object_id, k.parent_column_id), N', ') WITHIN GROUP (ORDER BY k.constraint_column_id)
            FROM sys.foreign_key_columns k WHERE k.constraint_object_id = f.object_id)
        + N' REFERENCES ' + DB_NAME() + N'.' + OBJECT_SCHEMA_NAME(f.referenced_object_id) + N'.' + OBJECT_NAME(f.referenced_object_id) + N' ('
        + (SELECT STRING_AGG(COL_NAME(k.referenced_object_id, k.referenced_column_id), N', ') WITHIN GROUP (ORDER BY k.constraint_column_id)
            FROM sys.foreign_key_columns k WHERE k.constraint_object_id = f.object_id) + N')'
    FROM sys.foreign_keys f WHERE f.parent_object_id = @id
    UNION ALL
    SELECT 'CHECK ' + CASE WHEN c.parent_column_id = 0 THEN 'Table Level ' ELSE 'on column ' + COL_NAME(@id, c.parent_column_id) END,
        c.name, '(n/a)', '(n/a)', CASE c.is_disabled WHEN 1 THEN 'Disabled' ELSE 'Enabled' END, 'Is_For_Replication', c.definition
    FROM sys.check_constraints c WHERE c.parent_object_id = @id
    UNION ALL
    SELECT 'DEFAULT on column ' + COL_NAME(@id, d.parent_column_id), d.name, '(n/a)', '(n/a)', '(n/a)', '(n/a)', d.definition
    FROM sys.default_constraints d WHERE d.parent_object_id = @id
) AS k
IF EXISTS (SELECT 1 FROM #constraints)
    SELECT constraint_type, constraint_name, delete_action, update_action, status_enabled, status_for_replication, constraint_keys
    FROM #constraints ORDER BY constraint_type, constraint_name
ELSE IF @nomsg <> 'nomsg'
    RAISERROR(15469, -1, -1, @objname)
IF EXISTS (SELECT 1 FROM sys.foreign_keys WHERE referenced_object_id = @id)
    SELECT CAST(DB_NAME() + N'.' + OBJECT_SCHEMA_NAME(parent_object_id) + N'.' + OBJECT_NAME(parent_object_id) + N': ' + name AS nvarchar(517)) AS [Table is referenced by foreign key]
    FROM sys.foreign_keys WHERE referenced_object_id = @id ORDER BY 1
ELSE IF @nomsg <> 'nomsg'
    PRINT 'No foreign keys reference table ''' + @objname + ''', or you do not have permissions on referencing tables.'
RETURN 0
GO
CREATE PROCEDURE sys.sp_help @objname nvarchar(776) = NULL
AS
SET NOCOUNT ON
DECLARE @id int, @database sysname = DB_NAME(), @type char(2)
IF @objname IS NULL
BEGIN
    SELECT CAST(o.name AS sysname) AS Name, CAST(SCHEMA_NAME(o.schema_id) AS sysname) AS Owner,
        CAST(LOWER(REPLACE(o.type_desc, N'_', N' ')) AS nvarchar(31)) AS Object_type
    FROM sys.all_objects o WHERE o.is_ms_shipped = 0 ORDER BY 2, 3, 1
    SELECT CAST(name AS sysname) AS User_type, CAST(TYPE_NAME(system_type_id) AS sysname) AS Storage_type, max_length AS Length,
        CAST(precision AS int) AS Prec, CAST(scale AS int) AS Scale, CAST(CASE is_nullable WHEN 1 THEN 'yes' ELSE 'no' END AS varchar(35)) AS Nullable,
        CAST(N'none' AS nvarchar(128)) AS Default_name, CAST(N'none' AS nvarchar(128)) AS Rule_name, collation_name AS Collation
    FROM sys.types WHERE is_user_defined = 1
    RETURN 0
END
SET @id = OBJECT_ID(@objname)
IF @id IS NULL
BEGIN
    IF EXISTS (SELECT 1 FROM sys.types WHERE name = @objname)
    BEGIN
        SELECT CAST(name AS sysname) AS Type_name, CAST(TYPE_NAME(system_type_id) AS sysname) AS Storage_type, max_length AS Length,
            CAST(precision AS int) AS Prec, CAST(scale AS int) AS Scale, CAST(CASE is_nullable WHEN 1 THEN 'yes' ELSE 'no' END AS varchar(35)) AS Nullable,
            CAST(N'none' AS nvarchar(128)) AS Default_name, CAST(N'none' AS nvarchar(128)) AS Rule_name, collation_name AS Collation
        FROM sys.types WHERE name = @objname
        RETURN 0
    END
    RAISERROR(15009, -1, -1, @objname, @database)
    RETURN 1
END
SELECT @type = type FROM sys.all_objects WHERE object_id = @id
SELECT CAST(o.name AS sysname) AS Name, CAST(SCHEMA_NAME(o.schema_id) AS sysname) AS Owner,
    CAST(LOWER(REPLACE(o.type_desc, N'_', N' ')) AS nvarchar(31)) AS Type, o.create_date AS Created_datetime
FROM sys.all_objects o WHERE o.object_id = @id
IF @type = 'P'
BEGIN
    SELECT CAST(p.name AS sysname) AS Parameter_name, CAST(TYPE_NAME(p.user_type_id) AS sysname) AS Type, p.max_length AS Length,
        CAST(p.precision AS int) AS Prec, CAST(p.scale AS int) AS Scale, p.parameter_id AS Param_order, CAST(NULL AS sysname) AS Collation
    FROM sys.parameters p WHERE p.object_id = @id ORDER BY p.parameter_id
    RETURN 0
END
SELECT CAST(c.name AS sysname) AS Column_name, CAST(TYPE_NAME(c.user_type_id) AS sysname) AS Type,
    CAST(CASE c.is_computed WHEN 1 THEN 'yes' ELSE 'no' END AS varchar(35)) AS Computed, CAST(c.max_length AS int) AS Length,
    CAST(CASE WHEN c.system_type_id IN (48, 52, 56, 60, 106, 108, 122, 127) THEN CONVERT(char(5), c.precision) ELSE '     ' END AS char(5)) AS Prec,
    CAST(CASE WHEN c.system_type_id IN (48, 52, 56, 60, 106, 108, 122, 127) THEN CONVERT(char(5), c.scale) ELSE '     ' END AS char(5)) AS Scale,
    CAST(CASE c.is_nullable WHEN 1 THEN 'yes' ELSE 'no' END AS varchar(35)) AS Nullable,
    CAST(CASE WHEN c.system_type_id IN (165, 167, 173, 175, 231, 239) THEN 'no' ELSE '(n/a)' END AS varchar(35)) AS TrimTrailingBlanks,
    CAST(CASE WHEN c.system_type_id IN (165, 167, 173, 175, 231, 239) THEN CASE c.is_nullable WHEN 1 THEN 'yes' ELSE 'no' END ELSE '(n/a)' END AS varchar(35)) AS FixedLenNullInSource,
    c.collation_name AS Collation
FROM sys.columns c WHERE c.object_id = @id ORDER BY c.column_id
IF @type IN ('U', 'S')
BEGIN
    IF EXISTS (SELECT 1 FROM sys.identity_columns WHERE object_id = @id)
        SELECT CAST(name AS nvarchar(128)) AS [Identity], CAST(seed_value AS numeric(38, 0)) AS Seed, CAST(increment_value AS numeric(38, 0)) AS Increment,
            CAST(0 AS int) AS [Not For Replication]
        FROM sys.identity_columns WHERE object_id = @id
    ELSE
        SELECT CAST(N'No identity column defined.' AS nvarchar(128)) AS [Identity], CAST(NULL AS numeric(38, 0)) AS Seed,
            CAST(NULL AS numeric(38, 0)) AS Increment, CAST(NULL AS int) AS [Not For Replication]
    SELECT CAST(N'No rowguidcol column defined.' AS sysname) AS [RowGuidCol]
    SELECT CAST(N'PRIMARY' AS sysname) AS Data_located_on_filegroup
    EXEC sys.sp_helpindex @objname
    EXEC sys.sp_helpconstraint @objname, 'nomsg'
END
RETURN 0
GO
CREATE PROCEDURE sys.sp_helpserver @server sysname = NULL, @optname varchar(35) = NULL, @show_topology varchar(1) = NULL
AS
SET NOCOUNT ON
IF @server IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sys.servers WHERE name = @server)
BEGIN
    RAISERROR(15015, -1, -1, @server)
    RETURN 1
END
SELECT CAST(name AS sysname) AS name, CAST(name AS nchar(30)) AS network_name, CAST('rpc,rpc out,use remote collation' AS varchar(147)) AS status,
    CAST(CONVERT(char(4), server_id) AS char(4)) AS id, CAST(NULL AS sysname) AS collation_name, CAST(0 AS int) AS connect_timeout, CAST(0 AS int) AS query_timeout
FROM sys.servers WHERE @server IS NULL OR name = @server
RETURN 0
