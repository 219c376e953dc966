//! T-SQL's types as the catalog numbers and measures them.

use super::rows::{RowDraft, Rows};
use super::{View, ViewContext};
use crate::value::{DataType, Length};

/// The family.
pub(super) const VIEWS: &[View] = &[View { schema: "sys", name: "types", columns: TYPES, fill: types }];

/// `system_type_id`, `user_type_id`, name, `max_length`, precision, scale of the system types.
const SYSTEM_TYPES: &[(u8, i32, &str, i16, u8, u8)] = &[
    (34, 34, "image", 16, 0, 0),
    (35, 35, "text", 16, 0, 0),
    (36, 36, "uniqueidentifier", 16, 0, 0),
    (40, 40, "date", 3, 10, 0),
    (41, 41, "time", 5, 16, 7),
    (42, 42, "datetime2", 8, 27, 7),
    (43, 43, "datetimeoffset", 10, 34, 7),
    (48, 48, "tinyint", 1, 3, 0),
    (52, 52, "smallint", 2, 5, 0),
    (56, 56, "int", 4, 10, 0),
    (58, 58, "smalldatetime", 4, 16, 0),
    (59, 59, "real", 4, 24, 0),
    (60, 60, "money", 8, 19, 4),
    (61, 61, "datetime", 8, 23, 3),
    (62, 62, "float", 8, 53, 0),
    (98, 98, "sql_variant", 8016, 0, 0),
    (99, 99, "ntext", 16, 0, 0),
    (104, 104, "bit", 1, 1, 0),
    (106, 106, "decimal", 17, 38, 38),
    (108, 108, "numeric", 17, 38, 38),
    (122, 122, "smallmoney", 4, 10, 4),
    (127, 127, "bigint", 8, 19, 0),
    (165, 165, "varbinary", 8000, 0, 0),
    (167, 167, "varchar", 8000, 0, 0),
    (173, 173, "binary", 8000, 0, 0),
    (175, 175, "char", 8000, 0, 0),
    (231, 231, "nvarchar", 8000, 0, 0),
    (231, 256, "sysname", 256, 0, 0),
    (239, 239, "nchar", 8000, 0, 0),
    (241, 241, "xml", -1, 0, 0),
];

/// A type as `sys.columns` and `sys.types` show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypeShape {
    /// `system_type_id`, and `user_type_id` of a plain type.
    pub(crate) id: u8,
    /// Name.
    pub(crate) name: &'static str,
    /// `max_length` in bytes; -1 for max.
    pub(crate) max_length: i16,
    /// `precision`.
    pub(crate) precision: u8,
    /// `scale`.
    pub(crate) scale: u8,
}

/// How the catalog shows a type.
pub(crate) fn shape(data_type: DataType) -> TypeShape {
    let bytes = |n: u16, width: u16| i16::try_from(n.saturating_mul(width)).unwrap_or(i16::MAX);
    let length = |length: Length, width: u16| match length {
        Length::Upto(n) => bytes(n, width),
        Length::Max => -1,
    };
    let (id, max_length) = match data_type {
        DataType::Bit => (104, 1),
        DataType::TinyInt => (48, 1),
        DataType::SmallInt => (52, 2),
        DataType::Int => (56, 4),
        DataType::BigInt => (127, 8),
        DataType::Decimal { precision, .. } => (
            108,
            match precision {
                0..=9 => 5,
                10..=19 => 9,
                20..=28 => 13,
                _ => 17,
            },
        ),
        DataType::Money => (60, 8),
        DataType::SmallMoney => (122, 4),
        DataType::Real => (59, 4),
        DataType::Float => (62, 8),
        DataType::Char(n) => (175, bytes(n, 1)),
        DataType::VarChar(n) => (167, length(n, 1)),
        DataType::NChar(n) => (239, bytes(n, 2)),
        DataType::NVarChar(n) => (231, length(n, 2)),
        DataType::Text => (35, 16),
        DataType::NText => (99, 16),
        DataType::Image => (34, 16),
        DataType::Binary(n) => (173, bytes(n, 1)),
        DataType::VarBinary(n) => (165, length(n, 1)),
        DataType::UniqueIdentifier => (36, 16),
        DataType::Date => (40, 3),
        DataType::Time(_) => (41, 5),
        DataType::DateTime => (61, 8),
        DataType::SmallDateTime => (58, 4),
        DataType::DateTime2(_) => (42, 8),
        DataType::DateTimeOffset(_) => (43, 10),
        DataType::Xml => (241, -1),
        DataType::SqlVariant => (98, 8016),
    };
    let system = SYSTEM_TYPES.iter().find(|t| t.0 == id);
    let (name, mut precision, mut scale) = system.map_or(("", 0, 0), |t| (t.2, t.4, t.5));
    match data_type {
        DataType::Decimal { precision: p, scale: s } => (precision, scale) = (p, s),
        DataType::Time(s) | DataType::DateTime2(s) | DataType::DateTimeOffset(s) => scale = s,
        _ => {}
    }
    TypeShape { id, name, max_length, precision, scale }
}

/// Whether a type holds text, and so has a collation.
pub(crate) fn has_collation(data_type: DataType) -> bool {
    matches!(
        data_type,
        DataType::Char(_)
            | DataType::VarChar(_)
            | DataType::NChar(_)
            | DataType::NVarChar(_)
            | DataType::Text
            | DataType::NText
    )
}

const TYPES: &str = "name sysname, system_type_id tinyint not null, user_type_id int not null, \
    schema_id int not null, principal_id int, max_length smallint not null, precision tinyint not null, \
    scale tinyint not null, collation_name nvarchar(128), is_nullable bit = 1, \
    is_user_defined bit not null = 0, is_assembly_type bit not null = 0, default_object_id int not null = 0, \
    rule_object_id int not null = 0, is_table_type bit not null = 0";

fn types(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for (system, user, name, length, precision, scale) in SYSTEM_TYPES {
        rows.add(|row| {
            row.set("name", *name)
                .set("system_type_id", *system)
                .set("user_type_id", *user)
                .set("schema_id", 4)
                .set("max_length", *length)
                .set("precision", *precision)
                .set("scale", *scale);
            if *user == 256 {
                row.set("is_nullable", false);
            }
        });
    }
    let Some(database) = context.engine.database(context.database_id) else { return };
    for found in database.content.types() {
        let schema = database.content.schema_by_name(&found.schema).map_or(1, |s| s.schema_id);
        rows.add(|row| {
            row.set("name", &found.name);
            measure(row, found.base, "system_type_id");
            row.set("user_type_id", found.user_type_id)
                .set("schema_id", schema)
                .set("is_nullable", found.nullable)
                .set("is_user_defined", true);
        });
    }
}

/// Sets a type's number and measures.
pub(super) fn measure(row: &mut RowDraft<'_>, data_type: DataType, id_column: &str) {
    let shape = shape(data_type);
    row.set(id_column, shape.id)
        .set("max_length", shape.max_length)
        .set("precision", shape.precision)
        .set("scale", shape.scale);
}
