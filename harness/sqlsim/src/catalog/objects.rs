//! Views of what a database declares: tables, columns, indexes, modules.

use super::rows::{RowDraft, Rows, datetime};
use super::types::{has_collation, measure, shape};
use super::{View, ViewContext};
use crate::engine::sequence::Sequence;
use crate::engine::{Content, IndexDef, IndexKind, ModuleDef, ModuleKind, TableDef};
use std::rc::Rc;

/// The family.
pub(super) const VIEWS: &[View] = &[
    View { schema: "sys", name: "objects", columns: OBJECTS, fill: objects },
    View { schema: "sys", name: "all_objects", columns: OBJECTS, fill: objects },
    View { schema: "sys", name: "sysobjects", columns: SYSOBJECTS, fill: sysobjects },
    View { schema: "sys", name: "tables", columns: TABLES, fill: tables },
    View { schema: "sys", name: "views", columns: OBJECTS, fill: views },
    View { schema: "sys", name: "procedures", columns: OBJECTS, fill: procedures },
    View { schema: "sys", name: "synonyms", columns: SYNONYMS, fill: synonyms },
    View { schema: "sys", name: "sequences", columns: SEQUENCES, fill: sequences },
    View { schema: "sys", name: "schemas", columns: SCHEMAS, fill: schemas },
    View { schema: "sys", name: "columns", columns: COLUMNS, fill: columns },
    View { schema: "sys", name: "all_columns", columns: COLUMNS, fill: columns },
    View { schema: "sys", name: "identity_columns", columns: IDENTITY_COLUMNS, fill: identity_columns },
    View { schema: "sys", name: "indexes", columns: INDEXES, fill: indexes },
    View { schema: "sys", name: "index_columns", columns: INDEX_COLUMNS, fill: index_columns },
    View { schema: "sys", name: "key_constraints", columns: KEY_CONSTRAINTS, fill: key_constraints },
    View { schema: "sys", name: "foreign_keys", columns: FOREIGN_KEYS, fill: foreign_keys },
    View { schema: "sys", name: "default_constraints", columns: DEFAULTS, fill: default_constraints },
    View { schema: "sys", name: "check_constraints", columns: CHECKS, fill: check_constraints },
    View { schema: "sys", name: "sql_modules", columns: MODULES, fill: sql_modules },
    View { schema: "sys", name: "partitions", columns: PARTITIONS, fill: partitions },
];

const OBJECTS: &str = "name sysname, object_id int not null, principal_id int, schema_id int not null, \
    parent_object_id int not null = 0, type char(2), type_desc nvarchar(60), create_date datetime not null, \
    modify_date datetime not null, is_ms_shipped bit not null = 0, is_published bit not null = 0, \
    is_schema_published bit not null = 0";

/// An object's line.
struct Object {
    name: Rc<str>,
    id: i32,
    schema: Rc<str>,
    parent: i32,
    kind: (&'static str, &'static str),
    created: jiff::Timestamp,
    modified: jiff::Timestamp,
    is_ms_shipped: bool,
}

const TABLE: (&str, &str) = ("U ", "USER_TABLE");

fn content<'a>(context: &ViewContext<'a>) -> Option<&'a Content> {
    context.engine.database(context.database_id).map(|database| &database.content)
}

fn schema_id(content: &Content, name: &str) -> i32 {
    content.schema_by_name(name).map_or(1, |schema| schema.schema_id)
}

/// `type` and `type_desc` of a module.
pub(crate) fn module_kind(kind: ModuleKind) -> (&'static str, &'static str) {
    match kind {
        ModuleKind::View => ("V ", "VIEW"),
        ModuleKind::Procedure => ("P ", "SQL_STORED_PROCEDURE"),
        ModuleKind::ScalarFunction => ("FN", "SQL_SCALAR_FUNCTION"),
        ModuleKind::InlineFunction => ("IF", "SQL_INLINE_TABLE_VALUED_FUNCTION"),
        ModuleKind::TableFunction => ("TF", "SQL_TABLE_VALUED_FUNCTION"),
        ModuleKind::Trigger => ("TR", "SQL_TRIGGER"),
        ModuleKind::Synonym => ("SN", "SYNONYM"),
        ModuleKind::Sequence => ("SO", "SEQUENCE_OBJECT"),
    }
}

/// Everything with an object id: tables, their constraints, modules.
fn all_objects(content: &Content) -> Vec<Object> {
    let mut all = Vec::new();
    for table in content.tables() {
        let def = &table.def;
        let object = |name: &Rc<str>, id: i32, parent: i32, kind| Object {
            name: name.clone(),
            id,
            schema: def.schema.clone(),
            parent,
            kind,
            created: def.created,
            modified: def.modified,
            is_ms_shipped: def.is_ms_shipped,
        };
        all.push(object(&def.name, def.object_id, 0, TABLE));
        for index in def.indexes.iter().filter(|index| index.kind.is_constraint()) {
            all.push(object(&index.name, index.object_id, def.object_id, key_kind(index)));
        }
        for key in &def.foreign_keys {
            all.push(object(&key.name, key.object_id, def.object_id, ("F ", "FOREIGN_KEY_CONSTRAINT")));
        }
        for check in &def.checks {
            all.push(object(&check.name, check.object_id, def.object_id, ("C ", "CHECK_CONSTRAINT")));
        }
        for default in def.columns.iter().filter_map(|column| column.default.as_ref()) {
            all.push(object(&default.name, default.object_id, def.object_id, ("D ", "DEFAULT_CONSTRAINT")));
        }
    }
    for module in content.modules() {
        all.push(Object {
            name: module.name.clone(),
            id: module.object_id,
            schema: module.schema.clone(),
            parent: module.parent,
            kind: module_kind(module.kind),
            created: module.created,
            modified: module.modified,
            is_ms_shipped: false,
        });
    }
    all
}

fn key_kind(index: &IndexDef) -> (&'static str, &'static str) {
    if index.kind == IndexKind::PrimaryKey {
        ("PK", "PRIMARY_KEY_CONSTRAINT")
    } else {
        ("UQ", "UNIQUE_CONSTRAINT")
    }
}

fn list_objects(context: &ViewContext<'_>, rows: &mut Rows<'_>, wanted: impl Fn(&str) -> bool) {
    let Some(content) = content(context) else { return };
    let offset = context.instance.0.clock.utc_offset_minutes();
    for object in all_objects(content).iter().filter(|object| wanted(object.kind.0)) {
        rows.add(|row| {
            row.set("name", &object.name)
                .set("object_id", object.id)
                .set("schema_id", schema_id(content, &object.schema))
                .set("parent_object_id", object.parent)
                .set("type", object.kind.0)
                .set("type_desc", object.kind.1)
                .set("create_date", datetime(object.created, offset))
                .set("modify_date", datetime(object.modified, offset))
                .set("is_ms_shipped", object.is_ms_shipped);
        });
    }
}

fn objects(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    list_objects(context, rows, |_| true);
}

fn views(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    list_objects(context, rows, |kind| kind == "V ");
}

fn procedures(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    list_objects(context, rows, |kind| kind == "P ");
}

const SYNONYMS: &str = "name sysname, object_id int not null, principal_id int, schema_id int not null, \
    parent_object_id int not null = 0, type char(2), type_desc nvarchar(60), create_date datetime not null, \
    modify_date datetime not null, is_ms_shipped bit not null = 0, is_published bit not null = 0, \
    is_schema_published bit not null = 0, base_object_name nvarchar(1035)";

fn synonyms(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    modules_of(context, rows, ModuleKind::Synonym, |row, module| {
        row.set("base_object_name", &module.text);
    });
}

const SEQUENCES: &str = "name sysname, object_id int not null, principal_id int, schema_id int not null, \
    parent_object_id int not null = 0, type char(2), type_desc nvarchar(60), create_date datetime not null, \
    modify_date datetime not null, is_ms_shipped bit not null = 0, is_published bit not null = 0, \
    is_schema_published bit not null = 0, start_value sql_variant, increment sql_variant, \
    minimum_value sql_variant, maximum_value sql_variant, is_cycling bit, is_cached bit = 0, cache_size int, \
    current_value sql_variant, is_exhausted bit not null = 0";

fn sequences(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    modules_of(context, rows, ModuleKind::Sequence, |row, module| {
        let Some(sequence) = Sequence::read(&module.text) else { return };
        row.set("start_value", sequence.value(sequence.start))
            .set("increment", sequence.value(sequence.increment))
            .set("minimum_value", sequence.value(sequence.minimum))
            .set("maximum_value", sequence.value(sequence.maximum))
            .set("is_cycling", sequence.cycles)
            .set("current_value", sequence.value(sequence.last))
            .set("is_exhausted", sequence.next.is_none());
    });
}

fn modules_of(
    context: &ViewContext<'_>,
    rows: &mut Rows<'_>,
    kind: ModuleKind,
    more: impl Fn(&mut RowDraft<'_>, &ModuleDef),
) {
    let Some(content) = content(context) else { return };
    let offset = context.instance.0.clock.utc_offset_minutes();
    for module in content.modules().filter(|module| module.kind == kind) {
        rows.add(|row| {
            row.set("name", &module.name)
                .set("object_id", module.object_id)
                .set("schema_id", schema_id(content, &module.schema))
                .set("type", module_kind(kind).0)
                .set("type_desc", module_kind(kind).1)
                .set("create_date", datetime(module.created, offset))
                .set("modify_date", datetime(module.modified, offset));
            more(row, module);
        });
    }
}

const SYSOBJECTS: &str = "name sysname, id int not null, xtype char(2) not null, uid smallint, \
    info smallint = 0, status int = 0, base_schema_ver int = 0, replinfo int = 0, \
    parent_obj int not null, crdate datetime not null, ftcatid smallint = 0, schema_ver int = 0, \
    stats_schema_ver int = 0, type char(2), userstat smallint = 0, sysstat smallint = 0, \
    indexdel smallint = 0, refdate datetime, version int = 0, deltrig int = 0, instrig int = 0, \
    updtrig int = 0, seltrig int = 0, category int = 0, cache smallint = 0";

fn sysobjects(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(content) = content(context) else { return };
    let offset = context.instance.0.clock.utc_offset_minutes();
    for object in all_objects(content) {
        rows.add(|row| {
            row.set("name", &object.name)
                .set("id", object.id)
                .set("xtype", object.kind.0)
                .set("uid", schema_id(content, &object.schema))
                .set("parent_obj", object.parent)
                .set("crdate", datetime(object.created, offset))
                .set("type", object.kind.0)
                .set("refdate", datetime(object.created, offset));
        });
    }
}

const TABLES: &str = "name sysname, object_id int not null, principal_id int, schema_id int not null, \
    parent_object_id int not null = 0, type char(2), type_desc nvarchar(60), create_date datetime not null, \
    modify_date datetime not null, is_ms_shipped bit not null = 0, is_published bit not null = 0, \
    is_schema_published bit not null = 0, lob_data_space_id int not null = 0, filestream_data_space_id int, \
    max_column_id_used int not null, lock_on_bulk_load bit not null = 0, uses_ansi_nulls bit = 1, \
    is_replicated bit = 0, has_replication_filter bit = 0, is_merge_published bit = 0, \
    is_sync_tran_subscribed bit = 0, has_unchecked_assembly_data bit not null = 0, \
    text_in_row_limit int = 0, large_value_types_out_of_row bit = 0, is_tracked_by_cdc bit = 0, \
    lock_escalation tinyint = 0, lock_escalation_desc nvarchar(60) = TABLE, is_filetable bit = 0, \
    is_memory_optimized bit = 0, durability tinyint = 0, durability_desc nvarchar(60) = SCHEMA_AND_DATA";

fn tables(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(content) = content(context) else { return };
    let offset = context.instance.0.clock.utc_offset_minutes();
    for table in content.tables() {
        let def = &table.def;
        rows.add(|row| {
            row.set("name", &def.name)
                .set("object_id", def.object_id)
                .set("schema_id", schema_id(content, &def.schema))
                .set("type", TABLE.0)
                .set("type_desc", TABLE.1)
                .set("create_date", datetime(def.created, offset))
                .set("modify_date", datetime(def.modified, offset))
                .set("is_ms_shipped", def.is_ms_shipped)
                .set("max_column_id_used", def.columns.iter().map(|c| c.column_id).max().unwrap_or(0));
        });
    }
}

const SCHEMAS: &str = "name sysname, schema_id int not null, principal_id int";

fn schemas(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for schema in content(context).into_iter().flat_map(Content::schemas) {
        rows.add(|row| {
            row.set("name", &schema.name)
                .set("schema_id", schema.schema_id)
                .set("principal_id", schema.owner);
        });
    }
}

const COLUMNS: &str = "object_id int not null, name nvarchar(128), column_id int not null, \
    system_type_id tinyint not null, user_type_id int not null, max_length smallint not null, \
    precision tinyint not null, scale tinyint not null, collation_name nvarchar(128), is_nullable bit, \
    is_ansi_padded bit not null = 1, is_rowguidcol bit not null = 0, is_identity bit not null = 0, \
    is_computed bit not null = 0, is_filestream bit not null = 0, is_replicated bit = 0, \
    is_non_sql_subscribed bit = 0, is_merge_published bit = 0, is_dts_replicated bit = 0, \
    is_xml_document bit not null = 0, xml_collection_id int not null = 0, default_object_id int not null = 0, \
    rule_object_id int not null = 0, is_sparse bit = 0, is_column_set bit = 0";

fn columns(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(database) = context.engine.database(context.database_id) else { return };
    for table in database.content.tables() {
        for column in &table.def.columns {
            let data_type = column.meta.data_type;
            rows.add(|row| {
                row.set("object_id", table.def.object_id)
                    .set("name", &column.meta.name)
                    .set("column_id", column.column_id);
                measure(row, data_type, "system_type_id");
                row.set("user_type_id", shape(data_type).id)
                    .set("collation_name", has_collation(data_type).then_some(&database.collation))
                    .set("is_nullable", column.meta.nullable)
                    .set("is_identity", column.identity.is_some())
                    .set("is_computed", column.computed.is_some())
                    .set("default_object_id", column.default.as_ref().map_or(0, |d| d.object_id));
            });
        }
    }
}

const IDENTITY_COLUMNS: &str = "object_id int not null, name nvarchar(128), column_id int not null, \
    system_type_id tinyint not null, user_type_id int not null, max_length smallint not null, \
    precision tinyint not null, scale tinyint not null, is_nullable bit = 0, is_identity bit not null = 1, \
    is_computed bit not null = 0, seed_value sql_variant, increment_value sql_variant, \
    last_value sql_variant, is_not_for_replication bit = 0";

fn identity_columns(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for table in content(context).into_iter().flat_map(Content::tables) {
        for column in &table.def.columns {
            let Some(identity) = column.identity else { continue };
            rows.add(|row| {
                row.set("object_id", table.def.object_id)
                    .set("name", &column.meta.name)
                    .set("column_id", column.column_id);
                measure(row, column.meta.data_type, "system_type_id");
                row.set("user_type_id", shape(column.meta.data_type).id)
                    .set("seed_value", identity.seed)
                    .set("increment_value", identity.increment)
                    .set("last_value", table.identity_current());
            });
        }
    }
}

const INDEXES: &str = "object_id int not null, name nvarchar(128), index_id int not null, \
    type tinyint not null, type_desc nvarchar(60), is_unique bit, data_space_id int not null = 1, \
    ignore_dup_key bit = 0, is_primary_key bit, is_unique_constraint bit, fill_factor tinyint not null = 0, \
    is_padded bit = 0, is_disabled bit = 0, is_hypothetical bit = 0, allow_row_locks bit = 1, \
    allow_page_locks bit = 1, has_filter bit, filter_definition nvarchar(max)";

fn indexes(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for table in content(context).into_iter().flat_map(Content::tables) {
        let def = &table.def;
        if !def.indexes.iter().any(|index| index.is_clustered) {
            rows.add(|row| {
                row.set("object_id", def.object_id)
                    .set("index_id", 0)
                    .set("type", 0)
                    .set("type_desc", "HEAP")
                    .set("is_unique", false)
                    .set("is_primary_key", false)
                    .set("is_unique_constraint", false)
                    .set("has_filter", false);
            });
        }
        for index in &def.indexes {
            let (kind, kind_name) = if index.is_clustered { (1, "CLUSTERED") } else { (2, "NONCLUSTERED") };
            rows.add(|row| {
                row.set("object_id", def.object_id)
                    .set("name", &index.name)
                    .set("index_id", index.index_id)
                    .set("type", kind)
                    .set("type_desc", kind_name)
                    .set("is_unique", index.kind.is_unique())
                    .set("is_primary_key", index.kind == IndexKind::PrimaryKey)
                    .set("is_unique_constraint", index.kind == IndexKind::UniqueConstraint)
                    .set("has_filter", index.filter.is_some())
                    .set("filter_definition", index.filter.as_ref());
            });
        }
    }
}

const INDEX_COLUMNS: &str = "object_id int not null, index_id int not null, index_column_id int not null, \
    column_id int not null, key_ordinal tinyint not null, partition_ordinal tinyint not null = 0, \
    is_descending_key bit not null, is_included_column bit not null";

fn column_id(def: &TableDef, ordinal: usize) -> i32 {
    def.columns.get(ordinal).map_or(0, |column| column.column_id)
}

fn index_columns(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for table in content(context).into_iter().flat_map(Content::tables) {
        let def = &table.def;
        for index in &def.indexes {
            let keys = index.columns.iter().map(|key| (key.ordinal, key.descending, false));
            let included = index.included.iter().map(|ordinal| (*ordinal, false, true));
            for (at, (ordinal, descending, is_included)) in (1_i32..).zip(keys.chain(included)) {
                rows.add(|row| {
                    row.set("object_id", def.object_id)
                        .set("index_id", index.index_id)
                        .set("index_column_id", at)
                        .set("column_id", column_id(def, ordinal))
                        .set("key_ordinal", if is_included { 0 } else { at })
                        .set("is_descending_key", descending)
                        .set("is_included_column", is_included);
                });
            }
        }
    }
}

const KEY_CONSTRAINTS: &str = "name sysname, object_id int not null, principal_id int, \
    schema_id int not null, parent_object_id int not null, type char(2), type_desc nvarchar(60), \
    create_date datetime not null, modify_date datetime not null, is_ms_shipped bit not null, \
    is_published bit not null = 0, is_schema_published bit not null = 0, unique_index_id int, \
    is_system_named bit not null, is_enforced bit = 1";

fn key_constraints(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(content) = content(context) else { return };
    let offset = context.instance.0.clock.utc_offset_minutes();
    for table in content.tables() {
        let def = &table.def;
        for index in def.indexes.iter().filter(|index| index.kind.is_constraint()) {
            let (kind, kind_name) = key_kind(index);
            rows.add(|row| {
                row.set("name", &index.name)
                    .set("object_id", index.object_id)
                    .set("schema_id", schema_id(content, &def.schema))
                    .set("parent_object_id", def.object_id)
                    .set("type", kind)
                    .set("type_desc", kind_name)
                    .set("create_date", datetime(def.created, offset))
                    .set("modify_date", datetime(def.modified, offset))
                    .set("is_ms_shipped", def.is_ms_shipped)
                    .set("unique_index_id", index.index_id)
                    .set("is_system_named", index.is_system_named);
            });
        }
    }
}

const FOREIGN_KEYS: &str = "name sysname, object_id int not null, schema_id int not null, \
    parent_object_id int not null, type char(2) = 'F ', type_desc nvarchar(60) = FOREIGN_KEY_CONSTRAINT, \
    create_date datetime not null, modify_date datetime not null, is_ms_shipped bit not null = 0, \
    referenced_object_id int, is_disabled bit not null, is_not_trusted bit not null, \
    delete_referential_action tinyint, delete_referential_action_desc nvarchar(60), \
    update_referential_action tinyint, update_referential_action_desc nvarchar(60)";

fn foreign_keys(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(content) = content(context) else { return };
    let offset = context.instance.0.clock.utc_offset_minutes();
    let names = ["NO_ACTION", "CASCADE", "SET_NULL", "SET_DEFAULT"];
    for table in content.tables() {
        let def = &table.def;
        for key in &def.foreign_keys {
            let (delete, update) = (key.on_delete as usize, key.on_update as usize);
            rows.add(|row| {
                row.set("name", &key.name)
                    .set("object_id", key.object_id)
                    .set("schema_id", schema_id(content, &def.schema))
                    .set("parent_object_id", def.object_id)
                    .set("create_date", datetime(def.created, offset))
                    .set("modify_date", datetime(def.modified, offset))
                    .set("referenced_object_id", key.referenced_table)
                    .set("is_disabled", !key.is_enabled)
                    .set("is_not_trusted", !key.is_enabled)
                    .set("delete_referential_action", delete)
                    .set("delete_referential_action_desc", names[delete.min(3)])
                    .set("update_referential_action", update)
                    .set("update_referential_action_desc", names[update.min(3)]);
            });
        }
    }
}

const DEFAULTS: &str = "name sysname, object_id int not null, schema_id int not null, \
    parent_object_id int not null, type char(2) = 'D ', type_desc nvarchar(60) = DEFAULT_CONSTRAINT, \
    create_date datetime not null, modify_date datetime not null, is_ms_shipped bit not null = 0, \
    parent_column_id int not null, definition nvarchar(max), is_system_named bit not null";

fn default_constraints(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(content) = content(context) else { return };
    let offset = context.instance.0.clock.utc_offset_minutes();
    for table in content.tables() {
        let def = &table.def;
        for column in &def.columns {
            let Some(default) = &column.default else { continue };
            rows.add(|row| {
                row.set("name", &default.name)
                    .set("object_id", default.object_id)
                    .set("schema_id", schema_id(content, &def.schema))
                    .set("parent_object_id", def.object_id)
                    .set("create_date", datetime(def.created, offset))
                    .set("modify_date", datetime(def.modified, offset))
                    .set("parent_column_id", column.column_id)
                    .set("definition", format!("({})", default.text))
                    .set("is_system_named", default.is_system_named);
            });
        }
    }
}

const CHECKS: &str = "name sysname, object_id int not null, schema_id int not null, \
    parent_object_id int not null, type char(2) = 'C ', type_desc nvarchar(60) = CHECK_CONSTRAINT, \
    create_date datetime not null, modify_date datetime not null, is_ms_shipped bit not null = 0, \
    is_disabled bit not null, is_not_trusted bit not null, parent_column_id int not null, \
    definition nvarchar(max)";

fn check_constraints(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(content) = content(context) else { return };
    let offset = context.instance.0.clock.utc_offset_minutes();
    for table in content.tables() {
        let def = &table.def;
        for check in &def.checks {
            rows.add(|row| {
                row.set("name", &check.name)
                    .set("object_id", check.object_id)
                    .set("schema_id", schema_id(content, &def.schema))
                    .set("parent_object_id", def.object_id)
                    .set("create_date", datetime(def.created, offset))
                    .set("modify_date", datetime(def.modified, offset))
                    .set("is_disabled", !check.is_enabled)
                    .set("is_not_trusted", !check.is_enabled)
                    .set("parent_column_id", check.column.map_or(0, |at| column_id(def, at)))
                    .set("definition", format!("({})", check.text));
            });
        }
    }
}

const MODULES: &str = "object_id int not null, definition nvarchar(max), uses_ansi_nulls bit = 1, \
    uses_quoted_identifier bit = 1, is_schema_bound bit = 0, uses_database_collation bit = 0, \
    is_recompiled bit = 0, null_on_null_input bit = 0, execute_as_principal_id int, \
    uses_native_compilation bit = 0";

fn sql_modules(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for module in content(context).into_iter().flat_map(Content::modules) {
        if matches!(module.kind, ModuleKind::Synonym | ModuleKind::Sequence) {
            continue;
        }
        rows.add(|row| {
            row.set("object_id", module.object_id).set("definition", &module.text);
        });
    }
}

const PARTITIONS: &str = "partition_id bigint not null, object_id int not null, index_id int not null, \
    partition_number int not null = 1, hobt_id bigint not null, rows bigint, \
    filestream_filegroup_id smallint not null = 0, data_compression tinyint not null = 0, \
    data_compression_desc nvarchar(60) = NONE";

fn partitions(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for table in content(context).into_iter().flat_map(Content::tables) {
        let def = &table.def;
        let heap = (!def.indexes.iter().any(|index| index.is_clustered)).then_some(0);
        for index_id in heap.into_iter().chain(def.indexes.iter().map(|index| index.index_id)) {
            let id = (i64::from(def.object_id) << 16) | i64::from(index_id);
            rows.add(|row| {
                row.set("partition_id", id)
                    .set("object_id", def.object_id)
                    .set("index_id", index_id)
                    .set("hobt_id", id)
                    .set("rows", table.len());
            });
        }
    }
}
