-- The catalog procedures that drivers call: ODBC's and JDBC's questions about tables, columns, keys and types.
-- Their result sets are those of "Catalog Stored Procedures (Transact-SQL)".
GO
CREATE VIEW sys.spt_datatype_info AS
SELECT type_name, user_type_id, odbc2, odbc3, data_precision, prefix, suffix, create_params, case_sensitive,
    searchable, is_unsigned, is_money, is_identity, min_scale, max_scale, sql_type, datetime_sub, radix
FROM (VALUES
    (N'bit', 104, -7, -7, 1, NULL, NULL, NULL, 0, 2, NULL, 0, NULL, 0, 0, -7, NULL, NULL),
    (N'tinyint', 48, -6, -6, 3, NULL, NULL, NULL, 0, 2, 1, 0, 0, 0, 0, -6, NULL, 10),
    (N'tinyint identity', 48, -6, -6, 3, NULL, NULL, NULL, 0, 2, 1, 0, 1, 0, 0, -6, NULL, 10),
    (N'smallint', 52, 5, 5, 5, NULL, NULL, NULL, 0, 2, 0, 0, 0, 0, 0, 5, NULL, 10),
    (N'smallint identity', 52, 5, 5, 5, NULL, NULL, NULL, 0, 2, 0, 0, 1, 0, 0, 5, NULL, 10),
    (N'int', 56, 4, 4, 10, NULL, NULL, NULL, 0, 2, 0, 0, 0, 0, 0, 4, NULL, 10),
    (N'int identity', 56, 4, 4, 10, NULL, NULL, NULL, 0, 2, 0, 0, 1, 0, 0, 4, NULL, 10),
    (N'bigint', 127, -5, -5, 19, NULL, NULL, NULL, 0, 2, 0, 0, 0, 0, 0, -5, NULL, 10),
    (N'bigint identity', 127, -5, -5, 19, NULL, NULL, NULL, 0, 2, 0, 0, 1, 0, 0, -5, NULL, 10),
    (N'decimal', 106, 3, 3, 38, NULL, NULL, 'precision,scale', 0, 2, 0, 0, 0, 0, 38, 3, NULL, 10),
    (N'decimal() identity', 106, 3, 3, 38, NULL, NULL, 'precision', 0, 2, 0, 0, 1, 0, 0, 3, NULL, 10),
    (N'numeric', 108, 2, 2, 38, NULL, NULL, 'precision,scale', 0, 2, 0, 0, 0, 0, 38, 2, NULL, 10),
    (N'numeric() identity', 108, 2, 2, 38, NULL, NULL, 'precision', 0, 2, 0, 0, 1, 0, 0, 2, NULL, 10),
    (N'money', 60, 3, 3, 19, '$', NULL, NULL, 0, 2, 0, 1, 0, 4, 4, 3, NULL, 10),
    (N'smallmoney', 122, 3, 3, 10, '$', NULL, NULL, 0, 2, 0, 1, 0, 4, 4, 3, NULL, 10),
    (N'real', 59, 7, 7, 24, NULL, NULL, NULL, 0, 2, 0, 0, 0, NULL, NULL, 7, NULL, 2),
    (N'float', 62, 6, 6, 53, NULL, NULL, NULL, 0, 2, 0, 0, 0, NULL, NULL, 6, NULL, 2),
    (N'datetime', 61, 11, 93, 23, '''', '''', NULL, 0, 3, NULL, 0, NULL, 3, 3, 9, 3, NULL),
    (N'smalldatetime', 58, 11, 93, 16, '''', '''', NULL, 0, 3, NULL, 0, NULL, 0, 0, 9, 3, NULL),
    (N'date', 40, -9, 91, 10, '''', '''', NULL, 0, 3, NULL, 0, NULL, NULL, 0, 9, 1, NULL),
    (N'time', 41, -9, -154, 16, '''', '''', 'scale', 0, 3, NULL, 0, NULL, 0, 7, -154, 0, NULL),
    (N'datetime2', 42, -9, 93, 27, '''', '''', 'scale', 0, 3, NULL, 0, NULL, 0, 7, 9, 3, NULL),
    (N'datetimeoffset', 43, -9, -155, 34, '''', '''', 'scale', 0, 3, NULL, 0, NULL, 0, 7, -155, 0, NULL),
    (N'char', 175, 1, 1, 8000, '''', '''', 'length', 0, 3, NULL, 0, NULL, NULL, NULL, 1, NULL, NULL),
    (N'varchar', 167, 12, 12, 8000, '''', '''', 'max length', 0, 3, NULL, 0, NULL, NULL, NULL, 12, NULL, NULL),
    (N'text', 35, -1, -1, 2147483647, '''', '''', NULL, 0, 1, NULL, 0, NULL, NULL, NULL, -1, NULL, NULL),
    (N'nchar', 239, -8, -8, 4000, 'N''', '''', 'length', 0, 3, NULL, 0, NULL, NULL, NULL, -8, NULL, NULL),
    (N'nvarchar', 231, -9, -9, 4000, 'N''', '''', 'max length', 0, 3, NULL, 0, NULL, NULL, NULL, -9, NULL, NULL),
    (N'sysname', 256, -9, -9, 128, 'N''', '''', NULL, 0, 3, NULL, 0, NULL, NULL, NULL, -9, NULL, NULL),
    (N'ntext', 99, -10, -10, 1073741823, 'N''', '''', NULL, 0, 1, NULL, 0, NULL, NULL, NULL, -10, NULL, NULL),
    (N'binary', 173, -2, -2, 8000, '0x', NULL, 'length', 0, 2, NULL, 0, NULL, NULL, NULL, -2, NULL, NULL),
    (N'timestamp', 189, -2, -2, 8, '0x', NULL, NULL, 0, 2, NULL, 0, NULL, NULL, NULL, -2, NULL, NULL),
    (N'varbinary', 165, -3, -3, 8000, '0x', NULL, 'max length', 0, 2, NULL, 0, NULL, NULL, NULL, -3, NULL, NULL),
    (N'image', 34, -4, -4, 2147483647, '0x', NULL, NULL, 0, 0, NULL, 0, NULL, NULL, NULL, -4, NULL, NULL),
    (N'uniqueidentifier', 36, -11, -11, 36, '''', '''', NULL, 0, 2, NULL, 0, NULL, NULL, NULL, -11, NULL, NULL),
    (N'xml', 241, -152, -152, 0, 'N''', '''', NULL, 1, 0, NULL, 0, NULL, NULL, NULL, -152, NULL, NULL),
    (N'sql_variant', 98, -150, -150, 8000, NULL, NULL, NULL, 0, 2, NULL, 0, NULL, 0, 0, -150, NULL, 10)
) AS t(type_name, user_type_id, odbc2, odbc3, data_precision, prefix, suffix, create_params, case_sensitive,
    searchable, is_unsigned, is_money, is_identity, min_scale, max_scale, sql_type, datetime_sub, radix)
GO
CREATE VIEW sys.spt_described_columns AS
SELECT d.object_id, d.parameter_id, d.name, d.is_nullable, d.is_identity, d.column_default, d.is_output,
    t.odbc2, t.odbc3, t.type_name, t.sql_type, t.datetime_sub, t.is_money,
    CASE WHEN t.type_name IN ('date', 'time', 'datetime2', 'datetimeoffset') THEN -9 ELSE t.sql_type END AS sql_type2,
    CASE
        WHEN t.type_name IN ('nchar', 'nvarchar', 'sysname') THEN CASE WHEN d.max_length = -1 THEN 0 ELSE d.max_length / 2 END
        WHEN t.type_name IN ('char', 'varchar', 'binary', 'varbinary') THEN CASE WHEN d.max_length = -1 THEN 0 ELSE d.max_length END
        WHEN t.type_name IN ('decimal', 'numeric') THEN d.precision
        WHEN t.type_name = 'time' THEN CASE WHEN d.scale = 0 THEN 8 ELSE 9 + d.scale END
        WHEN t.type_name = 'datetime2' THEN CASE WHEN d.scale = 0 THEN 19 ELSE 20 + d.scale END
        WHEN t.type_name = 'datetimeoffset' THEN CASE WHEN d.scale = 0 THEN 26 ELSE 27 + d.scale END
        ELSE t.data_precision
    END AS data_precision,
    CASE
        WHEN t.type_name IN ('decimal', 'numeric') THEN d.precision + 2
        WHEN t.type_name = 'money' THEN 21
        WHEN t.type_name = 'smallmoney' THEN 12
        WHEN t.type_name IN ('datetime', 'smalldatetime') THEN 16
        WHEN t.type_name IN ('text', 'image') THEN 2147483647
        WHEN t.type_name = 'ntext' THEN 2147483646
        WHEN t.type_name = 'xml' THEN 0
        WHEN t.type_name = 'date' THEN 6
        WHEN t.type_name = 'time' THEN 12
        WHEN t.type_name = 'datetime2' THEN 16
        WHEN t.type_name = 'datetimeoffset' THEN 20
        WHEN d.max_length = -1 THEN 0
        ELSE d.max_length
    END AS data_length,
    CASE
        WHEN t.type_name IN ('decimal', 'numeric', 'time', 'datetime2', 'datetimeoffset') THEN d.scale
        WHEN t.radix = 10 OR t.type_name IN ('bit', 'datetime', 'smalldatetime') THEN t.max_scale
    END AS data_scale,
    CASE WHEN t.type_name <> 'sql_variant' THEN t.radix END AS radix,
    CASE
        WHEN t.type_name IN ('char', 'varchar', 'nchar', 'nvarchar', 'sysname', 'binary', 'varbinary', 'timestamp')
            THEN CASE WHEN d.max_length = -1 THEN 0 ELSE d.max_length END
        WHEN t.type_name IN ('text', 'image') THEN 2147483647
        WHEN t.type_name = 'ntext' THEN 2147483646
    END AS octets,
    CASE t.type_name
        WHEN 'bit' THEN 50
        WHEN 'tinyint' THEN CASE d.is_nullable WHEN 1 THEN 38 ELSE 48 END
        WHEN 'smallint' THEN CASE d.is_nullable WHEN 1 THEN 38 ELSE 52 END
        WHEN 'int' THEN CASE d.is_nullable WHEN 1 THEN 38 ELSE 56 END
        WHEN 'bigint' THEN CASE d.is_nullable WHEN 1 THEN 108 ELSE 63 END
        WHEN 'decimal' THEN CASE d.is_nullable WHEN 1 THEN 106 ELSE 55 END
        WHEN 'numeric' THEN CASE d.is_nullable WHEN 1 THEN 108 ELSE 63 END
        WHEN 'money' THEN CASE d.is_nullable WHEN 1 THEN 110 ELSE 60 END
        WHEN 'smallmoney' THEN CASE d.is_nullable WHEN 1 THEN 110 ELSE 122 END
        WHEN 'real' THEN CASE d.is_nullable WHEN 1 THEN 109 ELSE 59 END
        WHEN 'float' THEN CASE d.is_nullable WHEN 1 THEN 109 ELSE 62 END
        WHEN 'datetime' THEN CASE d.is_nullable WHEN 1 THEN 111 ELSE 61 END
        WHEN 'smalldatetime' THEN CASE d.is_nullable WHEN 1 THEN 111 ELSE 58 END
        WHEN 'char' THEN CASE d.is_nullable WHEN 1 THEN 39 ELSE 47 END
        WHEN 'nchar' THEN CASE d.is_nullable WHEN 1 THEN 39 ELSE 47 END
        WHEN 'binary' THEN CASE d.is_nullable WHEN 1 THEN 37 ELSE 45 END
        WHEN 'timestamp' THEN 45
        WHEN 'varbinary' THEN 37
        WHEN 'uniqueidentifier' THEN 37
        WHEN 'text' THEN 35
        WHEN 'ntext' THEN 35
        WHEN 'image' THEN 34
        WHEN 'varchar' THEN 39
        WHEN 'nvarchar' THEN 39
        WHEN 'sysname' THEN 39
        WHEN 'sql_variant' THEN 39
        ELSE 0
    END AS ss_type
FROM (
    SELECT c.object_id, c.column_id AS parameter_id, c.name, c.is_nullable, c.is_identity, k.definition AS column_default,
        CAST(0 AS bit) AS is_output, c.user_type_id, c.system_type_id, c.max_length, c.precision, c.scale
    FROM sys.columns c LEFT JOIN sys.default_constraints k ON k.object_id = c.default_object_id
    UNION ALL
    SELECT p.object_id, p.parameter_id, p.name, CAST(1 AS bit), CAST(0 AS bit), NULL,
        p.is_output, p.user_type_id, p.system_type_id, p.max_length, p.precision, p.scale
    FROM sys.parameters p
) AS d
JOIN sys.spt_datatype_info t
    ON t.user_type_id = CASE WHEN d.user_type_id <= 256 THEN d.user_type_id ELSE d.system_type_id END
    AND ISNULL(t.is_identity, 0) = 0
GO
CREATE PROCEDURE sys.sp_tables
    @table_name nvarchar(384) = NULL, @table_owner nvarchar(384) = NULL, @table_qualifier sysname = NULL,
    @table_type varchar(100) = NULL, @fUsePattern bit = 1
AS
IF @table_qualifier = N'%' AND ISNULL(@table_owner, N'') = N'' AND ISNULL(@table_name, N'') = N''
BEGIN
    SELECT CAST(name AS sysname) AS TABLE_QUALIFIER, CAST(NULL AS sysname) AS TABLE_OWNER,
        CAST(NULL AS sysname) AS TABLE_NAME, CAST(NULL AS varchar(32)) AS TABLE_TYPE, CAST(NULL AS varchar(254)) AS REMARKS
    FROM sys.databases ORDER BY 1
    RETURN
END
IF @table_owner = N'%' AND @table_qualifier = N'' AND @table_name = N''
BEGIN
    SELECT CAST(NULL AS sysname) AS TABLE_QUALIFIER, CAST(name AS sysname) AS TABLE_OWNER,
        CAST(NULL AS sysname) AS TABLE_NAME, CAST(NULL AS varchar(32)) AS TABLE_TYPE, CAST(NULL AS varchar(254)) AS REMARKS
    FROM sys.schemas ORDER BY 2
    RETURN
END
IF @table_type = '%' AND @table_qualifier = N'' AND @table_owner = N'' AND @table_name = N''
BEGIN
    SELECT CAST(NULL AS sysname) AS TABLE_QUALIFIER, CAST(NULL AS sysname) AS TABLE_OWNER,
        CAST(NULL AS sysname) AS TABLE_NAME, CAST(t.k AS varchar(32)) AS TABLE_TYPE, CAST(NULL AS varchar(254)) AS REMARKS
    FROM (VALUES ('SYSTEM TABLE'), ('TABLE'), ('VIEW')) t(k) ORDER BY 4
    RETURN
END
IF ISNULL(@table_qualifier, N'') <> N'' AND @table_qualifier <> DB_NAME()
BEGIN
    RAISERROR(15250, -1, -1)
    RETURN
END
SELECT CAST(DB_NAME() AS sysname) AS TABLE_QUALIFIER, CAST(SCHEMA_NAME(o.schema_id) AS sysname) AS TABLE_OWNER,
    CAST(o.name AS sysname) AS TABLE_NAME, CAST(o.kind AS varchar(32)) AS TABLE_TYPE, CAST(NULL AS varchar(254)) AS REMARKS
FROM (
    SELECT name, schema_id,
        CASE WHEN type = 'V' THEN 'VIEW' WHEN is_ms_shipped = 1 OR type = 'S' THEN 'SYSTEM TABLE' ELSE 'TABLE' END AS kind
    FROM sys.all_objects WHERE type IN ('U', 'V', 'S')
) AS o
WHERE (@table_name IS NULL OR (@fUsePattern = 1 AND o.name LIKE @table_name) OR o.name = @table_name)
    AND (@table_owner IS NULL OR (@fUsePattern = 1 AND SCHEMA_NAME(o.schema_id) LIKE @table_owner)
        OR SCHEMA_NAME(o.schema_id) = @table_owner)
    AND (ISNULL(@table_type, '') = '' OR CHARINDEX('''' + o.kind + '''', UPPER(@table_type)) > 0)
ORDER BY 4, 1, 2, 3
GO
CREATE PROCEDURE sys.sp_columns
    @table_name nvarchar(384), @table_owner nvarchar(384) = NULL, @table_qualifier sysname = NULL,
    @column_name nvarchar(384) = NULL, @ODBCVer int = 2
AS
IF ISNULL(@table_qualifier, N'') <> N'' AND @table_qualifier <> DB_NAME()
BEGIN
    RAISERROR(15250, -1, -1)
    RETURN
END
SELECT CAST(DB_NAME() AS sysname) AS TABLE_QUALIFIER, CAST(SCHEMA_NAME(o.schema_id) AS sysname) AS TABLE_OWNER,
    CAST(o.name AS sysname) AS TABLE_NAME, CAST(c.name AS sysname) AS COLUMN_NAME,
    CAST(CASE WHEN @ODBCVer = 3 AND c.odbc2 = 11 THEN 93 ELSE c.odbc2 END AS smallint) AS DATA_TYPE,
    CAST(c.type_name + CASE c.is_identity WHEN 1 THEN CASE WHEN c.type_name IN ('decimal', 'numeric') THEN N'() identity' ELSE N' identity' END ELSE N'' END AS sysname) AS TYPE_NAME,
    CAST(c.data_precision AS int) AS [PRECISION], CAST(c.data_length AS int) AS LENGTH,
    CAST(c.data_scale AS smallint) AS SCALE, CAST(c.radix AS smallint) AS RADIX,
    CAST(c.is_nullable AS smallint) AS NULLABLE, CAST(NULL AS varchar(254)) AS REMARKS,
    CAST(c.column_default AS nvarchar(4000)) AS COLUMN_DEF, CAST(c.sql_type2 AS smallint) AS SQL_DATA_TYPE,
    CAST(CASE WHEN c.odbc2 = 11 THEN c.datetime_sub END AS smallint) AS SQL_DATETIME_SUB,
    CAST(c.octets AS int) AS CHAR_OCTET_LENGTH, CAST(c.parameter_id AS int) AS ORDINAL_POSITION,
    CAST(CASE c.is_nullable WHEN 1 THEN 'YES' ELSE 'NO' END AS varchar(254)) AS IS_NULLABLE, CAST(c.ss_type AS tinyint) AS SS_DATA_TYPE
FROM sys.all_objects o JOIN sys.spt_described_columns c ON c.object_id = o.object_id
WHERE o.type IN ('U', 'V', 'S') AND o.name LIKE @table_name
    AND (@table_owner IS NULL OR SCHEMA_NAME(o.schema_id) LIKE @table_owner)
    AND (@column_name IS NULL OR c.name LIKE @column_name)
ORDER BY 1, 2, 3, 17
GO
CREATE PROCEDURE sys.sp_columns_100
    @table_name nvarchar(384), @table_owner nvarchar(384) = NULL, @table_qualifier sysname = NULL,
    @column_name nvarchar(384) = NULL, @NameScope int = 0, @ODBCVer int = 2, @fUsePattern bit = 1
AS
IF ISNULL(@table_qualifier, N'') <> N'' AND @table_qualifier <> DB_NAME()
BEGIN
    RAISERROR(15250, -1, -1)
    RETURN
END
SELECT CAST(DB_NAME() AS sysname) AS TABLE_QUALIFIER, CAST(SCHEMA_NAME(o.schema_id) AS sysname) AS TABLE_OWNER,
    CAST(o.name AS sysname) AS TABLE_NAME, CAST(c.name AS sysname) AS COLUMN_NAME,
    CAST(CASE WHEN @ODBCVer = 3 THEN c.odbc3 WHEN c.odbc2 = 11 THEN 11 ELSE c.odbc3 END AS smallint) AS DATA_TYPE,
    CAST(c.type_name + CASE c.is_identity WHEN 1 THEN CASE WHEN c.type_name IN ('decimal', 'numeric') THEN N'() identity' ELSE N' identity' END ELSE N'' END AS sysname) AS TYPE_NAME,
    CAST(c.data_precision AS int) AS [PRECISION], CAST(c.data_length AS int) AS LENGTH,
    CAST(c.data_scale AS smallint) AS SCALE, CAST(c.radix AS smallint) AS RADIX,
    CAST(c.is_nullable AS smallint) AS NULLABLE, CAST(NULL AS varchar(254)) AS REMARKS,
    CAST(c.column_default AS nvarchar(4000)) AS COLUMN_DEF, CAST(c.sql_type AS smallint) AS SQL_DATA_TYPE,
    CAST(c.datetime_sub AS smallint) AS SQL_DATETIME_SUB, CAST(c.octets AS int) AS CHAR_OCTET_LENGTH,
    CAST(c.parameter_id AS int) AS ORDINAL_POSITION,
    CAST(CASE c.is_nullable WHEN 1 THEN 'YES' ELSE 'NO' END AS varchar(254)) AS IS_NULLABLE,
    CAST(0 AS smallint) AS SS_IS_SPARSE, CAST(0 AS smallint) AS SS_IS_COLUMN_SET,
    CAST(ISNULL((SELECT k.is_computed FROM sys.columns k WHERE k.object_id = c.object_id AND k.column_id = c.parameter_id), 0) AS smallint) AS SS_IS_COMPUTED,
    CAST(c.is_identity AS smallint) AS SS_IS_IDENTITY, CAST(NULL AS sysname) AS SS_UDT_CATALOG_NAME,
    CAST(NULL AS sysname) AS SS_UDT_SCHEMA_NAME, CAST(NULL AS sysname) AS SS_UDT_ASSEMBLY_TYPE_NAME,
    CAST(NULL AS sysname) AS SS_XML_SCHEMACOLLECTION_CATALOG_NAME, CAST(NULL AS sysname) AS SS_XML_SCHEMACOLLECTION_SCHEMA_NAME,
    CAST(NULL AS sysname) AS SS_XML_SCHEMACOLLECTION_NAME, CAST(c.ss_type AS tinyint) AS SS_DATA_TYPE
FROM sys.all_objects o JOIN sys.spt_described_columns c ON c.object_id = o.object_id
WHERE o.type IN ('U', 'V', 'S')
    AND ((@fUsePattern = 1 AND o.name LIKE @table_name) OR o.name = @table_name)
    AND (@table_owner IS NULL OR (@fUsePattern = 1 AND SCHEMA_NAME(o.schema_id) LIKE @table_owner)
        OR SCHEMA_NAME(o.schema_id) = @table_owner)
    AND (@column_name IS NULL OR (@fUsePattern = 1 AND c.name LIKE @column_name) OR c.name = @column_name)
ORDER BY 1, 2, 3, 17
GO
CREATE PROCEDURE sys.sp_datatype_info @data_type int = 0, @ODBCVer tinyint = 2
AS
SELECT CAST(type_name AS sysname) AS TYPE_NAME, CAST(CASE @ODBCVer WHEN 3 THEN odbc3 ELSE odbc2 END AS smallint) AS DATA_TYPE,
    CAST(data_precision AS int) AS [PRECISION], CAST(prefix AS varchar(32)) AS LITERAL_PREFIX, CAST(suffix AS varchar(32)) AS LITERAL_SUFFIX,
    CAST(create_params AS varchar(32)) AS CREATE_PARAMS, CAST(CASE WHEN is_identity = 1 OR type_name IN ('sysname', 'timestamp') THEN 0 ELSE 1 END AS smallint) AS NULLABLE,
    CAST(case_sensitive AS smallint) AS CASE_SENSITIVE, CAST(searchable AS smallint) AS SEARCHABLE,
    CAST(is_unsigned AS smallint) AS UNSIGNED_ATTRIBUTE, CAST(is_money AS smallint) AS MONEY,
    CAST(is_identity AS smallint) AS AUTO_INCREMENT, CAST(type_name AS sysname) AS LOCAL_TYPE_NAME,
    CAST(min_scale AS smallint) AS MINIMUM_SCALE, CAST(max_scale AS smallint) AS MAXIMUM_SCALE,
    CAST(sql_type AS smallint) AS SQL_DATA_TYPE, CAST(datetime_sub AS smallint) AS SQL_DATETIME_SUB,
    CAST(radix AS int) AS NUM_PREC_RADIX, CAST(NULL AS smallint) AS INTERVAL_PRECISION, CAST(user_type_id AS smallint) AS USERTYPE
FROM sys.spt_datatype_info
WHERE @data_type = 0 OR @data_type = CASE @ODBCVer WHEN 3 THEN odbc3 ELSE odbc2 END
ORDER BY 2, 12, 11, 20
GO
CREATE PROCEDURE sys.sp_datatype_info_100 @data_type int = 0, @ODBCVer tinyint = 2
AS
SELECT CAST(type_name AS sysname) AS TYPE_NAME, CAST(CASE WHEN @ODBCVer <> 3 AND odbc2 = 11 THEN 11 ELSE odbc3 END AS smallint) AS DATA_TYPE,
    CAST(data_precision AS int) AS [PRECISION], CAST(prefix AS varchar(32)) AS LITERAL_PREFIX, CAST(suffix AS varchar(32)) AS LITERAL_SUFFIX,
    CAST(create_params AS varchar(32)) AS CREATE_PARAMS, CAST(CASE WHEN is_identity = 1 OR type_name IN ('sysname', 'timestamp') THEN 0 ELSE 1 END AS smallint) AS NULLABLE,
    CAST(case_sensitive AS smallint) AS CASE_SENSITIVE, CAST(searchable AS smallint) AS SEARCHABLE,
    CAST(is_unsigned AS smallint) AS UNSIGNED_ATTRIBUTE, CAST(is_money AS smallint) AS MONEY,
    CAST(is_identity AS smallint) AS AUTO_INCREMENT, CAST(type_name AS sysname) AS LOCAL_TYPE_NAME,
    CAST(min_scale AS smallint) AS MINIMUM_SCALE, CAST(max_scale AS smallint) AS MAXIMUM_SCALE,
    CAST(sql_type AS smallint) AS SQL_DATA_TYPE, CAST(datetime_sub AS smallint) AS SQL_DATETIME_SUB,
    CAST(radix AS int) AS NUM_PREC_RADIX, CAST(NULL AS smallint) AS INTERVAL_PRECISION, CAST(user_type_id AS smallint) AS USERTYPE
FROM sys.spt_datatype_info
WHERE @data_type = 0 OR @data_type = CASE WHEN @ODBCVer <> 3 AND odbc2 = 11 THEN 11 ELSE odbc3 END
ORDER BY 2, 12, 11, 20
GO
CREATE PROCEDURE sys.sp_pkeys
    @table_name sysname, @table_owner sysname = NULL, @table_qualifier sysname = NULL
AS
IF ISNULL(@table_qualifier, N'') <> N'' AND @table_qualifier <> DB_NAME()
BEGIN
    RAISERROR(15250, -1, -1)
    RETURN
END
SELECT CAST(DB_NAME() AS sysname) AS TABLE_QUALIFIER, CAST(SCHEMA_NAME(t.schema_id) AS sysname) AS TABLE_OWNER,
    CAST(t.name AS sysname) AS TABLE_NAME, CAST(COL_NAME(t.object_id, c.column_id) AS sysname) AS COLUMN_NAME,
    CAST(c.key_ordinal AS smallint) AS KEY_SEQ, CAST(i.name AS sysname) AS PK_NAME
FROM sys.tables t
JOIN sys.indexes i ON i.object_id = t.object_id AND i.is_primary_key = 1
JOIN sys.index_columns c ON c.object_id = i.object_id AND c.index_id = i.index_id
WHERE t.name = @table_name AND (@table_owner IS NULL OR SCHEMA_NAME(t.schema_id) = @table_owner) AND c.key_ordinal > 0
ORDER BY 1, 2, 3, 5
GO
CREATE PROCEDURE sys.sp_fkeys
    @pktable_name sysname = NULL, @pktable_owner sysname = NULL, @pktable_qualifier sysname = NULL,
    @fktable_name sysname = NULL, @fktable_owner sysname = NULL, @fktable_qualifier sysname = NULL
AS
IF (ISNULL(@pktable_qualifier, N'') <> N'' AND @pktable_qualifier <> DB_NAME())
    OR (ISNULL(@fktable_qualifier, N'') <> N'' AND @fktable_qualifier <> DB_NAME())
BEGIN
    RAISERROR(15250, -1, -1)
    RETURN
END
SELECT CAST(DB_NAME() AS sysname) AS PKTABLE_QUALIFIER, CAST(OBJECT_SCHEMA_NAME(f.referenced_object_id) AS sysname) AS PKTABLE_OWNER,
    CAST(OBJECT_NAME(f.referenced_object_id) AS sysname) AS PKTABLE_NAME,
    CAST(COL_NAME(c.referenced_object_id, c.referenced_column_id) AS sysname) AS PKCOLUMN_NAME,
    CAST(DB_NAME() AS sysname) AS FKTABLE_QUALIFIER, CAST(OBJECT_SCHEMA_NAME(f.parent_object_id) AS sysname) AS FKTABLE_OWNER,
    CAST(OBJECT_NAME(f.parent_object_id) AS sysname) AS FKTABLE_NAME,
    CAST(COL_NAME(c.parent_object_id, c.parent_column_id) AS sysname) AS FKCOLUMN_NAME,
    CAST(c.constraint_column_id AS smallint) AS KEY_SEQ,
    CAST(CASE f.update_referential_action WHEN 1 THEN 0 WHEN 0 THEN 1 ELSE f.update_referential_action END AS smallint) AS UPDATE_RULE,
    CAST(CASE f.delete_referential_action WHEN 1 THEN 0 WHEN 0 THEN 1 ELSE f.delete_referential_action END AS smallint) AS DELETE_RULE,
    CAST(f.name AS sysname) AS FK_NAME,
    CAST((SELECT TOP (1) i.name FROM sys.indexes i WHERE i.object_id = f.referenced_object_id AND i.is_primary_key = 1) AS sysname) AS PK_NAME,
    CAST(7 AS smallint) AS DEFERRABILITY
FROM sys.foreign_keys f JOIN sys.foreign_key_columns c ON c.constraint_object_id = f.object_id
WHERE (@pktable_name IS NULL OR OBJECT_NAME(f.referenced_object_id) = @pktable_name)
    AND (@pktable_owner IS NULL OR OBJECT_SCHEMA_NAME(f.referenced_object_id) = @pktable_owner)
    AND (@fktable_name IS NULL OR OBJECT_NAME(f.parent_object_id) = @fktable_name)
    AND (@fktable_owner IS NULL OR OBJECT_SCHEMA_NAME(f.parent_object_id) = @fktable_owner)
ORDER BY 5, 6, 7, 12, 9
GO
CREATE PROCEDURE sys.sp_statistics
    @table_name sysname, @table_owner sysname = NULL, @table_qualifier sysname = NULL, @index_name sysname = N'%',
    @is_unique char(1) = 'N', @accuracy char(1) = 'Q'
AS
IF ISNULL(@table_qualifier, N'') <> N'' AND @table_qualifier <> DB_NAME()
BEGIN
    RAISERROR(15250, -1, -1)
    RETURN
END
SELECT CAST(DB_NAME() AS sysname) AS TABLE_QUALIFIER, CAST(SCHEMA_NAME(t.schema_id) AS sysname) AS TABLE_OWNER,
    CAST(t.name AS sysname) AS TABLE_NAME, CAST(NULL AS smallint) AS NON_UNIQUE, CAST(NULL AS sysname) AS INDEX_QUALIFIER,
    CAST(NULL AS sysname) AS INDEX_NAME, CAST(0 AS smallint) AS TYPE, CAST(NULL AS smallint) AS SEQ_IN_INDEX,
    CAST(NULL AS sysname) AS COLUMN_NAME, CAST(NULL AS char(1)) AS COLLATION, CAST(p.rows AS int) AS CARDINALITY,
    CAST(p.used_page_count AS int) AS PAGES, CAST(NULL AS varchar(128)) AS FILTER_CONDITION
FROM sys.tables t JOIN (
    SELECT object_id, row_count AS rows, used_page_count FROM sys.dm_db_partition_stats WHERE index_id < 2) AS p ON p.object_id = t.object_id
WHERE t.name = @table_name AND (@table_owner IS NULL OR SCHEMA_NAME(t.schema_id) = @table_owner)
UNION ALL
SELECT DB_NAME(), SCHEMA_NAME(t.schema_id), t.name, CASE i.is_unique WHEN 1 THEN 0 ELSE 1 END, t.name, i.name,
    CASE i.index_id WHEN 1 THEN 1 ELSE 3 END, c.key_ordinal, COL_NAME(t.object_id, c.column_id),
    CASE c.is_descending_key WHEN 1 THEN 'D' ELSE 'A' END,
    CASE WHEN i.index_id = 1 OR i.is_unique = 1 THEN p.row_count END, CASE WHEN i.index_id = 1 THEN p.used_page_count END,
    i.filter_definition
FROM sys.tables t
JOIN sys.indexes i ON i.object_id = t.object_id AND i.index_id > 0
JOIN sys.index_columns c ON c.object_id = i.object_id AND c.index_id = i.index_id AND c.key_ordinal > 0
JOIN sys.dm_db_partition_stats p ON p.object_id = i.object_id AND p.index_id = i.index_id
WHERE t.name = @table_name AND (@table_owner IS NULL OR SCHEMA_NAME(t.schema_id) = @table_owner)
    AND i.name LIKE @index_name AND (@is_unique <> 'Y' OR i.is_unique = 1)
ORDER BY 4, 7, 6, 8
GO
CREATE PROCEDURE sys.sp_statistics_100
    @table_name sysname, @table_owner sysname = NULL, @table_qualifier sysname = NULL, @index_name sysname = N'%',
    @is_unique char(1) = 'N', @accuracy char(1) = 'Q'
AS
EXEC sys.sp_statistics @table_name, @table_owner, @table_qualifier, @index_name, @is_unique, @accuracy
GO
CREATE PROCEDURE sys.sp_special_columns
    @table_name sysname, @table_owner sysname = NULL, @table_qualifier sysname = NULL, @col_type char(1) = 'R',
    @scope char(1) = 'T', @nullable char(1) = 'U', @ODBCVer int = 2
AS
IF ISNULL(@table_qualifier, N'') <> N'' AND @table_qualifier <> DB_NAME()
BEGIN
    RAISERROR(15250, -1, -1)
    RETURN
END
SELECT CAST(CASE @col_type WHEN 'V' THEN NULL ELSE CASE @scope WHEN 'C' THEN 0 ELSE 1 END END AS smallint) AS SCOPE,
    CAST(c.name AS sysname) AS COLUMN_NAME, CAST(CASE WHEN @ODBCVer = 3 AND c.odbc2 = 11 THEN 93 ELSE c.odbc2 END AS smallint) AS DATA_TYPE,
    CAST(c.type_name + CASE c.is_identity WHEN 1 THEN N' identity' ELSE N'' END AS sysname) AS TYPE_NAME,
    CAST(c.data_precision AS int) AS [PRECISION], CAST(c.data_length AS int) AS LENGTH, CAST(c.data_scale AS smallint) AS SCALE,
    CAST(1 AS smallint) AS PSEUDO_COLUMN
FROM sys.tables t
JOIN sys.spt_described_columns c ON c.object_id = t.object_id
LEFT JOIN sys.index_columns k ON k.object_id = t.object_id AND k.column_id = c.parameter_id AND k.key_ordinal > 0
    AND k.index_id = (
        SELECT TOP (1) i.index_id FROM sys.indexes i WHERE i.object_id = t.object_id AND i.is_unique = 1
            AND (@nullable <> 'O' OR NOT EXISTS (SELECT 1 FROM sys.index_columns ic JOIN sys.columns n
                ON n.object_id = ic.object_id AND n.column_id = ic.column_id
                WHERE ic.object_id = i.object_id AND ic.index_id = i.index_id AND n.is_nullable = 1))
        ORDER BY i.is_primary_key DESC, i.index_id)
WHERE t.name = @table_name AND (@table_owner IS NULL OR SCHEMA_NAME(t.schema_id) = @table_owner)
    AND ((@col_type = 'R' AND k.column_id IS NOT NULL) OR (@col_type = 'V' AND c.type_name = 'timestamp'))
ORDER BY k.key_ordinal
GO
CREATE PROCEDURE sys.sp_special_columns_100
    @table_name sysname, @table_owner sysname = NULL, @table_qualifier sysname = NULL, @col_type char(1) = 'R',
    @scope char(1) = 'T', @nullable char(1) = 'U', @ODBCVer int = 2
AS
EXEC sys.sp_special_columns @table_name, @table_owner, @table_qualifier, @col_type, @scope, @nullable, @ODBCVer
GO
CREATE PROCEDURE sys.sp_stored_procedures
    @sp_name nvarchar(390) = NULL, @sp_owner nvarchar(384) = NULL, @sp_qualifier sysname = NULL, @fUsePattern bit = 1
AS
IF ISNULL(@sp_qualifier, N'') <> N'' AND @sp_qualifier <> DB_NAME()
BEGIN
    RAISERROR(15250, -1, -1)
    RETURN
END
SELECT CAST(DB_NAME() AS sysname) AS PROCEDURE_QUALIFIER, CAST(SCHEMA_NAME(o.schema_id) AS sysname) AS PROCEDURE_OWNER,
    CAST(o.name + CASE o.type WHEN 'P' THEN N';1' ELSE N';0' END AS nvarchar(134)) AS PROCEDURE_NAME,
    CAST(-1 AS int) AS NUM_INPUT_PARAMS, CAST(-1 AS int) AS NUM_OUTPUT_PARAMS, CAST(-1 AS int) AS NUM_RESULT_SETS,
    CAST(NULL AS varchar(254)) AS REMARKS, CAST(2 AS smallint) AS PROCEDURE_TYPE
FROM sys.all_objects o
WHERE o.type IN ('P', 'FN', 'TF', 'IF')
    AND (@sp_name IS NULL OR (@fUsePattern = 1 AND o.name LIKE @sp_name) OR o.name = @sp_name)
    AND (@sp_owner IS NULL OR (@fUsePattern = 1 AND SCHEMA_NAME(o.schema_id) LIKE @sp_owner) OR SCHEMA_NAME(o.schema_id) = @sp_owner)
ORDER BY 1, 2, 3
GO
CREATE PROCEDURE sys.sp_sproc_columns
    @procedure_name nvarchar(390) = N'%', @procedure_owner nvarchar(384) = NULL, @procedure_qualifier sysname = NULL,
    @column_name nvarchar(384) = NULL, @ODBCVer int = 2, @fUsePattern bit = 1
AS
IF ISNULL(@procedure_qualifier, N'') <> N'' AND @procedure_qualifier <> DB_NAME()
BEGIN
    RAISERROR(15250, -1, -1)
    RETURN
END
SET @procedure_name = CASE WHEN @procedure_name LIKE N'%;1' THEN LEFT(@procedure_name, LEN(@procedure_name) - 2) ELSE @procedure_name END
SELECT CAST(DB_NAME() AS sysname) AS PROCEDURE_QUALIFIER, CAST(SCHEMA_NAME(o.schema_id) AS sysname) AS PROCEDURE_OWNER,
    CAST(o.name + N';1' AS nvarchar(134)) AS PROCEDURE_NAME, CAST(N'@RETURN_VALUE' AS sysname) AS COLUMN_NAME,
    CAST(5 AS smallint) AS COLUMN_TYPE, CAST(4 AS smallint) AS DATA_TYPE, CAST(N'int' AS sysname) AS TYPE_NAME,
    CAST(10 AS int) AS [PRECISION], CAST(4 AS int) AS LENGTH, CAST(0 AS smallint) AS SCALE, CAST(10 AS smallint) AS RADIX,
    CAST(0 AS smallint) AS NULLABLE, CAST(NULL AS varchar(254)) AS REMARKS, CAST(NULL AS nvarchar(4000)) AS COLUMN_DEF,
    CAST(4 AS smallint) AS SQL_DATA_TYPE, CAST(NULL AS smallint) AS SQL_DATETIME_SUB, CAST(NULL AS int) AS CHAR_OCTET_LENGTH,
    CAST(0 AS int) AS ORDINAL_POSITION, CAST('NO' AS varchar(254)) AS IS_NULLABLE, CAST(56 AS tinyint) AS SS_DATA_TYPE
FROM sys.all_objects o
WHERE o.type = 'P' AND ((@fUsePattern = 1 AND o.name LIKE @procedure_name) OR o.name = @procedure_name)
    AND (@procedure_owner IS NULL OR (@fUsePattern = 1 AND SCHEMA_NAME(o.schema_id) LIKE @procedure_owner) OR SCHEMA_NAME(o.schema_id) = @procedure_owner)
    AND (@column_name IS NULL OR N'@RETURN_VALUE' LIKE @column_name)
UNION ALL
SELECT DB_NAME(), SCHEMA_NAME(o.schema_id), o.name + N';1', c.name, CASE c.is_output WHEN 1 THEN 2 ELSE 1 END,
    CASE WHEN @ODBCVer = 3 AND c.odbc2 = 11 THEN 93 ELSE c.odbc2 END, c.type_name, c.data_precision, c.data_length, c.data_scale,
    c.radix, 1, NULL, NULL, c.sql_type2, CASE WHEN c.odbc2 = 11 THEN c.datetime_sub END, c.octets, c.parameter_id, 'YES', c.ss_type
FROM sys.all_objects o JOIN sys.spt_described_columns c ON c.object_id = o.object_id
WHERE o.type = 'P' AND ((@fUsePattern = 1 AND o.name LIKE @procedure_name) OR o.name = @procedure_name)
    AND (@procedure_owner IS NULL OR (@fUsePattern = 1 AND SCHEMA_NAME(o.schema_id) LIKE @procedure_owner) OR SCHEMA_NAME(o.schema_id) = @procedure_owner)
    AND (@column_name IS NULL OR c.name LIKE @column_name)
ORDER BY 1, 2, 3, 18
GO
CREATE PROCEDURE sys.sp_sproc_columns_100
    @procedure_name nvarchar(390) = N'%', @procedure_owner nvarchar(384) = NULL, @procedure_qualifier sysname = NULL,
    @column_name nvarchar(384) = NULL, @ODBCVer int = 2, @fUsePattern bit = 1
AS
EXEC sys.sp_sproc_columns @procedure_name, @procedure_owner, @procedure_qualifier, @column_name, @ODBCVer, @fUsePattern
GO
CREATE PROCEDURE sys.sp_table_privileges
    @table_name nvarchar(384), @table_owner nvarchar(384) = NULL, @table_qualifier sysname = NULL, @fUsePattern bit = 1
AS
IF ISNULL(@table_qualifier, N'') <> N'' AND @table_qualifier <> DB_NAME()
BEGIN
    RAISERROR(15250, -1, -1)
    RETURN
END
SELECT CAST(DB_NAME() AS sysname) AS TABLE_QUALIFIER, CAST(SCHEMA_NAME(o.schema_id) AS sysname) AS TABLE_OWNER,
    CAST(o.name AS sysname) AS TABLE_NAME, CAST(N'dbo' AS sysname) AS GRANTOR, CAST(g.grantee AS sysname) AS GRANTEE,
    CAST(g.privilege AS varchar(32)) AS PRIVILEGE, CAST(g.is_grantable AS varchar(3)) AS IS_GRANTABLE
FROM sys.all_objects o
JOIN (
    SELECT p.major_id, USER_NAME(p.grantee_principal_id) AS grantee, p.permission_name AS privilege, 'NO' AS is_grantable
    FROM sys.database_permissions p WHERE p.class = 1 AND p.state = 'G'
    UNION ALL
    SELECT t.object_id, N'dbo', k.privilege, 'YES' FROM sys.tables t
    CROSS JOIN (VALUES (N'DELETE'), (N'INSERT'), (N'REFERENCES'), (N'SELECT'), (N'UPDATE')) AS k(privilege)
) AS g ON g.major_id = o.object_id
WHERE o.type IN ('U', 'V') AND ((@fUsePattern = 1 AND o.name LIKE @table_name) OR o.name = @table_name)
    AND (@table_owner IS NULL OR (@fUsePattern = 1 AND SCHEMA_NAME(o.schema_id) LIKE @table_owner) OR SCHEMA_NAME(o.schema_id) = @table_owner)
ORDER BY 1, 2, 3, 6, 5
GO
CREATE PROCEDURE sys.sp_server_info @attribute_id int = NULL
AS
SELECT CAST(id AS int) AS attribute_id, CAST(name AS varchar(60)) AS attribute_name, CAST(value AS varchar(255)) AS attribute_value
FROM (VALUES
    (1, 'DBMS_NAME', 'Microsoft SQL Server'),
    (2, 'DBMS_VER', 'Microsoft SQL Server 2014 - ' + CAST(SERVERPROPERTY('ProductVersion') AS varchar(30))),
    (10, 'OWNER_TERM', 'owner'), (11, 'TABLE_TERM', 'table'), (12, 'MAX_OWNER_NAME_LENGTH', '128'),
    (13, 'TABLE_LENGTH', '128'), (14, 'MAX_QUAL_LENGTH', '128'), (15, 'COLUMN_LENGTH', '128'),
    (16, 'IDENTIFIER_CASE', 'MIXED'), (17, 'TX_ISOLATION', '2'), (18, 'COLLATION_SEQ', 'charset=iso_1 sort_order=nocase_iso charset_num=1 sort_order_num=52'),
    (19, 'SAVEPOINT_SUPPORT', 'Y'), (20, 'MULTI_RESULT_SETS', 'Y'), (22, 'ACCESSIBLE_TABLES', 'Y'),
    (100, 'USERID_LENGTH', '128'), (101, 'QUALIFIER_TERM', 'database'), (102, 'NAMED_TRANSACTIONS', 'Y'),
    (103, 'SPROC_AS_LANGUAGE', 'Y'), (104, 'ACCESSIBLE_SPROC', 'Y'), (105, 'MAX_INDEX_COLS', '16'),
    (106, 'RENAME_TABLE', 'Y'), (107, 'RENAME_COLUMN', 'Y'), (108, 'DROP_COLUMN', 'Y'),
    (109, 'INCREASE_COLUMN_LENGTH', 'Y'), (110, 'DDL_IN_TRANSACTION', 'Y'), (111, 'DESCENDING_INDEXES', 'Y'),
    (112, 'SP_RENAME', 'Y'), (113, 'REMOTE_SPROC', 'Y'),
    (500, 'SYS_SPROC_VERSION', CAST(SERVERPROPERTY('ProductVersion') AS varchar(30)))
) AS t(id, name, value)
WHERE @attribute_id IS NULL OR id = @attribute_id
ORDER BY id
