//! Clauses that reshape rows: GROUP BY with its sets, PIVOT, UNPIVOT, FOR XML and FOR JSON.

use super::ast::{Expr, Format, FormatMode, Pivot, Select, TableSource, Unpivot};
use super::lexer::TokenKind;
use super::parser::Parser;
use crate::error::SqlResult;
use std::rc::Rc;

/// How many grouping sets one query may have, as documented for GROUP BY.
const SETS_MAX: usize = 4096;

type Sets = Vec<Vec<usize>>;

impl Parser<'_> {
    /// What follows GROUP BY.
    pub(super) fn group_by(&mut self, select: &mut Select) -> SqlResult<()> {
        let mut sets: Sets = vec![Vec::new()];
        let mut plain = true;
        loop {
            let item = self.grouping_item(&mut select.group_by, &mut plain)?;
            sets = self.crossed(&sets, &item)?;
            if !self.take_symbol(",") {
                break;
            }
        }
        let all: Vec<usize> = (0..select.group_by.len()).collect();
        if self.is("WITH") && (self.is_ahead(1, "ROLLUP") || self.is_ahead(1, "CUBE")) {
            self.advance();
            let parts: Sets = all.iter().map(|at| vec![*at]).collect();
            sets = if self.take("ROLLUP") {
                rolled_up(&parts)
            } else {
                self.advance();
                self.cubed(&parts)?
            };
            plain = false;
        }
        if !plain {
            select.grouping_sets = Some(sets);
        }
        Ok(())
    }

    /// One item of GROUP BY as grouping sets over `keys`.
    fn grouping_item(&mut self, keys: &mut Vec<Expr>, plain: &mut bool) -> SqlResult<Sets> {
        if self.is("ROLLUP") && self.is_symbol_ahead(1, "(") {
            self.advance();
            *plain = false;
            return Ok(rolled_up(&self.composites(keys)?));
        }
        if self.is("CUBE") && self.is_symbol_ahead(1, "(") {
            self.advance();
            *plain = false;
            let parts = self.composites(keys)?;
            return self.cubed(&parts);
        }
        if self.is("GROUPING") && self.is_ahead(1, "SETS") {
            self.advance();
            self.advance();
            *plain = false;
            self.need_symbol("(")?;
            let mut sets = Sets::new();
            loop {
                if self.is_symbol("(") {
                    sets.push(self.composite(keys)?);
                } else {
                    sets.extend(self.grouping_item(keys, plain)?);
                }
                if !self.take_symbol(",") {
                    break;
                }
            }
            self.need_symbol(")")?;
            return Ok(sets);
        }
        if self.is_symbol("(") && self.is_symbol_ahead(1, ")") {
            self.advance();
            self.advance();
            *plain = false;
            return Ok(vec![Vec::new()]);
        }
        let value = self.expression()?;
        Ok(vec![vec![key_of(keys, value)]])
    }

    /// `(a, (b, c))` of ROLLUP and CUBE.
    fn composites(&mut self, keys: &mut Vec<Expr>) -> SqlResult<Sets> {
        self.need_symbol("(")?;
        let mut parts = Sets::new();
        loop {
            if self.is_symbol("(") {
                parts.push(self.composite(keys)?);
            } else {
                let value = self.expression()?;
                parts.push(vec![key_of(keys, value)]);
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        self.need_symbol(")")?;
        Ok(parts)
    }

    /// `(a, b)` or `()`.
    fn composite(&mut self, keys: &mut Vec<Expr>) -> SqlResult<Vec<usize>> {
        self.need_symbol("(")?;
        let mut set = Vec::new();
        if self.take_symbol(")") {
            return Ok(set);
        }
        loop {
            let value = self.expression()?;
            set.push(key_of(keys, value));
            if !self.take_symbol(",") {
                break;
            }
        }
        self.need_symbol(")")?;
        Ok(set)
    }

    fn crossed(&self, left: &Sets, right: &Sets) -> SqlResult<Sets> {
        if left.len() * right.len() > SETS_MAX {
            return Err(self.failure(10_703, &[&SETS_MAX]));
        }
        let joined = |a: &Vec<usize>| right.iter().map(|b| [&a[..], &b[..]].concat()).collect::<Sets>();
        Ok(left.iter().flat_map(joined).collect())
    }

    fn cubed(&self, parts: &Sets) -> SqlResult<Sets> {
        let mut sets: Sets = vec![Vec::new()];
        for part in parts.iter().rev() {
            let with = |set: &Vec<usize>| [&part[..], &set[..]].concat();
            let grown: Sets = sets.iter().map(with).chain(sets.iter().cloned()).collect();
            if grown.len() > SETS_MAX {
                return Err(self.failure(10_703, &[&SETS_MAX]));
            }
            sets = grown;
        }
        Ok(sets)
    }

    // ---- PIVOT ------------------------------------------------------------

    /// PIVOT and UNPIVOT behind a source.
    pub(super) fn pivots(&mut self, mut source: TableSource) -> SqlResult<TableSource> {
        loop {
            if !self.is_symbol_ahead(1, "(") {
                return Ok(source);
            }
            if self.take("PIVOT") {
                self.combine()?;
                source = self.pivot(source)?;
            } else if self.take("UNPIVOT") {
                self.combine()?;
                source = self.unpivot(source)?;
            } else {
                return Ok(source);
            }
        }
    }

    fn pivot(&mut self, source: TableSource) -> SqlResult<TableSource> {
        self.need_symbol("(")?;
        let Expr::Call(aggregate) = self.expression()? else { return Err(self.unexpected()) };
        self.need("FOR")?;
        let column = self.last_name()?;
        self.need("IN")?;
        let values = self.name_list()?;
        self.need_symbol(")")?;
        let alias = self.pivot_alias()?;
        Ok(TableSource::Pivot(Box::new(Pivot { source, aggregate: *aggregate, column, values, alias })))
    }

    fn unpivot(&mut self, source: TableSource) -> SqlResult<TableSource> {
        self.need_symbol("(")?;
        let value = self.name()?;
        self.need("FOR")?;
        let name = self.name()?;
        self.need("IN")?;
        self.need_symbol("(")?;
        let mut columns = vec![self.last_name()?];
        while self.take_symbol(",") {
            columns.push(self.last_name()?);
        }
        self.need_symbol(")")?;
        self.need_symbol(")")?;
        let alias = self.pivot_alias()?;
        Ok(TableSource::Unpivot(Box::new(Unpivot { source, value, name, columns, alias })))
    }

    /// The last part of a column's name; a source behind PIVOT has each name once.
    fn last_name(&mut self) -> SqlResult<Rc<str>> {
        let mut name = self.name()?;
        while self.take_symbol(".") {
            name = self.name()?;
        }
        Ok(name)
    }

    fn pivot_alias(&mut self) -> SqlResult<Rc<str>> {
        self.take("AS");
        self.name_or_text()
    }

    // ---- FOR XML, FOR JSON --------------------------------------------------

    /// FOR XML or FOR JSON, when it is there.
    pub(super) fn format(&mut self) -> SqlResult<Option<Rc<Format>>> {
        if self.take_two("FOR", "XML") {
            return self.xml_format().map(|format| Some(Rc::new(format)));
        }
        if self.take_two("FOR", "JSON") {
            return self.json_format().map(|format| Some(Rc::new(format)));
        }
        Ok(None)
    }

    fn xml_format(&mut self) -> SqlResult<Format> {
        let word = self.any_word()?;
        let mode = match &*word {
            "RAW" => FormatMode::Raw,
            "AUTO" => FormatMode::Auto,
            "PATH" => FormatMode::Path,
            "EXPLICIT" => return Err(self.failure(40_510, &[&"FOR XML EXPLICIT"])),
            _ => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        };
        let mut row: Rc<str> = "row".into();
        if mode != FormatMode::Auto && self.take_symbol("(") {
            row = self.text_literal()?;
            self.need_symbol(")")?;
        }
        let (mut root, mut typed, mut elements, mut nil) = (None, false, false, false);
        while self.take_symbol(",") {
            let option = self.any_word()?;
            match &*option {
                "TYPE" => typed = true,
                "ROOT" => root = Some(self.root_name()?),
                "ELEMENTS" => {
                    elements = true;
                    nil = self.take("XSINIL");
                    if !nil {
                        self.take("ABSENT");
                    }
                }
                "BINARY" => self.need("BASE64")?,
                "XMLDATA" | "XMLSCHEMA" => {
                    return Err(self.failure(40_510, &[&format!("FOR XML … {option}")]));
                }
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected());
                }
            }
        }
        Ok(Format::Xml { mode, row, root, typed, elements, nil })
    }

    fn json_format(&mut self) -> SqlResult<Format> {
        let mode = if self.take("AUTO") {
            FormatMode::Auto
        } else {
            self.need("PATH")?;
            FormatMode::Path
        };
        let (mut root, mut nulls, mut bare) = (None, false, false);
        while self.take_symbol(",") {
            let option = self.any_word()?;
            match &*option {
                "ROOT" => root = Some(self.root_name()?),
                "INCLUDE_NULL_VALUES" => nulls = true,
                "WITHOUT_ARRAY_WRAPPER" => bare = true,
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected());
                }
            }
        }
        if bare && root.is_some() {
            return Err(self.failure(13_620, &[]));
        }
        Ok(Format::Json { mode, root, nulls, bare })
    }

    fn root_name(&mut self) -> SqlResult<Rc<str>> {
        if !self.take_symbol("(") {
            return Ok("root".into());
        }
        let TokenKind::Text { text, .. } = self.kind() else { return Err(self.unexpected()) };
        let name = text.clone();
        self.advance();
        self.need_symbol(")")?;
        Ok(name)
    }
}

/// The place of an expression among the keys; a new one is added.
fn key_of(keys: &mut Vec<Expr>, value: Expr) -> usize {
    if let Some(at) = keys.iter().position(|known| *known == value) {
        return at;
    }
    keys.push(value);
    keys.len() - 1
}

/// All prefixes, the longest first.
fn rolled_up(parts: &Sets) -> Sets {
    (0..=parts.len()).rev().map(|n| parts[..n].concat()).collect()
}
