//! What this server does not model, as a list that users can print.

/// One thing that is left out or differs, in one sentence.
pub const NOT_MODELLED: &[&str] = &[
    // Wire
    "Client certificates in the TLS handshake: none is asked for.",
    "Windows sign-in and federated authentication: only SQL logins can connect (18452 otherwise).",
    "Several active result sets on one connection (MARS): a client that asks for them is told no.",
    "Table-valued parameters, parameters of CLR types, encrypted parameters, bulk load and distributed transactions: an error names them.",
    "Cursors that a driver opens by procedure call (sp_cursoropen and its family) are STATIC and READ_ONLY, and \
     say so; sp_cursor, a positioned change through one, is refused.",
    "Collations other than SQL_Latin1_General_CP1_CI_AS: char and varchar hold code page 1252.",
    "A change of the password while logging in.",
    "Session recovery and the other features a client may ask for at login: none is acknowledged, which tells the client that they are not there.",
    // T-SQL
    "FOR XML EXPLICIT, triggers, table types, filtered indexes and linked servers: error 40510 names them.",
    "Of xml values the methods value, query, exist and nodes are there, for paths of steps, attributes, text() and \
     simple predicates; other XQuery, modify and typed xml are refused, and CAST to xml does not check the text.",
    "FORMAT, PARSE and TRY_PARSE know the culture en-US (also when none is named) and the invariant one; others are \
     refused by name. What Windows has changed of en-US's patterns since 2014 is not followed.",
    "HASHBYTES has MD5, SHA, SHA1, SHA2_256 and SHA2_512; MD2 and MD4 are refused. CHECKSUM gives numbers of its own.",
    "AT TIME ZONE takes Windows's names of time zones, by the rules of the tz database; before 1970 they can differ.",
    "OPENJSON … WITH has no binary columns; JSON paths have no wildcards and ranges; half of an escaped surrogate pair \
     becomes U+FFFD.",
    "Functions, clauses and statements of the Transact-SQL reference that are not here are refused by name (40510) when \
     the batch is parsed; what is in no reference gets 102, 156, 195 or 208.",
    "UPDATE STATISTICS and ALTER INDEX … REBUILD or REORGANIZE are accepted for tables that are there and change nothing.",
    "Functions of one's own hold no cursors and take at most 10,000,000 steps a call; WITH SCHEMABINDING keeps \
     nothing from being dropped; NEWID and RAND are allowed in them.",
    "Columns of an alias type are shown with the type it stands for, and DROP TYPE does not look for them.",
    "NEXT VALUE FOR gives another number each time it stands in a row, and has no OVER clause.",
    "A global temporary table ends with the session that made it, whoever uses it.",
    "A change through a view or common table reaches the first table of its FROM only.",
    "Cursors read their rows when they are opened. One over a single table shows later changes of these rows \
     (unless it is STATIC or FAST_FORWARD), but no rows that are added later; OPTIMISTIC and SCROLL_LOCKS take \
     no locks and detect no changes.",
    "Permissions on columns, WITH GRANT OPTION, application roles, user-defined server roles, IMPERSONATE as a \
     permission of its own, and permissions on certificates are refused by name; whoever controls a database may act as its users.",
    "A default schema other than dbo is refused.",
    "EXECUTE AS … WITH NO REVERT or COOKIE is refused.",
    "Hints that only choose a plan, statistics and SET options about them are accepted and change nothing; \
     SET ANSI_NULLS OFF, CONCAT_NULL_YIELDS_NULL OFF, DATEFORMAT and LANGUAGE other than us_english are refused.",
    "Texts compare by lower-case code points: the order of punctuation and accents can differ from the collation's.",
    "DBCC CHECKDB and its parts always find a sound database. DBCC PAGE, SHOWCONTIG, MEMORYSTATUS and the like are \
     refused by name; UPDATEUSAGE, CLEANTABLE, DBREINDEX, INDEXDEFRAG and emptying caches change nothing; trace flags \
     are accepted when they only choose plans, allocation or where DBCC prints.",
    "A log is in one piece: DBCC LOGINFO and sys.dm_db_log_info show one virtual log file for each log file.",
    "RAISERROR knows only the messages that this server can raise; there is no sp_addmessage.",
    "Functions and clauses that came with SQL Server 2016 and 2017 (JSON, STRING_AGG, STRING_SPLIT, STRING_ESCAPE, \
     AT TIME ZONE, TRIM, TRANSLATE, CONCAT_WS, DROP … IF EXISTS, CREATE OR ALTER) are there though the version is \
     2014, at every compatibility level; later ones are refused by name.",
    "FOR XML and FOR JSON send their text as one row, not in pieces of 2033 characters.",
    // Server
    "The server says that it is SQL Server 2014; catalog views have the columns of the 2016/2017 manual.",
    "Settings (sp_configure, sys.configurations) that would change what the server does cannot be changed (xp_cmdshell, \
     clr enabled, user connections …); others are kept and shown, and of them 'show advanced options' and 'backup \
     compression default' have an effect.",
    "sys.dm_exec_sql_text finds the texts of batches that open sessions sent last, the first 64 KB of each.",
    "Procedures and views of the product that are not here are refused by name (40510) where the name is known.",
    "sys.messages lists only the messages that this server can raise.",
    "Background sessions (session_id below 51) are listed and do nothing; there are ten of them.",
    "Data and log files are names in the catalog: no .mdf or .ldf is written, and none can be attached. A server with a \
     data directory keeps one log and images of its own there.",
    "Named instances answer at the port they are given: there is no SQL Server Browser.",
    "Processor time, reads, memory and plans are not measured: their columns hold 0 or NULL.",
    "sys.dm_os_enumerate_filesystem, sys.dm_os_file_exists, sys.dm_exec_input_buffer and sys.dm_db_log_info are newer \
     than 2014 and answer all the same; the time of a file's creation and last access is that of its last write.",
    "Sizes of tables (sp_spaceused, sys.dm_db_partition_stats) are reckoned from the rows, an index as a twentieth of its table.",
    "Columns of views are not listed in sys.columns, sp_columns and INFORMATION_SCHEMA.COLUMNS.",
    // Log shipping
    "sqllogship.exe is not a program here: a job step that names it is carried out by the server itself, and \
     its BACKUP and RESTORE are not shown to observers as a client's statements.",
    "sqllogship restores the first backup set of each file.",
    "A remote log-shipping monitor with Windows authentication is reached as sa with this server's own sa \
     password; there is no linked server and no proxy account.",
    "The password for a monitor's SQL login is kept in memory only: after a restart the monitor is signed in to \
     as sa.",
    "Whether sp_delete_log_shipping_secondary_database raises 32014 and returns 1 for an unknown database is \
     not documented; this server does.",
    "A monitor that cannot be reached makes the log-shipping procedures raise 32054 (32055 when it refuses) and \
     return 1: adding then changes nothing, deleting has removed everything on this server.",
    // Agent
    "Agent runs steps of the subsystems TSQL and CmdExec; CmdExec runs nothing but sqllogship.",
    "Agent knows schedules that run once, daily, weekly, monthly by date, and at its start; relative months and \
     idle processors are refused.",
    "Agent has no operators, alerts, proxies, output files or multi-server jobs; jobs do not delete themselves.",
    "Agent's fixed database roles are not modelled: its procedures answer sysadmins only.",
    // Catalog
    "Permissions decide who may see sessions, locks and the server's state; other metadata is visible to all.",
    // Storage
    "Data and log files are names in the catalog: what a database holds lives in the server's memory, with what \
     a power loss would leave of it. Their sizes are those of the backup or of CREATE DATABASE.",
    "A differential backup holds the whole database, not only what changed; backups are never compressed, and \
     COMPRESSION only sets the flag.",
    "Backups go to one file on disk: no striping, mirroring of media, passwords, encryption, or URL.",
    "A restore reads a backup file at its beginning; file, filegroup and page restores are refused.",
    "BULK_LOGGED logs as FULL does.",
    "Isolation: rows written and not committed block readers, unless the database has READ_COMMITTED_SNAPSHOT or the \
     transaction is under SNAPSHOT; SERIALIZABLE and REPEATABLE READ lock the whole table. While a snapshot is open, \
     the first write to a table copies it.",
    "A deadlock's victim is the session that closes the circle, whatever it has done.",
    // Mirroring
    "No mirroring witness, hence no automatic failover.",
    "Mirroring partners send no heartbeat: a silent link is noticed by the next synchronous commit, after \
     PARTNER TIMEOUT; a lost mirror is tried again after 10 seconds, then ever more seldom, up to 320.",
    "The stream between mirroring partners is never encrypted, whatever ENCRYPTION says, and endpoints that differ in it \
     find each other all the same.",
    "Endpoints with certificates look whether the partner shows a certificate that is in master, in date, and owned by \
     who may connect; that it holds the private key is believed. Endpoints with Windows authentication believe everybody.",
    "Master keys and certificates are those of master alone and have no cryptography behind them: nothing is signed or \
     encrypted with them, and their files are this server's own. Asymmetric keys, and symmetric keys of one's own, are \
     not there; neither are ALTER CERTIFICATE, OPEN, ALTER and BACKUP MASTER KEY.",
];
