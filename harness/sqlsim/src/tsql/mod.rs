//! The batch parser: T-SQL text to [`ast`].
//!
//! It is a recursive-descent parser of its own rather than a general SQL
//! parser with T-SQL around it: statements need no semicolons, aliases no AS,
//! `SELECT @x = 1` assigns, a batch may begin with a bare procedure call, and
//! a client reads error 102 or 156 with the token and the line. Nothing is
//! matched as text; parsed batches are kept by their text.

mod administration;
pub mod ast;
mod calls;
mod certificates;
mod cursors;
mod definitions;
mod expressions;
mod functions;
mod grouping;
pub mod lexer;
mod merge;
mod parser;
mod queries;
pub(crate) mod reference;
mod security;
mod statements;
mod types;

use crate::error::SqlResult;
use crate::value::DataType;
use ast::{Expr, ObjectKind, Program, Query};
use parser::Parser;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What the methods of xml values are called inside: names that no text can spell.
pub(crate) const XML_VALUE: &str = "\u{0}VALUE";
/// See [`XML_VALUE`].
pub(crate) const XML_QUERY: &str = "\u{0}QUERY";
/// See [`XML_VALUE`].
pub(crate) const XML_EXIST: &str = "\u{0}EXIST";
/// See [`XML_VALUE`].
pub(crate) const XML_NODES: &str = "\u{0}NODES";
/// What `x AT TIME ZONE y` is called inside.
pub(crate) const AT_TIME_ZONE: &str = "\u{0}AT TIME ZONE";
/// What `TRIM(x FROM y)` is called inside.
pub(crate) const TRIM_FROM: &str = "\u{0}TRIM FROM";
/// What `PARSE(x AS type USING y)` is called inside.
pub(crate) const PARSE: &str = "\u{0}PARSE";
/// What `TRY_PARSE(x AS type USING y)` is called inside.
pub(crate) const TRY_PARSE: &str = "\u{0}TRY_PARSE";

/// How many texts of batches are kept, parsed.
const CACHE_MAX: usize = 1024;

/// In how many ways a text is kept: with other parameters, or with QUOTED_IDENTIFIER off.
const WAYS_MAX: usize = 8;

/// Longer texts are parsed anew each time.
const CACHED_TEXT_MAX: usize = 16 * 1024;

thread_local! {
    /// By text, so that a look-up needs nothing but what the client sent.
    static CACHE: RefCell<BTreeMap<Box<str>, Vec<Kept>>> = const { RefCell::new(BTreeMap::new()) };
}

/// One way in which a text was parsed.
struct Kept {
    quoted_identifiers: bool,
    parameters: Box<str>,
    program: Rc<Program>,
}

fn kept(parameters: &str, text: &str, quoted_identifiers: bool) -> Option<Rc<Program>> {
    let is_it =
        |kept: &&Kept| kept.quoted_identifiers == quoted_identifiers && *kept.parameters == *parameters;
    CACHE.with_borrow(|cache| Some(cache.get(text)?.iter().find(is_it)?.program.clone()))
}

/// Alias types (CREATE TYPE … FROM …), which a database defines.
pub trait TypeNames {
    /// What the name stands for, and whether it allows NULL.
    fn alias(&self, schema: Option<&str>, name: &str) -> Option<(DataType, bool)>;
}

/// No alias types.
#[derive(Clone, Copy, Debug)]
pub struct NoTypes;

impl TypeNames for NoTypes {
    fn alias(&self, _schema: Option<&str>, _name: &str) -> Option<(DataType, bool)> {
        None
    }
}

/// Parses a batch. `parameters` is the declaration list of `sp_executesql` (`@P1 int, @P2 nvarchar(10)`), or empty.
///
/// # Errors
/// 102, 105, 156 and the other syntax errors, with their line.
pub fn parse(
    parameters: &str,
    text: &str,
    quoted_identifiers: bool,
    types: &dyn TypeNames,
) -> SqlResult<Rc<Program>> {
    if let Some(found) = kept(parameters, text, quoted_identifiers) {
        return Ok(found);
    }
    let mut parser = Parser::new(text, quoted_identifiers, types)?;
    if !parameters.trim().is_empty() {
        let mut declarations = Parser::new(parameters, quoted_identifiers, types)?;
        declarations.parameters()?;
        if !declarations.at_end() {
            return Err(declarations.unexpected());
        }
        parser.variables = declarations.variables;
        parser.uses_aliases = declarations.uses_aliases;
    }
    let parameter_count = parser.variables.len();
    parser.statements_to_end()?;
    let program = Rc::new(Program { code: parser.code, variables: parser.variables, parameter_count });
    if text.len() <= CACHED_TEXT_MAX && !parser.uses_aliases {
        CACHE.with_borrow_mut(|cache| {
            let is_full = cache.get(text).map_or(cache.len() >= CACHE_MAX, |ways| ways.len() >= WAYS_MAX);
            if is_full {
                cache.clear();
            }
            let ways = cache.entry(text.into()).or_default();
            ways.push(Kept { quoted_identifiers, parameters: parameters.into(), program: program.clone() });
        });
    }
    Ok(program)
}

/// A stored module: a procedure's or function's program, or a view's query.
#[derive(Debug)]
pub enum Module {
    /// A procedure.
    Procedure(Rc<Program>),
    /// A view with its column names.
    View(Vec<Rc<str>>, Box<Query>),
    /// A function.
    Function(Rc<Program>, Returns),
}

/// What a function gives.
#[derive(Debug)]
pub enum Returns {
    /// A value; whether a NULL argument makes it NULL at once.
    Scalar(DataType, bool),
    /// The rows of a query.
    Inline(Box<Query>),
    /// The rows of the table variable in this slot.
    Table(usize),
}

thread_local! {
    static MODULES: RefCell<BTreeMap<Rc<str>, Rc<Module>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Parses the text of CREATE or ALTER PROCEDURE, VIEW or FUNCTION; modules are kept by their text.
///
/// # Errors
/// Syntax errors, with their line; 443, 444 and 455 for what functions may not do.
pub fn parse_module(kind: ObjectKind, text: &str, types: &dyn TypeNames) -> SqlResult<Rc<Module>> {
    if let Some(found) = MODULES.with_borrow(|kept| kept.get(text).cloned()) {
        return Ok(found);
    }
    let mut parser = Parser::new(text, true, types)?;
    let module = Rc::new(parser.module_text(kind)?);
    if text.len() <= CACHED_TEXT_MAX && !parser.uses_aliases {
        MODULES.with_borrow_mut(|kept| {
            if kept.len() >= CACHE_MAX {
                kept.clear();
            }
            kept.insert(text.into(), module.clone());
        });
    }
    Ok(module)
}

/// Whom the text of a procedure names in WITH EXECUTE AS: a user, or `CALLER`, `OWNER`, `SELF`.
///
/// # Errors
/// Syntax errors.
pub fn executes_as(text: &str, types: &dyn TypeNames) -> SqlResult<Option<Rc<str>>> {
    if !text.to_ascii_uppercase().contains("EXEC") {
        return Ok(None);
    }
    let mut parser = Parser::new(text, true, types)?;
    while !parser.is_any(&["PROC", "PROCEDURE"]) && !parser.at_end() {
        parser.advance();
    }
    parser.advance();
    parser.object_name()?;
    parser.parameters()?;
    if !parser.take("WITH") {
        return Ok(None);
    }
    while !parser.at_end() && !parser.is("AS") {
        if (parser.take("EXECUTE") || parser.take("EXEC")) && parser.take("AS") {
            return if parser.is_any(&["CALLER", "OWNER", "SELF"]) {
                Ok(Some(parser.any_word()?))
            } else {
                Ok(Some(parser.text_literal()?))
            };
        }
        parser.advance();
    }
    Ok(None)
}

/// Parses a lone expression (a column's default) or condition (a CHECK).
///
/// # Errors
/// Syntax errors.
pub fn parse_expression(text: &str) -> SqlResult<Expr> {
    let mut parser = Parser::new(text, true, &NoTypes)?;
    let parsed = parser.condition()?;
    if parser.at_end() { Ok(parsed) } else { Err(parser.unexpected()) }
}

thread_local! {
    static EXPRESSIONS: RefCell<BTreeMap<Rc<str>, Rc<Expr>>> = const { RefCell::new(BTreeMap::new()) };
}

/// As [`parse_expression`], kept by its text.
///
/// # Errors
/// Syntax errors.
pub fn expression(text: &str) -> SqlResult<Rc<Expr>> {
    if let Some(found) = EXPRESSIONS.with_borrow(|kept| kept.get(text).cloned()) {
        return Ok(found);
    }
    let parsed = Rc::new(parse_expression(text)?);
    EXPRESSIONS.with_borrow_mut(|kept| {
        if kept.len() >= CACHE_MAX {
            kept.clear();
        }
        kept.insert(text.into(), parsed.clone());
    });
    Ok(parsed)
}

#[cfg(test)]
mod tests;
