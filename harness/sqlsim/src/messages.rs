//! The messages this server can raise: number, severity, default state, template.
//!
//! Only messages that some code raises are listed, in ascending order, each
//! with the exact template of `sys.messages`.

use crate::error::SqlError;

/// One row of the table.
#[derive(Debug)]
pub struct Message {
    /// Message number.
    pub number: i32,
    /// Severity.
    pub severity: u8,
    /// Template with printf-like place holders (`%d`, `%ls`, `%.*ls`, `%S_MSG` …).
    pub template: &'static str,
}

/// The number of [`unsupported`].
pub const NOT_SUPPORTED: i32 = 40510;

/// All messages, ascending by number.
pub const MESSAGES: &[Message] = &[
    Message { number: 102, severity: 15, template: "Incorrect syntax near '%.*ls'." },
    Message {
        number: 103,
        severity: 15,
        template: "The %S_MSG that starts with '%.*ls' is too long. Maximum length is %d.",
    },
    Message {
        number: 104,
        severity: 15,
        template: "ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT or EXCEPT operator.",
    },
    Message {
        number: 105,
        severity: 15,
        template: "Unclosed quotation mark after the character string '%.*ls'.",
    },
    Message {
        number: 107,
        severity: 15,
        template: "The column prefix '%.*ls' does not match with a table name or alias name used in the query.",
    },
    Message {
        number: 108,
        severity: 15,
        template: "The ORDER BY position number %ld is out of range of the number of items in the select list.",
    },
    Message {
        number: 109,
        severity: 15,
        template: "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.",
    },
    Message {
        number: 110,
        severity: 15,
        template: "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.",
    },
    Message { number: 111, severity: 15, template: "'%ls' must be the first statement in a query batch." },
    Message { number: 113, severity: 15, template: "Missing end comment mark '*/'." },
    Message {
        number: 116,
        severity: 16,
        template: "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
    },
    Message {
        number: 117,
        severity: 15,
        template: "The %S_MSG name '%.*ls' contains more than the maximum number of prefixes. The maximum is %d.",
    },
    Message {
        number: 119,
        severity: 15,
        template: "Must pass parameter number %d and subsequent parameters as '@name = value'. After the form '@name = value' has been used, all subsequent parameters must be passed in the form '@name = value'.",
    },
    Message {
        number: 120,
        severity: 15,
        template: "The select list for the INSERT statement contains fewer items than the insert list. The number of SELECT values must match the number of INSERT columns.",
    },
    Message {
        number: 121,
        severity: 15,
        template: "The select list for the INSERT statement contains more items than the insert list. The number of SELECT values must match the number of INSERT columns.",
    },
    Message {
        number: 131,
        severity: 15,
        template: "The size (%d) given to the %S_MSG '%.*ls' exceeds the maximum allowed for any data type (%d).",
    },
    Message {
        number: 133,
        severity: 15,
        template: "A GOTO statement references the label '%.*ls' but the label has not been declared.",
    },
    Message {
        number: 134,
        severity: 15,
        template: "The variable name '%.*ls' has already been declared. Variable names must be unique within a query batch or stored procedure.",
    },
    Message {
        number: 135,
        severity: 15,
        template: "Cannot use a BREAK statement outside the scope of a WHILE statement.",
    },
    Message {
        number: 136,
        severity: 15,
        template: "Cannot use a CONTINUE statement outside the scope of a WHILE statement.",
    },
    Message { number: 137, severity: 15, template: "Must declare the scalar variable \"%.*ls\"." },
    Message {
        number: 141,
        severity: 15,
        template: "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.",
    },
    Message {
        number: 145,
        severity: 15,
        template: "ORDER BY items must appear in the select list if SELECT DISTINCT is specified.",
    },
    Message {
        number: 147,
        severity: 15,
        template: "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in a HAVING clause or a select list, and the column being aggregated is an outer reference.",
    },
    Message {
        number: 148,
        severity: 15,
        template: "Incorrect time syntax in time string '%.*ls' used with WAITFOR.",
    },
    Message { number: 155, severity: 15, template: "'%.*ls' is not a recognized %ls option." },
    Message { number: 156, severity: 15, template: "Incorrect syntax near the keyword '%.*ls'." },
    Message {
        number: 166,
        severity: 15,
        template: "'%ls' does not allow specifying the database name as a prefix to the object name.",
    },
    Message { number: 174, severity: 15, template: "The %.*ls function requires %d argument(s)." },
    Message {
        number: 178,
        severity: 15,
        template: "A RETURN statement with a return value cannot be used in this context.",
    },
    Message {
        number: 179,
        severity: 15,
        template: "Cannot use the OUTPUT option when passing a constant to a stored procedure.",
    },
    Message { number: 189, severity: 15, template: "The %ls function requires %d to %d arguments." },
    Message {
        number: 191,
        severity: 15,
        template: "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries.",
    },
    Message { number: 192, severity: 16, template: "The scale must be less than or equal to the precision." },
    Message { number: 195, severity: 15, template: "'%.*ls' is not a recognized %S_MSG." },
    Message {
        number: 201,
        severity: 16,
        template: "Procedure or function '%.*ls' expects parameter '%.*ls', which was not supplied.",
    },
    Message {
        number: 205,
        severity: 16,
        template: "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.",
    },
    Message { number: 206, severity: 16, template: "Operand type clash: %ls is incompatible with %ls" },
    Message { number: 207, severity: 16, template: "Invalid column name '%.*ls'." },
    Message { number: 208, severity: 16, template: "Invalid object name '%.*ls'." },
    Message { number: 209, severity: 16, template: "Ambiguous column name '%.*ls'." },
    Message {
        number: 213,
        severity: 16,
        template: "Column name or number of supplied values does not match table definition.",
    },
    Message { number: 214, severity: 16, template: "Procedure expects parameter '%ls' of type '%ls'." },
    Message {
        number: 217,
        severity: 16,
        template: "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit %d).",
    },
    Message {
        number: 218,
        severity: 16,
        template: "Could not find the type '%.*ls'. Either it does not exist or you do not have the necessary permission.",
    },
    Message {
        number: 219,
        severity: 16,
        template: "The type '%.*ls' already exists, or you do not have permission to create it.",
    },
    Message {
        number: 220,
        severity: 16,
        template: "Arithmetic overflow error for data type %ls, value = %ld.",
    },
    Message {
        number: 226,
        severity: 16,
        template: "%ls statement not allowed within multi-statement transaction.",
    },
    Message {
        number: 229,
        severity: 14,
        template: "The %ls permission was denied on the object '%.*ls', database '%.*ls', schema '%.*ls'.",
    },
    Message {
        number: 235,
        severity: 16,
        template: "Cannot convert a char value to money. The char value has incorrect syntax.",
    },
    Message {
        number: 240,
        severity: 16,
        template: "Types don't match between the anchor and the recursive part in column \"%.*ls\" of recursive query \"%.*ls\".",
    },
    Message {
        number: 241,
        severity: 16,
        template: "Conversion failed when converting date and/or time from character string.",
    },
    Message {
        number: 242,
        severity: 16,
        template: "The conversion of a %ls data type to a %ls data type resulted in an out-of-range value.",
    },
    Message {
        number: 244,
        severity: 16,
        template: "The conversion of the %ls value '%.*ls' overflowed an %hs column. Use a larger integer column.",
    },
    Message {
        number: 245,
        severity: 16,
        template: "Conversion failed when converting the %ls value '%.*ls' to data type %ls.",
    },
    Message {
        number: 246,
        severity: 16,
        template: "No anchor member was specified for recursive query \"%.*ls\".",
    },
    Message {
        number: 248,
        severity: 16,
        template: "The conversion of the %ls value '%.*ls' overflowed an int column.",
    },
    Message {
        number: 252,
        severity: 16,
        template: "Recursive common table expression '%.*ls' does not contain a top-level UNION ALL operator.",
    },
    Message {
        number: 253,
        severity: 16,
        template: "Recursive member of a common table expression '%.*ls' has multiple recursive references.",
    },
    Message { number: 258, severity: 15, template: "Cannot call methods on %ls." },
    Message { number: 259, severity: 16, template: "Ad hoc updates to system catalogs are not allowed." },
    Message { number: 262, severity: 16, template: "%ls permission denied in database '%.*ls'." },
    Message { number: 263, severity: 16, template: "Must specify table to select from." },
    Message {
        number: 264,
        severity: 16,
        template: "The column name '%.*ls' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the duplication in your code.",
    },
    Message {
        number: 265,
        severity: 16,
        template: "The column name \"%.*ls\" specified in the PIVOT operator conflicts with the existing column name in the PIVOT argument.",
    },
    Message {
        number: 266,
        severity: 16,
        template: "Transaction count after EXECUTE indicates a mismatching number of BEGIN and COMMIT statements. Previous count = %ld, current count = %ld.",
    },
    Message {
        number: 271,
        severity: 16,
        template: "The column \"%.*ls\" cannot be modified because it is either a computed column or is the result of a UNION operator.",
    },
    Message {
        number: 281,
        severity: 16,
        template: "%d is not a valid style number when converting from %ls to a character string.",
    },
    Message {
        number: 289,
        severity: 16,
        template: "Cannot construct data type %ls, some of the arguments have values which are not valid.",
    },
    Message {
        number: 297,
        severity: 16,
        template: "The user does not have permission to perform this action.",
    },
    Message {
        number: 300,
        severity: 14,
        template: "%ls permission was denied on object '%.*ls', database '%.*ls'.",
    },
    Message {
        number: 310,
        severity: 15,
        template: "The value %d specified for the MAXRECURSION option exceeds the allowed maximum of %d.",
    },
    Message {
        number: 313,
        severity: 16,
        template: "An insufficient number of arguments were supplied for the procedure or function %.*ls.",
    },
    Message {
        number: 321,
        severity: 15,
        template: "\"%.*ls\" is not a recognized table hints option. If it is intended as a parameter to a table-valued function or to the CHANGETABLE function, ensure that your database compatibility mode is set to 90.",
    },
    Message {
        number: 402,
        severity: 16,
        template: "The data types %s and %s are incompatible in the %s operator.",
    },
    Message {
        number: 443,
        severity: 16,
        template: "Invalid use of a side-effecting operator '%s' within a function.",
    },
    Message {
        number: 444,
        severity: 16,
        template: "Select statements included within a function cannot return data to a client.",
    },
    Message {
        number: 455,
        severity: 16,
        template: "The last statement included within a function must be a return statement.",
    },
    Message {
        number: 460,
        severity: 16,
        template: "DISTINCT operator is not allowed in the recursive part of a recursive common table expression '%.*ls'.",
    },
    Message {
        number: 461,
        severity: 16,
        template: "The TOP or OFFSET operator is not allowed in the recursive part of a recursive common table expression '%.*ls'.",
    },
    Message {
        number: 462,
        severity: 16,
        template: "Outer join is not allowed in the recursive part of a recursive common table expression '%.*ls'.",
    },
    Message {
        number: 467,
        severity: 16,
        template: "GROUP BY, HAVING, or aggregate functions are not allowed in the recursive part of a recursive common table expression '%.*ls'.",
    },
    Message {
        number: 512,
        severity: 16,
        template: "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression.",
    },
    Message {
        number: 515,
        severity: 16,
        template: "Cannot insert the value NULL into column '%.*ls', table '%.*ls'; column does not allow nulls. %ls fails.",
    },
    Message { number: 517, severity: 16, template: "Adding a value to a '%ls' column caused an overflow." },
    Message {
        number: 529,
        severity: 16,
        template: "Explicit conversion from data type %ls to %ls is not allowed.",
    },
    Message {
        number: 530,
        severity: 16,
        template: "The statement terminated. The maximum recursion %d has been exhausted before statement completion.",
    },
    Message {
        number: 535,
        severity: 16,
        template: "The %.*ls function resulted in an overflow. The number of dateparts separating two date/time instances is too large. Try to use %.*ls with a less precise datepart.",
    },
    Message { number: 536, severity: 16, template: "Invalid length parameter passed to the RIGHT function." },
    Message {
        number: 537,
        severity: 16,
        template: "Invalid length parameter passed to the LEFT or SUBSTRING function.",
    },
    Message {
        number: 544,
        severity: 16,
        template: "Cannot insert explicit value for identity column in table '%.*ls' when IDENTITY_INSERT is set to OFF.",
    },
    Message {
        number: 545,
        severity: 16,
        template: "Explicit value must be specified for identity column in table '%.*ls' either when IDENTITY_INSERT is set to ON or when a replication user is inserting into a NOT FOR REPLICATION identity column.",
    },
    Message {
        number: 547,
        severity: 16,
        template: "The %ls statement conflicted with the %ls constraint \"%.*ls\". The conflict occurred in database \"%.*ls\", table \"%.*ls\"%ls%.*ls%ls.",
    },
    Message {
        number: 557,
        severity: 16,
        template: "Only functions and some extended stored procedures can be executed from within a function.",
    },
    Message {
        number: 596,
        severity: 21,
        template: "Cannot continue the execution because the session is in the kill state.",
    },
    Message {
        number: 628,
        severity: 16,
        template: "Cannot issue SAVE TRANSACTION when there is no active transaction.",
    },
    Message {
        number: 701,
        severity: 19,
        template: "There is insufficient system memory in resource pool '%ls' to run this query.",
    },
    Message {
        number: 911,
        severity: 16,
        template: "Database '%.*ls' does not exist. Make sure that the name is entered correctly.",
    },
    Message {
        number: 913,
        severity: 22,
        template: "Could not find database ID %d. Database may not be activated yet or may be in transition. Reissue the query once the database is available. If you do not think this error is due to a database that is transitioning its state and this error continues to occur, contact your primary support provider. Please have available for review the Microsoft SQL Server error log and any additional information relevant to the circumstances when the error occurred.",
    },
    Message {
        number: 916,
        severity: 14,
        template: "The server principal \"%.*ls\" is not able to access the database \"%.*ls\" under the current security context.",
    },
    Message {
        number: 922,
        severity: 14,
        template: "Database '%.*ls' is being recovered. Waiting until recovery is finished.",
    },
    Message {
        number: 923,
        severity: 14,
        template: "Database '%.*ls' is in restricted mode. Only the database owner and members of the dbcreator and sysadmin roles can access it.",
    },
    Message {
        number: 924,
        severity: 14,
        template: "Database '%.*ls' is already open and can only have one user at a time.",
    },
    Message {
        number: 926,
        severity: 14,
        template: "Database '%.*ls' cannot be opened. It has been marked SUSPECT by recovery. See the SQL Server errorlog for more information.",
    },
    Message {
        number: 927,
        severity: 14,
        template: "Database '%.*ls' cannot be opened. It is in the middle of a restore.",
    },
    Message {
        number: 942,
        severity: 14,
        template: "Database '%.*ls' cannot be opened because it is offline.",
    },
    Message {
        number: 945,
        severity: 16,
        template: "Database '%.*ls' cannot be opened due to inaccessible files or insufficient memory or disk space. See the SQL Server errorlog for details.",
    },
    Message {
        number: 952,
        severity: 16,
        template: "Database '%.*ls' is in transition. Try the statement later.",
    },
    Message {
        number: 954,
        severity: 14,
        template: "The database \"%.*ls\" cannot be opened. It is acting as a mirror database.",
    },
    Message {
        number: 957,
        severity: 17,
        template: "Database '%.*ls' is enabled for database mirroring or has joined an availability group. The name of the database cannot be changed.",
    },
    Message {
        number: 1007,
        severity: 15,
        template: "The number '%.*ls' is out of the range for numeric representation (maximum precision %d).",
    },
    Message { number: 1031, severity: 15, template: "Percent values must be between 0 and 100." },
    Message {
        number: 1038,
        severity: 15,
        template: "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as \"\" or [] are not allowed. Change the alias to a valid name.",
    },
    Message { number: 1048, severity: 15, template: "Conflicting cursor options %s and %s." },
    Message {
        number: 1060,
        severity: 15,
        template: "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.",
    },
    Message { number: 1087, severity: 15, template: "Must declare the table variable \"%.*ls\"." },
    Message {
        number: 1088,
        severity: 16,
        template: "Cannot find the object \"%.*ls\" because it does not exist or you do not have permissions.",
    },
    Message {
        number: 1205,
        severity: 13,
        template: "Transaction (Process ID %d) was deadlocked on %.*ls resources with another process and has been chosen as the deadlock victim. Rerun the transaction.",
    },
    Message { number: 1222, severity: 16, template: "Lock request time out period exceeded." },
    Message {
        number: 1405,
        severity: 16,
        template: "The database \"%.*ls\" is already enabled for database mirroring.",
    },
    Message {
        number: 1407,
        severity: 16,
        template: "The remote copy of database \"%.*ls\" is not related to the local copy of the database.",
    },
    Message {
        number: 1408,
        severity: 16,
        template: "The remote copy of database \"%.*ls\" is not recovered far enough to enable database mirroring or to join it to the availability group. You need to apply missing log records to the remote database by restoring the current log backups from the principal/primary database.",
    },
    Message {
        number: 1410,
        severity: 16,
        template: "The remote copy of database \"%.*ls\" is already enabled for database mirroring.",
    },
    Message {
        number: 1412,
        severity: 16,
        template: "The remote copy of database \"%.*ls\" has not been rolled forward to a point in time that is encompassed in the local copy of the database log.",
    },
    Message {
        number: 1415,
        severity: 16,
        template: "The database mirroring operation for database \"%.*ls\" failed. The requested operation could not be performed.",
    },
    Message {
        number: 1416,
        severity: 16,
        template: "Database \"%.*ls\" is not configured for database mirroring.",
    },
    Message {
        number: 1418,
        severity: 16,
        template: "The server network address \"%.*ls\" can not be reached or does not exist. Check the network address name and that the ports for the local and remote endpoints are operational.",
    },
    Message {
        number: 1422,
        severity: 16,
        template: "The mirror server instance is not caught up to the recent changes to database \"%.*ls\". Unable to fail over.",
    },
    Message {
        number: 1436,
        severity: 16,
        template: "The Service Broker ID for the remote copy of database \"%.*ls\" does not match the ID on the principal server.",
    },
    Message {
        number: 1439,
        severity: 16,
        template: "There is currently no witness associated with database \"%.*ls\".",
    },
    Message {
        number: 1440,
        severity: 10,
        template: "Database mirroring is active with database '%.*ls' as the principal copy. This is an informational message only. No user action is required.",
    },
    Message {
        number: 1441,
        severity: 10,
        template: "Database mirroring is active with database '%.*ls' as the mirror copy. This is an informational message only. No user action is required.",
    },
    Message {
        number: 1443,
        severity: 10,
        template: "Database mirroring has been terminated for database '%.*ls'. This is an informational message only. No user action is required.",
    },
    Message {
        number: 1448,
        severity: 16,
        template: "The remote copy of database \"%.*ls\" does not exist. Check the database name and reissue the command.",
    },
    Message {
        number: 1449,
        severity: 16,
        template: "ALTER DATABASE command failed due to an invalid server connection string.",
    },
    Message {
        number: 1452,
        severity: 16,
        template: "The partner server instance name must be distinct from the server instance that manages the database. The ALTER DATABASE SET PARTNER command failed.",
    },
    Message {
        number: 1455,
        severity: 16,
        template: "The database mirroring service cannot be forced for database \"%.*ls\" because the database is not in the correct state to become the principal database.",
    },
    Message {
        number: 1464,
        severity: 16,
        template: "Database \"%.*ls\" is not in a recovering state which is required for a mirror database or secondary database. The remote database must be restored using WITH NORECOVERY.",
    },
    Message {
        number: 1465,
        severity: 16,
        template: "Database \"%.*ls\" database is not in full recovery mode on each of the server instances. The full recovery model is required for a database to participate in database mirroring or in an availability group.",
    },
    Message {
        number: 1466,
        severity: 16,
        template: "Database \"%.*ls\" is read-only on one of the server instances which is incompatible with participating in database mirroring or in an availability group. Set the database to read-write mode, and retry the operation.",
    },
    Message {
        number: 1467,
        severity: 16,
        template: "Database \"%.*ls\" database is in emergency or suspect mode on one of the partners which is incompatible with participating in database mirroring or in an availability group.",
    },
    Message {
        number: 1468,
        severity: 16,
        template: "The operation cannot be performed on database \"%.*ls\" because it is involved in a database mirroring session or an availability group. Some operations are not allowed on a database that is participating in a database mirroring session or in an availability group.",
    },
    Message {
        number: 1469,
        severity: 16,
        template: "Database \"%.*ls\" is an auto-close database on one of the partners which is incompatible with participating in database mirroring or in an availability group.",
    },
    Message {
        number: 1470,
        severity: 16,
        template: "The alter database for this partner config values may only be initiated on the current principal server for database \"%.*ls\".",
    },
    Message {
        number: 1476,
        severity: 16,
        template: "Database mirroring timeout value %d exceeds the maximum value 32767.",
    },
    Message {
        number: 1477,
        severity: 16,
        template: "The database mirroring safety level must be FULL to manually failover database \"%.*ls\". Set safety level to FULL and retry.",
    },
    Message {
        number: 1478,
        severity: 16,
        template: "The mirror database, \"%.*ls\", has insufficient transaction log data to preserve the log backup chain of the principal database. This may happen if a log backup from the principal database has not been taken or has not been restored on the mirror database.",
    },
    Message {
        number: 1479,
        severity: 16,
        template: "The mirroring connection to \"%.*ls\" has timed out for database \"%.*ls\" after %d seconds without a response. Check the service and network connections.",
    },
    Message {
        number: 1488,
        severity: 16,
        template: "Database \"%.*ls\" database is in single user mode which is incompatible with participating in database mirroring or in an availability group. Set database to multi-user mode, and retry the operation.",
    },
    Message {
        number: 1505,
        severity: 16,
        template: "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name '%.*ls' and the index name '%.*ls'.  The duplicate key value is %ls.",
    },
    Message { number: 1767, severity: 16, template: "Foreign key '%.*ls' references invalid table '%.*ls'." },
    Message {
        number: 1773,
        severity: 16,
        template: "Foreign key '%.*ls' has implicit reference to object '%.*ls' which does not have a primary key defined on it.",
    },
    Message {
        number: 1776,
        severity: 16,
        template: "There are no primary or candidate keys in the referenced table '%.*ls' that match the referencing column list in the foreign key '%.*ls'.",
    },
    Message {
        number: 1779,
        severity: 16,
        template: "Table '%.*ls' already has a primary key defined on it.",
    },
    Message { number: 1781, severity: 16, template: "Column already has a DEFAULT bound to it." },
    Message {
        number: 1801,
        severity: 16,
        template: "Database '%.*ls' already exists. Choose a different database name.",
    },
    Message {
        number: 1828,
        severity: 16,
        template: "The logical file name \"%.*ls\" is already in use. Choose a different name.",
    },
    Message {
        number: 1834,
        severity: 16,
        template: "The file '%ls' cannot be overwritten.  It is being used by database '%.*ls'.",
    },
    Message {
        number: 1902,
        severity: 16,
        template: "Cannot create more than one clustered index on table '%.*ls'. Drop the existing clustered index '%.*ls' before creating another.",
    },
    Message {
        number: 1911,
        severity: 16,
        template: "Column name '%.*ls' does not exist in the target table or view.",
    },
    Message {
        number: 1913,
        severity: 16,
        template: "The operation failed because an index or statistics with name '%.*ls' already exists on table '%.*ls'.",
    },
    Message {
        number: 2501,
        severity: 16,
        template: "Cannot find a table or object with the name \"%.*ls\". Check the system catalog.",
    },
    Message {
        number: 2520,
        severity: 16,
        template: "Could not find database '%.*ls'. The database either does not exist, or was dropped before a statement tried to use it. Verify if the database exists by querying the sys.databases catalog view.",
    },
    Message {
        number: 2526,
        severity: 16,
        template: "Incorrect DBCC statement. Check the documentation for the correct DBCC syntax and options.",
    },
    Message {
        number: 2528,
        severity: 10,
        template: "DBCC execution completed. If DBCC printed error messages, contact your system administrator.",
    },
    Message { number: 2536, severity: 10, template: "DBCC results for '%.*ls'." },
    Message {
        number: 2571,
        severity: 14,
        template: "User '%.*ls' does not have permission to run DBCC %.*ls.",
    },
    Message {
        number: 2593,
        severity: 10,
        template: "There are %I64d rows in %I64d pages for object \"%.*ls\".",
    },
    Message {
        number: 2601,
        severity: 14,
        template: "Cannot insert duplicate key row in object '%.*ls' with unique index '%.*ls'. The duplicate key value is %ls.",
    },
    Message {
        number: 2627,
        severity: 14,
        template: "Violation of %ls constraint '%.*ls'. Cannot insert duplicate key in object '%.*ls'. The duplicate key value is %ls.",
    },
    Message {
        number: 2705,
        severity: 16,
        template: "Column names in each table must be unique. Column name '%.*ls' in table '%.*ls' is specified more than once.",
    },
    Message { number: 2706, severity: 11, template: "Table '%.*ls' does not exist." },
    Message {
        number: 2714,
        severity: 16,
        template: "There is already an object named '%.*ls' in the database.",
    },
    Message {
        number: 2715,
        severity: 16,
        template: "Column, parameter, or variable #%d: Cannot find data type %.*ls.",
    },
    Message { number: 2741, severity: 16, template: "SET DATEFIRST %d is out of range." },
    Message {
        number: 2744,
        severity: 16,
        template: "Multiple identity columns specified for table '%.*ls'. Only one identity column per table is allowed.",
    },
    Message {
        number: 2750,
        severity: 16,
        template: "Column or parameter #%d: Specified column precision %d is greater than the maximum precision of %d.",
    },
    Message {
        number: 2754,
        severity: 16,
        template: "Error severity levels greater than 18 can only be specified by members of the sysadmin role, using the WITH LOG option.",
    },
    Message {
        number: 2760,
        severity: 16,
        template: "The specified schema name \"%.*ls\" either does not exist or you do not have permission to use it.",
    },
    Message { number: 2812, severity: 16, template: "Could not find stored procedure '%.*ls'." },
    Message {
        number: 3009,
        severity: 16,
        template: "Could not insert a backup or restore history/detail record in the msdb database. This may indicate a problem with the msdb database. The backup/restore operation was still successful.",
    },
    Message { number: 3013, severity: 16, template: "%hs is terminating abnormally." },
    Message {
        number: 3014,
        severity: 10,
        template: "%hs successfully processed %I64d pages in %d.%03d seconds (%d.%03d MB/sec).",
    },
    Message {
        number: 3018,
        severity: 10,
        template: "The restart-checkpoint file '%ls' was not found. The RESTORE command will continue from the beginning as if RESTART had not been specified.",
    },
    Message {
        number: 3021,
        severity: 16,
        template: "Cannot perform a backup or restore operation within a transaction.",
    },
    Message {
        number: 3023,
        severity: 16,
        template: "Backup, file manipulation operations (such as ALTER DATABASE ADD FILE) and encryption changes on a database must be serialized. Reissue the statement after the current backup or file manipulation operation is completed.",
    },
    Message {
        number: 3024,
        severity: 16,
        template: "You can only perform a full backup of the master database. Use BACKUP DATABASE to back up the entire master database.",
    },
    Message {
        number: 3031,
        severity: 16,
        template: "Option '%ls' conflicts with option(s) '%ls'. Remove the conflicting option and reissue the statement.",
    },
    Message {
        number: 3032,
        severity: 16,
        template: "One or more of the options (%ls) are not supported for this statement. Review the documentation for supported options.",
    },
    Message {
        number: 3035,
        severity: 16,
        template: "Cannot perform a differential backup for database \"%ls\", because a current database backup does not exist. Perform a full database backup by reissuing BACKUP DATABASE, omitting the WITH DIFFERENTIAL option.",
    },
    Message {
        number: 3036,
        severity: 16,
        template: "The database \"%ls\" is in warm-standby state (set by executing RESTORE WITH STANDBY) and cannot be backed up until the entire restore sequence is completed.",
    },
    Message {
        number: 3041,
        severity: 16,
        template: "BACKUP failed to complete the command %.*ls. Check the backup application log for detailed messages.",
    },
    Message {
        number: 3044,
        severity: 16,
        template: "Invalid zero-length device name. Reissue the BACKUP statement with a valid device name.",
    },
    Message {
        number: 3059,
        severity: 16,
        template: "This BACKUP or RESTORE command is not supported on a database mirror or secondary replica.",
    },
    Message {
        number: 3101,
        severity: 16,
        template: "Exclusive access could not be obtained because the database is in use.",
    },
    Message {
        number: 3102,
        severity: 16,
        template: "%ls cannot process database '%ls' because it is in use by this session. It is recommended that the master database be used when performing this operation.",
    },
    Message {
        number: 3104,
        severity: 16,
        template: "RESTORE cannot operate on database '%ls' because it is configured for database mirroring or has joined an availability group. If you intend to restore the database, use ALTER DATABASE to remove mirroring or to remove the database from its availability group.",
    },
    Message {
        number: 3108,
        severity: 16,
        template: "To restore the master database, the server must be running in single-user mode. For information on starting in single-user mode, see \"How to: Start an Instance of SQL Server (sqlservr.exe)\" in Books Online.",
    },
    Message {
        number: 3110,
        severity: 14,
        template: "User does not have permission to RESTORE database '%.*ls'.",
    },
    Message {
        number: 3117,
        severity: 16,
        template: "The log or differential backup cannot be restored because no files are ready to rollforward.",
    },
    Message {
        number: 3118,
        severity: 16,
        template: "The database \"%ls\" does not exist. RESTORE can only create a database when restoring either a full backup or a file backup of the primary file.",
    },
    Message {
        number: 3119,
        severity: 16,
        template: "Problems were identified while planning for the RESTORE statement. Previous messages provide details.",
    },
    Message {
        number: 3120,
        severity: 16,
        template: "This backup set will not be restored because all data has already been restored to a point beyond the time covered by this backup set.",
    },
    Message {
        number: 3123,
        severity: 16,
        template: "Invalid database name '%.*ls' specified for backup or restore operation.",
    },
    Message {
        number: 3135,
        severity: 16,
        template: "The backup set in file '%ls' was created by %hs and cannot be used for this restore operation.",
    },
    Message {
        number: 3136,
        severity: 16,
        template: "This differential backup cannot be restored because the database has not been restored to the correct earlier state.",
    },
    Message {
        number: 3145,
        severity: 16,
        template: "The STOPAT option is not supported for databases that use the SIMPLE recovery model.",
    },
    Message {
        number: 3147,
        severity: 16,
        template: "Backup and restore operations are not allowed on database tempdb.",
    },
    Message { number: 3153, severity: 16, template: "The database is already fully recovered." },
    Message {
        number: 3154,
        severity: 16,
        template: "The backup set holds a backup of a database other than the existing '%ls' database.",
    },
    Message {
        number: 3156,
        severity: 16,
        template: "File '%ls' cannot be restored to '%ls'. Use WITH MOVE to identify a valid location for the file.",
    },
    Message {
        number: 3159,
        severity: 16,
        template: "The tail of the log for the database \"%ls\" has not been backed up. Use BACKUP LOG WITH NORECOVERY to backup the log if it contains work you do not want to lose. Use the WITH REPLACE or WITH STOPAT clause of the RESTORE statement to just overwrite the contents of the log.",
    },
    Message { number: 3170, severity: 16, template: "The STANDBY filename is invalid." },
    Message { number: 3179, severity: 16, template: "The system database cannot be moved by RESTORE." },
    Message {
        number: 3187,
        severity: 16,
        template: "RESTORE WITH CHECKSUM cannot be specified because the backup set does not contain checksum information.",
    },
    Message { number: 3189, severity: 16, template: "Damage to the backup set was detected." },
    Message {
        number: 3201,
        severity: 16,
        template: "Cannot open backup device '%ls'. Operating system error %ls.",
    },
    Message { number: 3202, severity: 16, template: "Write on \"%ls\" failed: %ls" },
    Message { number: 3203, severity: 16, template: "Read on \"%ls\" failed: %ls" },
    Message { number: 3204, severity: 16, template: "The backup or restore was aborted." },
    Message {
        number: 3207,
        severity: 16,
        template: "Backup or restore requires at least one backup device. Rerun your statement specifying a backup device.",
    },
    Message { number: 3211, severity: 10, template: "%d percent processed." },
    Message { number: 3217, severity: 16, template: "Invalid value specified for %ls parameter." },
    Message {
        number: 3234,
        severity: 16,
        template: "Logical file '%.*ls' is not part of database '%ls'. Use RESTORE FILELISTONLY to list the logical file names.",
    },
    Message {
        number: 3241,
        severity: 16,
        template: "The media family on device '%ls' is incorrectly formed. SQL Server cannot process this media family.",
    },
    Message {
        number: 3242,
        severity: 16,
        template: "The file on device '%ls' is not a valid Microsoft Tape Format backup set.",
    },
    Message {
        number: 3250,
        severity: 16,
        template: "The value '%d' is not within range for the %ls parameter.",
    },
    Message { number: 3254, severity: 16, template: "The volume on device '%ls' is empty." },
    Message {
        number: 3256,
        severity: 16,
        template: "The backup set on device '%ls' was terminated while it was being created and is incomplete. RESTORE sequence is terminated abnormally.",
    },
    Message { number: 3262, severity: 10, template: "The backup set on file %d is valid." },
    Message {
        number: 3402,
        severity: 10,
        template: "The database '%ls' is marked %ls and is in a state that does not allow recovery to be run.",
    },
    Message {
        number: 3407,
        severity: 10,
        template: "%d transactions rolled back in database '%.*ls' (%d:%d). This is an informational message only. No user action is required.",
    },
    Message {
        number: 3408,
        severity: 10,
        template: "Recovery is complete. This is an informational message only. No user action is required.",
    },
    Message {
        number: 3441,
        severity: 21,
        template: "During startup of warm standby database '%.*ls' (database ID %d), its standby file ('%ls') was inaccessible to the RESTORE statement. The operating system error was '%ls'. Diagnose the operating system error, correct the problem, and retry startup.",
    },
    Message {
        number: 3445,
        severity: 21,
        template: "File '%ls' is not a valid undo file for database '%.*ls (database ID %d). Verify the file path, and specify the correct file.",
    },
    Message { number: 3623, severity: 16, template: "An invalid floating point operation occurred." },
    Message {
        number: 3701,
        severity: 11,
        template: "Cannot %S_MSG the %S_MSG '%.*ls', because it does not exist or you do not have permission.",
    },
    Message {
        number: 3702,
        severity: 16,
        template: "Cannot drop database \"%.*ls\" because it is currently in use.",
    },
    Message {
        number: 3708,
        severity: 16,
        template: "Cannot %S_MSG the %S_MSG '%.*ls' because it is a system %S_MSG.",
    },
    Message {
        number: 3726,
        severity: 16,
        template: "Could not drop object '%.*ls' because it is referenced by a FOREIGN KEY constraint.",
    },
    Message { number: 3728, severity: 16, template: "'%.*ls' is not a constraint." },
    Message {
        number: 3729,
        severity: 16,
        template: "Cannot drop schema '%.*ls' because it is being referenced by object '%.*ls'.",
    },
    Message {
        number: 3743,
        severity: 16,
        template: "The database '%.*ls' is enabled for database mirroring. Database mirroring must be removed before you drop the database.",
    },
    Message {
        number: 3902,
        severity: 16,
        template: "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.",
    },
    Message {
        number: 3903,
        severity: 16,
        template: "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.",
    },
    Message {
        number: 3906,
        severity: 16,
        template: "Failed to update database \"%.*ls\" because the database is read-only.",
    },
    Message {
        number: 3930,
        severity: 16,
        template: "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.",
    },
    Message {
        number: 3931,
        severity: 16,
        template: "The current transaction cannot be committed and cannot be rolled back to a savepoint. Roll back the entire transaction.",
    },
    Message {
        number: 3951,
        severity: 16,
        template: "Transaction failed in database '%.*ls' because the statement was run under snapshot isolation but the transaction did not start in snapshot isolation. You cannot change the isolation level of the transaction to snapshot after the transaction has started unless the transaction was originally started under snapshot isolation level.",
    },
    Message {
        number: 3952,
        severity: 16,
        template: "Snapshot isolation transaction failed accessing database '%.*ls' because snapshot isolation is not allowed in this database. Use ALTER DATABASE to allow snapshot isolation.",
    },
    Message {
        number: 3960,
        severity: 16,
        template: "Snapshot isolation transaction aborted due to update conflict. You cannot use snapshot isolation to access table '%.*ls' directly or indirectly in database '%.*ls' to update, delete, or insert the row that has been modified or deleted by another transaction. Retry the transaction or change the isolation level for the update/delete statement.",
    },
    Message {
        number: 3961,
        severity: 16,
        template: "Snapshot isolation transaction failed in database '%.*ls' because the object accessed by the statement has been modified by a DDL statement in another concurrent transaction since the start of this transaction.  It is disallowed because the metadata is not versioned. A concurrent update to metadata can lead to inconsistency if mixed with snapshot isolation.",
    },
    Message {
        number: 3998,
        severity: 16,
        template: "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back.",
    },
    Message {
        number: 4002,
        severity: 16,
        template: "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream ended unexpectedly.",
    },
    Message {
        number: 4009,
        severity: 16,
        template: "The incoming tabular data stream (TDS) protocol stream is incorrect. The TDS headers contained errors.",
    },
    Message {
        number: 4021,
        severity: 16,
        template: "Resetting the connection results in a different state than the initial login. The login fails.",
    },
    Message {
        number: 4035,
        severity: 10,
        template: "Processed %I64d pages for database '%ls', file '%ls' on file %d.",
    },
    Message { number: 4038, severity: 16, template: "Cannot find file ID %d on device '%ls'." },
    Message {
        number: 4060,
        severity: 11,
        template: "Cannot open database \"%.*ls\" requested by the login. The login failed.",
    },
    Message { number: 4064, severity: 11, template: "Cannot open user default database. Login failed." },
    Message {
        number: 4104,
        severity: 16,
        template: "The multi-part identifier \"%.*ls\" could not be bound.",
    },
    Message {
        number: 4108,
        severity: 15,
        template: "Windowed functions can only appear in the SELECT or ORDER BY clauses.",
    },
    Message {
        number: 4112,
        severity: 15,
        template: "The function '%.*ls' must have an OVER clause with ORDER BY.",
    },
    Message {
        number: 4113,
        severity: 16,
        template: "The function '%.*ls' is not a valid windowing function, and cannot be used with the OVER clause.",
    },
    Message {
        number: 4119,
        severity: 16,
        template: "The function 'ntile' takes only a positive int or bigint expression as its input.",
    },
    Message {
        number: 4121,
        severity: 16,
        template: "Cannot find either column \"%.*ls\" or the user-defined function or aggregate \"%.*ls\", or the name is ambiguous.",
    },
    Message {
        number: 4145,
        severity: 15,
        template: "An expression of non-boolean type specified in a context where a condition is expected, near '%.*ls'.",
    },
    Message {
        number: 4193,
        severity: 16,
        template: "'%.*ls' is not a valid window frame and cannot be used with the OVER clause.",
    },
    Message {
        number: 4194,
        severity: 16,
        template: "RANGE is only supported with UNBOUNDED and CURRENT ROW window frame delimiters.",
    },
    Message {
        number: 4208,
        severity: 16,
        template: "The statement %hs is not allowed while the recovery model is SIMPLE. Use BACKUP DATABASE or change the recovery model using ALTER DATABASE.",
    },
    Message {
        number: 4212,
        severity: 16,
        template: "Cannot back up the log of the master database. Use BACKUP DATABASE instead.",
    },
    Message {
        number: 4214,
        severity: 16,
        template: "BACKUP LOG cannot be performed because there is no current database backup.",
    },
    Message {
        number: 4305,
        severity: 16,
        template: "The log in this backup set begins at LSN %.*ls, which is too recent to apply to the database. An earlier log backup that includes LSN %.*ls can be restored.",
    },
    Message {
        number: 4319,
        severity: 16,
        template: "A previous restore operation was interrupted and did not complete processing on file '%ls'. Either restore the backup set that was interrupted or restart the restore sequence.",
    },
    Message {
        number: 4322,
        severity: 10,
        template: "This backup set contains records that were logged before the designated point in time. The database is being left in the restoring state so that more roll forward can be performed.",
    },
    Message {
        number: 4326,
        severity: 16,
        template: "The log in this backup set terminates at LSN %.*ls, which is too early to apply to the database. A more recent log backup that includes LSN %.*ls can be restored.",
    },
    Message {
        number: 4330,
        severity: 16,
        template: "This backup set cannot be applied because it is on a recovery path that is inconsistent with the database. The recovery path is the sequence of data and log backups that have brought the database to a particular recovery point. Find a compatible backup to restore, or restore the rest of the database to match a recovery point within this backup set, which will restore the database to a different point in time.  For more information about recovery paths, see SQL Server Books Online.",
    },
    Message {
        number: 4333,
        severity: 16,
        template: "The database cannot be recovered because the log was not restored.",
    },
    Message {
        number: 4335,
        severity: 16,
        template: "The specified STOPAT time is too early. All or part of the database is already rolled forward beyond that point.",
    },
    Message {
        number: 4353,
        severity: 16,
        template: "Conflicting file relocations have been specified for file '%.*ls'. Only a single WITH MOVE clause should be specified for any logical file name.",
    },
    Message {
        number: 4403,
        severity: 16,
        template: "Cannot update the view or function '%.*ls' because it contains aggregates, or a DISTINCT or GROUP BY clause, or PIVOT or UNPIVOT operator.",
    },
    Message {
        number: 4405,
        severity: 16,
        template: "View or function '%.*ls' is not updatable because the modification affects multiple base tables.",
    },
    Message {
        number: 4406,
        severity: 16,
        template: "Update or insert of view or function '%.*ls' failed because it contains a derived or constant field.",
    },
    Message {
        number: 4506,
        severity: 16,
        template: "Column names in each view or function must be unique. Column name '%.*ls' in view or function '%.*ls' is specified more than once.",
    },
    Message {
        number: 4514,
        severity: 16,
        template: "CREATE FUNCTION failed because a column name is not specified for column %d.",
    },
    Message { number: 4613, severity: 16, template: "Grantor does not have GRANT permission." },
    Message {
        number: 4617,
        severity: 16,
        template: "Cannot grant, deny or revoke permissions to or from special roles.",
    },
    Message {
        number: 4621,
        severity: 16,
        template: "Permissions at the server scope can only be granted when the current database is master",
    },
    Message {
        number: 4701,
        severity: 16,
        template: "Cannot find the object \"%.*ls\" because it does not exist or you do not have permissions.",
    },
    Message {
        number: 4712,
        severity: 16,
        template: "Cannot truncate table '%.*ls' because it is being referenced by a FOREIGN KEY constraint.",
    },
    Message {
        number: 4902,
        severity: 16,
        template: "Cannot find the object \"%.*ls\" because it does not exist or you do not have permissions.",
    },
    Message {
        number: 4924,
        severity: 16,
        template: "%ls failed because column '%.*ls' does not exist in table '%.*ls'.",
    },
    Message { number: 5001, severity: 16, template: "User must be in the master database." },
    Message {
        number: 5011,
        severity: 14,
        template: "User does not have permission to alter database '%.*ls', the database does not exist, or the database is not in a state that allows access checks.",
    },
    Message {
        number: 5030,
        severity: 16,
        template: "The database %.*ls could not be exclusively locked to perform the operation.",
    },
    Message {
        number: 5052,
        severity: 16,
        template: "%ls is not permitted while a database is in the %ls state.",
    },
    Message { number: 5058, severity: 16, template: "Option '%.*ls' cannot be set in database '%.*ls'." },
    Message {
        number: 5061,
        severity: 16,
        template: "ALTER DATABASE failed because a lock could not be placed on database '%.*ls'. Try again later.",
    },
    Message {
        number: 5063,
        severity: 16,
        template: "Database '%.*ls' is in warm standby. A warm-standby database is read-only.",
    },
    Message { number: 5069, severity: 16, template: "ALTER DATABASE statement failed." },
    Message { number: 5074, severity: 16, template: "The %S_MSG '%.*ls' is dependent on column '%.*ls'." },
    Message {
        number: 5133,
        severity: 16,
        template: "Directory lookup for the file \"%ls\" failed with the operating system error %ls.",
    },
    Message { number: 5313, severity: 16, template: "Synonym '%.*ls' refers to an invalid object '%.*ls'." },
    Message {
        number: 5324,
        severity: 15,
        template: "In a MERGE statement, a '%S_MSG' clause with a search condition cannot appear after a '%S_MSG' clause with no search condition.",
    },
    Message { number: 5701, severity: 10, template: "Changed database context to '%.*ls'." },
    Message { number: 5703, severity: 10, template: "Changed language setting to %.*ls." },
    Message {
        number: 5812,
        severity: 14,
        template: "You do not have permission to run the RECONFIGURE statement.",
    },
    Message { number: 6101, severity: 16, template: "Session ID %d is not valid." },
    Message {
        number: 6102,
        severity: 14,
        template: "User does not have permission to use the KILL statement.",
    },
    Message { number: 6104, severity: 16, template: "Cannot use KILL to kill your own process." },
    Message { number: 6106, severity: 16, template: "Process ID %d is not an active process ID." },
    Message { number: 6107, severity: 14, template: "Only user processes can be killed." },
    Message { number: 6115, severity: 16, template: "KILL command cannot be used inside user transactions." },
    Message {
        number: 6120,
        severity: 16,
        template: "Status report cannot be obtained. Rollback operation for Process ID %d is not in progress.",
    },
    Message {
        number: 6335,
        severity: 16,
        template: "XML datatype instance has too many levels of nested nodes. Maximum allowed depth is %d levels.",
    },
    Message {
        number: 6401,
        severity: 16,
        template: "Cannot roll back %.*ls. No transaction or savepoint of that name was found.",
    },
    Message {
        number: 6809,
        severity: 16,
        template: "Unnamed tables cannot be used as XML identifiers as well as unnamed columns cannot be used for attribute names. Name unnamed columns/tables using AS in the SELECT statement.",
    },
    Message {
        number: 6850,
        severity: 16,
        template: "%ls name '%.*ls' contains an invalid XML identifier as required by FOR XML; '%ls'(%ls) is the first character at fault.",
    },
    Message {
        number: 6852,
        severity: 16,
        template: "Attribute-centric column '%.*ls' must not come after a non-attribute-centric sibling in XML hierarchy in FOR XML PATH.",
    },
    Message {
        number: 6864,
        severity: 16,
        template: "Row tag omission (empty row tag name) cannot be used with attribute-centric FOR XML serialization.",
    },
    Message {
        number: 7806,
        severity: 15,
        template: "The clause '%.*ls' must be specified when creating the endpoint.",
    },
    Message { number: 7816, severity: 15, template: "A duplicate parameter was specified, '%.*ls'." },
    Message {
        number: 7862,
        severity: 16,
        template: "An endpoint of the requested type already exists.  Only one endpoint of this type is supported.  Use ALTER ENDPOINT or DROP the existing endpoint and execute the CREATE ENDPOINT statement.",
    },
    Message {
        number: 7919,
        severity: 16,
        template: "Repair statement not processed. Database needs to be in single user mode.",
    },
    Message { number: 7955, severity: 16, template: "Invalid SPID %d specified." },
    Message { number: 7969, severity: 10, template: "No active open transactions." },
    Message {
        number: 7983,
        severity: 14,
        template: "User '%.*ls' does not have permission to run DBCC %.*ls for database '%.*ls'.",
    },
    Message { number: 7997, severity: 16, template: "'%.*ls' does not contain an identity column." },
    Message {
        number: 7998,
        severity: 10,
        template: "Checking identity information: current identity value '%.*hs', current column value '%.*hs'.",
    },
    Message {
        number: 8101,
        severity: 16,
        template: "An explicit value for the identity column in table '%.*ls' can only be specified when a column list is used and IDENTITY_INSERT is ON.",
    },
    Message { number: 8102, severity: 16, template: "Cannot update identity column '%.*ls'." },
    Message {
        number: 8106,
        severity: 16,
        template: "Table '%.*ls' does not have the identity property. Cannot perform SET operation.",
    },
    Message { number: 8114, severity: 16, template: "Error converting data type %ls to %ls." },
    Message {
        number: 8115,
        severity: 16,
        template: "Arithmetic overflow error converting %ls to data type %ls.",
    },
    Message {
        number: 8116,
        severity: 16,
        template: "Argument data type %ls is invalid for argument %d of %ls function.",
    },
    Message { number: 8117, severity: 16, template: "Operand data type %ls is invalid for %ls operator." },
    Message {
        number: 8120,
        severity: 16,
        template: "Column '%.*ls' is invalid in the select list because it is not contained in either an aggregate function or the GROUP BY clause.",
    },
    Message { number: 8134, severity: 16, template: "Divide by zero error encountered." },
    Message {
        number: 8144,
        severity: 16,
        template: "Procedure or function %.*ls has too many arguments specified.",
    },
    Message { number: 8145, severity: 16, template: "%.*ls is not a parameter for procedure %.*ls." },
    Message {
        number: 8146,
        severity: 16,
        template: "Procedure %.*ls has no parameters and arguments were supplied.",
    },
    Message { number: 8152, severity: 16, template: "String or binary data would be truncated." },
    Message {
        number: 8155,
        severity: 16,
        template: "No column name was specified for column %d of '%.*ls'.",
    },
    Message {
        number: 8158,
        severity: 16,
        template: "'%.*ls' has more columns than were specified in the column list.",
    },
    Message {
        number: 8159,
        severity: 16,
        template: "'%.*ls' has fewer columns than were specified in the column list.",
    },
    Message {
        number: 8161,
        severity: 16,
        template: "Argument %d of the %ls function does not match any of the expressions in the GROUP BY clause.",
    },
    Message { number: 8164, severity: 16, template: "An INSERT EXEC statement cannot be nested." },
    Message {
        number: 8167,
        severity: 16,
        template: "The type of column \"%.*ls\" conflicts with the type of other columns specified in the UNPIVOT list.",
    },
    Message {
        number: 8169,
        severity: 16,
        template: "Conversion failed when converting from a character string to uniqueidentifier.",
    },
    Message {
        number: 8170,
        severity: 16,
        template: "Insufficient result space to convert uniqueidentifier value to char.",
    },
    Message {
        number: 8178,
        severity: 16,
        template: "The parameterized query '%.*ls' expects the parameter '%.*ls', which was not supplied.",
    },
    Message { number: 8179, severity: 16, template: "Could not find prepared statement with handle %d." },
    Message {
        number: 8672,
        severity: 16,
        template: "The MERGE statement attempted to UPDATE or DELETE the same row more than once. This happens when a target row matches more than one source row. A MERGE statement cannot UPDATE/DELETE the same row of the target table multiple times. Refine the ON clause to ensure a target row matches at most one source row, or use the GROUP BY clause to group the source rows.",
    },
    Message {
        number: 8730,
        severity: 16,
        template: "Offset parameter for Lag and Lead functions cannot be a negative value.",
    },
    Message {
        number: 8985,
        severity: 16,
        template: "Could not locate file '%.*ls' for database '%.*ls' in sys.database_files. The file either does not exist, or was dropped.",
    },
    Message {
        number: 8989,
        severity: 10,
        template: "%.*ls found %d allocation errors and %d consistency errors in database '%.*ls'.",
    },
    Message {
        number: 9001,
        severity: 21,
        template: "The log for database '%.*ls' is not available. Check the event log for related error messages. Resolve any errors and restart the database.",
    },
    Message {
        number: 9002,
        severity: 17,
        template: "The transaction log for database '%.*ls' is full due to '%ls'.",
    },
    Message {
        number: 9400,
        severity: 16,
        template: "XML parsing: line %d, character %d, unexpected end of input",
    },
    Message {
        number: 9810,
        severity: 16,
        template: "The datepart %.*ls is not supported by date function %.*ls for data type %ls.",
    },
    Message {
        number: 9812,
        severity: 16,
        template: "The timezone provided to builtin function %.*ls is invalid.",
    },
    Message {
        number: 9813,
        severity: 16,
        template: "The timezone provided to builtin function %.*ls would cause the datetimeoffset to overflow the range of valid date range in either UTC or local time.",
    },
    Message {
        number: 9818,
        severity: 16,
        template: "The culture parameter '%.*ls' provided in the function call is not supported.",
    },
    Message {
        number: 9819,
        severity: 16,
        template: "Error converting string value '%.*ls' into data type %ls using culture '%.*ls'.",
    },
    Message {
        number: 9820,
        severity: 16,
        template: "The time zone parameter '%.*ls' provided to AT TIME ZONE clause is invalid.",
    },
    Message {
        number: 9828,
        severity: 16,
        template: "The second and third arguments of the %ls built-in function must contain an equal number of characters.",
    },
    Message { number: 10703, severity: 15, template: "Too many grouping sets. The maximum number is %d." },
    Message {
        number: 10704,
        severity: 15,
        template: "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement.",
    },
    Message {
        number: 10709,
        severity: 16,
        template: "The number of columns for each row in a table value constructor must be the same.",
    },
    Message {
        number: 10711,
        severity: 15,
        template: "An action of type '%S_MSG' is not allowed in the '%S_MSG' clause of a MERGE statement.",
    },
    Message {
        number: 10713,
        severity: 15,
        template: "A MERGE statement must be terminated by a semi-colon (;).",
    },
    Message {
        number: 10714,
        severity: 15,
        template: "An action of type '%S_MSG' cannot appear more than once in a '%S_MSG' clause of a MERGE statement.",
    },
    Message {
        number: 10742,
        severity: 15,
        template: "The offset specified in a OFFSET clause may not be negative.",
    },
    Message { number: 10752, severity: 15, template: "The function '%.*ls' may not have a window frame." },
    Message { number: 10753, severity: 15, template: "The function '%.*ls' must have an OVER clause." },
    Message {
        number: 10754,
        severity: 15,
        template: "The function '%.*ls' must have a WITHIN GROUP clause.",
    },
    Message {
        number: 10756,
        severity: 15,
        template: "Window frame with ROWS or RANGE must have an ORDER BY clause.",
    },
    Message { number: 10759, severity: 15, template: "Use of DISTINCT is not allowed with the OVER clause." },
    Message { number: 10761, severity: 15, template: "Invalid data type %.*ls in function %.*ls." },
    Message {
        number: 11700,
        severity: 16,
        template: "The increment for sequence object '%.*ls' cannot be zero.",
    },
    Message {
        number: 11702,
        severity: 16,
        template: "The sequence object '%.*ls' must be of data type int, bigint, smallint, tinyint, or decimal or numeric with a scale of 0, or any user-defined data type that is based on one of the above integer data types.",
    },
    Message {
        number: 11703,
        severity: 16,
        template: "The start value for sequence object '%.*ls' must be between the minimum and maximum value of the sequence object.",
    },
    Message {
        number: 11705,
        severity: 16,
        template: "The minimum value for sequence object '%.*ls' must be less than its maximum value.",
    },
    Message {
        number: 11728,
        severity: 16,
        template: "The sequence object '%.*ls' has reached its minimum or maximum value. Restart the sequence object to allow new values to be generated.",
    },
    Message {
        number: 13601,
        severity: 16,
        template: "Property '%.*ls' cannot be generated in JSON output due to a conflict with another column name or alias. Use different names and aliases for each column in SELECT list.",
    },
    Message {
        number: 13605,
        severity: 16,
        template: "Column expressions and data sources without names or aliases cannot be formatted as JSON text using FOR JSON clause. Add alias to the unnamed column or table.",
    },
    Message {
        number: 13606,
        severity: 16,
        template: "JSON text that has more than %d nesting levels cannot be parsed.",
    },
    Message {
        number: 13607,
        severity: 16,
        template: "JSON path is not properly formatted. Unexpected character '%lc' is found at position %d.",
    },
    Message { number: 13608, severity: 16, template: "Property cannot be found on the specified JSON path." },
    Message {
        number: 13609,
        severity: 16,
        template: "JSON text is not properly formatted. Unexpected character '%lc' is found at position %d.",
    },
    Message {
        number: 13611,
        severity: 16,
        template: "Value referenced by JSON path is not an array or object and cannot be opened with OPENJSON.",
    },
    Message {
        number: 13618,
        severity: 16,
        template: "AS JSON option can be specified only for column of nvarchar(max) type in WITH clause.",
    },
    Message { number: 13619, severity: 16, template: "Unsupported JSON path found in argument %d of %.*ls." },
    Message {
        number: 13620,
        severity: 16,
        template: "ROOT option and WITHOUT_ARRAY_WRAPPER option cannot be used together in FOR JSON. Remove one of these options.",
    },
    Message { number: 13621, severity: 16, template: "Array cannot be found in the specified JSON path." },
    Message {
        number: 13623,
        severity: 16,
        template: "Scalar value cannot be found in the specified JSON path.",
    },
    Message {
        number: 13624,
        severity: 16,
        template: "Object or array cannot be found in the specified JSON path.",
    },
    Message {
        number: 13625,
        severity: 16,
        template: "String value in the specified JSON path would be truncated.",
    },
    Message {
        number: 14234,
        severity: 16,
        template: "The specified '%s' is invalid (valid values are returned by %s).",
    },
    Message { number: 14261, severity: 16, template: "The specified %s ('%s') already exists." },
    Message { number: 14262, severity: 16, template: "The specified %s ('%s') does not exist." },
    Message {
        number: 14266,
        severity: 16,
        template: "The specified '%s' is invalid (valid values are: %s).",
    },
    Message { number: 14294, severity: 16, template: "Supply either %s or %s to identify the job." },
    Message {
        number: 14420,
        severity: 16,
        template: "The log shipping primary database %s.%s has backup threshold of %d minutes and has not performed a backup log operation for %d minutes. Check agent log and logshipping monitor information.",
    },
    Message {
        number: 14421,
        severity: 16,
        template: "The log shipping secondary database %s.%s has restore threshold of %d minutes and is out of sync. No restore was performed for %d minutes. Restored latency is %d minutes. Check agent log and logshipping monitor information.",
    },
    Message {
        number: 15007,
        severity: 16,
        template: "'%s' is not a valid login or you do not have permission.",
    },
    Message {
        number: 15009,
        severity: 16,
        template: "The object '%s' does not exist in database '%s' or is invalid for this operation.",
    },
    Message {
        number: 15010,
        severity: 16,
        template: "The database '%s' does not exist. Supply a valid database name. To see available databases, use sys.databases.",
    },
    Message {
        number: 15015,
        severity: 16,
        template: "The server '%s' does not exist. Use sp_helpserver to show available servers.",
    },
    Message {
        number: 15023,
        severity: 16,
        template: "User, group, or role '%s' already exists in the current database.",
    },
    Message { number: 15025, severity: 16, template: "The server principal '%s' already exists." },
    Message {
        number: 15048,
        severity: 16,
        template: "Valid values of the database compatibility level are %s.",
    },
    Message {
        number: 15110,
        severity: 16,
        template: "The proposed new database owner is already a user or aliased in the database.",
    },
    Message {
        number: 15123,
        severity: 16,
        template: "The configuration option '%s' does not exist, or it may be an advanced option.",
    },
    Message { number: 15124, severity: 16, template: "The configuration option '%s' is not unique." },
    Message {
        number: 15129,
        severity: 16,
        template: "'%d' is not a valid value for configuration option '%s'.",
    },
    Message {
        number: 15144,
        severity: 16,
        template: "The role has members. It must be empty before it can be dropped.",
    },
    Message { number: 15150, severity: 16, template: "Cannot %S_MSG the %S_MSG '%.*ls'." },
    Message {
        number: 15151,
        severity: 16,
        template: "Cannot %S_MSG the %S_MSG '%.*ls', because it does not exist or you do not have permission.",
    },
    Message { number: 15197, severity: 16, template: "There is no text for object '%s'." },
    Message {
        number: 15198,
        severity: 16,
        template: "The name supplied (%s) is not a user, role, or aliased login.",
    },
    Message {
        number: 15199,
        severity: 16,
        template: "The current security context cannot be reverted. Please switch to the original database where '%ls' was called and try it again.",
    },
    Message {
        number: 15208,
        severity: 16,
        template: "The certificate, asymmetric key, or private key file is not valid or does not exist; or you do not have permissions for it.",
    },
    Message {
        number: 15223,
        severity: 11,
        template: "Error: The input parameter '%s' is not allowed to be null.",
    },
    Message {
        number: 15225,
        severity: 11,
        template: "No item by the name of '%s' could be found in the current database '%s', given that @itemtype was input as '%s'.",
    },
    Message {
        number: 15232,
        severity: 16,
        template: "A certificate with name '%s' already exists or this certificate already has been added to the database.",
    },
    Message {
        number: 15240,
        severity: 16,
        template: "Cannot write into file '%s'. Verify that you have write permissions, that the file path is valid, and that the file does not already exist.",
    },
    Message {
        number: 15247,
        severity: 16,
        template: "User does not have permission to perform this action.",
    },
    Message {
        number: 15250,
        severity: 16,
        template: "The database name component of the object qualifier must be the name of the current database.",
    },
    Message {
        number: 15281,
        severity: 16,
        template: "SQL Server blocked access to %S_MSG '%ls' of component 'xp_cmdshell' because this component is turned off as part of the security configuration for this server. A system administrator can enable the use of 'xp_cmdshell' by using sp_configure. For more information about enabling 'xp_cmdshell', search for 'xp_cmdshell' in SQL Server Books Online.",
    },
    Message {
        number: 15286,
        severity: 16,
        template: "Terminating this procedure. The @action '%s' is unrecognized. Try 'REPORT', 'UPDATE_ONE', or 'AUTO_FIX'.",
    },
    Message {
        number: 15291,
        severity: 16,
        template: "Terminating this procedure. The %s name '%s' is absent or invalid.",
    },
    Message {
        number: 15335,
        severity: 11,
        template: "Error: The new name '%s' is already in use as a %s name and would cause a duplicate that is not permitted.",
    },
    Message { number: 15405, severity: 11, template: "Cannot use the special principal '%s'." },
    Message {
        number: 15406,
        severity: 16,
        template: "Cannot execute as the server principal because the principal \"%.*ls\" does not exist, this type of principal cannot be impersonated, or you do not have permission.",
    },
    Message {
        number: 15407,
        severity: 16,
        template: "'%s' is not a valid Windows NT name. Give the complete name: <domain\\username>.",
    },
    Message { number: 15409, severity: 11, template: "'%s' is not a role." },
    Message { number: 15410, severity: 11, template: "User or role '%s' does not exist in this database." },
    Message { number: 15412, severity: 16, template: "'%s' is not a known fixed role." },
    Message {
        number: 15434,
        severity: 16,
        template: "Could not drop login '%s' as the user is currently logged in.",
    },
    Message {
        number: 15457,
        severity: 10,
        template: "Configuration option '%ls' changed from %ld to %ld. Run the RECONFIGURE statement to install.",
    },
    Message { number: 15465, severity: 16, template: "The private key password is invalid." },
    Message {
        number: 15469,
        severity: 10,
        template: "No constraints are defined on object '%ls', or you do not have permissions.",
    },
    Message {
        number: 15472,
        severity: 10,
        template: "The object '%s' does not have any indexes, or you do not have permissions.",
    },
    Message {
        number: 15477,
        severity: 10,
        template: "Caution: Changing any part of an object name could break scripts and stored procedures.",
    },
    Message {
        number: 15517,
        severity: 16,
        template: "Cannot execute as the database principal because the principal \"%.*ls\" does not exist, this type of principal cannot be impersonated, or you do not have permission.",
    },
    Message { number: 15530, severity: 16, template: "The %S_MSG with name \"%.*ls\" already exists." },
    Message {
        number: 15556,
        severity: 16,
        template: "Cannot decrypt or encrypt using the specified %S_MSG, either because it has no private key or because the password provided for the private key is incorrect.",
    },
    Message {
        number: 15559,
        severity: 16,
        template: "Cannot drop %S_MSG '%.*ls' because there is a %S_MSG mapped to it.",
    },
    Message {
        number: 15578,
        severity: 16,
        template: "There is already a master key in the database. Please drop it before performing this statement.",
    },
    Message {
        number: 15580,
        severity: 16,
        template: "Cannot drop %S_MSG because %S_MSG '%.*s' is encrypted by it.",
    },
    Message {
        number: 15581,
        severity: 16,
        template: "Please create a master key in the database or open the master key in the session before performing this operation.",
    },
    Message {
        number: 15600,
        severity: 15,
        template: "An invalid parameter or option was specified for procedure '%s'.",
    },
    Message { number: 16902, severity: 16, template: "%ls: The value of the parameter %ls is invalid." },
    Message { number: 16905, severity: 16, template: "The cursor is already open." },
    Message {
        number: 16909,
        severity: 16,
        template: "%ls: The cursor identifier value provided (%x) is not valid.",
    },
    Message {
        number: 16911,
        severity: 16,
        template: "%hs: The fetch type %hs cannot be used with forward only cursors.",
    },
    Message { number: 16915, severity: 16, template: "A cursor with the name '%.*ls' already exists." },
    Message { number: 16916, severity: 16, template: "A cursor with the name '%.*ls' does not exist." },
    Message { number: 16917, severity: 16, template: "Cursor is not open." },
    Message {
        number: 16924,
        severity: 16,
        template: "Cursorfetch: The number of variables declared in the INTO list must match that of selected columns.",
    },
    Message {
        number: 16925,
        severity: 16,
        template: "The fetch type %hs cannot be used with dynamic cursors.",
    },
    Message { number: 16929, severity: 16, template: "The cursor is READ ONLY." },
    Message { number: 16931, severity: 16, template: "There are no rows in the current fetch buffer." },
    Message {
        number: 16933,
        severity: 16,
        template: "The cursor does not include the table being modified or the table is not updatable through the cursor.",
    },
    Message { number: 16945, severity: 16, template: "The cursor was not declared." },
    Message { number: 16947, severity: 16, template: "No rows were updated or deleted." },
    Message {
        number: 16950,
        severity: 10,
        template: "The variable '%.*ls' does not currently have a cursor allocated to it.",
    },
    Message {
        number: 16957,
        severity: 16,
        template: "FOR UPDATE cannot be specified on a READ ONLY cursor.",
    },
    Message { number: 17053, severity: 16, template: "%ls: Operating system error %ls encountered." },
    Message {
        number: 17809,
        severity: 20,
        template: "Could not connect because the maximum number of '%ld' user connections has already been reached. The system administrator can use sp_configure to increase the maximum value. The connection has been closed.%.*ls",
    },
    Message {
        number: 18054,
        severity: 16,
        template: "Error %d, severity %d, state %d was raised, but no message with that error number was found in sys.messages. If error is larger than 50000, make sure the user-defined message is added using sp_addmessage.",
    },
    Message {
        number: 18452,
        severity: 14,
        template: "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.%.*ls",
    },
    Message { number: 18456, severity: 14, template: "Login failed for user '%.*ls'.%.*ls%.*ls" },
    Message {
        number: 18470,
        severity: 14,
        template: "Login failed for user '%.*ls'. Reason: The account is disabled.%.*ls",
    },
    Message {
        number: 21089,
        severity: 16,
        template: "Only members of the sysadmin fixed server role can perform this operation.",
    },
    Message { number: 22022, severity: 16, template: "SQLServerAgent Error: %s" },
    Message { number: 22048, severity: 16, template: "%s" },
    Message { number: 22049, severity: 16, template: "%s" },
    Message { number: 22050, severity: 16, template: "%s" },
    Message { number: 32004, severity: 10, template: "Log shipping backup log job step." },
    Message { number: 32005, severity: 10, template: "Log shipping copy job step." },
    Message { number: 32006, severity: 10, template: "Log shipping restore log job step." },
    Message {
        number: 32008,
        severity: 10,
        template: "Database %s is not ONLINE. The backup job will not be performed until this database is brought online.",
    },
    Message {
        number: 32009,
        severity: 16,
        template: "A log shipping primary entry already exists for database %s.",
    },
    Message { number: 32010, severity: 16, template: "Database %s does not exist as log shipping primary." },
    Message {
        number: 32011,
        severity: 16,
        template: "Primary Database %s has active log shipping secondary database(s). Drop the secondary database(s) first.",
    },
    Message { number: 32012, severity: 16, template: "Secondary %s.%s already exists for primary %s." },
    Message {
        number: 32013,
        severity: 16,
        template: "A log shipping entry already exists for secondary database %s.",
    },
    Message {
        number: 32014,
        severity: 16,
        template: "Database %s does not exist as log shipping secondary.",
    },
    Message {
        number: 32015,
        severity: 16,
        template: "The primary database %s cannot have SIMPLE recovery for log shipping to work properly.",
    },
    Message {
        number: 32016,
        severity: 16,
        template: "The specified agent_id %s or agent_type %d do not form a valid pair for log shipping monitoring processing.",
    },
    Message { number: 32020, severity: 10, template: "Log shipping alert job step." },
    Message { number: 32021, severity: 10, template: "Log shipping alert job schedule." },
    Message {
        number: 32022,
        severity: 16,
        template: "Cannot add a log shipping job with name %s. A job with same name already exists in the system and this job does not belong to log shipping category.",
    },
    Message {
        number: 32023,
        severity: 16,
        template: "An entry for primary server %s, primary database %s does not exist on this secondary. Register the primary first.",
    },
    Message {
        number: 32024,
        severity: 16,
        template: "An entry for primary server %s, primary database %s already exists.",
    },
    Message {
        number: 32025,
        severity: 16,
        template: "Primary Server %s, Database %s has active log shipping secondary database(s) on the secondary. Drop the secondary database(s) first.",
    },
    Message {
        number: 32028,
        severity: 16,
        template: "Invalid value = %d for parameter @threshold_alert was specified.",
    },
    Message {
        number: 32029,
        severity: 10,
        template: "Log shipping backup agent [%s] has verified log backup file '%s.wrk' and renamed it as '%s.trn'. This is an informational message only. No user action is required.",
    },
    Message {
        number: 32052,
        severity: 16,
        template: "Parameter '%s' cannot be null or empty. Specify a value for the named parameter and retry the operation.",
    },
    Message {
        number: 32054,
        severity: 16,
        template: "There was an error establishing a link to the remote monitor server.",
    },
    Message {
        number: 32055,
        severity: 16,
        template: "There was an error configuring the remote monitor server.",
    },
    Message {
        number: 35100,
        severity: 16,
        template: "Error number %d in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647.",
    },
    Message { number: 40510, severity: 16, template: "The simulated server does not support %ls." },
];

/// Renders message `number` with `state`; `arguments` fill the place holders in order.
///
/// # Panics
/// In debug builds when the number is not in the table or the count of arguments is wrong.
#[must_use]
pub fn error(number: i32, state: u8, arguments: &[&dyn std::fmt::Display]) -> SqlError {
    let found = MESSAGES.binary_search_by_key(&number, |m| m.number).ok().map(|i| &MESSAGES[i]);
    debug_assert!(found.is_some(), "message {number} is not in the table");
    let (severity, template) = found.map_or((16, ""), |m| (m.severity, m.template));
    SqlError {
        number,
        severity,
        state,
        message: render(template, arguments),
        procedure: String::new(),
        line: 0,
    }
}

/// The error for valid requests that this server does not carry out; `what` names the feature.
///
/// The number is not SQL Server's own: nothing a real server says means the same.
#[must_use]
pub fn unsupported(what: &dyn std::fmt::Display) -> SqlError {
    error(NOT_SUPPORTED, 1, &[what])
}

/// Fills a template's place holders in order.
fn render(template: &str, arguments: &[&dyn std::fmt::Display]) -> String {
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template;
    let mut next = arguments.iter();
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let end = if rest.starts_with("S_") {
            rest.find(|c: char| !(c.is_ascii_uppercase() || c == '_')).unwrap_or(rest.len())
        } else {
            rest.find(['d', 's', 'i', 'u', 'x', 'X', 'c']).map_or(rest.len(), |i| i + 1)
        };
        if let Some(argument) = next.next() {
            out.push_str(&argument.to_string());
        }
        rest = &rest[end..];
    }
    debug_assert!(next.next().is_none(), "too many arguments for: {template}");
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn messages_stand_in_ascending_order() {
        assert!(MESSAGES.windows(2).all(|pair| pair[0].number < pair[1].number));
    }

    #[test]
    fn every_message_is_raised_somewhere() {
        let mut text = String::new();
        let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else if path.file_name().is_some_and(|name| name != "messages.rs") {
                    text.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        let numbers: std::collections::BTreeSet<String> = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .map(|word| word.replace('_', ""))
            .collect();
        let unused: Vec<i32> = MESSAGES
            .iter()
            .map(|message| message.number)
            .filter(|number| *number != NOT_SUPPORTED && !numbers.contains(&number.to_string()))
            .collect();
        assert!(unused.is_empty(), "messages that nothing raises: {unused:?}");
    }

    #[test]
    fn a_message_is_rendered_with_its_arguments_in_order() {
        let rendered = error(32_029, 1, &[&"SQL-A1", &"a", &"b"]).message;
        assert!(
            rendered.starts_with("Log shipping backup agent [SQL-A1] has verified log backup file 'a.wrk'")
        );
        assert!(rendered.contains("renamed it as 'b.trn'"));
    }
}
