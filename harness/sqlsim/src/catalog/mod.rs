//! The system views: `sys.*`, `INFORMATION_SCHEMA.*` and the compatibility views of `master.dbo`.
//!
//! A view is a name, its columns in the manual's notation and a function that
//! makes its rows from the server's real state. A value that is not modelled is
//! NULL or the documented default; where that could mislead it is named in
//! [`crate::not_modelled`].

mod databases;
pub mod definition;
mod locks;
mod objects;
mod principals;
mod procedures;
pub mod rows;
mod server;
mod sessions;
mod types;

use crate::engine::Engine;
use crate::instance::Instance;
use crate::session::Session;
use crate::value::{ColumnMeta, Row};
use definition::Definition;
use rows::Rows;
use std::cell::RefCell;
use std::rc::Rc;

/// A system view.
#[derive(Debug)]
pub struct View {
    /// Its schema: `sys`, `dbo` or `INFORMATION_SCHEMA`.
    pub schema: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its columns in the notation of [`definition`].
    columns: &'static str,
    /// Makes the rows.
    fill: fn(&ViewContext<'_>, &mut Rows<'_>),
}

/// What a view can look at. The engine is passed, not borrowed: the caller holds it.
#[derive(Clone, Copy, Debug)]
pub struct ViewContext<'a> {
    /// The server.
    pub instance: &'a Instance,
    /// Its databases, locks and transactions.
    pub engine: &'a Engine,
    /// Who asks.
    pub session: &'a Session,
    /// The database whose view it is (`mgc.sys.tables`, or the current one).
    pub database_id: u32,
}

impl View {
    /// The view's columns.
    #[must_use]
    pub fn columns(&'static self) -> Rc<[ColumnMeta]> {
        self.definition().columns.clone()
    }

    /// The view's rows now.
    #[must_use]
    pub fn rows(&'static self, context: &ViewContext<'_>) -> Vec<Row> {
        let definition = self.definition();
        let mut rows = Rows::new(&definition);
        (self.fill)(context, &mut rows);
        rows.finish()
    }

    /// The parsed columns, kept per thread.
    fn definition(&'static self) -> Rc<Definition> {
        thread_local! {
            static PARSED: RefCell<Vec<(&'static str, &'static str, Rc<Definition>)>> = const { RefCell::new(Vec::new()) };
        }
        PARSED.with_borrow_mut(|parsed| {
            if let Some((.., found)) = parsed.iter().find(|p| p.1 == self.name && p.0 == self.schema) {
                return found.clone();
            }
            let made = Rc::new(Definition::parse(self.columns));
            parsed.push((self.schema, self.name, made.clone()));
            made
        })
    }
}

/// All views, by family.
const FAMILIES: &[&[View]] = &[
    sessions::VIEWS,
    databases::VIEWS,
    locks::VIEWS,
    types::VIEWS,
    objects::VIEWS,
    principals::VIEWS,
    server::VIEWS,
];

/// Finds a view by schema and name, case-insensitively.
///
/// The compatibility views (`sysprocesses`, `sysdatabases`, `syslogins` …) answer
/// in the schemas `sys` and `dbo` of every database, as SQL Server resolves them.
#[must_use]
pub fn view(schema: &str, name: &str) -> Option<&'static View> {
    let compatible = schema.eq_ignore_ascii_case("dbo");
    FAMILIES.iter().flat_map(|family| family.iter()).find(|v| {
        v.name.eq_ignore_ascii_case(name)
            && (v.schema.eq_ignore_ascii_case(schema)
                || (compatible && v.schema == "sys" && COMPATIBILITY_VIEWS.contains(&v.name)))
    })
}

/// Views of `sys` that also answer as `dbo.name` and without a schema.
const COMPATIBILITY_VIEWS: &[&str] = &["sysprocesses", "sysdatabases", "syslogins", "sysobjects", "sysusers"];

/// All views, for tests and listings.
pub fn views() -> impl Iterator<Item = &'static View> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Whether `sys.messages` has a message of this number: one that this server can raise.
#[must_use]
pub fn is_message(number: i64) -> bool {
    crate::messages::MESSAGES.iter().any(|message| i64::from(message.number) == number)
}

/// Its system procedures, by family.
pub const PROCEDURES: &[&[crate::exec::procedures::Procedure]] = procedures::PROCEDURES;

#[cfg(test)]
pub(crate) mod tests;
