//! MERGE.

use super::ast::{CommonTable, Merge, MergeAction, MergeClause, MergeWhen, StatementKind, TableSource};
use super::parser::Parser;
use crate::error::SqlResult;

impl Parser<'_> {
    pub(super) fn merge(&mut self, tables: Vec<CommonTable>) -> SqlResult<StatementKind> {
        self.need("MERGE")?;
        let top = self.top()?;
        self.take("INTO");
        let mut target = self.change_target()?;
        if !self.is("USING") {
            let given = self.alias()?;
            if let TableSource::Named { alias, .. } | TableSource::Variable { alias, .. } = &mut target
                && given.is_some()
            {
                *alias = given;
            }
        }
        self.need("USING")?;
        let source = self.table_source()?;
        self.need("ON")?;
        let on = self.checked_condition()?;
        let mut clauses: Vec<MergeClause> = Vec::new();
        while self.take("WHEN") {
            let clause = self.merge_clause()?;
            self.check_merge_clause(&clauses, &clause)?;
            clauses.push(clause);
        }
        if clauses.is_empty() {
            return Err(self.unexpected());
        }
        let output = self.output_clause()?;
        self.query_options()?;
        if !self.is_symbol(";") {
            return Err(self.failure(10_713, &[]));
        }
        let merge = Merge { tables, top, target, source, on, clauses, output };
        Ok(StatementKind::Merge(Box::new(merge)))
    }

    fn merge_clause(&mut self) -> SqlResult<MergeClause> {
        let when = if self.take("NOT") {
            self.need("MATCHED")?;
            if self.take("BY") {
                if self.take("SOURCE") {
                    MergeWhen::NotMatchedBySource
                } else {
                    self.need("TARGET")?;
                    MergeWhen::NotMatchedByTarget
                }
            } else {
                MergeWhen::NotMatchedByTarget
            }
        } else {
            self.need("MATCHED")?;
            MergeWhen::Matched
        };
        let condition = if self.take("AND") { Some(self.checked_condition()?) } else { None };
        self.need("THEN")?;
        let inserts = when == MergeWhen::NotMatchedByTarget;
        let action = if self.take("UPDATE") {
            if inserts {
                return Err(self.failure(10_711, &[&"UPDATE", &shown(when)]));
            }
            self.need("SET")?;
            let mut items = vec![self.update_item()?];
            while self.take_symbol(",") {
                items.push(self.update_item()?);
            }
            MergeAction::Update(items)
        } else if self.take("DELETE") {
            if inserts {
                return Err(self.failure(10_711, &[&"DELETE", &shown(when)]));
            }
            MergeAction::Delete
        } else {
            self.need("INSERT")?;
            if !inserts {
                return Err(self.failure(10_711, &[&"INSERT", &shown(when)]));
            }
            let columns = if self.is_symbol("(") { self.name_list()? } else { Vec::new() };
            let values = if self.take("DEFAULT") {
                self.need("VALUES")?;
                None
            } else {
                self.need("VALUES")?;
                Some(self.insert_row()?)
            };
            MergeAction::Insert { columns, values }
        };
        Ok(MergeClause { when, condition, action })
    }

    /// One action of a kind for each WHEN; what has a condition comes first.
    fn check_merge_clause(&self, before: &[MergeClause], clause: &MergeClause) -> SqlResult<()> {
        let kind = |clause: &MergeClause| match clause.action {
            MergeAction::Update(_) => "UPDATE",
            MergeAction::Delete => "DELETE",
            MergeAction::Insert { .. } => "INSERT",
        };
        let same = before.iter().filter(|known| known.when == clause.when);
        for known in same {
            if known.condition.is_none() {
                return Err(self.failure(5324, &[&shown(clause.when), &shown(clause.when)]));
            }
            if kind(known) == kind(clause) {
                return Err(self.failure(10_714, &[&kind(clause), &shown(clause.when)]));
            }
        }
        Ok(())
    }
}

fn shown(when: MergeWhen) -> &'static str {
    match when {
        MergeWhen::Matched => "WHEN MATCHED",
        MergeWhen::NotMatchedByTarget => "WHEN NOT MATCHED",
        MergeWhen::NotMatchedBySource => "WHEN NOT MATCHED BY SOURCE",
    }
}
