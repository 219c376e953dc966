//! Functions and clauses of SQL Server's reference that are not here: each is refused by its name (40510).
//!
//! A word that is in no reference stays what it is to a real server: 195 for a function, 208 in FROM, 102 elsewhere.

use super::lexer::TokenKind;
use super::parser::Parser;
use crate::error::SqlResult;

/// Scalar and aggregate functions, in upper case.
const FUNCTIONS: &[&str] = &[
    // Strings
    "DIFFERENCE",
    "SOUNDEX",
    "UNISTR",
    "EDIT_DISTANCE",
    "EDIT_DISTANCE_SIMILARITY",
    "JARO_WINKLER_DISTANCE",
    "JARO_WINKLER_SIMILARITY",
    "REGEXP_LIKE",
    "REGEXP_REPLACE",
    "REGEXP_SUBSTR",
    "REGEXP_INSTR",
    "REGEXP_COUNT",
    "BASE64_ENCODE",
    "BASE64_DECODE",
    // Numbers
    "BIT_COUNT",
    "GET_BIT",
    "SET_BIT",
    "LEFT_SHIFT",
    "RIGHT_SHIFT",
    "GREATEST",
    "LEAST",
    // Dates
    "DATETRUNC",
    "DATE_BUCKET",
    "CURRENT_TIMEZONE",
    "CURRENT_TIMEZONE_ID",
    "CURRENT_DATE",
    // JSON
    "JSON_OBJECT",
    "JSON_ARRAY",
    "JSON_OBJECTAGG",
    "JSON_ARRAYAGG",
    "JSON_PATH_EXISTS",
    "JSON_CONTAINS",
    // Vectors and models
    "VECTOR_DISTANCE",
    "VECTOR_NORM",
    "VECTOR_NORMALIZE",
    "VECTORPROPERTY",
    "AI_GENERATE_EMBEDDINGS",
    "PREDICT",
    // Aggregates
    "APPROX_COUNT_DISTINCT",
    "APPROX_PERCENTILE_CONT",
    "APPROX_PERCENTILE_DISC",
    "PRODUCT",
    // Compression and encryption
    "COMPRESS",
    "DECOMPRESS",
    "ENCRYPTBYKEY",
    "DECRYPTBYKEY",
    "ENCRYPTBYPASSPHRASE",
    "DECRYPTBYPASSPHRASE",
    "ENCRYPTBYASYMKEY",
    "DECRYPTBYASYMKEY",
    "ENCRYPTBYCERT",
    "DECRYPTBYCERT",
    "DECRYPTBYKEYAUTOASYMKEY",
    "DECRYPTBYKEYAUTOCERT",
    "SIGNBYASYMKEY",
    "SIGNBYCERT",
    "VERIFYSIGNEDBYASYMKEY",
    "VERIFYSIGNEDBYCERT",
    "CRYPT_GEN_RANDOM",
    "KEY_GUID",
    "KEY_ID",
    "KEY_NAME",
    "ASYMKEY_ID",
    "ASYMKEYPROPERTY",
    "SYMKEYPROPERTY",
    "CERT_ID",
    "CERTENCODED",
    "CERTPRIVATEKEY",
    "CERTPROPERTY",
    "IS_OBJECTSIGNED",
    "PWDENCRYPT",
    "PWDCOMPARE",
    "LOGINPROPERTY",
    "PERMISSIONS",
    // Metadata
    "APPLOCK_MODE",
    "APPLOCK_TEST",
    "ASSEMBLYPROPERTY",
    "COLUMNPROPERTY",
    "FILE_ID",
    "FILE_IDEX",
    "FILE_NAME",
    "FILEGROUP_ID",
    "FILEGROUP_NAME",
    "FILEGROUPPROPERTY",
    "FILEPROPERTY",
    "FILEPROPERTYEX",
    "FULLTEXTCATALOGPROPERTY",
    "FULLTEXTSERVICEPROPERTY",
    "INDEX_COL",
    "INDEXKEY_PROPERTY",
    "INDEXPROPERTY",
    "OBJECTPROPERTYEX",
    "STATS_DATE",
    "TYPE_ID",
    "TYPEPROPERTY",
    "TRIGGER_NESTLEVEL",
    "COLUMNS_UPDATED",
    "TRIGGERPROPERTY",
    "EVENTDATA",
    "IDENT_SEED",
    "IDENT_INCR",
    "PUBLISHINGSERVERNAME",
    "GET_FILESTREAM_TRANSACTION_CONTEXT",
    "GETPATHLOCATOR",
    "PATHNAME",
    "FILETABLEROOTPATH",
    "GETFILENAMESPACEPATH",
    // Sessions
    "SESSION_CONTEXT",
    "CURRENT_REQUEST_ID",
    "CURRENT_TRANSACTION_ID",
    "GETANSINULL",
    "HOST_ID",
    "MIN_ACTIVE_ROWVERSION",
    "SESSION_ID",
    "GET_TRANSMISSION_STATUS",
    "SQL_VARIANT_PROPERTY",
    "COLLATIONPROPERTY",
    "TERTIARY_WEIGHTS",
    "TEXTPTR",
    "TEXTVALID",
    "XML_SCHEMA_NAMESPACE",
    "NODE_ID_FROM_PARTS",
    "OBJECT_ID_FROM_NODE_ID",
    "GRAPH_ID_FROM_NODE_ID",
    "EDGE_ID_FROM_PARTS",
    "OBJECT_ID_FROM_EDGE_ID",
    "GRAPH_ID_FROM_EDGE_ID",
    "NODE_ID",
    "SHORTEST_PATH",
    "LAST_NODE",
    "WINDOW_START",
    "WINDOW_END",
];

/// Functions in FROM, in upper case.
const SOURCES: &[&str] = &[
    "OPENQUERY",
    "OPENROWSET",
    "OPENDATASOURCE",
    "OPENXML",
    "CONTAINSTABLE",
    "FREETEXTTABLE",
    "CHANGETABLE",
    "PREDICT",
    "GENERATE_SERIES",
    "SEMANTICKEYPHRASETABLE",
    "SEMANTICSIMILARITYTABLE",
    "SEMANTICSIMILARITYDETAILSTABLE",
    "REGEXP_MATCHES",
    "REGEXP_SPLIT_TO_TABLE",
    "VECTOR_SEARCH",
    "AI_GENERATE_CHUNKS",
];

/// Whether SQL Server has a scalar or aggregate function of that name (in upper case) that is not here.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// Whether SQL Server has a function for FROM of that name that is not here.
pub(super) fn is_source(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    SOURCES.contains(&&*upper)
}

/// What CREATE, ALTER and DROP can also be told, as the reference has it; longer names before shorter ones.
const DEFINITIONS: &[&str] = &[
    "AGGREGATE",
    "APPLICATION ROLE",
    "ASSEMBLY",
    "ASYMMETRIC KEY",
    "AVAILABILITY GROUP",
    "BROKER PRIORITY",
    "CERTIFICATE",
    "COLUMN ENCRYPTION KEY",
    "COLUMN MASTER KEY",
    "COLUMNSTORE INDEX",
    "CONTRACT",
    "CREDENTIAL",
    "CRYPTOGRAPHIC PROVIDER",
    "DATABASE AUDIT SPECIFICATION",
    "DATABASE ENCRYPTION KEY",
    "DATABASE SCOPED CONFIGURATION",
    "DATABASE SCOPED CREDENTIAL",
    "DEFAULT",
    "EVENT NOTIFICATION",
    "EVENT SESSION",
    "EXTERNAL DATA SOURCE",
    "EXTERNAL FILE FORMAT",
    "EXTERNAL LANGUAGE",
    "EXTERNAL LIBRARY",
    "EXTERNAL MODEL",
    "EXTERNAL RESOURCE POOL",
    "EXTERNAL STREAM",
    "EXTERNAL STREAMING JOB",
    "EXTERNAL TABLE",
    "FULLTEXT CATALOG",
    "FULLTEXT INDEX",
    "FULLTEXT STOPLIST",
    "INDEX",
    "JSON INDEX",
    "MASTER KEY",
    "MATERIALIZED VIEW",
    "MESSAGE TYPE",
    "PARTITION FUNCTION",
    "PARTITION SCHEME",
    "PRIMARY XML INDEX",
    "QUEUE",
    "REMOTE SERVICE BINDING",
    "RESOURCE GOVERNOR",
    "RESOURCE POOL",
    "ROUTE",
    "RULE",
    "SCHEMA",
    "SEARCH PROPERTY LIST",
    "SECURITY POLICY",
    "SELECTIVE XML INDEX",
    "SENSITIVITY CLASSIFICATION",
    "SERVER AUDIT SPECIFICATION",
    "SERVER AUDIT",
    "SERVER CONFIGURATION",
    "SERVER ROLE",
    "SERVICE MASTER KEY",
    "SERVICE",
    "SIGNATURE",
    "COUNTER SIGNATURE",
    "SPATIAL INDEX",
    "STATISTICS",
    "SYMMETRIC KEY",
    "TRIGGER",
    "USER DEFINED ROUTINE",
    "VECTOR INDEX",
    "WORKLOAD GROUP",
    "WORKLOAD CLASSIFIER",
    "XML INDEX",
    "XML SCHEMA COLLECTION",
    "EDGE CONSTRAINT",
];

/// Statements by their first words.
const STATEMENTS: &[&str] = &[
    "ADD SIGNATURE",
    "ADD COUNTER SIGNATURE",
    "ADD SENSITIVITY CLASSIFICATION",
    "BACKUP MASTER KEY",
    "BACKUP SERVICE MASTER KEY",
    "BACKUP SYMMETRIC KEY",
    "BEGIN CONVERSATION TIMER",
    "BEGIN DIALOG",
    "BEGIN DISTRIBUTED TRANSACTION",
    "BEGIN DISTRIBUTED TRAN",
    "BULK INSERT",
    "CLOSE ALL SYMMETRIC KEYS",
    "CLOSE MASTER KEY",
    "CLOSE SYMMETRIC KEY",
    "DISABLE TRIGGER",
    "ENABLE TRIGGER",
    "END CONVERSATION",
    "GET CONVERSATION GROUP",
    "INSERT BULK",
    "KILL QUERY NOTIFICATION SUBSCRIPTION",
    "KILL STATS JOB",
    "MOVE CONVERSATION",
    "OPEN MASTER KEY",
    "OPEN SYMMETRIC KEY",
    "READTEXT",
    "RECEIVE",
    "RESTORE MASTER KEY",
    "RESTORE SERVICE MASTER KEY",
    "RESTORE SYMMETRIC KEY",
    "REVERT WITH COOKIE",
    "SEND ON CONVERSATION",
    "SETUSER",
    "SHUTDOWN",
    "UPDATETEXT",
    "WRITETEXT",
];

/// SET options, in upper case.
const OPTIONS: &[&str] = &[
    "FIPS_FLAGGER",
    "OFFSETS",
    "RESULT_SET_CACHING",
    "SHOWPLAN_ALL",
    "SHOWPLAN_TEXT",
    "SHOWPLAN_XML",
    "STATISTICS PROFILE",
];

/// Whether SQL Server has a SET option of that name that is not here.
pub(super) fn is_option(name: &str) -> bool {
    OPTIONS.contains(&name)
}

/// Types.
const TYPES: &[&str] = &["geography", "geometry", "hierarchyid", "json", "vector", "table"];

/// Whether SQL Server has a type of that name (in lower case) that is not here.
pub(super) fn is_type(name: &str) -> bool {
    TYPES.contains(&name)
}

/// Functions of `sys` for FROM, in lower case.
const SYSTEM_SOURCES: &[&str] = &[
    "dm_db_database_page_allocations",
    "dm_db_index_operational_stats",
    "dm_db_index_physical_stats",
    "dm_db_incremental_stats_properties",
    "dm_db_log_stats",
    "dm_db_missing_index_columns",
    "dm_db_page_info",
    "dm_db_stats_histogram",
    "dm_db_stats_properties",
    "dm_exec_cursors",
    "dm_exec_describe_first_result_set",
    "dm_exec_describe_first_result_set_for_object",
    "dm_exec_plan_attributes",
    "dm_exec_query_plan",
    "dm_exec_query_plan_stats",
    "dm_exec_query_statistics_xml",
    "dm_exec_text_query_plan",
    "dm_exec_xml_handles",
    "dm_fts_index_keywords",
    "dm_fts_index_keywords_by_document",
    "dm_fts_parser",
    "dm_logconsumer_cachebufferrefs",
    "dm_sql_referenced_entities",
    "dm_sql_referencing_entities",
    "fn_builtin_permissions",
    "fn_check_object_signatures",
    "fn_dblog",
    "fn_dblog_xtp",
    "fn_dump_dblog",
    "fn_get_audit_file",
    "fn_helpcollations",
    "fn_listextendedproperty",
    "fn_physloccracker",
    "fn_servershareddrives",
    "fn_trace_geteventinfo",
    "fn_trace_getfilterinfo",
    "fn_trace_getinfo",
    "fn_trace_gettable",
    "fn_validate_plan_guide",
    "fn_virtualfilestats",
    "fn_virtualservernodes",
    "fn_xe_file_target_read_file",
];

/// Whether SQL Server has a function for FROM of that name in `sys` that is not here.
pub(crate) fn is_system_source(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SYSTEM_SOURCES.contains(&&*lower)
}

/// Clauses by their words, where the parser stopped: how many tokens before that place the words begin, the words,
/// and what the clause is called.
const CLAUSES: &[(usize, &str, &str)] = &[
    (0, "TABLESAMPLE", "TABLESAMPLE"),
    (0, "FOR SYSTEM_TIME", "FOR SYSTEM_TIME"),
    (0, "FOR BROWSE", "FOR BROWSE"),
    (1, "WINDOW", "the WINDOW clause"),
    (1, "OVER", "the WINDOW clause"),
    (1, "IGNORE NULLS", "IGNORE NULLS"),
    (1, "RESPECT NULLS", "RESPECT NULLS"),
    (1, "IGNORE", "IGNORE NULLS"),
    (1, "RESPECT", "RESPECT NULLS"),
    (2, "XMLNAMESPACES", "WITH XMLNAMESPACES"),
    (1, "BY ALL", "GROUP BY ALL"),
    (1, "INSERT TOP", "INSERT TOP"),
    (0, "EXTERNAL NAME", "modules of assemblies (EXTERNAL NAME)"),
    (0, "PERIOD FOR", "PERIOD FOR SYSTEM_TIME"),
    (1, "PERIOD FOR", "PERIOD FOR SYSTEM_TIME"),
    (0, "ENCRYPTION", "ENCRYPTION"),
    (0, "FILESTREAM", "FILESTREAM"),
    (0, "AS FILETABLE", "FileTables"),
    (0, "AS NODE", "graph tables"),
    (0, "AS EDGE", "graph tables"),
    (0, "MASKED", "MASKED"),
    (0, "SPARSE", "SPARSE"),
    (0, "GENERATED ALWAYS", "GENERATED ALWAYS"),
    (0, "ENCRYPTED WITH", "ENCRYPTED WITH"),
    (0, "COLUMN_SET FOR", "COLUMN_SET"),
    (0, "CERTIFICATE", "certificates"),
    (0, "ASYMMETRIC KEY", "asymmetric keys"),
    (0, "NATIVE_COMPILATION", "NATIVE_COMPILATION"),
    (0, "REWINDONLY", "RESTORE REWINDONLY"),
    (0, "CURRENT_DATE", "CURRENT_DATE"),
    (0, "IDENTITY", "IDENTITY in a select list"),
    (0, "INDEX", "an index in a column's definition"),
    (0, "OPENQUERY", "OPENQUERY"),
    (0, "OPENROWSET", "OPENROWSET"),
    (0, "OPENDATASOURCE", "OPENDATASOURCE"),
    (0, "COMPUTE", "COMPUTE"),
];

impl Parser<'_> {
    /// The feature of the reference that keeps the parser from going on at a token, if it is one.
    pub(super) fn feature_at(&self, at: usize) -> Option<&'static str> {
        let word = |at: usize, word: &str| matches!(self.tokens.get(at).map(|token| &token.kind), Some(TokenKind::Word(w)) if w.eq_ignore_ascii_case(word));
        let symbol = |at: usize, symbol: &str| matches!(self.tokens.get(at).map(|token| &token.kind), Some(TokenKind::Symbol(s)) if *s == symbol);
        let stand = |start: usize, words: &str| words.split(' ').enumerate().all(|(i, w)| word(start + i, w));
        let clause = CLAUSES
            .iter()
            .find(|(before, words, _)| at.checked_sub(*before).is_some_and(|start| stand(start, words)));
        if let Some((_, _, name)) = clause {
            return Some(name);
        }
        let before = |count: usize, w: &str| at.checked_sub(count).is_some_and(|at| word(at, w));
        let twice = |s: &str| {
            symbol(at, s) && (symbol(at + 1, s) || at.checked_sub(1).is_some_and(|before| symbol(before, s)))
        };
        let number_behind =
            matches!(self.tokens.get(at + 1).map(|token| &token.kind), Some(TokenKind::Number(_)));
        match () {
            () if symbol(at, "(") && before(1, "modify") => Some("the method modify of xml values"),
            () if symbol(at, "(") && before(1, "write") => Some("the method WRITE"),
            () if symbol(at, "(") && before(2, "ON") && word(0, "CREATE") => Some("partition schemes"),
            () if symbol(at, "::") => Some("methods of CLR types"),
            () if symbol(at, ";") && number_behind && before(2, "PROCEDURE") => Some("numbered procedures"),
            () if symbol(at, ";") && number_behind && before(2, "PROC") => Some("numbered procedures"),
            () if twice("<") => Some("the operator <<"),
            () if twice(">") => Some("the operator >>"),
            () if twice("|") => Some("the operator ||"),
            () => None,
        }
    }

    /// 40510 when what is to be created, altered or dropped here is in the reference; the words before are `verb`.
    pub(super) fn refuse_definition(&self, verb: &str) -> SqlResult<()> {
        match DEFINITIONS.iter().find(|words| self.are(words)) {
            Some(words) => Err(self.failure(40_510, &[&format_args!("{verb} {words}")])),
            None => Ok(()),
        }
    }

    /// 40510 when a statement of the reference begins here that is not carried out.
    pub(super) fn refuse_statement(&self) -> SqlResult<()> {
        match STATEMENTS.iter().find(|words| self.are(words)) {
            Some(words) => Err(self.failure(40_510, &[words])),
            None => Ok(()),
        }
    }

    /// Whether these words stand here.
    fn are(&self, words: &str) -> bool {
        words.split(' ').enumerate().all(|(at, word)| self.is_ahead(at, word))
    }
}
