//! What a batch is, once parsed.
//!
//! Control of flow (IF, WHILE, TRY, GOTO) is flattened into jumps, so that the
//! interpreter is one loop. Names are as written; nothing is bound yet.

use crate::value::{DataType, Value};
use std::rc::Rc;

/// A parsed batch, procedure body or parameterised statement.
#[derive(Debug, Default)]
pub struct Program {
    /// Instructions.
    pub code: Vec<Instruction>,
    /// Variables by slot: parameters first, then what the text declares.
    pub variables: Vec<VariableDeclaration>,
    /// How many of the variables are parameters.
    pub parameter_count: usize,
}

/// A declared variable or parameter.
#[derive(Clone, Debug)]
pub struct VariableDeclaration {
    /// Name with `@`, in lower case.
    pub name: Rc<str>,
    /// Its type.
    pub data_type: DataType,
    /// A parameter's default.
    pub default: Option<Value>,
    /// Whether it is an OUTPUT parameter.
    pub output: bool,
    /// For `DECLARE @t TABLE (…)`.
    pub table: Option<Rc<TableDefinition>>,
    /// For `DECLARE @c CURSOR`: its value is the cursor's key.
    pub cursor: bool,
}

/// A step of a program.
#[derive(Debug)]
pub enum Instruction {
    /// Run a statement.
    Statement(Statement),
    /// Go on at `target` unless the condition holds.
    JumpUnless {
        /// The condition.
        condition: Expr,
        /// Where to go on otherwise.
        target: usize,
        /// Its line.
        line: u32,
    },
    /// Go on at an instruction.
    Jump(usize),
    /// BEGIN TRY; errors go to `handler`.
    BeginTry {
        /// First instruction of the CATCH block.
        handler: usize,
    },
    /// END TRY; goes on behind the CATCH block.
    EndTry {
        /// First instruction behind END CATCH.
        after: usize,
    },
    /// END CATCH.
    EndCatch,
}

/// A statement with its line.
#[derive(Debug)]
pub struct Statement {
    /// Line, from 1.
    pub line: u32,
    /// What it does.
    pub kind: StatementKind,
}

/// A name of up to three parts (four with a server, which is refused when used).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    /// Linked server.
    pub server: Option<Rc<str>>,
    /// Database.
    pub database: Option<Rc<str>>,
    /// Schema.
    pub schema: Option<Rc<str>>,
    /// Name.
    pub name: Rc<str>,
}

impl ObjectName {
    /// A name of one part.
    #[must_use]
    pub fn bare(name: Rc<str>) -> Self {
        Self { server: None, database: None, schema: None, name }
    }
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in [&self.server, &self.database].into_iter().flatten() {
            write!(f, "{part}.")?;
        }
        match &self.schema {
            Some(schema) => write!(f, "{schema}.")?,
            None if self.database.is_some() => f.write_str(".")?,
            None => {}
        }
        f.write_str(&self.name)
    }
}

/// What statements do.
#[derive(Debug)]
pub enum StatementKind {
    /// DECLARE without a value, or an empty statement.
    Nothing,
    /// SET @x = …, or DECLARE @x … = …
    Assign {
        /// Slot of the variable.
        variable: usize,
        /// `@x op= …`
        operator: Option<BinaryOperator>,
        /// The value.
        value: Expr,
        /// Whether it belongs to a DECLARE (sends no DONE).
        declares: bool,
    },
    /// DECLARE @t TABLE.
    DeclareTable(usize),
    /// SET option.
    Set(Vec<SetOption>),
    /// USE.
    Use(Rc<str>),
    /// PRINT.
    Print(Expr),
    /// RAISERROR.
    RaiseError(RaiseError),
    /// THROW, without arguments or with number, message, state.
    Throw(Option<Box<[Expr; 3]>>),
    /// RETURN.
    Return(Option<Expr>),
    /// BEGIN TRANSACTION.
    BeginTransaction(Option<TransactionName>),
    /// COMMIT.
    Commit,
    /// ROLLBACK, to a savepoint or transaction when named.
    Rollback(Option<TransactionName>),
    /// SAVE TRANSACTION.
    Save(TransactionName),
    /// WAITFOR DELAY (true) or TIME (false).
    WaitFor {
        /// Whether it waits for a span.
        delay: bool,
        /// `hh:mm[:ss[.mmm]]`.
        time: Expr,
    },
    /// EXECUTE of a procedure.
    Execute(Execute),
    /// EXECUTE of a string.
    ExecuteText(Vec<Expr>),
    /// EXECUTE of a string AS LOGIN or USER.
    ExecuteTextAs(Vec<Expr>, ExecuteAs),
    /// EXECUTE AS: the session acts as somebody else.
    ExecuteAs(ExecuteAs),
    /// REVERT.
    Revert,
    /// SELECT.
    Select(Box<Query>),
    /// INSERT.
    Insert(Box<Insert>),
    /// UPDATE.
    Update(Box<Update>),
    /// DELETE.
    Delete(Box<Delete>),
    /// MERGE.
    Merge(Box<Merge>),
    /// TRUNCATE TABLE.
    Truncate(ObjectName),
    /// UPDATE STATISTICS and ALTER INDEX … REBUILD or REORGANIZE: the table, and the error when it is none. They
    /// change no result here.
    Maintain(ObjectName, i32),
    /// KILL.
    Kill {
        /// The session.
        session: i64,
        /// WITH STATUSONLY.
        status_only: bool,
    },
    /// CREATE TABLE.
    CreateTable(Box<CreateTable>),
    /// ALTER TABLE.
    AlterTable(ObjectName, AlterTable),
    /// DROP TABLE, VIEW, PROCEDURE, FUNCTION …
    Drop {
        /// What.
        kind: ObjectKind,
        /// IF EXISTS.
        if_exists: bool,
        /// Which.
        names: Vec<ObjectName>,
    },
    /// CREATE INDEX.
    CreateIndex(Box<CreateIndex>),
    /// DROP INDEX name ON table.
    DropIndex {
        /// The index.
        index: Rc<str>,
        /// Its table.
        table: ObjectName,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// CREATE or ALTER PROCEDURE, VIEW, FUNCTION.
    CreateModule(Box<CreateModule>),
    /// CREATE SCHEMA.
    CreateSchema(Rc<str>, Option<Rc<str>>),
    /// CREATE TYPE … FROM.
    CreateType {
        /// Its name.
        name: ObjectName,
        /// What it stands for.
        base: DataType,
        /// Whether it allows NULL.
        nullable: bool,
    },
    /// CREATE SYNONYM.
    CreateSynonym {
        /// Its name.
        name: Box<ObjectName>,
        /// What it stands for.
        base: Box<ObjectName>,
    },
    /// CREATE and ALTER SEQUENCE.
    Sequence(Box<CreateSequence>),
    /// CREATE, ALTER, DROP LOGIN, USER, ROLE membership, GRANT …
    Security(Box<Security>),
    /// CREATE DATABASE.
    CreateDatabase(Box<CreateDatabase>),
    /// DROP DATABASE.
    DropDatabase {
        /// Which.
        names: Vec<Rc<str>>,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// ALTER DATABASE.
    AlterDatabase(Box<AlterDatabase>),
    /// CREATE or ALTER ENDPOINT.
    Endpoint(Box<Endpoint>),
    /// The master key and certificates.
    Key(Box<KeyStatement>),
    /// DROP ENDPOINT.
    DropEndpoint(Rc<str>),
    /// BACKUP.
    Backup(Box<Backup>),
    /// RESTORE.
    Restore(Box<Restore>),
    /// CHECKPOINT.
    Checkpoint,
    /// DBCC command (arguments …) WITH options.
    Dbcc {
        /// Command in upper case.
        command: Rc<str>,
        /// Arguments.
        arguments: Vec<Expr>,
        /// Options in upper case.
        options: Vec<Rc<str>>,
    },
    /// RECONFIGURE.
    Reconfigure,
    /// DECLARE c CURSOR FOR …, SET @c = CURSOR FOR ….
    DeclareCursor {
        /// Its name, or the variable that gets it.
        name: CursorName,
        /// What it is like.
        options: CursorOptions,
        /// What it reads.
        query: Box<Query>,
    },
    /// SET @c = c, SET @c = @d: the variable refers to a cursor.
    SetCursor {
        /// The variable.
        variable: usize,
        /// The cursor.
        to: CursorName,
    },
    /// OPEN, CLOSE, DEALLOCATE.
    Cursor(CursorAction, CursorName),
    /// FETCH.
    Fetch {
        /// Which row.
        direction: FetchDirection,
        /// Cursor.
        name: CursorName,
        /// Variables; empty sends the row.
        into: Vec<usize>,
    },
    /// Valid, but not simulated: named here, refused when it runs.
    Unsupported(Rc<str>),
}

/// OPEN, CLOSE, DEALLOCATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorAction {
    /// OPEN
    Open,
    /// CLOSE
    Close,
    /// DEALLOCATE
    Deallocate,
}

/// How a statement names a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorName {
    /// By its name, in lower case.
    Name {
        /// The name.
        name: Rc<str>,
        /// GLOBAL: a local one of that name is not meant.
        global: bool,
    },
    /// By the variable that refers to it.
    Variable(usize),
}

/// What DECLARE CURSOR says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CursorOptions {
    /// It ends with its batch or procedure.
    pub local: bool,
    /// It can go in every direction.
    pub scroll: bool,
    /// Which changes it sees.
    pub kind: CursorKind,
    /// READ_ONLY, FAST_FORWARD, FOR READ ONLY.
    pub read_only: bool,
}

/// Which changes a cursor sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CursorKind {
    /// DYNAMIC, and what a cursor is that says nothing.
    #[default]
    Dynamic,
    /// KEYSET
    Keyset,
    /// STATIC, INSENSITIVE
    Static,
    /// FAST_FORWARD
    FastForward,
}

/// FETCH NEXT, PRIOR, FIRST, LAST, ABSOLUTE n, RELATIVE n.
#[derive(Clone, Debug, PartialEq)]
pub enum FetchDirection {
    /// NEXT
    Next,
    /// PRIOR
    Prior,
    /// FIRST
    First,
    /// LAST
    Last,
    /// ABSOLUTE
    Absolute(Expr),
    /// RELATIVE
    Relative(Expr),
}

/// A transaction's or savepoint's name.
#[derive(Clone, Debug)]
pub enum TransactionName {
    /// Literal.
    Name(Rc<str>),
    /// In a variable.
    Variable(usize),
}

/// RAISERROR.
#[derive(Debug)]
pub struct RaiseError {
    /// Message text, or number.
    pub message: Expr,
    /// Severity.
    pub severity: Expr,
    /// State.
    pub state: Expr,
    /// Arguments of the text.
    pub arguments: Vec<Expr>,
    /// WITH NOWAIT, LOG, SETERROR.
    pub options: Vec<Rc<str>>,
}

/// As whom something is executed.
#[derive(Clone, Debug)]
pub enum ExecuteAs {
    /// CALLER: as before.
    Caller,
    /// LOGIN = 'name'.
    Login(Expr),
    /// USER = 'name'.
    User(Expr),
}

/// EXECUTE.
#[derive(Debug)]
pub struct Execute {
    /// The procedure; or a variable that holds its name.
    pub procedure: ProcedureName,
    /// `@rc =`.
    pub status_into: Option<usize>,
    /// Arguments.
    pub arguments: Vec<Argument>,
}

/// What is executed.
#[derive(Debug)]
pub enum ProcedureName {
    /// A name.
    Name(ObjectName),
    /// A variable that holds one.
    Variable(usize),
}

/// An argument of EXECUTE.
#[derive(Debug)]
pub struct Argument {
    /// `@name =`.
    pub name: Option<Rc<str>>,
    /// Its value; `None` is DEFAULT.
    pub value: Option<Expr>,
    /// For OUTPUT: the slot that receives it.
    pub output: Option<usize>,
}

/// SET options.
#[derive(Clone, Debug)]
pub enum SetOption {
    /// One that is on or off, by its upper-case name.
    Switch(Rc<str>, bool),
    /// LOCK_TIMEOUT, in ms.
    LockTimeout(Expr),
    /// ROWCOUNT.
    RowCount(Expr),
    /// TEXTSIZE.
    TextSize(Expr),
    /// TRANSACTION ISOLATION LEVEL.
    Isolation(Isolation),
    /// DATEFORMAT.
    DateFormat(Rc<str>),
    /// DATEFIRST.
    DateFirst(Expr),
    /// LANGUAGE.
    Language(Rc<str>),
    /// DEADLOCK_PRIORITY.
    DeadlockPriority(i8),
    /// IDENTITY_INSERT.
    IdentityInsert(ObjectName, bool),
    /// CONTEXT_INFO.
    ContextInfo(Expr),
    /// An option that changes no result here.
    Other(Rc<str>),
}

/// Isolation levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// READ UNCOMMITTED
    ReadUncommitted,
    /// READ COMMITTED
    #[default]
    ReadCommitted,
    /// REPEATABLE READ
    RepeatableRead,
    /// SERIALIZABLE
    Serializable,
    /// SNAPSHOT
    Snapshot,
}

/// An expression: a value or a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A literal.
    Literal(Value, DataType),
    /// A variable's slot.
    Variable(usize),
    /// `@@name`.
    SystemVariable(Rc<str>),
    /// A column, possibly qualified.
    Column(Vec<Rc<str>>),
    /// Minus, bitwise not.
    Unary(UnaryOperator, Box<Expr>),
    /// Arithmetic.
    Binary(BinaryOperator, Box<Expr>, Box<Expr>),
    /// A comparison.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// A comparison with ALL or ANY of a query's rows.
    Quantified {
        /// How.
        comparison: Comparison,
        /// ALL.
        all: bool,
        /// Left side.
        left: Box<Expr>,
        /// The query.
        query: Box<Query>,
    },
    /// AND
    And(Box<Expr>, Box<Expr>),
    /// OR
    Or(Box<Expr>, Box<Expr>),
    /// NOT
    Not(Box<Expr>),
    /// IS NULL
    IsNull(Box<Expr>),
    /// IN (list)
    InList(Box<Expr>, Vec<Expr>),
    /// IN (query)
    InQuery(Box<Expr>, Box<Query>),
    /// EXISTS
    Exists(Box<Query>),
    /// LIKE
    Like {
        /// What.
        text: Box<Expr>,
        /// Pattern.
        pattern: Box<Expr>,
        /// ESCAPE.
        escape: Option<Box<Expr>>,
    },
    /// CASE
    Case {
        /// CASE operand WHEN …
        operand: Option<Box<Expr>>,
        /// WHEN … THEN …
        branches: Vec<(Expr, Expr)>,
        /// ELSE
        otherwise: Option<Box<Expr>>,
    },
    /// CAST, CONVERT, TRY_CAST, TRY_CONVERT, PARSE is not there.
    Convert {
        /// What.
        value: Box<Expr>,
        /// To which type.
        target: DataType,
        /// Style of CONVERT.
        style: Option<Box<Expr>>,
        /// NULL instead of an error.
        is_try: bool,
    },
    /// A function call.
    Call(Box<Call>),
    /// (SELECT …) as a value.
    Subquery(Box<Query>),
    /// COLLATE
    Collate(Box<Expr>, Rc<str>),
    /// NEXT VALUE FOR
    NextValue(Box<ObjectName>),
    /// DEFAULT in the place of a function's argument
    Default,
}

/// A function call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its name.
    pub name: ObjectName,
    /// Arguments.
    pub arguments: Vec<Expr>,
    /// `COUNT(*)`.
    pub star: bool,
    /// DISTINCT.
    pub distinct: bool,
    /// WITHIN GROUP (ORDER BY …).
    pub within_group: Vec<OrderItem>,
    /// OVER (…).
    pub over: Option<Over>,
}

/// OVER (…).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Over {
    /// PARTITION BY.
    pub partition_by: Vec<Expr>,
    /// ORDER BY.
    pub order_by: Vec<OrderItem>,
    /// ROWS or RANGE.
    pub frame: Option<WindowFrame>,
}

/// ROWS or RANGE of OVER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowFrame {
    /// ROWS rather than RANGE.
    pub rows: bool,
    /// Where it begins.
    pub start: FrameBound,
    /// Where it ends.
    pub end: FrameBound,
}

/// One end of a window frame, in order along the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrameBound {
    /// UNBOUNDED PRECEDING
    UnboundedPreceding,
    /// n rows up (negative) or down; 0 is CURRENT ROW
    Offset(i64),
    /// UNBOUNDED FOLLOWING
    UnboundedFollowing,
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOperator {
    /// -
    Minus,
    /// ~
    BitNot,
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOperator {
    /// + on numbers and texts
    Add,
    /// -
    Subtract,
    /// *
    Multiply,
    /// /
    Divide,
    /// %
    Modulo,
    /// &
    BitAnd,
    /// |
    BitOr,
    /// ^
    BitXor,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// =
    Equal,
    /// <>
    NotEqual,
    /// <
    Less,
    /// <=
    LessOrEqual,
    /// >
    Greater,
    /// >=
    GreaterOrEqual,
}

/// A query with its WITH and ORDER BY.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// WITH name AS (…).
    pub tables: Vec<CommonTable>,
    /// The set expression.
    pub body: QueryBody,
    /// ORDER BY.
    pub order_by: Vec<OrderItem>,
    /// OFFSET … ROWS.
    pub offset: Option<Expr>,
    /// FETCH NEXT … ROWS ONLY.
    pub fetch: Option<Expr>,
    /// FOR XML or FOR JSON.
    pub format: Option<Rc<Format>>,
    /// OPTION (MAXRECURSION n).
    pub max_recursion: Option<u32>,
    /// Line of its first word.
    pub line: u32,
}

impl Query {
    /// A query without any clause around its body.
    #[must_use]
    pub fn of(body: QueryBody) -> Self {
        Self {
            tables: Vec::new(),
            body,
            order_by: Vec::new(),
            offset: None,
            fetch: None,
            format: None,
            max_recursion: None,
            line: 1,
        }
    }

    /// `SELECT items FROM source`.
    #[must_use]
    pub fn select(items: Vec<SelectItem>, source: TableSource) -> Self {
        Self::of(QueryBody::Select(Box::new(Select { items, from: vec![source], ..Select::default() })))
    }
}

/// FOR XML and FOR JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// FOR XML
    Xml {
        /// RAW, AUTO or PATH.
        mode: FormatMode,
        /// Name of a row's element; empty for none.
        row: Rc<str>,
        /// ROOT('…').
        root: Option<Rc<str>>,
        /// TYPE.
        typed: bool,
        /// ELEMENTS.
        elements: bool,
        /// ELEMENTS XSINIL.
        nil: bool,
    },
    /// FOR JSON
    Json {
        /// AUTO or PATH.
        mode: FormatMode,
        /// ROOT('…').
        root: Option<Rc<str>>,
        /// INCLUDE_NULL_VALUES.
        nulls: bool,
        /// WITHOUT_ARRAY_WRAPPER.
        bare: bool,
    },
}

/// Modes of FOR XML and FOR JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatMode {
    /// RAW
    Raw,
    /// AUTO
    Auto,
    /// PATH
    Path,
}

/// WITH name (columns) AS (query).
#[derive(Clone, Debug, PartialEq)]
pub struct CommonTable {
    /// Name.
    pub name: Rc<str>,
    /// Column names.
    pub columns: Vec<Rc<str>>,
    /// Its query.
    pub query: Rc<Query>,
}

/// The body of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryBody {
    /// SELECT
    Select(Box<Select>),
    /// VALUES (…), (…)
    Values(Vec<Vec<Expr>>),
    /// UNION, EXCEPT, INTERSECT
    Combine {
        /// Which.
        operator: SetOperator,
        /// Left side.
        left: Box<QueryBody>,
        /// Right side.
        right: Box<QueryBody>,
    },
    /// A query in parentheses.
    Nested(Box<Query>),
}

/// UNION [ALL], EXCEPT, INTERSECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOperator {
    /// UNION ALL
    UnionAll,
    /// UNION
    Union,
    /// EXCEPT
    Except,
    /// INTERSECT
    Intersect,
}

/// SELECT … FROM … WHERE ….
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Select {
    /// DISTINCT.
    pub distinct: bool,
    /// TOP.
    pub top: Option<Top>,
    /// What is selected.
    pub items: Vec<SelectItem>,
    /// INTO.
    pub into: Option<ObjectName>,
    /// FROM.
    pub from: Vec<TableSource>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY: every expression in it.
    pub group_by: Vec<Expr>,
    /// GROUPING SETS, ROLLUP, CUBE: the sets, as positions in `group_by`.
    pub grouping_sets: Option<Vec<Vec<usize>>>,
    /// HAVING.
    pub having: Option<Expr>,
}

/// TOP (n) [PERCENT] [WITH TIES].
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    /// How many.
    pub count: Expr,
    /// PERCENT.
    pub percent: bool,
    /// WITH TIES.
    pub with_ties: bool,
}

/// One item of a select list.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectItem {
    /// `*` or `t.*`.
    Star(Vec<Rc<str>>),
    /// An expression with its alias.
    Expression(Expr, Option<Rc<str>>),
    /// `@x = …`.
    Assign(usize, Option<BinaryOperator>, Expr),
}

/// ORDER BY item.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderItem {
    /// What.
    pub value: Expr,
    /// DESC.
    pub descending: bool,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq)]
pub enum TableSource {
    /// A table or view.
    Named {
        /// Its name.
        name: ObjectName,
        /// Alias.
        alias: Option<Rc<str>>,
        /// Hints in upper case.
        hints: Vec<Rc<str>>,
    },
    /// A table variable.
    Variable {
        /// Its slot.
        slot: usize,
        /// Alias.
        alias: Option<Rc<str>>,
    },
    /// A query in parentheses.
    Derived {
        /// The query.
        query: Rc<Query>,
        /// Alias.
        alias: Rc<str>,
        /// Column names.
        columns: Vec<Rc<str>>,
    },
    /// A function that gives rows.
    Function {
        /// Its name.
        name: ObjectName,
        /// Arguments.
        arguments: Vec<Expr>,
        /// Alias.
        alias: Option<Rc<str>>,
        /// Column names.
        columns: Vec<Rc<str>>,
    },
    /// OPENJSON.
    OpenJson(Box<OpenJson>),
    /// PIVOT.
    Pivot(Box<Pivot>),
    /// UNPIVOT.
    Unpivot(Box<Unpivot>),
    /// A join.
    Join {
        /// Which kind.
        kind: JoinKind,
        /// Left side.
        left: Box<TableSource>,
        /// Right side.
        right: Box<TableSource>,
        /// ON.
        on: Option<Expr>,
    },
}

/// OPENJSON(document, path) WITH (columns).
#[derive(Clone, Debug, PartialEq)]
pub struct OpenJson {
    /// The JSON text.
    pub document: Expr,
    /// Where to begin in it.
    pub path: Option<Expr>,
    /// The columns of WITH.
    pub with: Option<Vec<JsonColumn>>,
    /// Alias.
    pub alias: Option<Rc<str>>,
    /// Column names behind the alias.
    pub columns: Vec<Rc<str>>,
}

/// A column of OPENJSON … WITH.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonColumn {
    /// Its name.
    pub name: Rc<str>,
    /// Its type.
    pub data_type: DataType,
    /// Where it is, from the element; `$.name` when it is not said.
    pub path: Option<Rc<str>>,
    /// AS JSON: an object or array as it is written.
    pub as_json: bool,
}

/// PIVOT (aggregate FOR column IN (values)) alias.
#[derive(Clone, Debug, PartialEq)]
pub struct Pivot {
    /// What is turned.
    pub source: TableSource,
    /// The aggregate.
    pub aggregate: Call,
    /// Whose values become columns.
    pub column: Rc<str>,
    /// The values.
    pub values: Vec<Rc<str>>,
    /// Alias.
    pub alias: Rc<str>,
}

/// UNPIVOT (value FOR name IN (columns)) alias.
#[derive(Clone, Debug, PartialEq)]
pub struct Unpivot {
    /// What is turned.
    pub source: TableSource,
    /// Column that gets the values.
    pub value: Rc<str>,
    /// Column that gets the columns' names.
    pub name: Rc<str>,
    /// The columns.
    pub columns: Vec<Rc<str>>,
    /// Alias.
    pub alias: Rc<str>,
}

/// Kinds of joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// INNER
    Inner,
    /// LEFT
    Left,
    /// RIGHT
    Right,
    /// FULL
    Full,
    /// CROSS
    Cross,
    /// CROSS APPLY
    CrossApply,
    /// OUTER APPLY
    OuterApply,
}

/// INSERT.
#[derive(Debug)]
pub struct Insert {
    /// WITH.
    pub tables: Vec<CommonTable>,
    /// The table.
    pub target: TableSource,
    /// Columns; empty means all.
    pub columns: Vec<Rc<str>>,
    /// OUTPUT.
    pub output: Option<Output>,
    /// What goes in.
    pub source: InsertSource,
}

/// What INSERT puts in.
#[derive(Debug)]
pub enum InsertSource {
    /// VALUES; `None` is DEFAULT.
    Values(Vec<Vec<Option<Expr>>>),
    /// DEFAULT VALUES.
    Defaults,
    /// A query.
    Query(Box<Query>),
    /// EXECUTE.
    Execute(Box<Statement>),
}

/// OUTPUT clause.
#[derive(Debug)]
pub struct Output {
    /// Items over `inserted` and `deleted`.
    pub items: Vec<SelectItem>,
    /// INTO.
    pub into: Option<(TableSource, Vec<Rc<str>>)>,
}

/// UPDATE.
#[derive(Debug)]
pub struct Update {
    /// WITH.
    pub tables: Vec<CommonTable>,
    /// TOP.
    pub top: Option<Top>,
    /// The table or its alias in FROM.
    pub target: TableSource,
    /// SET.
    pub assignments: Vec<UpdateItem>,
    /// OUTPUT.
    pub output: Option<Output>,
    /// FROM.
    pub from: Vec<TableSource>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// WHERE CURRENT OF.
    pub cursor: Option<CursorName>,
}

/// `column op= value`, or `@x = [column =] value`.
#[derive(Debug)]
pub struct UpdateItem {
    /// Variable that receives the value too.
    pub variable: Option<usize>,
    /// Column.
    pub column: Option<Rc<str>>,
    /// `op=`.
    pub operator: Option<BinaryOperator>,
    /// Value; `None` is DEFAULT.
    pub value: Option<Expr>,
}

/// DELETE.
#[derive(Debug)]
pub struct Delete {
    /// WITH.
    pub tables: Vec<CommonTable>,
    /// TOP.
    pub top: Option<Top>,
    /// The table or its alias in FROM.
    pub target: TableSource,
    /// OUTPUT.
    pub output: Option<Output>,
    /// FROM.
    pub from: Vec<TableSource>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// WHERE CURRENT OF.
    pub cursor: Option<CursorName>,
}

/// MERGE.
#[derive(Debug)]
pub struct Merge {
    /// WITH.
    pub tables: Vec<CommonTable>,
    /// TOP.
    pub top: Option<Top>,
    /// The table, with its alias.
    pub target: TableSource,
    /// USING.
    pub source: TableSource,
    /// ON.
    pub on: Expr,
    /// WHEN … THEN …
    pub clauses: Vec<MergeClause>,
    /// OUTPUT.
    pub output: Option<Output>,
}

/// WHEN … THEN … of MERGE.
#[derive(Debug)]
pub struct MergeClause {
    /// For which rows.
    pub when: MergeWhen,
    /// AND condition.
    pub condition: Option<Expr>,
    /// What is done.
    pub action: MergeAction,
}

/// For which rows a clause of MERGE is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeWhen {
    /// MATCHED
    Matched,
    /// NOT MATCHED [BY TARGET]
    NotMatchedByTarget,
    /// NOT MATCHED BY SOURCE
    NotMatchedBySource,
}

/// What a clause of MERGE does.
#[derive(Debug)]
pub enum MergeAction {
    /// UPDATE SET
    Update(Vec<UpdateItem>),
    /// DELETE
    Delete,
    /// INSERT
    Insert {
        /// Columns; empty means all.
        columns: Vec<Rc<str>>,
        /// VALUES, DEFAULT inside is `None`; `None` is DEFAULT VALUES.
        values: Option<Vec<Option<Expr>>>,
    },
}

/// Kinds of objects that DROP knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// TABLE
    Table,
    /// VIEW
    View,
    /// PROCEDURE
    Procedure,
    /// FUNCTION
    Function,
    /// SCHEMA
    Schema,
    /// TRIGGER
    Trigger,
    /// TYPE
    Type,
    /// SYNONYM
    Synonym,
    /// SEQUENCE
    Sequence,
}

/// Kinds of functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    /// RETURNS a type
    Scalar,
    /// RETURNS TABLE
    Inline,
    /// RETURNS @t TABLE
    Table,
}

/// CREATE and ALTER SEQUENCE.
#[derive(Debug)]
pub struct CreateSequence {
    /// Name.
    pub name: ObjectName,
    /// ALTER.
    pub alter: bool,
    /// AS; bigint when not said.
    pub data_type: Option<DataType>,
    /// The rest.
    pub options: Vec<SequenceOption>,
}

/// What CREATE and ALTER SEQUENCE say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceOption {
    /// START WITH
    Start(i128),
    /// RESTART, at its start or at a number
    Restart(Option<i128>),
    /// INCREMENT BY
    Increment(i128),
    /// MINVALUE, NO MINVALUE
    Minimum(Option<i128>),
    /// MAXVALUE, NO MAXVALUE
    Maximum(Option<i128>),
    /// CYCLE, NO CYCLE
    Cycle(bool),
}

/// CREATE TABLE.
#[derive(Debug)]
pub struct CreateTable {
    /// Its name.
    pub name: ObjectName,
    /// Columns and constraints.
    pub definition: TableDefinition,
}

/// Columns and constraints of a table.
#[derive(Clone, Debug, Default)]
pub struct TableDefinition {
    /// Columns.
    pub columns: Vec<ColumnDefinition>,
    /// Constraints, those written at a column too.
    pub constraints: Vec<Constraint>,
}

/// A column of CREATE TABLE.
#[derive(Clone, Debug)]
pub struct ColumnDefinition {
    /// Name.
    pub name: Rc<str>,
    /// Type.
    pub data_type: DataType,
    /// NULL or NOT NULL; `None` when not said.
    pub nullable: Option<bool>,
    /// IDENTITY (seed, increment).
    pub identity: Option<(i64, i64)>,
    /// DEFAULT: name of the constraint and text of the expression.
    pub default: Option<(Option<Rc<str>>, Rc<str>)>,
    /// AS expression: its text.
    pub computed: Option<Rc<str>>,
    /// ROWGUIDCOL.
    pub row_guid: bool,
}

/// A constraint.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// Its name.
    pub name: Option<Rc<str>>,
    /// What it demands.
    pub kind: ConstraintKind,
}

/// What a constraint demands.
#[derive(Clone, Debug)]
pub enum ConstraintKind {
    /// PRIMARY KEY or UNIQUE.
    Key {
        /// PRIMARY KEY.
        primary: bool,
        /// CLUSTERED; `None` when not said.
        clustered: Option<bool>,
        /// Columns, descending or not.
        columns: Vec<(Rc<str>, bool)>,
    },
    /// FOREIGN KEY.
    Foreign {
        /// Columns.
        columns: Vec<Rc<str>>,
        /// The table it points to.
        table: ObjectName,
        /// Its columns; empty means its primary key.
        references: Vec<Rc<str>>,
        /// ON DELETE CASCADE.
        cascade_delete: bool,
    },
    /// CHECK: text of the condition.
    Check(Rc<str>),
    /// DEFAULT … FOR column (ALTER TABLE ADD).
    Default(Rc<str>, Rc<str>),
}

/// ALTER TABLE.
#[derive(Debug)]
pub enum AlterTable {
    /// ADD columns and constraints.
    Add(TableDefinition),
    /// DROP COLUMN.
    DropColumns(Vec<Rc<str>>),
    /// DROP CONSTRAINT.
    DropConstraints(Vec<Rc<str>>),
    /// ALTER COLUMN.
    AlterColumn(Box<ColumnDefinition>),
    /// Something else, by name.
    Unsupported(Rc<str>),
}

/// CREATE INDEX.
#[derive(Debug)]
pub struct CreateIndex {
    /// Name.
    pub name: Rc<str>,
    /// Table.
    pub table: ObjectName,
    /// UNIQUE.
    pub unique: bool,
    /// CLUSTERED.
    pub clustered: bool,
    /// Columns, descending or not.
    pub columns: Vec<(Rc<str>, bool)>,
    /// INCLUDE.
    pub included: Vec<Rc<str>>,
    /// WHERE: a filtered index, which is refused.
    pub filtered: bool,
}

/// CREATE or ALTER of a module.
#[derive(Debug)]
pub struct CreateModule {
    /// Which kind.
    pub kind: ObjectKind,
    /// Which kind of function, if it is one.
    pub function: Option<FunctionKind>,
    /// Name.
    pub name: ObjectName,
    /// ALTER (the object must exist).
    pub alter: bool,
    /// CREATE OR ALTER.
    pub or_alter: bool,
    /// The whole statement's text.
    pub text: Rc<str>,
}

/// A password as a statement has it. Never shown.
#[derive(Clone, PartialEq)]
pub enum Password {
    /// In clear text.
    Text(Rc<str>),
    /// HASHED: as another server keeps it.
    Hashed(Rc<[u8]>),
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

/// Logins, users, roles, permissions.
#[derive(Debug)]
pub enum Security {
    /// CREATE LOGIN.
    CreateLogin {
        /// Name.
        name: Rc<str>,
        /// PASSWORD; `None` for FROM WINDOWS.
        password: Option<Password>,
        /// FROM CERTIFICATE.
        certificate: Option<Rc<str>>,
        /// SID.
        sid: Option<Rc<[u8]>>,
        /// DEFAULT_DATABASE.
        default_database: Option<Rc<str>>,
    },
    /// ALTER LOGIN.
    AlterLogin {
        /// Name.
        name: Rc<str>,
        /// ENABLE, DISABLE.
        enabled: Option<bool>,
        /// New password.
        password: Option<Password>,
        /// DEFAULT_DATABASE.
        default_database: Option<Rc<str>>,
    },
    /// DROP LOGIN.
    DropLogin(Rc<str>),
    /// CREATE USER … FOR LOGIN.
    CreateUser {
        /// Name.
        name: Rc<str>,
        /// Login; `None` WITHOUT LOGIN.
        login: Option<Rc<str>>,
        /// FOR CERTIFICATE.
        certificate: Option<Rc<str>>,
    },
    /// ALTER USER … WITH LOGIN = ….
    AlterUser {
        /// Name.
        name: Rc<str>,
        /// Login.
        login: Rc<str>,
    },
    /// DROP USER.
    DropUser {
        /// Name.
        name: Rc<str>,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// ALTER SERVER ROLE … ADD/DROP MEMBER.
    ServerRole {
        /// Role.
        role: Rc<str>,
        /// Member.
        member: Rc<str>,
        /// ADD.
        add: bool,
    },
    /// DROP ROLE.
    DropRole {
        /// Name.
        name: Rc<str>,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// ALTER AUTHORIZATION ON DATABASE or SCHEMA.
    Authorization {
        /// DATABASE or SCHEMA.
        class: Rc<str>,
        /// What gets a new owner.
        name: Rc<str>,
        /// The new owner.
        owner: Rc<str>,
    },
    /// ALTER ROLE … ADD/DROP MEMBER.
    DatabaseRole {
        /// Role.
        role: Rc<str>,
        /// Member.
        member: Rc<str>,
        /// ADD.
        add: bool,
    },
    /// CREATE ROLE.
    CreateRole(Rc<str>),
    /// GRANT permissions TO principals.
    Grant {
        /// GRANT, DENY, REVOKE.
        verb: Rc<str>,
        /// Permissions in upper case.
        permissions: Vec<Rc<str>>,
        /// ON what (class, name).
        on: Option<(Option<Rc<str>>, ObjectName)>,
        /// To whom.
        principals: Vec<Rc<str>>,
    },
}

/// CREATE DATABASE.
#[derive(Debug)]
pub struct CreateDatabase {
    /// Name.
    pub name: Rc<str>,
    /// ON PRIMARY files.
    pub data: Vec<FileSpecification>,
    /// LOG ON files.
    pub log: Vec<FileSpecification>,
    /// COLLATE.
    pub collation: Option<Rc<str>>,
}

/// (NAME = …, FILENAME = …, SIZE = …).
#[derive(Clone, Debug, Default)]
pub struct FileSpecification {
    /// NAME.
    pub name: Rc<str>,
    /// FILENAME.
    pub path: Option<Rc<str>>,
    /// SIZE in kilobytes.
    pub size_kb: Option<u64>,
}

/// ALTER DATABASE.
#[derive(Debug)]
pub struct AlterDatabase {
    /// Name; `None` is CURRENT.
    pub name: Option<Rc<str>>,
    /// What.
    pub action: AlterDatabaseAction,
}

/// What ALTER DATABASE does.
#[derive(Debug)]
pub enum AlterDatabaseAction {
    /// SET options WITH termination.
    Set(Vec<DatabaseOption>, Termination),
    /// SET PARTNER ….
    Partner(PartnerAction),
    /// SET WITNESS = '…' or OFF.
    Witness(Option<Rc<str>>),
    /// MODIFY NAME = ….
    Rename(Rc<str>),
    /// COLLATE ….
    Collate(Rc<str>),
    /// Something else, by name.
    Unsupported(Rc<str>),
}

/// WITH ROLLBACK IMMEDIATE and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// Wait for others.
    Wait,
    /// ROLLBACK IMMEDIATE, or AFTER so many seconds.
    RollbackAfterSeconds(u64),
    /// NO_WAIT.
    NoWait,
}

/// A database option as SET names it, in upper case.
#[derive(Clone, Debug)]
pub struct DatabaseOption {
    /// `RECOVERY`, `SINGLE_USER`, `READ_ONLY`, `AUTO_CLOSE` …
    pub name: Rc<str>,
    /// `FULL`, `ON`, `OFF`, `160` …; empty when it has none.
    pub value: Rc<str>,
}

/// SET PARTNER ….
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartnerAction {
    /// = 'TCP://host:port'
    Connect(Rc<str>),
    /// FAILOVER
    Failover,
    /// FORCE_SERVICE_ALLOW_DATA_LOSS
    ForceService,
    /// OFF
    Off,
    /// SUSPEND
    Suspend,
    /// RESUME
    Resume,
    /// SAFETY FULL (true) or OFF
    Safety(bool),
    /// TIMEOUT seconds
    Timeout(u32),
}

/// CREATE or ALTER ENDPOINT.
#[derive(Debug)]
pub struct Endpoint {
    /// Name.
    pub name: Rc<str>,
    /// ALTER.
    pub alter: bool,
    /// STATE = STARTED, STOPPED, DISABLED.
    pub state: Option<Rc<str>>,
    /// LISTENER_PORT.
    pub port: Option<u16>,
    /// ROLE = PARTNER, WITNESS, ALL.
    pub role: Option<Rc<str>>,
    /// AUTHENTICATION, words in upper case, without the certificate's name.
    pub authentication: Option<Rc<str>>,
    /// The certificate of AUTHENTICATION.
    pub certificate: Option<Rc<str>>,
    /// ENCRYPTION, words in upper case.
    pub encryption: Option<Rc<str>>,
    /// FOR what: `DATABASE_MIRRORING`.
    pub payload: Option<Rc<str>>,
}

/// BACKUP.
#[derive(Debug)]
pub struct Backup {
    /// BACKUP LOG.
    pub log: bool,
    /// The database, as a name or in a variable.
    pub database: Expr,
    /// TO DISK = ….
    pub devices: Vec<Expr>,
    /// WITH options.
    pub options: Vec<BackupOption>,
}

/// One option of BACKUP or RESTORE: `NAME [= value]`.
#[derive(Debug)]
pub struct BackupOption {
    /// In upper case.
    pub name: Rc<str>,
    /// Its value.
    pub value: Option<Expr>,
    /// MOVE … TO ….
    pub to: Option<Expr>,
}

/// RESTORE.
#[derive(Debug)]
pub struct Restore {
    /// What it restores or reads.
    pub kind: RestoreKind,
    /// The database; `None` for HEADERONLY and its like.
    pub database: Option<Expr>,
    /// FROM DISK = ….
    pub devices: Vec<Expr>,
    /// WITH options.
    pub options: Vec<BackupOption>,
}

/// Kinds of RESTORE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreKind {
    /// RESTORE DATABASE
    Database,
    /// RESTORE LOG
    Log,
    /// RESTORE HEADERONLY
    HeaderOnly,
    /// RESTORE FILELISTONLY
    FileListOnly,
    /// RESTORE LABELONLY
    LabelOnly,
    /// RESTORE VERIFYONLY
    VerifyOnly,
}

/// Statements about the master key and certificates.
#[derive(Debug)]
pub enum KeyStatement {
    /// CREATE MASTER KEY.
    CreateMasterKey {
        /// ENCRYPTION BY PASSWORD.
        password: Rc<str>,
    },
    /// DROP MASTER KEY.
    DropMasterKey,
    /// CREATE CERTIFICATE.
    CreateCertificate {
        /// Name.
        name: Rc<str>,
        /// AUTHORIZATION.
        owner: Option<Rc<str>>,
        /// Where it comes from.
        source: CertificateSource,
        /// ACTIVE FOR BEGIN_DIALOG.
        is_for_dialogs: bool,
    },
    /// DROP CERTIFICATE.
    DropCertificate(Rc<str>),
    /// BACKUP CERTIFICATE.
    BackupCertificate {
        /// Name.
        name: Rc<str>,
        /// TO FILE.
        file: Rc<str>,
        /// WITH PRIVATE KEY.
        private_key: Option<PrivateKeyFile>,
    },
}

/// Where a certificate comes from.
#[derive(Debug)]
pub enum CertificateSource {
    /// WITH SUBJECT …: it is made here.
    SelfSigned {
        /// SUBJECT.
        subject: Rc<str>,
        /// START_DATE.
        start: Option<Rc<str>>,
        /// EXPIRY_DATE.
        expiry: Option<Rc<str>>,
        /// ENCRYPTION BY PASSWORD.
        password: Option<Rc<str>>,
    },
    /// FROM FILE.
    File {
        /// The file.
        file: Rc<str>,
        /// WITH PRIVATE KEY.
        private_key: Option<PrivateKeyFile>,
    },
}

/// PRIVATE KEY ( … ).
#[derive(Debug)]
pub struct PrivateKeyFile {
    /// FILE.
    pub file: Rc<str>,
    /// ENCRYPTION BY PASSWORD.
    pub encryption: Option<Rc<str>>,
    /// DECRYPTION BY PASSWORD.
    pub decryption: Option<Rc<str>>,
}
