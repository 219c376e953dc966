//! Definitions as bytes.

use super::value::{get_type, put_type};
use super::{Decoded, Malformed, Reader, Writer};
use crate::engine::definition::{
    Check, Column, DefaultDef, Definition, ForeignKey, Identity, IndexColumn, IndexDef, IndexKind, ModuleDef,
    ModuleKind, PermissionDef, PrincipalDef, PrincipalKind, ReferentialAction, SchemaDef, TableDef, TypeDef,
};
use crate::value::ColumnMeta;
use std::rc::Rc;

/// Writes a definition.
pub(crate) fn put_definition(out: &mut Writer, definition: &Definition) {
    match definition {
        Definition::Table(def) => {
            out.u8(1);
            put_table(out, def);
        }
        Definition::Module(def) => {
            out.u8(2);
            put_module(out, def);
        }
        Definition::Schema(def) => {
            out.u8(3);
            out.i64(i64::from(def.schema_id));
            out.str(&def.name);
            out.i64(i64::from(def.owner));
        }
        Definition::Principal(def) => {
            out.u8(4);
            put_principal(out, def);
        }
        Definition::Type(def) => {
            out.u8(5);
            out.i64(i64::from(def.user_type_id));
            out.str(&def.schema);
            out.str(&def.name);
            put_type(out, def.base);
            out.bool(def.nullable);
        }
        Definition::Permission(def) => {
            out.u8(6);
            out.i64(i64::from(def.permission_id));
            out.i64(i64::from(def.grantee));
            out.str(&def.permission);
            out.i64(i64::from(def.object_id));
            out.bool(def.is_deny);
        }
    }
}

/// Reads a definition.
pub(crate) fn get_definition(from: &mut Reader<'_>) -> Decoded<Definition> {
    Ok(match from.u8()? {
        1 => Definition::Table(Rc::new(get_table(from)?)),
        2 => Definition::Module(Rc::new(get_module(from)?)),
        3 => Definition::Schema(Rc::new(SchemaDef {
            schema_id: from.signed()?,
            name: from.str()?,
            owner: from.signed()?,
        })),
        4 => Definition::Principal(Rc::new(get_principal(from)?)),
        5 => Definition::Type(Rc::new(TypeDef {
            user_type_id: from.signed()?,
            schema: from.str()?,
            name: from.str()?,
            base: get_type(from)?,
            nullable: from.bool()?,
        })),
        6 => Definition::Permission(Rc::new(PermissionDef {
            permission_id: from.signed()?,
            grantee: from.signed()?,
            permission: from.str()?,
            object_id: from.signed()?,
            is_deny: from.bool()?,
        })),
        _ => return Err(Malformed),
    })
}

fn put_table(out: &mut Writer, def: &TableDef) {
    out.i64(i64::from(def.object_id));
    out.str(&def.schema);
    out.str(&def.name);
    out.time(def.created);
    out.time(def.modified);
    out.bool(def.is_ms_shipped);
    out.count(def.columns.len());
    for column in &def.columns {
        put_column(out, column);
    }
    out.count(def.indexes.len());
    for index in &def.indexes {
        put_index(out, index);
    }
    out.count(def.foreign_keys.len());
    for key in &def.foreign_keys {
        put_foreign_key(out, key);
    }
    out.count(def.checks.len());
    for check in &def.checks {
        out.i64(i64::from(check.object_id));
        out.str(&check.name);
        out.str(&check.text);
        out.option(check.column, Writer::count);
        out.bool(check.is_enabled);
    }
}

fn get_table(from: &mut Reader<'_>) -> Decoded<TableDef> {
    let def = TableDef {
        object_id: from.signed()?,
        schema: from.str()?,
        name: from.str()?,
        created: from.time()?,
        modified: from.time()?,
        is_ms_shipped: from.bool()?,
        columns: from.list(get_column)?,
        indexes: from.list(get_index)?,
        foreign_keys: from.list(get_foreign_key)?,
        checks: from.list(get_check)?,
    };
    let width = def.columns.len();
    let keys = def.indexes.iter().flat_map(|i| &i.columns).map(|c| c.ordinal);
    let ordinals = keys.chain(def.foreign_keys.iter().flat_map(|k| k.columns.iter().copied()));
    if ordinals.into_iter().any(|ordinal| ordinal >= width) {
        return Err(Malformed);
    }
    Ok(def)
}

fn get_check(from: &mut Reader<'_>) -> Decoded<Check> {
    Ok(Check {
        object_id: from.signed()?,
        name: from.str()?,
        text: from.str()?,
        column: from.option(Reader::number)?,
        is_enabled: from.bool()?,
    })
}

fn put_column(out: &mut Writer, column: &Column) {
    out.i64(i64::from(column.column_id));
    out.str(&column.meta.name);
    put_type(out, column.meta.data_type);
    out.bool(column.meta.nullable);
    out.bool(column.meta.identity);
    out.option(column.default.as_ref(), |out, default| {
        out.i64(i64::from(default.object_id));
        out.str(&default.name);
        out.str(&default.text);
        out.bool(default.is_system_named);
    });
    out.option(column.identity, |out, identity| {
        out.i64(identity.seed);
        out.i64(identity.increment);
    });
    out.option(column.computed.as_deref(), Writer::str);
}

fn get_column(from: &mut Reader<'_>) -> Decoded<Column> {
    Ok(Column {
        column_id: from.signed()?,
        meta: ColumnMeta {
            name: from.str()?,
            data_type: get_type(from)?,
            nullable: from.bool()?,
            identity: from.bool()?,
        },
        default: from.option(|from| {
            Ok(DefaultDef {
                object_id: from.signed()?,
                name: from.str()?,
                text: from.str()?,
                is_system_named: from.bool()?,
            })
        })?,
        identity: from.option(|from| Ok(Identity { seed: from.i64()?, increment: from.i64()? }))?,
        computed: from.option(Reader::str)?,
    })
}

fn put_index(out: &mut Writer, index: &IndexDef) {
    out.i64(i64::from(index.index_id));
    out.i64(i64::from(index.object_id));
    out.str(&index.name);
    out.u8(match index.kind {
        IndexKind::PrimaryKey => 0,
        IndexKind::UniqueConstraint => 1,
        IndexKind::UniqueIndex => 2,
        IndexKind::Index => 3,
    });
    out.bool(index.is_clustered);
    out.count(index.columns.len());
    for column in &index.columns {
        out.count(column.ordinal);
        out.bool(column.descending);
    }
    out.count(index.included.len());
    for ordinal in &index.included {
        out.count(*ordinal);
    }
    out.option(index.filter.as_deref(), Writer::str);
    out.bool(index.is_system_named);
}

fn get_index(from: &mut Reader<'_>) -> Decoded<IndexDef> {
    Ok(IndexDef {
        index_id: from.signed()?,
        object_id: from.signed()?,
        name: from.str()?,
        kind: match from.u8()? {
            0 => IndexKind::PrimaryKey,
            1 => IndexKind::UniqueConstraint,
            2 => IndexKind::UniqueIndex,
            3 => IndexKind::Index,
            _ => return Err(Malformed),
        },
        is_clustered: from.bool()?,
        columns: from.list(|from| Ok(IndexColumn { ordinal: from.number()?, descending: from.bool()? }))?,
        included: from.list(Reader::number)?,
        filter: from.option(Reader::str)?,
        is_system_named: from.bool()?,
    })
}

fn put_foreign_key(out: &mut Writer, key: &ForeignKey) {
    out.i64(i64::from(key.object_id));
    out.str(&key.name);
    out.count(key.columns.len());
    for ordinal in &key.columns {
        out.count(*ordinal);
    }
    out.i64(i64::from(key.referenced_table));
    out.count(key.referenced_columns.len());
    for ordinal in &key.referenced_columns {
        out.count(*ordinal);
    }
    out.u8(key.on_delete as u8);
    out.u8(key.on_update as u8);
    out.bool(key.is_enabled);
}

fn get_foreign_key(from: &mut Reader<'_>) -> Decoded<ForeignKey> {
    let action = |from: &mut Reader<'_>| {
        Ok(match from.u8()? {
            0 => ReferentialAction::NoAction,
            1 => ReferentialAction::Cascade,
            2 => ReferentialAction::SetNull,
            3 => ReferentialAction::SetDefault,
            _ => return Err(Malformed),
        })
    };
    Ok(ForeignKey {
        object_id: from.signed()?,
        name: from.str()?,
        columns: from.list(Reader::number)?,
        referenced_table: from.signed()?,
        referenced_columns: from.list(Reader::number)?,
        on_delete: action(from)?,
        on_update: action(from)?,
        is_enabled: from.bool()?,
    })
}

fn put_module(out: &mut Writer, def: &ModuleDef) {
    out.i64(i64::from(def.object_id));
    out.str(&def.schema);
    out.str(&def.name);
    out.u8(def.kind as u8);
    out.str(&def.text);
    out.i64(i64::from(def.parent));
    out.time(def.created);
    out.time(def.modified);
}

fn get_module(from: &mut Reader<'_>) -> Decoded<ModuleDef> {
    Ok(ModuleDef {
        object_id: from.signed()?,
        schema: from.str()?,
        name: from.str()?,
        kind: match from.u8()? {
            0 => ModuleKind::View,
            1 => ModuleKind::Procedure,
            2 => ModuleKind::ScalarFunction,
            3 => ModuleKind::InlineFunction,
            4 => ModuleKind::TableFunction,
            5 => ModuleKind::Trigger,
            6 => ModuleKind::Synonym,
            7 => ModuleKind::Sequence,
            _ => return Err(Malformed),
        },
        text: from.str()?,
        parent: from.signed()?,
        created: from.time()?,
        modified: from.time()?,
    })
}

fn put_principal(out: &mut Writer, def: &PrincipalDef) {
    out.i64(i64::from(def.principal_id));
    out.str(&def.name);
    out.u8(def.kind as u8);
    out.option(def.sid.as_deref(), Writer::bytes);
    out.option(def.default_schema.as_deref(), Writer::str);
    out.time(def.created);
    out.count(def.roles.len());
    for role in &def.roles {
        out.i64(i64::from(*role));
    }
    out.bool(def.is_fixed_role);
}

fn get_principal(from: &mut Reader<'_>) -> Decoded<PrincipalDef> {
    Ok(PrincipalDef {
        principal_id: from.signed()?,
        name: from.str()?,
        kind: match from.u8()? {
            0 => PrincipalKind::SqlUser,
            1 => PrincipalKind::WindowsUser,
            2 => PrincipalKind::WindowsGroup,
            3 => PrincipalKind::Role,
            4 => PrincipalKind::Certificate,
            _ => return Err(Malformed),
        },
        sid: from.option(|from| Ok(from.bytes()?.into()))?,
        default_schema: from.option(Reader::str)?,
        created: from.time()?,
        roles: from.list(Reader::signed)?,
        is_fixed_role: from.bool()?,
    })
}
