//! What is written is read back; what was not written is an error.

use super::*;
use crate::engine::definition::{
    Column, Definition, IndexColumn, IndexDef, IndexKind, ModuleDef, ModuleKind, TableDef,
};
use crate::value::{DataType, Decimal, Length, Row, Value};
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bit),
        any::<i64>().prop_map(Value::Int),
        (any::<i128>(), 0..=38u8).prop_map(|(mantissa, scale)| Value::Decimal(Decimal { mantissa, scale })),
        any::<i64>().prop_map(Value::Money),
        (-1e30f32..1e30).prop_map(Value::Real),
        (-1e300f64..1e300).prop_map(Value::Float),
        any::<String>().prop_map(Value::text),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|b| Value::Binary(b.into())),
        any::<[u8; 16]>().prop_map(|b| Value::Guid(uuid::Uuid::from_bytes(b))),
        any::<i32>().prop_map(Value::Date),
        any::<u64>().prop_map(Value::Time),
        (any::<i32>(), any::<u32>()).prop_map(|(days, ticks)| Value::DateTime { days, ticks }),
        (any::<i32>(), any::<u64>()).prop_map(|(days, time)| Value::DateTime2 { days, time }),
        (any::<i32>(), any::<u64>(), any::<i16>())
            .prop_map(|(days, time, offset_minutes)| Value::DateTimeOffset { days, time, offset_minutes }),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    prop::collection::vec(value(), 0..6).prop_map(Row::from)
}

fn definition() -> impl Strategy<Value = Definition> {
    (any::<i32>(), "[a-z]{1,8}", any::<bool>()).prop_map(|(id, name, is_module)| {
        if is_module {
            return Definition::Module(Rc::new(ModuleDef {
                object_id: id,
                schema: "dbo".into(),
                name: name.as_str().into(),
                kind: ModuleKind::View,
                text: "CREATE VIEW v AS SELECT 1 AS a".into(),
                parent: 0,
                created: jiff::Timestamp::UNIX_EPOCH,
                modified: jiff::Timestamp::MAX,
            }));
        }
        let columns = vec![
            Column::new("id", DataType::Int, false).with_identity(-3, 7),
            Column::new(&name, DataType::NVarChar(Length::Max), true).with_default("(N'x')"),
        ];
        let mut def = TableDef::new("dbo", &name, columns).with_primary_key(&[0]);
        def.object_id = id;
        def.indexes.push(IndexDef {
            index_id: 2,
            object_id: 0,
            name: "ix".into(),
            kind: IndexKind::Index,
            is_clustered: false,
            columns: vec![IndexColumn { ordinal: 1, descending: true }],
            included: vec![0],
            filter: Some("id > 1".into()),
            is_system_named: false,
        });
        Definition::Table(Rc::new(def))
    })
}

fn op() -> impl Strategy<Value = LogOp> {
    let time = || (-1_000_000_000i64..1_000_000_000).prop_map(|s| jiff::Timestamp::from_second(s).unwrap());
    prop_oneof![
        time().prop_map(LogOp::Begin),
        time().prop_map(LogOp::Commit),
        Just(LogOp::Abort),
        Just(LogOp::Checkpoint),
        (any::<i32>(), any::<u64>(), row()).prop_map(|(table, id, row)| LogOp::Insert { table, id, row }),
        (any::<i32>(), any::<u64>(), row()).prop_map(|(table, id, row)| LogOp::Delete { table, id, row }),
        (any::<i32>(), any::<u64>(), row(), row()).prop_map(|(table, id, before, after)| LogOp::Update {
            table,
            id,
            before,
            after
        }),
        (prop::option::of(definition()), prop::option::of(definition()))
            .prop_map(|(before, after)| LogOp::Define { before, after }),
        (any::<i32>(), any::<Option<i64>>(), any::<Option<i64>>())
            .prop_map(|(table, before, after)| LogOp::SetIdentity { table, before, after }),
        (any::<u32>(), any::<u32>(), any::<u16>()).prop_map(|(vlf, block, slot)| LogOp::LogBackedUp(Lsn {
            vlf,
            block,
            slot
        })),
    ]
}

proptest! {
    #[test]
    fn a_record_is_read_back_as_it_was_written(
        op in op(),
        place in (any::<u32>(), any::<u32>(), any::<u16>()),
        transaction in any::<u64>(),
        is_compensation in any::<bool>(),
    ) {
        let lsn = Lsn { vlf: place.0, block: place.1, slot: place.2 };
        let record = LogRecord { lsn, transaction, is_compensation, op };
        let mut out = Writer::default();
        put_record(&mut out, &record);
        let bytes = out.into_bytes();
        let mut from = Reader::new(&bytes);
        prop_assert_eq!(get_record(&mut from), Ok(record));
        prop_assert!(from.is_empty());
        for length in 0..bytes.len() {
            prop_assert!(get_record(&mut Reader::new(&bytes[..length])).is_err(), "cut to {} bytes", length);
        }
    }

    #[test]
    fn hostile_bytes_are_malformed_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = get_record(&mut Reader::new(&bytes));
        let _ = get_content(&mut Reader::new(&bytes));
    }
}
