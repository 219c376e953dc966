//! A script as data. Made by [`super::lower`], walked by [`super::evaluate`].

use std::rc::Rc;

use super::value::Value;

/// Where something stands in a script, for errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// Character in the line, counted from 1.
    pub(crate) column: usize,
    /// The whole line.
    pub(crate) line_text: Rc<str>,
    /// The text itself.
    pub(crate) text: Rc<str>,
}

/// Statements between braces, or a whole script.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Block(pub(crate) Vec<Statement>);

/// A statement and where it stands.
#[derive(Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) kind: StatementKind,
    pub(crate) extent: Extent,
}

/// The kinds of statement.
#[derive(Debug, PartialEq)]
pub(crate) enum StatementKind {
    Pipeline(Pipeline),
    Assign {
        target: Expression,
        operator: AssignOperator,
        value: Box<Statement>,
    },
    If {
        clauses: Vec<(Pipeline, Block)>,
        otherwise: Option<Block>,
    },
    ForEach {
        variable: String,
        over: Pipeline,
        body: Block,
    },
    While {
        condition: Pipeline,
        body: Block,
    },
    DoWhile {
        body: Block,
        condition: Pipeline,
        until: bool,
    },
    For {
        first: Option<Box<Statement>>,
        condition: Option<Pipeline>,
        step: Option<Box<Statement>>,
        body: Block,
    },
    Try {
        body: Block,
        catches: Vec<Catch>,
        finally: Option<Block>,
    },
    Throw(Option<Pipeline>),
    Return(Option<Pipeline>),
    Exit(Option<Pipeline>),
    Break,
    Continue,
}

/// A `catch` clause; no types catch everything.
#[derive(Debug, PartialEq)]
pub(crate) struct Catch {
    pub(crate) types: Vec<String>,
    pub(crate) body: Block,
}

/// How an assignment combines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssignOperator {
    Set,
    With(BinaryOperator),
}

/// Commands and an optional leading expression, joined by `|`.
#[derive(Debug, PartialEq)]
pub(crate) struct Pipeline(pub(crate) Vec<Stage>);

/// One stage of a pipeline.
#[derive(Debug, PartialEq)]
pub(crate) enum Stage {
    Expression(Expression, Redirections),
    Command(Command),
}

/// A command with its arguments, not yet bound.
#[derive(Debug, PartialEq)]
pub(crate) struct Command {
    pub(crate) name: CommandName,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) redirections: Redirections,
    pub(crate) extent: Extent,
}

/// What is called.
#[derive(Debug, PartialEq)]
pub(crate) enum CommandName {
    /// A bare name.
    Bare(String),
    /// `& expression`.
    Computed(Expression),
}

/// One argument of a command.
#[derive(Debug, PartialEq)]
pub(crate) enum Argument {
    /// `-Name` or `-Name:value`.
    Named { name: String, value: Option<Expression>, extent: Extent },
    /// A value.
    Positional(Expression, Extent),
    /// `@variable`.
    Splat(String),
}

/// Where a stage's streams go.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Redirections {
    /// `> $null`.
    pub(crate) discard_output: bool,
    /// `2> $null`.
    pub(crate) discard_errors: bool,
    /// `2>&1`.
    pub(crate) merge_errors: bool,
    /// `3> $null` … `6> $null`.
    pub(crate) discard_other: bool,
}

/// An expression.
#[derive(Debug, PartialEq)]
pub(crate) enum Expression {
    Literal(Value),
    /// A string with variables and subexpressions in it.
    Expandable(Vec<Part>),
    Variable(String),
    Member(Box<Expression>, Box<Expression>),
    StaticMember(String, String),
    Index(Box<Expression>, Box<Expression>),
    Call(Box<Expression>, Box<Expression>, Vec<Expression>),
    StaticCall(String, String, Vec<Expression>),
    Binary(BinaryOperator, Box<Expression>, Box<Expression>),
    Unary(UnaryOperator, Box<Expression>),
    /// `++$x`, `$x--` …
    Step {
        target: Box<Expression>,
        by: i64,
        before: bool,
    },
    /// `a, b`.
    List(Vec<Expression>),
    /// `@( … )`.
    Array(Block),
    /// `$( … )`.
    Sub(Block),
    /// `( … )`.
    Paren(Box<Statement>),
    /// `@{ … }`.
    Hash(Vec<(Expression, Statement)>),
    ScriptBlock(Rc<Block>, Rc<str>),
    Cast(String, Box<Expression>),
    TypeLiteral(String),
}

/// A piece of an expandable string.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    Text(String),
    Value(Expression),
}

/// Operators with two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOperator {
    And,
    Or,
    Xor,
    BitAnd,
    BitOr,
    BitXor,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Format,
    Range,
    Equal { case: bool },
    NotEqual { case: bool },
    Greater { case: bool },
    GreaterOrEqual { case: bool },
    Less { case: bool },
    LessOrEqual { case: bool },
    Like { case: bool, not: bool },
    Match { case: bool, not: bool },
    Contains { case: bool, not: bool },
    In { not: bool },
    Replace { case: bool },
    Split { case: bool },
    Join,
    Is { not: bool },
    As,
}

/// Operators with one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOperator {
    Not,
    BitNot,
    Plus,
    Minus,
    Comma,
    Join,
    Split,
}
