//! Mathematical functions.

use super::{Function, Returns, Takes, int_of};
use crate::error::SqlResult;
use crate::exec::environment::Environment;
use crate::messages::error;
use crate::value::{DataType, Decimal, Value};

use Takes::{Any, Float, Int};

const FLOAT: Returns = Returns::Type(DataType::Float);

/// Mathematical functions by name.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "ABS", takes: &[Any], optional: 0, returns: Returns::Numeric, body: abs },
    Function { name: "SIGN", takes: &[Any], optional: 0, returns: Returns::Numeric, body: sign },
    Function { name: "FLOOR", takes: &[Any], optional: 0, returns: Returns::Numeric, body: floor },
    Function { name: "CEILING", takes: &[Any], optional: 0, returns: Returns::Numeric, body: ceiling },
    Function { name: "ROUND", takes: &[Any, Int, Int], optional: 1, returns: Returns::Numeric, body: round },
    Function { name: "POWER", takes: &[Float, Float], optional: 0, returns: FLOAT, body: power },
    Function { name: "SQRT", takes: &[Float], optional: 0, returns: FLOAT, body: sqrt },
    Function { name: "SQUARE", takes: &[Float], optional: 0, returns: FLOAT, body: square },
    Function { name: "EXP", takes: &[Float], optional: 0, returns: FLOAT, body: exp },
    Function { name: "LOG", takes: &[Float], optional: 0, returns: FLOAT, body: log },
    Function {
        name: "SIN",
        takes: &[Float],
        optional: 0,
        returns: FLOAT,
        body: |_, a, _| angle(a, f64::sin),
    },
    Function {
        name: "COS",
        takes: &[Float],
        optional: 0,
        returns: FLOAT,
        body: |_, a, _| angle(a, f64::cos),
    },
    Function {
        name: "TAN",
        takes: &[Float],
        optional: 0,
        returns: FLOAT,
        body: |_, a, _| angle(a, f64::tan),
    },
    Function {
        name: "COT",
        takes: &[Float],
        optional: 0,
        returns: FLOAT,
        body: |_, a, _| angle(a, |x| x.tan().recip()),
    },
    Function {
        name: "ASIN",
        takes: &[Float],
        optional: 0,
        returns: FLOAT,
        body: |_, a, _| angle(a, f64::asin),
    },
    Function {
        name: "ACOS",
        takes: &[Float],
        optional: 0,
        returns: FLOAT,
        body: |_, a, _| angle(a, f64::acos),
    },
    Function {
        name: "ATAN",
        takes: &[Float],
        optional: 0,
        returns: FLOAT,
        body: |_, a, _| angle(a, f64::atan),
    },
    Function { name: "ATN2", takes: &[Float, Float], optional: 0, returns: FLOAT, body: atn2 },
    Function {
        name: "DEGREES",
        takes: &[Float],
        optional: 0,
        returns: FLOAT,
        body: |_, a, _| angle(a, f64::to_degrees),
    },
    Function {
        name: "RADIANS",
        takes: &[Float],
        optional: 0,
        returns: FLOAT,
        body: |_, a, _| angle(a, f64::to_radians),
    },
    Function { name: "LOG10", takes: &[Float], optional: 0, returns: FLOAT, body: log10 },
    Function { name: "PI", takes: &[], optional: 0, returns: FLOAT, body: pi },
    Function { name: "RAND", takes: &[Int], optional: 1, returns: FLOAT, body: rand },
];

type Out = SqlResult<Value>;

fn each(value: Option<&Value>, exact: fn(Decimal) -> Decimal, float: fn(f64) -> f64) -> Out {
    Ok(match value {
        None | Some(Value::Null) => Value::Null,
        Some(Value::Int(n)) => Value::Int(exact(Decimal::whole(*n)).to_i64().unwrap_or(*n)),
        Some(Value::Bit(bit)) => Value::Int(i64::from(*bit)),
        Some(Value::Decimal(d)) => Value::Decimal(exact(*d)),
        Some(Value::Money(m)) => {
            let out = exact(Decimal { mantissa: (*m).into(), scale: 4 });
            Value::Money(out.rescale(4).and_then(|d| i64::try_from(d.mantissa).ok()).unwrap_or(*m))
        }
        Some(Value::Float(f)) => Value::Float(float(*f)),
        Some(Value::Real(f)) => Value::Float(float(f64::from(*f))),
        Some(Value::Text(text)) => {
            let number = text.trim().parse::<f64>().map_err(|_| error(8114, 5, &[&"varchar", &"float"]))?;
            Value::Float(float(number))
        }
        Some(_) => return Err(error(8116, 1, &[&"argument", &1, &"function"])),
    })
}

/// A function of one float; what is no number (ASIN(2)) is error 3623.
fn angle(a: &[Value], of: fn(f64) -> f64) -> Out {
    let Some(Value::Float(x)) = a.first() else { return Ok(Value::Null) };
    let y = of(*x);
    if y.is_finite() { Ok(Value::Float(y)) } else { Err(error(3623, 1, &[])) }
}

fn atn2(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let (Some(Value::Float(y)), Some(Value::Float(x))) = (a.first(), a.get(1)) else {
        return Ok(Value::Null);
    };
    if *x == 0.0 && *y == 0.0 { Err(error(3623, 1, &[])) } else { Ok(Value::Float(y.atan2(*x))) }
}

fn abs(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    each(a.first(), |d| Decimal { mantissa: d.mantissa.abs(), scale: d.scale }, f64::abs)
}

fn sign(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    each(
        a.first(),
        |d| Decimal::whole(d.mantissa.signum() as i64).rescale(d.scale).unwrap_or(d),
        |f| if f == 0.0 { 0.0 } else { f.signum() },
    )
}

fn floor(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    each(a.first(), |d| whole_part(d, -1), f64::floor)
}

fn ceiling(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    each(a.first(), |d| whole_part(d, 1), f64::ceil)
}

/// Rounds towards minus (-1) or plus (1) infinity, keeping the scale.
fn whole_part(d: Decimal, direction: i128) -> Decimal {
    let unit = 10_i128.pow(u32::from(d.scale));
    let mut whole = d.mantissa / unit;
    if d.mantissa % unit != 0 && d.mantissa.signum() == direction {
        whole += direction;
    }
    Decimal { mantissa: whole * unit, scale: d.scale }
}

fn round(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some(places) = int_of(a.get(1)) else { return Ok(Value::Null) };
    let cuts = int_of(a.get(2)).unwrap_or(0) != 0;
    let exact = |d: Decimal| -> Decimal {
        if places >= i64::from(d.scale) {
            return d;
        }
        let cut = u32::try_from(i64::from(d.scale) - places).unwrap_or(38);
        let Some(unit) = 10_i128.checked_pow(cut) else { return Decimal { mantissa: 0, scale: d.scale } };
        let rest = d.mantissa % unit;
        let up = !cuts && rest.unsigned_abs() * 2 >= unit.unsigned_abs();
        let mantissa = d.mantissa - rest + if up { unit * d.mantissa.signum() } else { 0 };
        Decimal { mantissa, scale: d.scale }
    };
    Ok(match a.first() {
        None | Some(Value::Null) => Value::Null,
        Some(Value::Int(n)) => {
            let rounded = exact(Decimal::whole(*n));
            Value::Int(rounded.to_i64().ok_or_else(|| error(8115, 2, &[&"expression", &"int"]))?)
        }
        Some(Value::Decimal(d)) => Value::Decimal(exact(*d)),
        Some(Value::Money(m)) => {
            let rounded = exact(Decimal { mantissa: (*m).into(), scale: 4 });
            Value::Money(
                i64::try_from(rounded.mantissa).map_err(|_| error(8115, 2, &[&"expression", &"money"]))?,
            )
        }
        Some(Value::Float(f)) => {
            let factor = 10_f64.powi(i32::try_from(places).unwrap_or(0));
            Value::Float(if cuts { (f * factor).trunc() } else { (f * factor).round() } / factor)
        }
        Some(other) => other.clone(),
    })
}

fn floats(a: &[Value], compute: impl FnOnce(f64, f64) -> f64) -> Out {
    let read = |value: Option<&Value>| match value {
        Some(Value::Float(f)) => Some(*f),
        Some(_) => None,
        None => Some(0.0),
    };
    let (Some(x), Some(y)) = (read(a.first()), read(a.get(1))) else { return Ok(Value::Null) };
    let result = compute(x, y);
    if result.is_finite() { Ok(Value::Float(result)) } else { Err(error(3623, 1, &[])) }
}

fn power(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    floats(a, f64::powf)
}

fn sqrt(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    floats(a, |x, _| x.sqrt())
}

fn square(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    floats(a, |x, _| x * x)
}

fn exp(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    floats(a, |x, _| x.exp())
}

fn log(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    floats(a, |x, _| x.ln())
}

fn log10(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    floats(a, |x, _| x.log10())
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn pi(_: &Environment<'_>, _: &[Value], _: &[DataType]) -> Out {
    Ok(Value::Float(std::f64::consts::PI))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn rand(env: &Environment<'_>, _: &[Value], _: &[DataType]) -> Out {
    use rand::Rng;
    let bits = env.instance.0.rng.borrow_mut().next_u64() >> 11;
    Ok(Value::Float(bits as f64 / (1_u64 << 53) as f64))
}

/// CHECKSUM: of values as the collation compares them. The numbers are this server's own.
#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
pub(super) fn checksum(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    Ok(hashed(a, types, crate::engine::definition::fold))
}

/// BINARY_CHECKSUM: of values as they are.
#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
pub(super) fn binary_checksum(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    Ok(hashed(a, types, str::to_owned))
}

fn hashed(a: &[Value], types: &[DataType], form: fn(&str) -> String) -> Value {
    let mut hasher = crc32fast::Hasher::new();
    for (value, data_type) in a.iter().zip(types) {
        hasher.update(form(&super::shown(value, *data_type)).as_bytes());
        hasher.update(&[u8::from(value.is_null()), 0xFF]);
    }
    Value::Int(i64::from(hasher.finalize() as i32))
}
