//! What a database holds: definitions and rows. This is what a checkpoint keeps.
//!
//! Cloning shares the tables; the first write to a shared table copies it.

use super::definition::{
    Definition, ModuleDef, ObjectId, PermissionDef, PrincipalDef, PrincipalKind, SchemaDef, TableDef,
    TypeDef, fold, same_name,
};
use super::table::Table;
use crate::log::LogOp;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Tables and everything else that is declared in a database.
#[derive(Clone, Debug, Default)]
pub struct Content {
    tables: BTreeMap<ObjectId, Rc<Table>>,
    modules: BTreeMap<ObjectId, Rc<ModuleDef>>,
    schemas: BTreeMap<i32, Rc<SchemaDef>>,
    principals: BTreeMap<i32, Rc<PrincipalDef>>,
    types: BTreeMap<i32, Rc<TypeDef>>,
    permissions: BTreeMap<i32, Rc<PermissionDef>>,
    /// Tables and modules by their [`name_key`].
    names: BTreeMap<Box<str>, ObjectId>,
    next_object_id: u32,
    /// Grows with each change of a definition; plans that are older are stale.
    version: u64,
}

/// A table or a module, found by name.
#[derive(Clone, Debug)]
pub enum NamedObject {
    /// A table.
    Table(Rc<TableDef>),
    /// A view, procedure, function or trigger.
    Module(Rc<ModuleDef>),
}

/// Fixed database roles and users with their ids.
const FIXED_PRINCIPALS: &[(i32, &str, bool)] = &[
    (0, "public", true),
    (1, "dbo", false),
    (2, "guest", false),
    (3, "INFORMATION_SCHEMA", false),
    (4, "sys", false),
    (16384, "db_owner", true),
    (16385, "db_accessadmin", true),
    (16386, "db_securityadmin", true),
    (16387, "db_ddladmin", true),
    (16389, "db_backupoperator", true),
    (16390, "db_datareader", true),
    (16391, "db_datawriter", true),
    (16392, "db_denydatareader", true),
    (16393, "db_denydatawriter", true),
];

impl crate::tsql::TypeNames for Content {
    fn alias(&self, schema: Option<&str>, name: &str) -> Option<(crate::value::DataType, bool)> {
        self.types()
            .find(|found| same_name(&found.name, name) && same_name(&found.schema, schema.unwrap_or("dbo")))
            .map(|found| (found.base, found.nullable))
    }
}

impl Content {
    /// The content of a new database: `dbo`, `guest`, `sys` and the fixed roles.
    #[must_use]
    pub fn new(created: jiff::Timestamp) -> Self {
        let mut content = Self { next_object_id: 245_575_913, ..Self::default() };
        for &(id, name, is_role) in FIXED_PRINCIPALS {
            content.principals.insert(
                id,
                Rc::new(PrincipalDef {
                    principal_id: id,
                    name: name.into(),
                    kind: if is_role { PrincipalKind::Role } else { PrincipalKind::SqlUser },
                    sid: (id == 1).then(|| Rc::from([1u8].as_slice())),
                    default_schema: (id == 1 || id == 2).then(|| name.into()),
                    created,
                    roles: if id == 1 { vec![16384] } else { Vec::new() },
                    is_fixed_role: is_role && id != 0,
                }),
            );
        }
        for (schema_id, name) in [(1, "dbo"), (2, "guest"), (3, "INFORMATION_SCHEMA"), (4, "sys")] {
            content
                .schemas
                .insert(schema_id, Rc::new(SchemaDef { schema_id, name: name.into(), owner: schema_id }));
        }
        content
    }

    /// Grows with each change of a definition.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A table by id.
    #[must_use]
    pub fn table(&self, id: ObjectId) -> Option<&Rc<Table>> {
        self.tables.get(&id)
    }

    /// A table by name.
    #[must_use]
    pub fn table_by_name(&self, schema: &str, name: &str) -> Option<&Rc<Table>> {
        self.tables.get(self.names.get(&*name_key(schema, name))?)
    }

    /// A table or module by name.
    #[must_use]
    pub fn object_by_name(&self, schema: &str, name: &str) -> Option<NamedObject> {
        let id = self.names.get(&*name_key(schema, name))?;
        match self.tables.get(id) {
            Some(table) => Some(NamedObject::Table(table.def.clone())),
            None => self.modules.get(id).cloned().map(NamedObject::Module),
        }
    }

    /// All tables by id.
    pub fn tables(&self) -> impl Iterator<Item = &Rc<Table>> {
        self.tables.values()
    }

    /// The table with the lowest id from `id` on.
    pub(crate) fn next_table(&self, id: ObjectId) -> Option<&Rc<Table>> {
        self.tables.range(id..).next().map(|(_, table)| table)
    }

    /// A module by id.
    #[must_use]
    pub fn module(&self, id: ObjectId) -> Option<&Rc<ModuleDef>> {
        self.modules.get(&id)
    }

    /// All modules by id.
    pub fn modules(&self) -> impl Iterator<Item = &Rc<ModuleDef>> {
        self.modules.values()
    }

    /// All schemas by id.
    pub fn schemas(&self) -> impl Iterator<Item = &Rc<SchemaDef>> {
        self.schemas.values()
    }

    /// A schema by name.
    #[must_use]
    pub fn schema_by_name(&self, name: &str) -> Option<&Rc<SchemaDef>> {
        self.schemas.values().find(|s| same_name(&s.name, name))
    }

    /// All users and roles by id.
    pub fn principals(&self) -> impl Iterator<Item = &Rc<PrincipalDef>> {
        self.principals.values()
    }

    /// A user or role by name.
    #[must_use]
    pub fn principal_by_name(&self, name: &str) -> Option<&Rc<PrincipalDef>> {
        self.principals.values().find(|p| same_name(&p.name, name))
    }

    /// The user that a login's SID maps to.
    #[must_use]
    pub fn user_of_sid(&self, sid: &[u8]) -> Option<&Rc<PrincipalDef>> {
        self.principals.values().find(|p| p.sid.as_deref() == Some(sid))
    }

    /// All alias types by id.
    pub fn types(&self) -> impl Iterator<Item = &Rc<TypeDef>> {
        self.types.values()
    }

    /// All permissions by id.
    pub fn permissions(&self) -> impl Iterator<Item = &Rc<PermissionDef>> {
        self.permissions.values()
    }

    /// Bytes of all rows.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        self.tables.values().map(|t| t.data_bytes()).sum()
    }

    /// Everything that is declared, except for tables.
    pub(crate) fn definitions_without_tables(&self) -> impl Iterator<Item = Definition> {
        let schemas = self.schemas.values().cloned().map(Definition::Schema);
        let principals = self.principals.values().cloned().map(Definition::Principal);
        let types = self.types.values().cloned().map(Definition::Type);
        let modules = self.modules.values().cloned().map(Definition::Module);
        let permissions = self.permissions.values().cloned().map(Definition::Permission);
        schemas.chain(principals).chain(types).chain(modules).chain(permissions)
    }

    /// A table to write to; copied first when a reader or a checkpoint holds it.
    pub(crate) fn table_mut(&mut self, id: ObjectId) -> Option<&mut Table> {
        self.tables.get_mut(&id).map(Rc::make_mut)
    }

    /// Puts a whole table in, with its rows (a checkpoint that is read back).
    pub(crate) fn put_table(&mut self, table: Table) {
        let def = &table.def;
        self.names.insert(name_key(&def.schema, &def.name).into(), def.object_id);
        self.tables.insert(def.object_id, Rc::new(table));
        self.version += 1;
    }

    /// A free object id.
    pub(crate) fn take_object_id(&mut self) -> ObjectId {
        loop {
            let id = i32::try_from(self.next_object_id).unwrap_or(1);
            self.next_object_id = (self.next_object_id + 16_000_057) % 2_147_483_647;
            if id > 100 && !self.tables.contains_key(&id) && !self.modules.contains_key(&id) {
                return id;
            }
        }
    }

    /// Where the next object id comes from, so that a copy of the database goes on there.
    pub(crate) fn object_id_position(&self) -> u32 {
        self.next_object_id
    }

    /// Goes on giving out object ids from here.
    pub(crate) fn set_object_id_position(&mut self, position: u32) {
        self.next_object_id = position;
    }

    /// A free id for a schema, principal, type or permission.
    pub(crate) fn take_small_id(&self, definition: &Definition) -> i32 {
        let highest = match definition {
            Definition::Schema(_) => self.schemas.keys().filter(|id| **id < 16384).max(),
            Definition::Principal(_) => self.principals.keys().filter(|id| **id < 16384).max(),
            Definition::Type(_) => self.types.keys().max().or(Some(&256)),
            Definition::Permission(_) => self.permissions.keys().max(),
            Definition::Table(_) | Definition::Module(_) => None,
        };
        highest.map_or(1, |id| id + 1).max(1)
    }

    /// Applies one change of the log.
    pub(crate) fn apply(&mut self, op: &LogOp) {
        match op {
            LogOp::Insert { table, id, row } | LogOp::Update { table, id, after: row, .. } => {
                if let Some(table) = self.table_mut(*table) {
                    table.put(*id, row.clone());
                }
            }
            LogOp::Delete { table, id, .. } => {
                if let Some(table) = self.table_mut(*table) {
                    table.take_out(*id);
                }
            }
            LogOp::SetIdentity { table, after, .. } => {
                if let Some(table) = self.table_mut(*table) {
                    table.set_identity(*after);
                }
            }
            LogOp::Define { before, after } => self.define(before.as_ref(), after.as_ref()),
            LogOp::Begin(_) | LogOp::Commit(_) | LogOp::Abort | LogOp::Checkpoint | LogOp::LogBackedUp(_) => {
            }
        }
    }

    fn define(&mut self, before: Option<&Definition>, after: Option<&Definition>) {
        self.version += 1;
        if let Some(before) = before {
            self.forget_name(before);
            if after.is_none() {
                self.forget(before);
            }
        }
        let Some(after) = after else { return };
        match after {
            Definition::Table(def) => {
                self.names.insert(name_key(&def.schema, &def.name).into(), def.object_id);
                match self.tables.get_mut(&def.object_id) {
                    Some(table) => Rc::make_mut(table).redefine(def.clone()),
                    None => {
                        self.tables.insert(def.object_id, Rc::new(Table::new(def.clone())));
                    }
                }
            }
            Definition::Module(def) => {
                self.names.insert(name_key(&def.schema, &def.name).into(), def.object_id);
                self.modules.insert(def.object_id, def.clone());
            }
            Definition::Schema(def) => {
                self.schemas.insert(def.schema_id, def.clone());
            }
            Definition::Principal(def) => {
                self.principals.insert(def.principal_id, def.clone());
            }
            Definition::Type(def) => {
                self.types.insert(def.user_type_id, def.clone());
            }
            Definition::Permission(def) => {
                self.permissions.insert(def.permission_id, def.clone());
            }
        }
    }

    fn forget_name(&mut self, definition: &Definition) {
        match definition {
            Definition::Table(def) => self.names.remove(&*name_key(&def.schema, &def.name)),
            Definition::Module(def) => self.names.remove(&*name_key(&def.schema, &def.name)),
            _ => None,
        };
    }

    fn forget(&mut self, definition: &Definition) {
        match definition {
            Definition::Table(def) => drop(self.tables.remove(&def.object_id)),
            Definition::Module(def) => drop(self.modules.remove(&def.object_id)),
            Definition::Schema(def) => drop(self.schemas.remove(&def.schema_id)),
            Definition::Principal(def) => drop(self.principals.remove(&def.principal_id)),
            Definition::Type(def) => drop(self.types.remove(&def.user_type_id)),
            Definition::Permission(def) => drop(self.permissions.remove(&def.permission_id)),
        }
    }
}

/// Schema and name, folded and in one piece: the name, which tells most objects apart, comes first.
fn name_key(schema: &str, name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 1 + schema.len());
    for (part, behind) in [(name, "\0"), (schema, "")] {
        if part.is_ascii() {
            key.extend(part.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
        } else {
            key.push_str(&fold(part));
        }
        key.push_str(behind);
    }
    key
}
