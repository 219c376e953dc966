//! Dates and times: calendar arithmetic, reading and printing as CONVERT's styles do.

use super::Value;

/// Days from 0001-01-01 to 1900-01-01.
pub const DAYS_TO_1900: i32 = 693_595;

/// 100 ns in a day.
pub const DAY: u64 = 864_000_000_000;

/// 100 ns in a second.
pub const SECOND: u64 = 10_000_000;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A point on the calendar in local time, as all date and time types share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Days since 0001-01-01.
    pub days: i32,
    /// 100 ns since midnight.
    pub time: u64,
    /// Minutes east of UTC; 0 for types without an offset.
    pub offset_minutes: i16,
}

/// Days since 0001-01-01 of a date of the proleptic Gregorian calendar.
#[must_use]
pub fn days_of(year: i32, month: u32, day: u32) -> i32 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let shifted = (month as i32 + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day as i32 - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 306
}

/// Year, month, day of days since 0001-01-01.
#[must_use]
pub fn date_of(days: i32) -> (i32, u32, u32) {
    let z = days + 306;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (year_of_era + era * 400 + i32::from(month <= 2), month, day)
}

/// Days in a month.
#[must_use]
pub fn month_days(year: i32, month: u32) -> u32 {
    let next = if month == 12 { days_of(year + 1, 1, 1) } else { days_of(year, month + 1, 1) };
    (next - days_of(year, month, 1)) as u32
}

/// Day of the week, 0 for Sunday.
#[must_use]
pub fn weekday(days: i32) -> i32 {
    (days + 1).rem_euclid(7)
}

/// English name of a month, 1 to 12.
#[must_use]
pub fn month_name(month: u32) -> &'static str {
    MONTHS[(month as usize - 1) % 12]
}

/// English name of a day of the week, 0 for Sunday.
#[must_use]
pub fn weekday_name(weekday: i32) -> &'static str {
    WEEKDAYS[weekday.rem_euclid(7) as usize]
}

impl Moment {
    /// The moment of a timestamp, shown `offset_minutes` east of UTC.
    #[must_use]
    pub fn of_timestamp(timestamp: jiff::Timestamp, offset_minutes: i16) -> Self {
        let ticks = timestamp.as_nanosecond().div_euclid(100) + i128::from(offset_minutes) * 600_000_000;
        let days = ticks.div_euclid(i128::from(DAY));
        Self {
            days: i32::try_from(days).unwrap_or(0) + days_of(1970, 1, 1),
            time: ticks.rem_euclid(i128::from(DAY)) as u64,
            offset_minutes: 0,
        }
    }

    /// From a date or time value; `None` for others.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Date(days) => Self { days: *days, ..Self::default() },
            Value::Time(time) => Self { days: DAYS_TO_1900, time: *time, offset_minutes: 0 },
            Value::DateTime { days, ticks } => {
                Self { days: days + DAYS_TO_1900, time: milliseconds_of(*ticks) * 10_000, offset_minutes: 0 }
            }
            Value::DateTime2 { days, time } => Self { days: *days, time: *time, offset_minutes: 0 },
            Value::DateTimeOffset { days, time, offset_minutes } => {
                let mut local = Self { days: *days, time: *time, offset_minutes: *offset_minutes };
                local.shift(i64::from(*offset_minutes) * 60 * SECOND as i64);
                local
            }
            _ => return None,
        })
    }

    /// Moves it by a number of 100 ns.
    pub fn shift(&mut self, ticks: i64) {
        let total = i128::from(self.days) * i128::from(DAY) + i128::from(self.time) + i128::from(ticks);
        self.days = total.div_euclid(i128::from(DAY)) as i32;
        self.time = total.rem_euclid(i128::from(DAY)) as u64;
    }

    /// As datetime: rounded to 1/300 s; `None` before 1753 or after 9999.
    #[must_use]
    pub fn to_datetime(self) -> Option<Value> {
        let mut days = self.days - DAYS_TO_1900;
        let mut ticks = ((self.time * 300 + SECOND / 2) / SECOND) as u32;
        if ticks == 300 * 86_400 {
            ticks = 0;
            days += 1;
        }
        (-53_690..=2_958_463).contains(&days).then_some(Value::DateTime { days, ticks })
    }

    /// As smalldatetime: rounded to minutes; `None` outside 1900 to 2079.
    #[must_use]
    pub fn to_smalldatetime(self) -> Option<Value> {
        let minute = 60 * SECOND;
        let mut days = self.days - DAYS_TO_1900;
        let mut minutes = (self.time + minute / 2) / minute;
        if minutes == 1440 {
            minutes = 0;
            days += 1;
        }
        (0..=65_535).contains(&days).then_some(Value::DateTime { days, ticks: minutes as u32 * 60 * 300 })
    }

    /// Rounds the time to `scale` digits of a second.
    #[must_use]
    pub fn rounded(mut self, scale: u8) -> Self {
        let unit = 10_u64.pow(u32::from(7 - scale.min(7)));
        self.time = (self.time + unit / 2) / unit * unit;
        if self.time >= DAY {
            self.time -= DAY;
            self.days += 1;
        }
        self
    }

    /// As datetimeoffset, in UTC inside.
    #[must_use]
    pub fn to_offset(self) -> Value {
        let mut utc = self;
        utc.shift(-i64::from(self.offset_minutes) * 60 * SECOND as i64);
        Value::DateTimeOffset { days: utc.days, time: utc.time, offset_minutes: self.offset_minutes }
    }

    /// Whether it is a date from 0001 to 9999.
    #[must_use]
    pub fn is_valid(self) -> bool {
        (0..3_652_059).contains(&self.days)
    }
}

/// Milliseconds that a number of 1/300 s is shown as: they end in 0, 3 or 7.
#[must_use]
pub fn milliseconds_of(ticks: u32) -> u64 {
    (u64::from(ticks) * 10 + 1) / 3
}

/// Hour, minute, second, 100 ns of a time.
#[must_use]
pub fn clock_of(time: u64) -> (u32, u32, u32, u32) {
    let seconds = time / SECOND;
    ((seconds / 3600) as u32, (seconds / 60 % 60) as u32, (seconds % 60) as u32, (time % SECOND) as u32)
}

/// The fraction of a second with its point, `digits` long; empty for none.
#[must_use]
pub fn fraction(time: u64, digits: u8) -> String {
    if digits == 0 {
        return String::new();
    }
    let text = format!("{:07}", time % SECOND);
    format!(".{}", &text[..usize::from(digits.min(7))])
}

/// Reads a date, a time, or both.
#[must_use]
pub fn parse(text: &str) -> Option<Moment> {
    let text = text.trim();
    let mut moment = Moment { days: DAYS_TO_1900, ..Moment::default() };
    if text.is_empty() {
        return Some(moment);
    }
    let (date, time) = split_date_and_time(text);
    if let Some(date) = date {
        moment.days = parse_date(date)?;
    }
    if let Some(time) = time {
        let (time, offset) = split_offset(time)?;
        moment.time = parse_time(time.trim())?;
        moment.offset_minutes = offset;
    }
    Some(moment)
}

/// Cuts `2026-11-22T21:00` and `Nov 22 2026  9:00PM` in two.
fn split_date_and_time(text: &str) -> (Option<&str>, Option<&str>) {
    let Some(colon) = text.find(':') else {
        let lower = text.to_ascii_lowercase();
        let bare_hour = lower.strip_suffix("am").or_else(|| lower.strip_suffix("pm"));
        let is_hour = bare_hour.is_some_and(|hour| hour.trim().parse::<u32>().is_ok());
        return if is_hour { (None, Some(text)) } else { (Some(text), None) };
    };
    let hour = text[..colon].trim_end_matches(|c: char| c.is_ascii_digit());
    match hour.trim_end_matches([' ', 'T', 't']) {
        "" => (None, Some(text)),
        date => (Some(date), Some(text[hour.len()..].trim_start())),
    }
}

fn split_offset(time: &str) -> Option<(&str, i16)> {
    if let Some(utc) = time.strip_suffix(['Z', 'z']) {
        return Some((utc, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else { return Some((time, 0)) };
    let (hours, minutes) = time[at + 1..].split_once(':')?;
    let offset = hours.parse::<i16>().ok()? * 60 + minutes.parse::<i16>().ok()?;
    let sign = if time[at..].starts_with('-') { -1 } else { 1 };
    (offset <= 840).then_some((&time[..at], sign * offset))
}

fn checked_date(year: i32, month: u32, day: u32) -> Option<i32> {
    let valid = (1..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
    (valid && day <= month_days(year, month)).then(|| days_of(year, month, day))
}

/// Two-digit years up to 49 are 20xx.
fn full_year(year: i32, digits: usize) -> i32 {
    match (digits, year) {
        (1 | 2, 0..=49) => year + 2000,
        (1 | 2, _) => year + 1900,
        _ => year,
    }
}

fn parse_date(text: &str) -> Option<i32> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return match text.len() {
            8 => checked_date(text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?),
            6 => checked_date(
                full_year(text[..2].parse().ok()?, 2),
                text[2..4].parse().ok()?,
                text[4..].parse().ok()?,
            ),
            4 => checked_date(text.parse().ok()?, 1, 1),
            _ => None,
        };
    }
    if text.bytes().any(|b| b.is_ascii_alphabetic()) {
        return parse_named_month(text);
    }
    let parts: Vec<&str> = text.split(['-', '/', '.']).map(str::trim).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    let numbers = (a.parse::<u32>().ok()?, b.parse::<u32>().ok()?, c.parse::<u32>().ok()?);
    if a.len() == 4 {
        return checked_date(numbers.0 as i32, numbers.1, numbers.2);
    }
    checked_date(full_year(numbers.2 as i32, c.len()), numbers.0, numbers.1)
}

/// `Nov 22 2026`, `22 Nov 2026`, `November 22, 2026`.
fn parse_named_month(text: &str) -> Option<i32> {
    let (mut month, mut numbers) = (None, Vec::new());
    for part in text.split([' ', ',', '-', '/']).filter(|part| !part.is_empty()) {
        if part.bytes().all(|b| b.is_ascii_digit()) {
            numbers.push(part);
            continue;
        }
        let lower = part.to_ascii_lowercase();
        let found = MONTHS.iter().position(|name| {
            let name = name.to_ascii_lowercase();
            lower == name || (lower.len() >= 3 && lower == name[..3])
        })?;
        month = Some(found as u32 + 1);
    }
    let [a, b] = numbers.as_slice() else { return None };
    let (year, day) = if a.len() == 4 { (a, b) } else { (b, a) };
    checked_date(full_year(year.parse().ok()?, year.len()), month?, day.parse().ok()?)
}

fn parse_time(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (clock, half) = if let Some(am) = lower.strip_suffix("am") {
        (am.trim(), Some(0))
    } else if let Some(pm) = lower.strip_suffix("pm") {
        (pm.trim(), Some(12))
    } else {
        (lower.as_str(), None)
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let mut hour: u64 = parts.first()?.trim().parse().ok()?;
    let minute: u64 = parts.get(1).map_or(Some(0), |m| m.trim().parse().ok())?;
    let (mut second, mut fraction) = (0, 0);
    if let Some(seconds) = parts.get(2) {
        let (whole, rest) = seconds.trim().split_once('.').unwrap_or((seconds.trim(), ""));
        second = whole.parse().ok()?;
        fraction = parse_fraction(rest)?;
    }
    if let Some(milliseconds) = parts.get(3) {
        fraction = milliseconds.parse::<u64>().ok().filter(|ms| *ms < 1000)? * 10_000;
    }
    if let Some(half) = half {
        if !(1..=12).contains(&hour) && half == 12 && hour > 12 {
            return None;
        }
        hour = hour % 12 + half;
    }
    let valid = hour < 24 && minute < 60 && second < 60 && parts.len() <= 4;
    valid.then(|| ((hour * 60 + minute) * 60 + second) * SECOND + fraction)
}

fn parse_fraction(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return Some(0);
    }
    if digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = &digits[..digits.len().min(7)];
    Some(kept.parse::<u64>().ok()? * 10_u64.pow(7 - kept.len() as u32))
}

/// Prints a moment in CONVERT's `style`. `digits`: fraction digits of its type; `None` when the style is unknown.
#[must_use]
pub fn format(moment: Moment, style: i32, digits: u8, kind: Kind) -> Option<String> {
    let (year, month, day) = date_of(moment.days);
    let (hour, minute, second, _) = clock_of(moment.time);
    let short_year = year % 100;
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let half = if hour < 12 { "AM" } else { "PM" };
    let mon = &month_name(month)[..3];
    let ms = fraction(moment.time, if kind == Kind::DateTime { 3 } else { digits });
    let colon_ms = ms.replacen('.', ":", 1);
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    let date = match style {
        0 | 100 | 9 | 109 => format!("{mon} {day:2} {year:04}"),
        1 => format!("{month:02}/{day:02}/{short_year:02}"),
        101 => format!("{month:02}/{day:02}/{year:04}"),
        2 => format!("{short_year:02}.{month:02}.{day:02}"),
        102 => format!("{year:04}.{month:02}.{day:02}"),
        3 => format!("{day:02}/{month:02}/{short_year:02}"),
        103 => format!("{day:02}/{month:02}/{year:04}"),
        4 => format!("{day:02}.{month:02}.{short_year:02}"),
        104 => format!("{day:02}.{month:02}.{year:04}"),
        5 => format!("{day:02}-{month:02}-{short_year:02}"),
        105 => format!("{day:02}-{month:02}-{year:04}"),
        6 => format!("{day:02} {mon} {short_year:02}"),
        106 | 13 | 113 => format!("{day:02} {mon} {year:04}"),
        7 => format!("{mon} {day:02}, {short_year:02}"),
        107 => format!("{mon} {day:02}, {year:04}"),
        10 => format!("{month:02}-{day:02}-{short_year:02}"),
        110 => format!("{month:02}-{day:02}-{year:04}"),
        11 => format!("{short_year:02}/{month:02}/{day:02}"),
        111 => format!("{year:04}/{month:02}/{day:02}"),
        12 => format!("{short_year:02}{month:02}{day:02}"),
        112 => format!("{year:04}{month:02}{day:02}"),
        20 | 120 | 21 | 25 | 121 | 23 | 126 | 127 => format!("{year:04}-{month:02}-{day:02}"),
        8 | 108 | 14 | 114 | 24 => String::new(),
        _ => return None,
    };
    if kind == Kind::Date {
        return Some(if date.is_empty() { time } else { date });
    }
    let clock = match style {
        0 | 100 => format!("{hour12:2}:{minute:02}{half}"),
        9 | 109 => format!("{hour12:2}:{minute:02}:{second:02}{colon_ms}{half}"),
        13 | 113 => format!("{time}{colon_ms}"),
        14 | 114 => format!("{time}{colon_ms}"),
        8 | 108 | 20 | 120 | 24 => time,
        21 | 25 | 121 => format!("{time}{ms}"),
        126 | 127 => {
            let shown =
                if moment.time.is_multiple_of(SECOND) && kind == Kind::DateTime { String::new() } else { ms };
            format!("{time}{shown}")
        }
        _ => String::new(),
    };
    if kind == Kind::Time || date.is_empty() {
        return Some(clock.trim_start().to_owned());
    }
    let joint = if matches!(style, 126 | 127) { "T" } else { " " };
    Some(if clock.is_empty() { date } else { format!("{date}{joint}{clock}") })
}

/// Which parts a type has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// date
    Date,
    /// time
    Time,
    /// datetime, smalldatetime
    DateTime,
    /// datetime2, datetimeoffset
    DateTime2,
}
