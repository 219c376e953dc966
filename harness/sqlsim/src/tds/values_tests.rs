//! Values written for a client and read back as if a client had sent them.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

/// Writes type and value as in a RETURNVALUE, then reads both as a parameter.
fn there_and_back(data_type: DataType, value: &Value) -> (DataType, Value) {
    let mut bytes = Vec::new();
    types::encode(&mut bytes, data_type);
    if matches!(data_type, DataType::Text | DataType::NText | DataType::Image) {
        // Columns of these types have a text pointer in front, parameters have not.
        let mut with_pointer = Vec::new();
        encode(&mut with_pointer, data_type, value);
        bytes.extend_from_slice(if value.is_null() { &[0xFF; 4] } else { &with_pointer[25..] });
    } else {
        encode(&mut bytes, data_type, value);
    }
    let mut reader = Reader::new(&bytes);
    let wire = types::decode(&mut reader).expect("our own type");
    let value = decode(&mut reader, wire).expect("our own value");
    assert!(reader.is_empty(), "{data_type:?}: bytes are left");
    (wire.data_type, value)
}

fn every_type() -> impl Strategy<Value = DataType> {
    let length = prop_oneof![Just(Length::Max), (1_u16..=4000).prop_map(Length::Upto)];
    prop_oneof![
        prop::sample::select(vec![
            DataType::Bit,
            DataType::TinyInt,
            DataType::SmallInt,
            DataType::Int,
            DataType::BigInt,
            DataType::Money,
            DataType::SmallMoney,
            DataType::Real,
            DataType::Float,
            DataType::Text,
            DataType::NText,
            DataType::Image,
            DataType::UniqueIdentifier,
            DataType::Date,
            DataType::DateTime,
            DataType::SmallDateTime,
            DataType::Xml,
        ]),
        (1_u8..=38).prop_flat_map(|precision| {
            (0..=precision).prop_map(move |scale| DataType::Decimal { precision, scale })
        }),
        (0_u8..=7).prop_map(DataType::Time),
        (0_u8..=7).prop_map(DataType::DateTime2),
        (0_u8..=7).prop_map(DataType::DateTimeOffset),
        length.clone().prop_map(DataType::VarChar),
        length.clone().prop_map(DataType::NVarChar),
        length.prop_map(DataType::VarBinary),
    ]
}

fn a_value_of(data_type: DataType) -> BoxedStrategy<Value> {
    let coarse = |scale: u8| {
        let unit = 10_u64.pow(u32::from(7 - scale));
        (0..DAY / unit).prop_map(move |units| units * unit)
    };
    let limit = |length: Length| match length {
        Length::Upto(n) => usize::from(n).min(300),
        Length::Max => 5000,
    };
    match data_type {
        DataType::Bit => any::<bool>().prop_map(Value::Bit).boxed(),
        DataType::TinyInt => any::<u8>().prop_map(|n| Value::Int(n.into())).boxed(),
        DataType::SmallInt => any::<i16>().prop_map(|n| Value::Int(n.into())).boxed(),
        DataType::Int => any::<i32>().prop_map(|n| Value::Int(n.into())).boxed(),
        DataType::BigInt => any::<i64>().prop_map(Value::Int).boxed(),
        DataType::Decimal { precision, scale } => {
            let limit = 10_i128.pow(precision.into());
            (1 - limit..limit).prop_map(move |mantissa| Value::Decimal(Decimal { mantissa, scale })).boxed()
        }
        DataType::Money => any::<i64>().prop_map(Value::Money).boxed(),
        DataType::SmallMoney => any::<i32>().prop_map(|n| Value::Money(n.into())).boxed(),
        DataType::Real => (-1.0e30_f32..1.0e30).prop_map(Value::Real).boxed(),
        DataType::Float => (-1.0e300_f64..1.0e300).prop_map(Value::Float).boxed(),
        DataType::UniqueIdentifier => {
            any::<u128>().prop_map(|n| Value::Guid(uuid::Uuid::from_u128(n))).boxed()
        }
        DataType::Date => (0..=DATE_MAX).prop_map(Value::Date).boxed(),
        DataType::Time(scale) => coarse(scale).prop_map(Value::Time).boxed(),
        DataType::DateTime => (DATETIME_DAYS, 0..DATETIME_TICKS)
            .prop_map(|(days, ticks)| Value::DateTime { days, ticks })
            .boxed(),
        DataType::SmallDateTime => (0..=65_535, 0_u32..1440)
            .prop_map(|(days, minutes)| Value::DateTime { days, ticks: minutes * 18_000 })
            .boxed(),
        DataType::DateTime2(scale) => {
            (0..=DATE_MAX, coarse(scale)).prop_map(|(days, time)| Value::DateTime2 { days, time }).boxed()
        }
        DataType::DateTimeOffset(scale) => (0..=DATE_MAX, coarse(scale), -840_i16..=840)
            .prop_map(|(days, time, offset_minutes)| Value::DateTimeOffset { days, time, offset_minutes })
            .boxed(),
        DataType::VarChar(length) => proptest::collection::vec(
            prop::sample::select(vec!['a', 'Z', ' ', 'é', '€', 'ß']),
            0..=limit(length),
        )
        .prop_map(|text| Value::text(text.into_iter().collect::<String>()))
        .boxed(),
        DataType::NVarChar(length) => {
            proptest::collection::vec(prop::sample::select(vec!['a', 'é', '한', '大']), 0..=limit(length))
                .prop_map(|text| Value::text(text.into_iter().collect::<String>()))
                .boxed()
        }
        DataType::Text => "[ -~]{0,50}".prop_map(Value::text).boxed(),
        DataType::VarBinary(length) => proptest::collection::vec(any::<u8>(), 0..=limit(length))
            .prop_map(|bytes| Value::Binary(bytes.into()))
            .boxed(),
        DataType::Image => proptest::collection::vec(any::<u8>(), 0..500)
            .prop_map(|bytes| Value::Binary(bytes.into()))
            .boxed(),
        _ => "[a-z한국]{0,50}".prop_map(Value::text).boxed(),
    }
}

proptest! {
    #[test]
    fn every_value_of_every_type_comes_back(
        (data_type, value) in every_type().prop_flat_map(|t| (Just(t), a_value_of(t)))
    ) {
        prop_assert_eq!(there_and_back(data_type, &value), (data_type, value));
    }

    #[test]
    fn null_of_every_type_comes_back(data_type in every_type()) {
        prop_assert_eq!(there_and_back(data_type, &Value::Null), (data_type, Value::Null));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut reader = Reader::new(&bytes);
        if let Ok(wire) = types::decode(&mut reader) {
            let _ = decode(&mut reader, wire);
        }
    }
}

#[rstest]
#[case(DataType::Char(5), Value::text("ab"), Value::text("ab   "))]
#[case(DataType::NChar(3), Value::text("한"), Value::text("한  "))]
#[case(DataType::Binary(3), Value::Binary([7].into()), Value::Binary([7, 0, 0].into()))]
fn fixed_lengths_are_padded(#[case] data_type: DataType, #[case] value: Value, #[case] read: Value) {
    assert_eq!(there_and_back(data_type, &value), (data_type, read));
}

#[rstest]
#[case(Value::Int(7))]
#[case(Value::Int(1 << 40))]
#[case(Value::text("Enterprise"))]
#[case(Value::Bit(true))]
#[case(Value::Float(0.5))]
#[case(Value::Binary([1, 2].into()))]
#[case(Value::Decimal(Decimal { mantissa: -12345, scale: 2 }))]
#[case(Value::DateTime { days: 1, ticks: 300 })]
fn a_variant_keeps_the_type_of_what_it_holds(#[case] value: Value) {
    assert_eq!(there_and_back(DataType::SqlVariant, &value), (DataType::SqlVariant, value));
}

#[test]
fn an_lsn_is_thirteen_bytes_of_numeric() {
    let mut bytes = Vec::new();
    let data_type = DataType::Decimal { precision: 25, scale: 0 };
    encode(&mut bytes, data_type, &Value::Decimal(Decimal { mantissa: 39_000_000_028_900_001, scale: 0 }));
    assert_eq!(bytes.len(), 14);
    assert_eq!((bytes[0], bytes[1]), (13, 1));
}

#[test]
fn dates_are_text_for_a_client_older_than_their_types() {
    let shown = types::shown_to(DataType::DateTimeOffset(7), crate::tds::TdsVersion::V7_2);
    let value = Value::DateTimeOffset { days: 735_000, time: DAY - 10_000_000, offset_minutes: 90 };
    let (_, read) = there_and_back(shown, &value);
    assert_eq!(read, Value::text("2013-05-14 01:29:59.0000000 +01:30"));
}
