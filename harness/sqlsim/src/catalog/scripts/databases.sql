-- Procedures about databases: their files and their space, and doing something in each of them.
GO
CREATE PROCEDURE sys.sp_helpfile @filename sysname = NULL
AS
SET NOCOUNT ON
IF @filename IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sys.database_files WHERE name = @filename)
BEGIN
    DECLARE @database sysname = DB_NAME()
    RAISERROR(15009, -1, -1, @filename, @database)
    RETURN 1
END
SELECT CAST(name AS sysname) AS name, CAST(file_id AS smallint) AS fileid, CAST(physical_name AS nchar(260)) AS filename,
    CAST(CASE type WHEN 0 THEN N'PRIMARY' END AS sysname) AS filegroup,
    CAST(CONVERT(nvarchar(15), CONVERT(bigint, size) * 8) + N' KB' AS nvarchar(18)) AS size,
    CAST(CASE max_size WHEN -1 THEN N'Unlimited' ELSE CONVERT(nvarchar(15), CONVERT(bigint, max_size) * 8) + N' KB' END AS nvarchar(18)) AS maxsize,
    CAST(CASE is_percent_growth WHEN 1 THEN CONVERT(nvarchar(15), growth) + N'%' ELSE CONVERT(nvarchar(15), CONVERT(bigint, growth) * 8) + N' KB' END AS nvarchar(18)) AS growth,
    CAST(CASE type WHEN 1 THEN 'log only' ELSE 'data only' END AS varchar(9)) AS usage
FROM sys.database_files
WHERE @filename IS NULL OR name = @filename
ORDER BY file_id
RETURN 0
GO
CREATE PROCEDURE sys.sp_helpfilegroup @filegroupname sysname = NULL
AS
SELECT CAST(f.name AS sysname) AS groupname, CAST(f.data_space_id AS smallint) AS groupid,
    (SELECT COUNT(*) FROM sys.database_files d WHERE d.type = 0) AS filecount
FROM sys.filegroups f WHERE @filegroupname IS NULL OR f.name = @filegroupname
GO
CREATE PROCEDURE sys.sp_spaceused
    @objname nvarchar(776) = NULL, @updateusage varchar(5) = 'false', @mode varchar(11) = 'ALL', @oneresultset bit = 0
AS
SET NOCOUNT ON
DECLARE @database sysname = DB_NAME(), @id int, @reserved bigint, @used bigint, @data bigint, @rows bigint, @size bigint, @log bigint
IF @objname IS NOT NULL
BEGIN
    SET @id = OBJECT_ID(@objname)
    IF @id IS NULL OR NOT EXISTS (SELECT 1 FROM sys.tables WHERE object_id = @id)
    BEGIN
        RAISERROR(15009, -1, -1, @objname, @database)
        RETURN 1
    END
END
SELECT @reserved = SUM(reserved_page_count), @used = SUM(used_page_count),
    @data = SUM(CASE WHEN index_id < 2 THEN in_row_data_page_count ELSE 0 END),
    @rows = SUM(CASE WHEN index_id < 2 THEN row_count ELSE 0 END)
FROM sys.dm_db_partition_stats WHERE @id IS NULL OR object_id = @id
SELECT @reserved = ISNULL(@reserved, 0), @used = ISNULL(@used, 0), @data = ISNULL(@data, 0), @rows = ISNULL(@rows, 0)
IF @id IS NOT NULL
BEGIN
    SELECT CAST(OBJECT_NAME(@id) AS nvarchar(128)) AS name, CONVERT(char(20), @rows) AS rows,
        CAST(CONVERT(varchar(15), @reserved * 8) + ' KB' AS varchar(18)) AS reserved,
        CAST(CONVERT(varchar(15), @data * 8) + ' KB' AS varchar(18)) AS data,
        CAST(CONVERT(varchar(15), (@used - @data) * 8) + ' KB' AS varchar(18)) AS index_size,
        CAST(CONVERT(varchar(15), (@reserved - @used) * 8) + ' KB' AS varchar(18)) AS unused
    RETURN 0
END
SELECT @size = SUM(CASE type WHEN 0 THEN CONVERT(bigint, size) ELSE 0 END), @log = SUM(CASE type WHEN 1 THEN CONVERT(bigint, size) ELSE 0 END)
FROM sys.database_files
IF @oneresultset = 1
BEGIN
    SELECT CAST(@database AS nvarchar(128)) AS database_name,
        CAST(LTRIM(STR(CONVERT(decimal(15, 2), @size + @log) / 128, 15, 2)) + ' MB' AS varchar(18)) AS database_size,
        CAST(LTRIM(STR(CASE WHEN @size > @reserved THEN CONVERT(decimal(15, 2), @size - @reserved) / 128 ELSE 0 END, 15, 2)) + ' MB' AS varchar(18)) AS [unallocated space],
        CAST(CONVERT(varchar(15), @reserved * 8) + ' KB' AS varchar(18)) AS reserved,
        CAST(CONVERT(varchar(15), @data * 8) + ' KB' AS varchar(18)) AS data,
        CAST(CONVERT(varchar(15), (@used - @data) * 8) + ' KB' AS varchar(18)) AS index_size,
        CAST(CONVERT(varchar(15), (@reserved - @used) * 8) + ' KB' AS varchar(18)) AS unused
    RETURN 0
END
SELECT CAST(@database AS nvarchar(128)) AS database_name,
    CAST(LTRIM(STR(CONVERT(decimal(15, 2), @size + @log) / 128, 15, 2)) + ' MB' AS varchar(18)) AS database_size,
    CAST(LTRIM(STR(CASE WHEN @size > @reserved THEN CONVERT(decimal(15, 2), @size - @reserved) / 128 ELSE 0 END, 15, 2)) + ' MB' AS varchar(18)) AS [unallocated space]
SELECT CAST(CONVERT(varchar(15), @reserved * 8) + ' KB' AS varchar(18)) AS reserved,
    CAST(CONVERT(varchar(15), @data * 8) + ' KB' AS varchar(18)) AS data,
    CAST(CONVERT(varchar(15), (@used - @data) * 8) + ' KB' AS varchar(18)) AS index_size,
    CAST(CONVERT(varchar(15), (@reserved - @used) * 8) + ' KB' AS varchar(18)) AS unused
RETURN 0
GO
CREATE PROCEDURE sys.sp_renamedb @dbname sysname, @newname sysname
AS
IF DB_ID(@dbname) IS NULL
BEGIN
    RAISERROR(15010, -1, -1, @dbname)
    RETURN 1
END
DECLARE @statement nvarchar(600) = N'ALTER DATABASE ' + QUOTENAME(@dbname) + N' MODIFY NAME = ' + QUOTENAME(@newname)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_changedbowner @loginame sysname, @map varchar(5) = NULL
AS
DECLARE @statement nvarchar(600) = N'ALTER AUTHORIZATION ON DATABASE::' + QUOTENAME(DB_NAME()) + N' TO ' + QUOTENAME(@loginame)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_updatestats @resample char(8) = 'NO'
AS
RETURN 0
GO
CREATE PROCEDURE sys.sp_recompile @objname nvarchar(776)
AS
IF OBJECT_ID(@objname) IS NULL
BEGIN
    DECLARE @database sysname = DB_NAME()
    RAISERROR(15009, -1, -1, @objname, @database)
    RETURN 1
END
PRINT 'Object ''' + @objname + ''' was successfully marked for recompilation.'
RETURN 0
GO
CREATE PROCEDURE sys.sp_MSforeachdb
    @command1 nvarchar(2000), @replacechar nchar(1) = N'?', @command2 nvarchar(2000) = NULL, @command3 nvarchar(2000) = NULL,
    @precommand nvarchar(2000) = NULL, @postcommand nvarchar(2000) = NULL
AS
SET NOCOUNT ON
DECLARE @name sysname, @statement nvarchar(4000)
IF @precommand IS NOT NULL EXEC (@precommand)
DECLARE each_database CURSOR LOCAL STATIC FOR
    SELECT name FROM sys.databases WHERE state = 0 AND HAS_DBACCESS(name) = 1 ORDER BY database_id
OPEN each_database
FETCH NEXT FROM each_database INTO @name
WHILE @@FETCH_STATUS = 0
BEGIN
    SET @statement = REPLACE(@command1, @replacechar, @name)
    EXEC (@statement)
    IF @command2 IS NOT NULL
    BEGIN
        SET @statement = REPLACE(@command2, @replacechar, @name)
        EXEC (@statement)
    END
    IF @command3 IS NOT NULL
    BEGIN
        SET @statement = REPLACE(@command3, @replacechar, @name)
        EXEC (@statement)
    END
    FETCH NEXT FROM each_database INTO @name
END
CLOSE each_database
DEALLOCATE each_database
IF @postcommand IS NOT NULL EXEC (@postcommand)
RETURN 0
GO
CREATE PROCEDURE sys.sp_MSforeachtable
    @command1 nvarchar(2000), @replacechar nchar(1) = N'?', @command2 nvarchar(2000) = NULL, @command3 nvarchar(2000) = NULL,
    @whereand nvarchar(2000) = NULL, @precommand nvarchar(2000) = NULL, @postcommand nvarchar(2000) = NULL
AS
SET NOCOUNT ON
DECLARE @name nvarchar(300), @statement nvarchar(4000)
CREATE TABLE #each_table (position int IDENTITY PRIMARY KEY, name nvarchar(300) NOT NULL)
SET @statement = N'INSERT #each_table (name) SELECT QUOTENAME(SCHEMA_NAME(o.schema_id)) + N''.'' + QUOTENAME(o.name) FROM sys.objects o WHERE o.type = ''U'' '
    + ISNULL(@whereand, N'') + N' ORDER BY o.object_id'
EXEC (@statement)
IF @precommand IS NOT NULL EXEC (@precommand)
DECLARE each_table CURSOR LOCAL STATIC FOR SELECT name FROM #each_table ORDER BY position
OPEN each_table
FETCH NEXT FROM each_table INTO @name
WHILE @@FETCH_STATUS = 0
BEGIN
    SET @statement = REPLACE(@command1, @replacechar, @name)
    EXEC (@statement)
    IF @command2 IS NOT NULL
    BEGIN
        SET @statement = REPLACE(@command2, @replacechar, @name)
        EXEC (@statement)
    END
    IF @command3 IS NOT NULL
    BEGIN
        SET @statement = REPLACE(@command3, @replacechar, @name)
        EXEC (@statement)
    END
    FETCH NEXT FROM each_table INTO @name
END
CLOSE each_table
DEALLOCATE each_table
IF @postcommand IS NOT NULL EXEC (@postcommand)
RETURN 0
