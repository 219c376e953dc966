-- Procedures about logins, users and roles: "Security Stored Procedures (Transact-SQL)". The older ones carry out
-- the statements that took their place.
GO
CREATE PROCEDURE sys.sp_addlogin
    @loginame sysname, @passwd sysname = NULL, @defdb sysname = N'master', @deflanguage sysname = NULL,
    @sid varbinary(16) = NULL, @encryptopt varchar(20) = NULL
AS
IF @encryptopt IS NOT NULL
BEGIN
    RAISERROR(40510, -1, -1, N'sp_addlogin with an encrypted password')
    RETURN 1
END
DECLARE @statement nvarchar(1000) = N'CREATE LOGIN ' + QUOTENAME(@loginame) + N' WITH PASSWORD = N''' + REPLACE(ISNULL(@passwd, N''), N'''', N'''''') + N''''
    + CASE WHEN @sid IS NULL THEN N'' ELSE N', SID = ' + CONVERT(nvarchar(200), @sid, 1) END
    + N', DEFAULT_DATABASE = ' + QUOTENAME(@defdb) + N', CHECK_POLICY = OFF'
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_droplogin @loginame sysname
AS
DECLARE @statement nvarchar(400) = N'DROP LOGIN ' + QUOTENAME(@loginame)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_grantlogin @loginame sysname
AS
DECLARE @statement nvarchar(400) = N'CREATE LOGIN ' + QUOTENAME(@loginame) + N' FROM WINDOWS'
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_revokelogin @loginame sysname
AS
DECLARE @statement nvarchar(400) = N'DROP LOGIN ' + QUOTENAME(@loginame)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_defaultdb @loginame sysname, @defdb sysname
AS
DECLARE @statement nvarchar(600) = N'ALTER LOGIN ' + QUOTENAME(@loginame) + N' WITH DEFAULT_DATABASE = ' + QUOTENAME(@defdb)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_password @old sysname = NULL, @new sysname, @loginame sysname = NULL
AS
DECLARE @statement nvarchar(1000)
SET @loginame = ISNULL(@loginame, SUSER_SNAME())
SET @statement = N'ALTER LOGIN ' + QUOTENAME(@loginame) + N' WITH PASSWORD = N''' + REPLACE(ISNULL(@new, N''), N'''', N'''''') + N''''
    + CASE WHEN @old IS NULL THEN N'' ELSE N' OLD_PASSWORD = N''' + REPLACE(@old, N'''', N'''''') + N'''' END
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_adduser @loginame sysname, @name_in_db sysname = NULL, @grpname sysname = NULL
AS
DECLARE @statement nvarchar(600) = N'CREATE USER ' + QUOTENAME(ISNULL(@name_in_db, @loginame)) + N' FOR LOGIN ' + QUOTENAME(@loginame)
EXEC (@statement)
IF @@ERROR <> 0 RETURN 1
IF @grpname IS NOT NULL
BEGIN
    SET @statement = N'ALTER ROLE ' + QUOTENAME(@grpname) + N' ADD MEMBER ' + QUOTENAME(ISNULL(@name_in_db, @loginame))
    EXEC (@statement)
    IF @@ERROR <> 0 RETURN 1
END
RETURN 0
GO
CREATE PROCEDURE sys.sp_grantdbaccess @loginame sysname, @name_in_db sysname = NULL OUTPUT
AS
SET @name_in_db = ISNULL(@name_in_db, @loginame)
DECLARE @statement nvarchar(600) = N'CREATE USER ' + QUOTENAME(@name_in_db) + N' FOR LOGIN ' + QUOTENAME(@loginame)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_dropuser @name_in_db sysname
AS
DECLARE @statement nvarchar(400) = N'DROP USER ' + QUOTENAME(@name_in_db)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_revokedbaccess @name_in_db sysname
AS
DECLARE @statement nvarchar(400) = N'DROP USER ' + QUOTENAME(@name_in_db)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_addrole @rolename sysname, @ownername sysname = NULL
AS
DECLARE @statement nvarchar(400) = N'CREATE ROLE ' + QUOTENAME(@rolename)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_droprole @rolename sysname
AS
DECLARE @statement nvarchar(400) = N'DROP ROLE ' + QUOTENAME(@rolename)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_addrolemember @rolename sysname, @membername sysname
AS
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @membername)
BEGIN
    RAISERROR(15410, -1, -1, @membername)
    RETURN 1
END
DECLARE @statement nvarchar(600) = N'ALTER ROLE ' + QUOTENAME(@rolename) + N' ADD MEMBER ' + QUOTENAME(@membername)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_droprolemember @rolename sysname, @membername sysname
AS
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @membername)
BEGIN
    RAISERROR(15410, -1, -1, @membername)
    RETURN 1
END
DECLARE @statement nvarchar(600) = N'ALTER ROLE ' + QUOTENAME(@rolename) + N' DROP MEMBER ' + QUOTENAME(@membername)
EXEC (@statement)
RETURN @@ERROR
GO
CREATE PROCEDURE sys.sp_change_users_login
    @Action varchar(10), @UserNamePattern sysname = NULL, @LoginName sysname = NULL, @Password sysname = NULL
AS
SET NOCOUNT ON
DECLARE @statement nvarchar(1000), @fixed int = 0, @added int = 0
IF UPPER(@Action) = 'REPORT'
BEGIN
    SELECT CAST(p.name AS sysname) AS UserName, p.sid AS UserSID
    FROM sys.database_principals p
    WHERE p.type = 'S' AND p.principal_id > 4 AND p.sid IS NOT NULL AND SUSER_SNAME(p.sid) IS NULL
    ORDER BY p.name
    RETURN 0
END
IF UPPER(@Action) NOT IN ('UPDATE_ONE', 'AUTO_FIX')
BEGIN
    RAISERROR(15286, -1, -1, @Action)
    RETURN 1
END
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @UserNamePattern AND type = 'S' AND principal_id > 4)
BEGIN
    RAISERROR(15291, -1, -1, N'User', @UserNamePattern)
    RETURN 1
END
IF UPPER(@Action) = 'UPDATE_ONE'
BEGIN
    IF SUSER_SID(@LoginName) IS NULL
    BEGIN
        RAISERROR(15291, -1, -1, N'Login', @LoginName)
        RETURN 1
    END
    SET @statement = N'ALTER USER ' + QUOTENAME(@UserNamePattern) + N' WITH LOGIN = ' + QUOTENAME(@LoginName)
    EXEC (@statement)
    RETURN @@ERROR
END
IF SUSER_SID(@UserNamePattern) IS NULL
BEGIN
    IF @Password IS NULL
    BEGIN
        RAISERROR(15600, -1, -1, N'sys.sp_change_users_login')
        RETURN 1
    END
    SET @statement = N'CREATE LOGIN ' + QUOTENAME(@UserNamePattern) + N' WITH PASSWORD = N''' + REPLACE(@Password, N'''', N'''''') + N''', CHECK_POLICY = OFF'
    EXEC (@statement)
    SET @added = 1
END
ELSE
    SET @fixed = 1
PRINT 'The row for user ''' + @UserNamePattern + ''' will be fixed by updating its login link to a login already in existence.'
SET @statement = N'ALTER USER ' + QUOTENAME(@UserNamePattern) + N' WITH LOGIN = ' + QUOTENAME(@UserNamePattern)
EXEC (@statement)
PRINT 'The number of orphaned users fixed by updating users was ' + CONVERT(varchar(10), @fixed) + '.'
PRINT 'The number of orphaned users fixed by adding new logins and then updating users was ' + CONVERT(varchar(10), @added) + '.'
RETURN 0
GO
CREATE PROCEDURE sys.sp_helplogins @LoginNamePattern sysname = NULL
AS
SET NOCOUNT ON
SELECT CAST(p.name AS sysname) AS LoginName, p.sid AS SID, CAST(p.default_database_name AS sysname) AS DefDBName,
    CAST(p.default_language_name AS sysname) AS DefLangName,
    CAST(CASE WHEN EXISTS (SELECT 1 FROM sys.database_principals u WHERE u.sid = p.sid) THEN 'yes' ELSE 'NO' END AS char(5)) AS AUser, CAST('no' AS char(7)) AS ARemote
FROM sys.server_principals p
WHERE p.type IN ('S', 'U', 'G') AND (@LoginNamePattern IS NULL OR p.name = @LoginNamePattern)
ORDER BY p.name
SELECT CAST(p.name AS sysname) AS LoginName, CAST(DB_NAME() AS sysname) AS DBName, CAST(u.name AS sysname) AS UserName, CAST('User' AS char(8)) AS UserOrAlias
FROM sys.server_principals p JOIN sys.database_principals u ON u.sid = p.sid
WHERE p.type IN ('S', 'U', 'G') AND (@LoginNamePattern IS NULL OR p.name = @LoginNamePattern)
ORDER BY p.name
RETURN 0
GO
CREATE PROCEDURE sys.sp_helpuser @name_in_db sysname = NULL
AS
SET NOCOUNT ON
IF @name_in_db IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @name_in_db)
BEGIN
    RAISERROR(15198, -1, -1, @name_in_db)
    RETURN 1
END
SELECT CAST(u.name AS sysname) AS UserName, CAST(ISNULL(r.name, N'public') AS sysname) AS RoleName, CAST(SUSER_SNAME(u.sid) AS sysname) AS LoginName,
    CAST(p.default_database_name AS sysname) AS DefDBName, CAST(u.default_schema_name AS sysname) AS DefSchemaName,
    CAST(u.principal_id AS char(10)) AS UserID, u.sid AS SID
FROM sys.database_principals u
LEFT JOIN sys.database_role_members m ON m.member_principal_id = u.principal_id
LEFT JOIN sys.database_principals r ON r.principal_id = m.role_principal_id
LEFT JOIN sys.server_principals p ON p.sid = u.sid
WHERE u.type <> 'R' AND (@name_in_db IS NULL OR u.name = @name_in_db)
ORDER BY u.name, r.name
RETURN 0
GO
CREATE PROCEDURE sys.sp_helprole @rolename sysname = NULL
AS
SET NOCOUNT ON
IF @rolename IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @rolename AND type = 'R')
BEGIN
    RAISERROR(15409, -1, -1, @rolename)
    RETURN 1
END
SELECT CAST(name AS sysname) AS RoleName, CAST(principal_id AS smallint) AS RoleId, CAST(0 AS int) AS IsAppRole
FROM sys.database_principals WHERE type = 'R' AND (@rolename IS NULL OR name = @rolename) ORDER BY principal_id
RETURN 0
GO
CREATE PROCEDURE sys.sp_helprolemember @rolename sysname = NULL
AS
SET NOCOUNT ON
IF @rolename IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @rolename AND type = 'R')
BEGIN
    RAISERROR(15409, -1, -1, @rolename)
    RETURN 1
END
SELECT CAST(r.name AS sysname) AS DbRole, CAST(u.name AS sysname) AS MemberName, u.sid AS MemberSID
FROM sys.database_role_members m
JOIN sys.database_principals r ON r.principal_id = m.role_principal_id
JOIN sys.database_principals u ON u.principal_id = m.member_principal_id
WHERE @rolename IS NULL OR r.name = @rolename
ORDER BY 1, 2
RETURN 0
GO
CREATE PROCEDURE sys.sp_helpsrvrole @srvrolename sysname = NULL
AS
SELECT CAST(t.name AS sysname) AS ServerRole, CAST(t.description AS nvarchar(35)) AS Description
FROM (VALUES
    (N'sysadmin', N'System Administrators'), (N'securityadmin', N'Security Administrators'), (N'serveradmin', N'Server Administrators'),
    (N'setupadmin', N'Setup Administrators'), (N'processadmin', N'Process Administrators'), (N'diskadmin', N'Disk Administrators'),
    (N'dbcreator', N'Database Creators'), (N'bulkadmin', N'Bulk Insert Administrators')) AS t(name, description)
WHERE @srvrolename IS NULL OR t.name = @srvrolename
GO
CREATE PROCEDURE sys.sp_helprotect
    @name nvarchar(776) = NULL, @username sysname = NULL, @grantorname sysname = NULL, @permissionarea varchar(10) = 'o s'
AS
SET NOCOUNT ON
SELECT CAST(ISNULL(OBJECT_SCHEMA_NAME(p.major_id), N'.') AS sysname) AS Owner, CAST(ISNULL(OBJECT_NAME(p.major_id), N'.') AS sysname) AS Object,
    CAST(USER_NAME(p.grantee_principal_id) AS sysname) AS Grantee, CAST(USER_NAME(p.grantor_principal_id) AS sysname) AS Grantor,
    CAST(CASE p.state WHEN 'D' THEN 'Deny' ELSE 'Grant' END AS char(10)) AS ProtectType, CAST(p.permission_name AS varchar(60)) AS Action,
    CAST(CASE WHEN p.permission_name IN (N'SELECT', N'UPDATE') AND p.class = 1 THEN N'(All+New)' ELSE N'.' END AS sysname) AS [Column]
FROM sys.database_permissions p
WHERE (@name IS NULL OR p.major_id = OBJECT_ID(@name)) AND (@username IS NULL OR USER_NAME(p.grantee_principal_id) = @username)
ORDER BY 1, 2, 3, 5, 6
RETURN 0
GO
CREATE PROCEDURE sys.sp_validatelogins
AS
SELECT CAST(NULL AS varbinary(85)) AS SID, CAST(NULL AS sysname) AS [NT Login] WHERE 1 = 0
RETURN 0
