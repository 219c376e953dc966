//! What a database declares: tables, modules, schemas, principals.
//!
//! Definitions are immutable values behind `Rc`; a change makes a new value,
//! and the log carries the old and the new one.

use crate::value::{ColumnMeta, DataType};
use std::rc::Rc;

/// Identifies an object inside its database, as `sys.objects.object_id`.
pub type ObjectId = i32;

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDef {
    /// `sys.tables.object_id`; 0 lets the engine choose.
    pub object_id: ObjectId,
    /// Schema's name.
    pub schema: Rc<str>,
    /// Table's name.
    pub name: Rc<str>,
    /// Columns in order. A row has one value for each.
    pub columns: Vec<Column>,
    /// Primary key, unique constraints and indexes.
    pub indexes: Vec<IndexDef>,
    /// Foreign keys of this table.
    pub foreign_keys: Vec<ForeignKey>,
    /// CHECK constraints.
    pub checks: Vec<Check>,
    /// When it was created (UTC).
    pub created: jiff::Timestamp,
    /// When its definition last changed (UTC).
    pub modified: jiff::Timestamp,
    /// Whether the server ships it (`is_ms_shipped`).
    pub is_ms_shipped: bool,
}

impl TableDef {
    /// A table without constraints; the engine gives it an id when it is created.
    #[must_use]
    pub fn new(schema: &str, name: &str, columns: Vec<Column>) -> Self {
        Self {
            object_id: 0,
            schema: schema.into(),
            name: name.into(),
            columns,
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            created: jiff::Timestamp::UNIX_EPOCH,
            modified: jiff::Timestamp::UNIX_EPOCH,
            is_ms_shipped: false,
        }
    }

    /// Adds a clustered primary key on the columns at `ordinals`.
    #[must_use]
    pub fn with_primary_key(mut self, ordinals: &[usize]) -> Self {
        let name = format!("PK_{}", self.name);
        let columns = ordinals.iter().map(|&ordinal| IndexColumn { ordinal, descending: false });
        self.indexes.push(IndexDef {
            index_id: 1,
            object_id: 0,
            name: name.into(),
            kind: IndexKind::PrimaryKey,
            is_clustered: true,
            columns: columns.collect(),
            included: Vec::new(),
            filter: None,
            is_system_named: false,
        });
        self
    }

    /// The primary key.
    #[must_use]
    pub fn primary_key(&self) -> Option<&IndexDef> {
        self.indexes.iter().find(|i| i.kind == IndexKind::PrimaryKey)
    }

    /// Position of the column `name`, compared without case.
    #[must_use]
    pub fn ordinal(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| same_name(&c.meta.name, name))
    }

    /// Position of the identity column.
    #[must_use]
    pub fn identity_ordinal(&self) -> Option<usize> {
        self.columns.iter().position(|c| c.identity.is_some())
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// `sys.columns.column_id`, from 1.
    pub column_id: i32,
    /// Name, type, nullability.
    pub meta: ColumnMeta,
    /// DEFAULT constraint.
    pub default: Option<DefaultDef>,
    /// IDENTITY.
    pub identity: Option<Identity>,
    /// Expression of a computed column, as text.
    pub computed: Option<Rc<str>>,
}

impl Column {
    /// A plain column; its id is its position when the table is created.
    #[must_use]
    pub fn new(name: &str, data_type: DataType, nullable: bool) -> Self {
        Self {
            column_id: 0,
            meta: ColumnMeta { name: name.into(), data_type, nullable, identity: false },
            default: None,
            identity: None,
            computed: None,
        }
    }

    /// The same column as an identity.
    #[must_use]
    pub fn with_identity(mut self, seed: i64, increment: i64) -> Self {
        self.meta.identity = true;
        self.identity = Some(Identity { seed, increment });
        self
    }

    /// The same column with a default, given as T-SQL text.
    #[must_use]
    pub fn with_default(mut self, text: &str) -> Self {
        self.default =
            Some(DefaultDef { object_id: 0, name: "".into(), text: text.into(), is_system_named: true });
        self
    }
}

/// A DEFAULT constraint.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultDef {
    /// Its id; 0 lets the engine choose.
    pub object_id: ObjectId,
    /// Its name; empty lets the engine choose.
    pub name: Rc<str>,
    /// The expression as T-SQL text.
    pub text: Rc<str>,
    /// Whether the engine chose the name.
    pub is_system_named: bool,
}

/// IDENTITY(seed, increment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// First value.
    pub seed: i64,
    /// Step.
    pub increment: i64,
}

/// What an index enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    /// PRIMARY KEY constraint.
    PrimaryKey,
    /// UNIQUE constraint.
    UniqueConstraint,
    /// CREATE UNIQUE INDEX.
    UniqueIndex,
    /// CREATE INDEX.
    Index,
}

impl IndexKind {
    /// Whether two rows may not have the same key.
    #[must_use]
    pub fn is_unique(self) -> bool {
        self != Self::Index
    }

    /// Whether it is a constraint (2627) rather than an index (2601).
    #[must_use]
    pub fn is_constraint(self) -> bool {
        matches!(self, Self::PrimaryKey | Self::UniqueConstraint)
    }
}

/// An index or a key constraint.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexDef {
    /// `sys.indexes.index_id`: 1 clustered, 2 and above otherwise.
    pub index_id: i32,
    /// The constraint's object id; 0 for a plain index.
    pub object_id: ObjectId,
    /// Name.
    pub name: Rc<str>,
    /// What it enforces.
    pub kind: IndexKind,
    /// Whether it is the clustered one.
    pub is_clustered: bool,
    /// Key columns.
    pub columns: Vec<IndexColumn>,
    /// Ordinals of INCLUDE columns.
    pub included: Vec<usize>,
    /// Text of a filter (kept for the catalog; filtered indexes are not enforced).
    pub filter: Option<Rc<str>>,
    /// Whether the engine chose the name.
    pub is_system_named: bool,
}

/// A key column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexColumn {
    /// Position in the table, from 0.
    pub ordinal: usize,
    /// DESC.
    pub descending: bool,
}

/// What happens to the referencing rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferentialAction {
    /// The statement fails.
    NoAction,
    /// They follow.
    Cascade,
    /// Their columns become NULL.
    SetNull,
    /// Their columns take the default.
    SetDefault,
}

/// A FOREIGN KEY constraint. The interpreter enforces it.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignKey {
    /// Its id; 0 lets the engine choose.
    pub object_id: ObjectId,
    /// Name.
    pub name: Rc<str>,
    /// Ordinals of the referencing columns.
    pub columns: Vec<usize>,
    /// The referenced table.
    pub referenced_table: ObjectId,
    /// Ordinals of the referenced columns.
    pub referenced_columns: Vec<usize>,
    /// ON DELETE.
    pub on_delete: ReferentialAction,
    /// ON UPDATE.
    pub on_update: ReferentialAction,
    /// Whether it is enforced (NOCHECK CONSTRAINT).
    pub is_enabled: bool,
}

/// A CHECK constraint. The interpreter enforces it.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its id; 0 lets the engine choose.
    pub object_id: ObjectId,
    /// Name.
    pub name: Rc<str>,
    /// The condition as T-SQL text.
    pub text: Rc<str>,
    /// The column it was written at, if any.
    pub column: Option<usize>,
    /// Whether it is enforced.
    pub is_enabled: bool,
}

/// What kind of module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    /// VIEW
    View,
    /// PROCEDURE
    Procedure,
    /// scalar FUNCTION
    ScalarFunction,
    /// FUNCTION … RETURNS TABLE
    InlineFunction,
    /// FUNCTION … RETURNS @t TABLE
    TableFunction,
    /// TRIGGER
    Trigger,
    /// SYNONYM: its text is the name it stands for
    Synonym,
    /// SEQUENCE: its text is what [`super::sequence::Sequence`] writes
    Sequence,
}

/// A view, procedure, function or trigger: its text is its definition.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleDef {
    /// Its id; 0 lets the engine choose.
    pub object_id: ObjectId,
    /// Schema's name.
    pub schema: Rc<str>,
    /// Name.
    pub name: Rc<str>,
    /// Kind.
    pub kind: ModuleKind,
    /// The CREATE statement.
    pub text: Rc<str>,
    /// A trigger's table; 0 otherwise.
    pub parent: ObjectId,
    /// When it was created (UTC).
    pub created: jiff::Timestamp,
    /// When it last changed (UTC).
    pub modified: jiff::Timestamp,
}

/// A schema.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaDef {
    /// `sys.schemas.schema_id`; 0 lets the engine choose.
    pub schema_id: i32,
    /// Name.
    pub name: Rc<str>,
    /// `principal_id` of the owner.
    pub owner: i32,
}

/// What kind of database principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// SQL_USER
    SqlUser,
    /// WINDOWS_USER
    WindowsUser,
    /// WINDOWS_GROUP
    WindowsGroup,
    /// DATABASE_ROLE
    Role,
    /// CERTIFICATE_MAPPED_USER
    Certificate,
}

/// A user or role of a database.
#[derive(Clone, Debug, PartialEq)]
pub struct PrincipalDef {
    /// `sys.database_principals.principal_id`; 0 lets the engine choose (public is 0 and always there).
    pub principal_id: i32,
    /// Name.
    pub name: Rc<str>,
    /// Kind.
    pub kind: PrincipalKind,
    /// SID of the login it belongs to; a user without a matching login is an orphan.
    pub sid: Option<Rc<[u8]>>,
    /// Default schema.
    pub default_schema: Option<Rc<str>>,
    /// When it was created (UTC).
    pub created: jiff::Timestamp,
    /// Roles it is a member of, by `principal_id`.
    pub roles: Vec<i32>,
    /// Whether it is one of the fixed roles.
    pub is_fixed_role: bool,
}

/// A user-defined alias type.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeDef {
    /// `sys.types.user_type_id`; 0 lets the engine choose.
    pub user_type_id: i32,
    /// Schema's name.
    pub schema: Rc<str>,
    /// Name.
    pub name: Rc<str>,
    /// What it stands for.
    pub base: DataType,
    /// Whether it allows NULL.
    pub nullable: bool,
}

/// A permission that was granted or denied.
#[derive(Clone, Debug, PartialEq)]
pub struct PermissionDef {
    /// Numbers permissions; 0 lets the engine choose.
    pub permission_id: i32,
    /// `principal_id` of the grantee.
    pub grantee: i32,
    /// `SELECT`, `EXECUTE`, `CONNECT` … in upper case.
    pub permission: Rc<str>,
    /// Object it is about; 0 for the database, the negative `schema_id` for a schema.
    pub object_id: ObjectId,
    /// Deny instead of grant.
    pub is_deny: bool,
}

/// Anything a schema change creates, alters or drops.
#[derive(Clone, Debug, PartialEq)]
pub enum Definition {
    /// A table (its rows are logged apart).
    Table(Rc<TableDef>),
    /// A view, procedure, function or trigger.
    Module(Rc<ModuleDef>),
    /// A schema.
    Schema(Rc<SchemaDef>),
    /// A user or role.
    Principal(Rc<PrincipalDef>),
    /// An alias type.
    Type(Rc<TypeDef>),
    /// A permission.
    Permission(Rc<PermissionDef>),
}

/// Whether two identifiers are the same name: case does not matter.
#[must_use]
#[inline]
pub fn same_name(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    // Folding keeps an ASCII letter one ASCII letter, so different ones at the front settle most comparisons.
    if let (Some(x), Some(y)) = (a.as_bytes().first(), b.as_bytes().first())
        && x.is_ascii()
        && y.is_ascii()
        && !x.eq_ignore_ascii_case(y)
    {
        return false;
    }
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && fold(a) == fold(b))
}

/// The form in which names and text keys are compared: without case.
#[must_use]
pub fn fold(name: &str) -> String {
    if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        name.chars().flat_map(char::to_lowercase).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::same_name;

    #[rstest::rstest]
    #[case("mgc", "MGC", true)]
    #[case("mgc", "mgccomp", false)]
    #[case("mgc", "ngc", false)]
    #[case("", "mgc", false)]
    #[case("", "", true)]
    #[case("\u{c4}rger", "\u{e4}RGER", true)]
    #[case("\u{c4}rger", "arger", false)]
    // The Kelvin sign folds to the letter: what is not ASCII at the front settles nothing.
    #[case("\u{212a}elvin", "kelvin", true)]
    fn names_are_the_same_without_regard_to_case(#[case] a: &str, #[case] b: &str, #[case] same: bool) {
        assert_eq!((same_name(a, b), same_name(b, a)), (same, same));
    }
}
