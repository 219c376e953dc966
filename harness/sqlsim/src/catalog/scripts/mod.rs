//! System procedures and views that are written in T-SQL over the catalog views.
//!
//! Each `.sql` file here holds one family, its modules separated by lines that
//! say `GO`. A module's text is its definition: nothing is created in any
//! database, and the interpreter runs a procedure in the database that the
//! caller names or stands in, as it runs every system procedure.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The families' texts.
const FAMILIES: &[&str] = &[
    include_str!("compatibility.sql"),
    include_str!("databases.sql"),
    include_str!("help.sql"),
    include_str!("odbc.sql"),
    include_str!("security.sql"),
    include_str!("sessions.sql"),
];

/// Modules by lower-case name: procedures by their own, views with their schema before it.
#[derive(Default)]
struct Modules {
    procedures: BTreeMap<String, Script>,
    views: BTreeMap<String, Script>,
}

/// A system module in T-SQL.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its name as declared, without its schema.
    pub name: Rc<str>,
    /// The CREATE statement.
    pub text: Rc<str>,
}

/// Finds a procedure by name, in any case.
#[must_use]
pub fn procedure(name: &str) -> Option<Script> {
    with(|modules| modules.procedures.get(&name.to_ascii_lowercase()).cloned())
}

/// Finds a view by schema and name, in any case. A view of `sys` whose name begins with `sys` is a compatibility
/// view: it answers in `dbo` too.
#[must_use]
pub fn view(schema: &str, name: &str) -> Option<Script> {
    let (schema, name) = (schema.to_ascii_lowercase(), name.to_ascii_lowercase());
    let schema = if schema == "dbo" && name.starts_with("sys") { "sys" } else { &schema };
    with(|modules| modules.views.get(&format!("{schema}.{name}")).cloned())
}

/// The names of all procedures, and of all views with their schema, for tests and listings.
#[must_use]
pub fn names() -> (Vec<String>, Vec<String>) {
    with(|modules| (modules.procedures.keys().cloned().collect(), modules.views.keys().cloned().collect()))
}

/// The modules, split once per thread.
fn with<T>(look: impl FnOnce(&Modules) -> T) -> T {
    thread_local! {
        static SPLIT: RefCell<Option<Rc<Modules>>> = const { RefCell::new(None) };
    }
    let modules = SPLIT.with_borrow_mut(|split| split.get_or_insert_with(|| Rc::new(split_all())).clone());
    look(&modules)
}

fn split_all() -> Modules {
    let mut modules = Modules::default();
    for family in FAMILIES {
        for text in family.split("\nGO\n") {
            let Some(at) = text.find("CREATE ") else { continue };
            let mut words = text[at..].split_ascii_whitespace().skip(1);
            let (Some(kind), Some(full)) = (words.next(), words.next()) else { continue };
            let name: Rc<str> = full.rsplit('.').next().unwrap_or(full).into();
            let script = Script { name: name.clone(), text: text[at..].trim_end().into() };
            if kind == "VIEW" {
                modules.views.insert(full.to_ascii_lowercase(), script);
            } else {
                modules.procedures.insert(name.to_ascii_lowercase(), script);
            }
        }
    }
    modules
}

#[cfg(test)]
mod tests;
