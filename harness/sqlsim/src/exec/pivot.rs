//! PIVOT and UNPIVOT, written as the queries that they abbreviate.

use super::binder::{Binder, ScopeColumn};
use super::source::Node;
use crate::engine::same_name;
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{
    Call, Comparison, Expr, JoinKind, Pivot, Query, QueryBody, Select, SelectItem, TableSource, Unpivot,
};
use crate::value::{DataType, Length, Value};
use std::rc::Rc;

impl Binder<'_, '_> {
    /// PIVOT: groups by every column that it does not name, one aggregate for each value.
    pub(super) fn pivot(&mut self, pivot: &Pivot) -> SqlResult<Node> {
        let columns = self.columns_of(&pivot.source)?;
        let [Expr::Column(argument)] = pivot.aggregate.arguments.as_slice() else {
            return Err(error(102, 1, &[&pivot.aggregate.name.name]));
        };
        let argument = argument.last().cloned().unwrap_or_else(|| "".into());
        for name in [&argument, &pivot.column] {
            if !columns.iter().any(|column| same_name(&column.name, name)) {
                return Err(error(207, 1, &[name]));
            }
        }
        let mut select = Select { from: vec![pivot.source.clone()], ..Select::default() };
        for column in &columns {
            if same_name(&column.name, &argument) || same_name(&column.name, &pivot.column) {
                continue;
            }
            if pivot.values.iter().any(|value| same_name(value, &column.name)) {
                return Err(error(265, 1, &[&column.name]));
            }
            select.items.push(SelectItem::Expression(named(column), None));
            select.group_by.push(named(column));
        }
        for value in &pivot.values {
            let is_value = Expr::Compare(
                Comparison::Equal,
                Box::new(Expr::Column(vec![pivot.column.clone()])),
                Box::new(text(value)),
            );
            let branches = vec![(is_value, Expr::Column(vec![argument.clone()]))];
            let turned = Expr::Case { operand: None, branches, otherwise: None };
            let call = Call { arguments: vec![turned], ..pivot.aggregate.clone() };
            select.items.push(SelectItem::Expression(Expr::Call(Box::new(call)), Some(value.clone())));
        }
        let query = Rc::new(Query::of(QueryBody::Select(Box::new(select))));
        self.source(&TableSource::Derived { query, alias: pivot.alias.clone(), columns: Vec::new() })
    }

    /// UNPIVOT: one row for each listed column that is not NULL.
    pub(super) fn unpivot(&mut self, unpivot: &Unpivot) -> SqlResult<Node> {
        let columns = self.columns_of(&unpivot.source)?;
        let mut data_type: Option<DataType> = None;
        let mut rows = Vec::new();
        for name in &unpivot.columns {
            let Some(column) = columns.iter().find(|column| same_name(&column.name, name)) else {
                return Err(error(207, 1, &[name]));
            };
            if data_type.is_some_and(|known| known != column.data_type) {
                return Err(error(8167, 1, &[name]));
            }
            data_type = Some(column.data_type);
            rows.push(vec![named(column), text(&column.name)]);
        }
        let values: Rc<str> = "unpivot values".into();
        let turned = TableSource::Derived {
            query: Rc::new(Query::of(QueryBody::Values(rows))),
            alias: values.clone(),
            columns: vec![unpivot.value.clone(), unpivot.name.clone()],
        };
        let mut select = Select::default();
        for column in &columns {
            if !unpivot.columns.iter().any(|name| same_name(&column.name, name)) {
                select.items.push(SelectItem::Expression(named(column), None));
            }
        }
        let value = Expr::Column(vec![values.clone(), unpivot.value.clone()]);
        let name = Expr::Convert {
            value: Box::new(Expr::Column(vec![values, unpivot.name.clone()])),
            target: DataType::NVarChar(Length::Upto(128)),
            style: None,
            is_try: false,
        };
        select.items.push(SelectItem::Expression(value.clone(), Some(unpivot.value.clone())));
        select.items.push(SelectItem::Expression(name, Some(unpivot.name.clone())));
        select.filter = Some(Expr::Not(Box::new(Expr::IsNull(Box::new(value)))));
        select.from = vec![TableSource::Join {
            kind: JoinKind::CrossApply,
            left: Box::new(unpivot.source.clone()),
            right: Box::new(turned),
            on: None,
        }];
        let query = Rc::new(Query::of(QueryBody::Select(Box::new(select))));
        self.source(&TableSource::Derived { query, alias: unpivot.alias.clone(), columns: Vec::new() })
    }

    /// The columns of a source, which is bound apart only to see them.
    fn columns_of(&mut self, source: &TableSource) -> SqlResult<Vec<ScopeColumn>> {
        let used = self.lowest_used;
        let columns = self.apart(|binder| {
            binder.source(source)?;
            Ok(binder.scopes.last().map(|scope| scope.columns.clone()).unwrap_or_default())
        });
        self.lowest_used = used;
        columns
    }
}

fn named(column: &ScopeColumn) -> Expr {
    Expr::Column(vec![column.source.clone(), column.name.clone()])
}

fn text(name: &Rc<str>) -> Expr {
    let length = u16::try_from(name.chars().count().max(1)).unwrap_or(128);
    Expr::Literal(Value::Text(name.clone()), DataType::NVarChar(Length::Upto(length)))
}
