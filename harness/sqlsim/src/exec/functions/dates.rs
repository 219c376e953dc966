//! Date and time functions.

use super::{Function, Returns, SYSNAME, Takes, int_of, text_of};
use crate::error::SqlResult;
use crate::exec::environment::Environment;
use crate::messages::error;
use crate::value::datetime::{
    DAY, Moment, SECOND, clock_of, date_of, days_of, month_days, month_name, weekday, weekday_name,
};
use crate::value::{DataType, Value};

use Takes::{Any, Int, Text};

const INT: Returns = Returns::Type(DataType::Int);
const DATETIME: Returns = Returns::Type(DataType::DateTime);
const DATETIME2: Returns = Returns::Type(DataType::DateTime2(7));
const DATE: Returns = Returns::Type(DataType::Date);

/// Date and time functions by name.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "GETDATE", takes: &[], optional: 0, returns: DATETIME, body: getdate },
    Function { name: "CURRENT_TIMESTAMP", takes: &[], optional: 0, returns: DATETIME, body: getdate },
    Function { name: "GETUTCDATE", takes: &[], optional: 0, returns: DATETIME, body: getutcdate },
    Function { name: "SYSDATETIME", takes: &[], optional: 0, returns: DATETIME2, body: sysdatetime },
    Function { name: "SYSUTCDATETIME", takes: &[], optional: 0, returns: DATETIME2, body: sysutcdatetime },
    Function {
        name: "SYSDATETIMEOFFSET",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::DateTimeOffset(7)),
        body: sysdatetimeoffset,
    },
    Function {
        name: "DATEADD",
        takes: &[Text, Int, Takes::Moment],
        optional: 0,
        returns: Returns::Argument(2),
        body: dateadd,
    },
    Function {
        name: "DATEDIFF",
        takes: &[Text, Takes::Moment, Takes::Moment],
        optional: 0,
        returns: INT,
        body: datediff,
    },
    Function {
        name: "DATEDIFF_BIG",
        takes: &[Text, Takes::Moment, Takes::Moment],
        optional: 0,
        returns: Returns::Type(DataType::BigInt),
        body: datediff_big,
    },
    Function { name: "DATEPART", takes: &[Text, Takes::Moment], optional: 0, returns: INT, body: datepart },
    Function {
        name: "DATENAME",
        takes: &[Text, Takes::Moment],
        optional: 0,
        returns: Returns::Type(SYSNAME),
        body: datename,
    },
    Function { name: "YEAR", takes: &[Takes::Moment], optional: 0, returns: INT, body: year },
    Function { name: "MONTH", takes: &[Takes::Moment], optional: 0, returns: INT, body: month },
    Function { name: "DAY", takes: &[Takes::Moment], optional: 0, returns: INT, body: day },
    Function { name: "EOMONTH", takes: &[Takes::Moment, Int], optional: 1, returns: DATE, body: eomonth },
    Function {
        name: "DATEFROMPARTS",
        takes: &[Int, Int, Int],
        optional: 0,
        returns: DATE,
        body: datefromparts,
    },
    Function {
        name: "TIMEFROMPARTS",
        takes: &[Int, Int, Int, Int, Int],
        optional: 0,
        returns: Returns::Type(DataType::Time(7)),
        body: timefromparts,
    },
    Function {
        name: "DATETIMEFROMPARTS",
        takes: &[Int, Int, Int, Int, Int, Int, Int],
        optional: 0,
        returns: DATETIME,
        body: datetimefromparts,
    },
    Function {
        name: "SMALLDATETIMEFROMPARTS",
        takes: &[Int, Int, Int, Int, Int],
        optional: 0,
        returns: Returns::Type(DataType::SmallDateTime),
        body: smalldatetimefromparts,
    },
    Function {
        name: "DATETIME2FROMPARTS",
        takes: &[Int, Int, Int, Int, Int, Int, Int, Int],
        optional: 0,
        returns: DATETIME2,
        body: datetime2fromparts,
    },
    Function {
        name: "DATETIMEOFFSETFROMPARTS",
        takes: &[Int, Int, Int, Int, Int, Int, Int, Int, Int, Int],
        optional: 0,
        returns: Returns::Type(DataType::DateTimeOffset(7)),
        body: datetimeoffsetfromparts,
    },
    Function {
        name: "TODATETIMEOFFSET",
        takes: &[Takes::Moment, Any],
        optional: 0,
        returns: Returns::Type(DataType::DateTimeOffset(7)),
        body: todatetimeoffset,
    },
    Function { name: "ISDATE", takes: &[Any], optional: 0, returns: INT, body: isdate },
    Function {
        name: "SWITCHOFFSET",
        takes: &[Takes::Moment, Any],
        optional: 0,
        returns: Returns::Type(DataType::DateTimeOffset(7)),
        body: switchoffset,
    },
];

type Out = SqlResult<Value>;

fn local(env: &Environment<'_>) -> Moment {
    Moment::of_timestamp(env.now, env.instance.0.clock.utc_offset_minutes())
}

fn datetime(moment: Moment) -> Out {
    moment.to_datetime().ok_or_else(|| error(242, 3, &[&"datetime2", &"datetime"]))
}

fn getdate(env: &Environment<'_>, _: &[Value], _: &[DataType]) -> Out {
    datetime(local(env))
}

fn getutcdate(env: &Environment<'_>, _: &[Value], _: &[DataType]) -> Out {
    datetime(Moment::of_timestamp(env.now, 0))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn sysdatetime(env: &Environment<'_>, _: &[Value], _: &[DataType]) -> Out {
    let now = local(env);
    Ok(Value::DateTime2 { days: now.days, time: now.time })
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn sysutcdatetime(env: &Environment<'_>, _: &[Value], _: &[DataType]) -> Out {
    let now = Moment::of_timestamp(env.now, 0);
    Ok(Value::DateTime2 { days: now.days, time: now.time })
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn sysdatetimeoffset(env: &Environment<'_>, _: &[Value], _: &[DataType]) -> Out {
    let now = Moment::of_timestamp(env.now, 0);
    Ok(Value::DateTimeOffset {
        days: now.days,
        time: now.time,
        offset_minutes: env.instance.0.clock.utc_offset_minutes(),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Quarter,
    Month,
    DayOfYear,
    Day,
    Week,
    Weekday,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    OffsetMinutes,
    IsoWeek,
}

impl Part {
    fn named(name: Option<&Value>, function: &str) -> SqlResult<Self> {
        let name = text_of(name).unwrap_or("");
        Ok(match name {
            "year" | "yy" | "yyyy" => Self::Year,
            "quarter" | "qq" | "q" => Self::Quarter,
            "month" | "mm" | "m" => Self::Month,
            "dayofyear" | "dy" | "y" => Self::DayOfYear,
            "day" | "dd" | "d" => Self::Day,
            "week" | "wk" | "ww" => Self::Week,
            "weekday" | "dw" | "w" => Self::Weekday,
            "hour" | "hh" => Self::Hour,
            "minute" | "mi" | "n" => Self::Minute,
            "second" | "ss" | "s" => Self::Second,
            "millisecond" | "ms" => Self::Millisecond,
            "microsecond" | "mcs" => Self::Microsecond,
            "nanosecond" | "ns" => Self::Nanosecond,
            "tzoffset" | "tz" => Self::OffsetMinutes,
            "iso_week" | "isowk" | "isoww" => Self::IsoWeek,
            _ => return Err(error(155, 1, &[&name, &function])),
        })
    }

    /// 100 ns in the part; 0 for parts of the calendar.
    fn ticks(self) -> i64 {
        match self {
            Self::Hour => 3600 * SECOND as i64,
            Self::Minute => 60 * SECOND as i64,
            Self::Second => SECOND as i64,
            Self::Millisecond => 10_000,
            Self::Microsecond => 10,
            _ => 0,
        }
    }
}

/// A moment as a value of the given type.
fn of_type(moment: Moment, data_type: DataType) -> Out {
    let overflow = || error(517, 1, &[&data_type.name()]);
    if !moment.is_valid() {
        return Err(overflow());
    }
    Ok(match data_type {
        DataType::Date => Value::Date(moment.days),
        DataType::Time(_) => Value::Time(moment.time),
        DataType::DateTime2(_) => Value::DateTime2 { days: moment.days, time: moment.time },
        DataType::DateTimeOffset(_) => moment.to_offset(),
        DataType::SmallDateTime => moment.to_smalldatetime().ok_or_else(overflow)?,
        _ => moment.to_datetime().ok_or_else(overflow)?,
    })
}

fn dateadd(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    let part = Part::named(a.first(), "dateadd")?;
    let (Some(number), Some(mut moment)) = (int_of(a.get(1)), a.get(2).and_then(Moment::of)) else {
        return Ok(Value::Null);
    };
    let data_type = types.get(2).copied().unwrap_or(DataType::DateTime);
    match part {
        Part::Year => add_months(&mut moment, number.saturating_mul(12)),
        Part::Quarter => add_months(&mut moment, number.saturating_mul(3)),
        Part::Month => add_months(&mut moment, number),
        Part::Day | Part::DayOfYear | Part::Weekday => {
            moment.days = moment.days.saturating_add(i32::try_from(number).unwrap_or(i32::MAX));
        }
        Part::Week => moment.days = moment.days.saturating_add(i32::try_from(number * 7).unwrap_or(i32::MAX)),
        Part::Nanosecond => moment.shift(number / 100),
        Part::OffsetMinutes => return Err(error(9810, 1, &[&"tzoffset", &"dateadd", &data_type.name()])),
        Part::IsoWeek => return Err(error(9810, 1, &[&"iso_week", &"dateadd", &data_type.name()])),
        part => moment.shift(number.saturating_mul(part.ticks())),
    }
    of_type(moment, data_type)
}

fn add_months(moment: &mut Moment, months: i64) {
    let (year, month, day) = date_of(moment.days);
    let total = i64::from(year) * 12 + i64::from(month) - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) as u32 + 1);
    let Ok(year) = i32::try_from(year) else {
        moment.days = i32::MAX;
        return;
    };
    if !(1..=9999).contains(&year) {
        moment.days = -1;
        return;
    }
    moment.days = days_of(year, month, day.min(month_days(year, month)));
}

/// Boundaries of a part crossed between two moments.
fn difference(part: Part, a: Moment, b: Moment) -> i64 {
    let months = |m: Moment| {
        let (year, month, _) = date_of(m.days);
        i64::from(year) * 12 + i64::from(month) - 1
    };
    let ticks = |m: Moment| i128::from(m.days) * i128::from(DAY) + i128::from(m.time);
    match part {
        Part::Year => months(b).div_euclid(12) - months(a).div_euclid(12),
        Part::Quarter => months(b).div_euclid(3) - months(a).div_euclid(3),
        Part::Month => months(b) - months(a),
        Part::Week => i64::from((b.days + 1).div_euclid(7) - (a.days + 1).div_euclid(7)),
        Part::Day | Part::DayOfYear | Part::Weekday | Part::OffsetMinutes => i64::from(b.days - a.days),
        Part::Nanosecond => i64::try_from((ticks(b) - ticks(a)) * 100).unwrap_or(i64::MAX),
        part => {
            let unit = i128::from(part.ticks().max(1));
            i64::try_from(ticks(b).div_euclid(unit) - ticks(a).div_euclid(unit)).unwrap_or(i64::MAX)
        }
    }
}

fn datediff(env: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    let value = datediff_big(env, a, types)?;
    match value {
        Value::Int(n) if i32::try_from(n).is_err() => Err(error(535, 0, &[&"datediff"])),
        other => Ok(other),
    }
}

fn datediff_big(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let part = Part::named(a.first(), "datediff")?;
    let (Some(from), Some(to)) = (a.get(1).and_then(Moment::of), a.get(2).and_then(Moment::of)) else {
        return Ok(Value::Null);
    };
    Ok(Value::Int(difference(part, from, to)))
}

fn part_of(env: &Environment<'_>, part: Part, moment: Moment) -> i64 {
    let (year, month, day) = date_of(moment.days);
    let (hour, minute, second, ticks) = clock_of(moment.time);
    let first = env.state().settings.date_first;
    match part {
        Part::Year => year.into(),
        Part::Quarter => i64::from((month - 1) / 3 + 1),
        Part::Month => month.into(),
        Part::DayOfYear => i64::from(moment.days - days_of(year, 1, 1) + 1),
        Part::Day => day.into(),
        Part::Week => {
            let start = days_of(year, 1, 1);
            let lead = (weekday(start) - first).rem_euclid(7);
            i64::from((moment.days - start + lead) / 7 + 1)
        }
        Part::Weekday => i64::from((weekday(moment.days) - first).rem_euclid(7) + 1),
        Part::Hour => hour.into(),
        Part::Minute => minute.into(),
        Part::Second => second.into(),
        Part::Millisecond => i64::from(ticks / 10_000),
        Part::Microsecond => i64::from(ticks / 10),
        Part::Nanosecond => i64::from(ticks) * 100,
        Part::OffsetMinutes => moment.offset_minutes.into(),
        // The week of the year to which its Thursday belongs, from Monday on.
        Part::IsoWeek => {
            let thursday = moment.days - (weekday(moment.days) + 6) % 7 + 3;
            let (year, ..) = date_of(thursday);
            i64::from((thursday - days_of(year, 1, 1)) / 7 + 1)
        }
    }
}

fn datepart(env: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let part = Part::named(a.first(), "datepart")?;
    Ok(a.get(1).and_then(Moment::of).map_or(Value::Null, |moment| Value::Int(part_of(env, part, moment))))
}

fn datename(env: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let part = Part::named(a.first(), "datename")?;
    let Some(moment) = a.get(1).and_then(Moment::of) else { return Ok(Value::Null) };
    Ok(match part {
        Part::Month => Value::text(month_name(date_of(moment.days).1)),
        Part::Weekday => Value::text(weekday_name(weekday(moment.days))),
        part => Value::text(part_of(env, part, moment).to_string()),
    })
}

fn calendar(a: &[Value], pick: fn((i32, u32, u32)) -> i64) -> Out {
    Ok(a.first().and_then(Moment::of).map_or(Value::Null, |moment| Value::Int(pick(date_of(moment.days)))))
}

fn year(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    calendar(a, |(year, _, _)| year.into())
}

fn month(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    calendar(a, |(_, month, _)| month.into())
}

fn day(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    calendar(a, |(_, _, day)| day.into())
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn eomonth(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some(mut moment) = a.first().and_then(Moment::of) else { return Ok(Value::Null) };
    add_months(&mut moment, int_of(a.get(1)).unwrap_or(0));
    let (year, month, _) = date_of(moment.days);
    Ok(Value::Date(days_of(year, month, month_days(year, month))))
}

fn datefromparts(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let (Some(y), Some(m), Some(d)) = (int_of(a.first()), int_of(a.get(1)), int_of(a.get(2))) else {
        return Ok(Value::Null);
    };
    let parts = (i32::try_from(y), u32::try_from(m), u32::try_from(d));
    match parts {
        (Ok(year), Ok(month), Ok(day))
            if (1..=9999).contains(&year)
                && (1..=12).contains(&month)
                && (1..=month_days(year, month)).contains(&day) =>
        {
            Ok(Value::Date(days_of(year, month, day)))
        }
        _ => Err(error(289, 1, &[&"date"])),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn isdate(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let is_date = match a.first() {
        Some(Value::Text(text)) => {
            crate::value::datetime::parse(text).and_then(Moment::to_datetime).is_some()
        }
        Some(Value::DateTime { .. } | Value::Date(_) | Value::DateTime2 { .. }) => true,
        _ => false,
    };
    Ok(Value::Int(i64::from(is_date)))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn switchoffset(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some(Value::DateTimeOffset { days, time, .. }) = a.first() else { return Ok(Value::Null) };
    let offset = match a.get(1) {
        Some(Value::Int(minutes)) => i16::try_from(*minutes).ok(),
        Some(Value::Text(text)) => {
            crate::value::datetime::parse(&format!("00:00{text}")).map(|moment| moment.offset_minutes)
        }
        _ => None,
    };
    Ok(offset.map_or(Value::Null, |offset_minutes| Value::DateTimeOffset {
        days: *days,
        time: *time,
        offset_minutes,
    }))
}

/// Whole numbers; `None` when one of them is NULL.
fn numbers<const N: usize>(a: &[Value]) -> Option<[i64; N]> {
    let mut out = [0; N];
    for (place, value) in out.iter_mut().zip(a) {
        *place = int_of(Some(value))?;
    }
    Some(out)
}

fn days_from(year: i64, month: i64, day: i64) -> Option<i32> {
    let (year, month, day) =
        (i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    let valid =
        (1..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1 && day <= month_days(year, month);
    valid.then(|| days_of(year, month, day))
}

/// 100 ns since midnight; `fraction` counts units of `precision` digits of a second.
fn time_from(hour: i64, minute: i64, second: i64, fraction: i64, precision: i64) -> Option<u64> {
    let unit = 10_i64.pow(u32::try_from(7 - precision).ok()?);
    let whole = 10_i64.pow(u32::try_from(precision).ok()?);
    let valid = (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second)
        && (0..whole.max(1)).contains(&fraction);
    let ticks = ((hour * 60 + minute) * 60 + second) * SECOND as i64 + fraction * unit;
    valid.then_some(ticks.unsigned_abs())
}

fn unfit(data_type: &str) -> crate::SqlError {
    error(289, 3, &[&data_type])
}

fn timefromparts(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some([hour, minute, second, fraction, precision]) = numbers(a) else { return Ok(Value::Null) };
    let time = time_from(hour, minute, second, fraction, precision);
    time.map(Value::Time).ok_or_else(|| unfit("time"))
}

fn datetimefromparts(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some([y, m, d, hour, minute, second, ms]) = numbers(a) else { return Ok(Value::Null) };
    let parts = days_from(y, m, d).zip(time_from(hour, minute, second, ms, 3));
    let moment = parts.map(|(days, time)| Moment { days, time, offset_minutes: 0 });
    moment.and_then(Moment::to_datetime).ok_or_else(|| unfit("datetime"))
}

fn smalldatetimefromparts(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some([y, m, d, hour, minute]) = numbers(a) else { return Ok(Value::Null) };
    let parts = days_from(y, m, d).zip(time_from(hour, minute, 0, 0, 0));
    let moment = parts.map(|(days, time)| Moment { days, time, offset_minutes: 0 });
    moment.and_then(Moment::to_smalldatetime).ok_or_else(|| unfit("smalldatetime"))
}

fn datetime2fromparts(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some([y, m, d, hour, minute, second, fraction, precision]) = numbers(a) else {
        return Ok(Value::Null);
    };
    let parts = days_from(y, m, d).zip(time_from(hour, minute, second, fraction, precision));
    parts.map(|(days, time)| Value::DateTime2 { days, time }).ok_or_else(|| unfit("datetime2"))
}

fn datetimeoffsetfromparts(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some([y, m, d, hour, minute, second, fraction, hours, minutes, precision]) = numbers(a) else {
        return Ok(Value::Null);
    };
    let offset =
        i16::try_from(hours * 60 + minutes).ok().filter(|offset| offset.abs() <= 840 && minutes.abs() < 60);
    let parts = days_from(y, m, d).zip(time_from(hour, minute, second, fraction, precision)).zip(offset);
    parts
        .map(|((days, time), offset_minutes)| Moment { days, time, offset_minutes }.to_offset())
        .ok_or_else(|| unfit("datetimeoffset"))
}

fn todatetimeoffset(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let (Some(moment), Some(offset)) = (a.first().and_then(Moment::of), a.get(1)) else {
        return Ok(Value::Null);
    };
    let offset_minutes = match offset {
        Value::Int(minutes) => i16::try_from(*minutes).ok().filter(|minutes| minutes.abs() <= 840),
        Value::Text(text) => {
            crate::value::datetime::parse(&format!("00:00{text}")).map(|moment| moment.offset_minutes)
        }
        _ => return Ok(Value::Null),
    };
    let offset_minutes = offset_minutes.ok_or_else(|| error(9812, 0, &[&"todatetimeoffset"]))?;
    Ok(Moment { offset_minutes, ..moment }.to_offset())
}
