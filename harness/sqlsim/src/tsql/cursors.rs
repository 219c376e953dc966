//! Cursors.

use super::ast::{CursorAction, CursorKind, CursorName, CursorOptions, Expr, FetchDirection, StatementKind};
use super::lexer::TokenKind;
use super::parser::Parser;
use crate::error::SqlResult;
use crate::value::{DataType, Value};
use std::rc::Rc;

impl Parser<'_> {
    /// `DECLARE c [INSENSITIVE] [SCROLL] CURSOR [options] FOR query`.
    pub(super) fn cursor_declaration(&mut self) -> SqlResult<()> {
        let line = self.line();
        let name: Rc<str> = self.name()?.to_ascii_lowercase().into();
        let mut options = CursorOptions::default();
        while !self.take("CURSOR") {
            if self.take("INSENSITIVE") {
                options.kind = CursorKind::Static;
                options.read_only = true;
            } else {
                self.need("SCROLL")?;
                options.scroll = true;
            }
        }
        let kind = self.cursor_query(CursorName::Name { name, global: false }, options)?;
        self.push(line, kind);
        Ok(())
    }

    /// The variable here, when it is a cursor's.
    pub(super) fn cursor_variable(&self) -> Option<usize> {
        let TokenKind::Variable(name) = self.kind() else { return None };
        self.slot_of(name).filter(|slot| self.variables[*slot].cursor)
    }

    /// `SET @c = CURSOR … FOR query`, `SET @c = c`.
    pub(super) fn set_cursor(&mut self, variable: usize) -> SqlResult<StatementKind> {
        self.advance();
        self.need_symbol("=")?;
        if self.take("CURSOR") {
            return self.cursor_query(CursorName::Variable(variable), CursorOptions::default());
        }
        Ok(StatementKind::SetCursor { variable, to: self.cursor_name()? })
    }

    /// Options and the query behind CURSOR.
    fn cursor_query(&mut self, name: CursorName, mut options: CursorOptions) -> SqlResult<StatementKind> {
        let mut seen: Vec<Rc<str>> = Vec::new();
        while !self.take("FOR") {
            let word = self.any_word()?;
            if !WORDS.contains(&&*word) {
                return Err(self.failure(102, &[&word]));
            }
            let conflicts = |other: &&Rc<str>| {
                CONFLICTS
                    .iter()
                    .any(|group| group.contains(&&*word) && group.contains(&&***other) && **other != word)
            };
            if let Some(other) = seen.iter().find(conflicts) {
                return Err(self.failure(1048, &[other, &word]));
            }
            match &*word {
                "LOCAL" => options.local = true,
                "SCROLL" => options.scroll = true,
                "STATIC" => options.kind = CursorKind::Static,
                "KEYSET" => options.kind = CursorKind::Keyset,
                "DYNAMIC" => options.kind = CursorKind::Dynamic,
                "FAST_FORWARD" => options.kind = CursorKind::FastForward,
                "READ_ONLY" => options.read_only = true,
                _ => {}
            }
            let moves = matches!(&*word, "STATIC" | "KEYSET" | "DYNAMIC");
            options.scroll |= moves;
            seen.push(word);
        }
        if seen.iter().any(|word| &**word == "FORWARD_ONLY") {
            options.scroll = false;
        }
        options.read_only |= matches!(options.kind, CursorKind::Static | CursorKind::FastForward);
        let query = Box::new(self.query()?);
        if self.take("FOR") {
            if self.take("UPDATE") {
                if options.read_only {
                    return Err(self.failure(16_957, &[]));
                }
                if self.take("OF") {
                    self.name()?;
                    while self.take_symbol(",") {
                        self.name()?;
                    }
                }
            } else {
                self.need("READ")?;
                self.need("ONLY")?;
                options.read_only = true;
            }
        }
        Ok(StatementKind::DeclareCursor { name, options, query })
    }

    /// `[GLOBAL] name` or `@variable`.
    pub(super) fn cursor_name(&mut self) -> SqlResult<CursorName> {
        if let TokenKind::Variable(name) = self.kind() {
            let Some(slot) = self.cursor_variable() else { return Err(self.failure(137, &[name])) };
            self.advance();
            return Ok(CursorName::Variable(slot));
        }
        let global =
            self.is("GLOBAL") && matches!(self.kind_ahead(1), TokenKind::Word(_) | TokenKind::QuotedName(_));
        if global {
            self.advance();
        }
        Ok(CursorName::Name { name: self.name()?.to_ascii_lowercase().into(), global })
    }

    pub(super) fn cursor_statement(&mut self, word: &str) -> SqlResult<StatementKind> {
        self.advance();
        let action = match word {
            "OPEN" => CursorAction::Open,
            "CLOSE" => CursorAction::Close,
            "DEALLOCATE" => CursorAction::Deallocate,
            _ => return self.fetch(),
        };
        Ok(StatementKind::Cursor(action, self.cursor_name()?))
    }

    fn fetch(&mut self) -> SqlResult<StatementKind> {
        let mut direction = FetchDirection::Next;
        let named = |parser: &Self| {
            parser.is_ahead(1, "FROM")
                || matches!(
                    parser.kind_ahead(1),
                    TokenKind::Word(_) | TokenKind::QuotedName(_) | TokenKind::Variable(_)
                )
        };
        for (word, found) in [
            ("NEXT", FetchDirection::Next),
            ("PRIOR", FetchDirection::Prior),
            ("FIRST", FetchDirection::First),
            ("LAST", FetchDirection::Last),
        ] {
            if self.is(word) && named(self) {
                self.advance();
                direction = found;
                break;
            }
        }
        for word in ["ABSOLUTE", "RELATIVE"] {
            if self.is(word) && !self.is_ahead(1, "INTO") {
                self.advance();
                let place = if matches!(self.kind(), TokenKind::Variable(_)) {
                    Expr::Variable(self.variable()?)
                } else {
                    Expr::Literal(Value::Int(self.whole_number()?), DataType::BigInt)
                };
                direction = if word == "ABSOLUTE" {
                    FetchDirection::Absolute(place)
                } else {
                    FetchDirection::Relative(place)
                };
                break;
            }
        }
        self.take("FROM");
        let name = self.cursor_name()?;
        let mut into = Vec::new();
        if self.take("INTO") {
            into.push(self.variable()?);
            while self.take_symbol(",") {
                into.push(self.variable()?);
            }
        }
        Ok(StatementKind::Fetch { direction, name, into })
    }
}

const WORDS: [&str; 13] = [
    "LOCAL",
    "GLOBAL",
    "FORWARD_ONLY",
    "SCROLL",
    "STATIC",
    "KEYSET",
    "DYNAMIC",
    "FAST_FORWARD",
    "READ_ONLY",
    "SCROLL_LOCKS",
    "OPTIMISTIC",
    "TYPE_WARNING",
    "INSENSITIVE",
];

/// Options of which a cursor has at most one.
const CONFLICTS: [&[&str]; 6] = [
    &["LOCAL", "GLOBAL"],
    &["FORWARD_ONLY", "SCROLL"],
    &["FAST_FORWARD", "SCROLL"],
    &["STATIC", "KEYSET", "DYNAMIC", "FAST_FORWARD"],
    &["READ_ONLY", "SCROLL_LOCKS", "OPTIMISTIC"],
    &["FAST_FORWARD", "SCROLL_LOCKS"],
];
