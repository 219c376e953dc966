//! Views of what belongs to objects: columns of foreign keys, parameters, computed columns, space.

use super::rows::Rows;
use super::types::{measure, shape};
use super::{View, ViewContext};
use crate::engine::{Content, ModuleKind};
use crate::tsql::{self, Module};

/// The family.
pub(super) const VIEWS: &[View] = &[
    View { schema: "sys", name: "foreign_key_columns", columns: KEY_COLUMNS, fill: foreign_key_columns },
    View { schema: "sys", name: "parameters", columns: PARAMETERS, fill: parameters },
    View { schema: "sys", name: "computed_columns", columns: COMPUTED, fill: computed_columns },
    View { schema: "sys", name: "dm_db_partition_stats", columns: SPACE, fill: partition_stats },
];

fn content<'a>(context: &ViewContext<'a>) -> Option<&'a Content> {
    context.engine.database(context.database_id).map(|database| &database.content)
}

const KEY_COLUMNS: &str = "constraint_object_id int not null, constraint_column_id int not null, \
    parent_object_id int not null, parent_column_id int not null, referenced_object_id int not null, \
    referenced_column_id int not null";

fn foreign_key_columns(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(content) = content(context) else { return };
    for table in content.tables() {
        for key in &table.def.foreign_keys {
            let Some(referenced) = content.table(key.referenced_table) else { continue };
            for (at, (own, other)) in key.columns.iter().zip(&key.referenced_columns).enumerate() {
                let (Some(own), Some(other)) =
                    (table.def.columns.get(*own), referenced.def.columns.get(*other))
                else {
                    continue;
                };
                rows.add(|row| {
                    row.set("constraint_object_id", key.object_id)
                        .set("constraint_column_id", at + 1)
                        .set("parent_object_id", table.def.object_id)
                        .set("parent_column_id", own.column_id)
                        .set("referenced_object_id", key.referenced_table)
                        .set("referenced_column_id", other.column_id);
                });
            }
        }
    }
}

const PARAMETERS: &str = "object_id int not null, name nvarchar(128), parameter_id int not null, \
    system_type_id tinyint not null, user_type_id int not null, max_length smallint not null, \
    precision tinyint not null, scale tinyint not null, is_output bit not null, is_cursor_ref bit not null = 0, \
    has_default_value bit not null = 0, is_xml_document bit not null = 0, default_value sql_variant, \
    xml_collection_id int not null = 0, is_readonly bit not null = 0, is_nullable bit = 1";

/// The parameters of procedures and functions. As on a real server, defaults are not shown.
fn parameters(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(content) = content(context) else { return };
    for module in content.modules() {
        let kind = match module.kind {
            ModuleKind::Procedure => crate::tsql::ast::ObjectKind::Procedure,
            ModuleKind::ScalarFunction | ModuleKind::InlineFunction | ModuleKind::TableFunction => {
                crate::tsql::ast::ObjectKind::Function
            }
            _ => continue,
        };
        let Ok(parsed) = tsql::parse_module(kind, &module.text, content) else { continue };
        let (Module::Procedure(program) | Module::Function(program, _)) = &*parsed else { continue };
        if let Module::Function(_, tsql::Returns::Scalar(data_type, _)) = &*parsed {
            rows.add(|row| {
                row.set("object_id", module.object_id).set("name", "").set("parameter_id", 0);
                measure(row, *data_type, "system_type_id");
                row.set("user_type_id", shape(*data_type).id).set("is_output", true);
            });
        }
        for (at, parameter) in program.variables.iter().take(program.parameter_count).enumerate() {
            rows.add(|row| {
                row.set("object_id", module.object_id)
                    .set("name", as_written(&module.text, &parameter.name))
                    .set("parameter_id", at + 1);
                measure(row, parameter.data_type, "system_type_id");
                row.set("user_type_id", shape(parameter.data_type).id).set("is_output", parameter.output);
            });
        }
    }
}

/// A name as the text first spells it; programs know names in lower case.
fn as_written(text: &str, name: &str) -> String {
    let folded = text.to_ascii_lowercase();
    folded.find(name).and_then(|at| text.get(at..at + name.len())).unwrap_or(name).to_owned()
}

const COMPUTED: &str = "object_id int not null, name nvarchar(128), column_id int not null, \
    system_type_id tinyint not null, user_type_id int not null, max_length smallint not null, \
    precision tinyint not null, scale tinyint not null, is_nullable bit, is_identity bit not null = 0, \
    is_computed bit not null = 1, definition nvarchar(max), uses_database_collation bit not null = 1, \
    is_persisted bit not null = 0";

fn computed_columns(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for table in content(context).into_iter().flat_map(Content::tables) {
        for column in &table.def.columns {
            let Some(text) = &column.computed else { continue };
            rows.add(|row| {
                row.set("object_id", table.def.object_id)
                    .set("name", &column.meta.name)
                    .set("column_id", column.column_id);
                measure(row, column.meta.data_type, "system_type_id");
                row.set("user_type_id", shape(column.meta.data_type).id)
                    .set("is_nullable", column.meta.nullable)
                    .set("definition", format!("({text})"));
            });
        }
    }
}

const SPACE: &str = "partition_id bigint, object_id int not null, index_id int not null, \
    partition_number int not null = 1, in_row_data_page_count bigint, in_row_used_page_count bigint, \
    in_row_reserved_page_count bigint, lob_used_page_count bigint = 0, lob_reserved_page_count bigint = 0, \
    row_overflow_used_page_count bigint = 0, row_overflow_reserved_page_count bigint = 0, \
    used_page_count bigint, reserved_page_count bigint, row_count bigint";

/// Pages of 8 KiB that the rows would take; an index is reckoned as a twentieth of its table.
fn partition_stats(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for table in content(context).into_iter().flat_map(Content::tables) {
        let def = &table.def;
        let heap = (!def.indexes.iter().any(|index| index.is_clustered)).then_some(0);
        for index_id in heap.into_iter().chain(def.indexes.iter().map(|index| index.index_id)) {
            let id = (i64::from(def.object_id) << 16) | i64::from(index_id);
            let bytes = if index_id > 1 { table.data_bytes() / 20 } else { table.data_bytes() };
            let data = if table.is_empty() { 0 } else { bytes.div_ceil(8096).max(1) };
            let used = if data == 0 { 0 } else { data + 1 };
            let reserved = used.div_ceil(8) * 8;
            rows.add(|row| {
                row.set("partition_id", id)
                    .set("object_id", def.object_id)
                    .set("index_id", index_id)
                    .set("in_row_data_page_count", data)
                    .set("in_row_used_page_count", used)
                    .set("in_row_reserved_page_count", reserved)
                    .set("used_page_count", used)
                    .set("reserved_page_count", reserved)
                    .set("row_count", table.len());
            });
        }
    }
}
