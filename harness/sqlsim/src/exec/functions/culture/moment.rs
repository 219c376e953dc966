//! Patterns of dates and times.

use super::Culture;
use crate::value::datetime::{Moment, SECOND, clock_of, date_of, month_name, weekday, weekday_name};

/// A date and time in a standard or custom pattern; `None` when the pattern is none.
pub(super) fn format(moment: Moment, has_offset: bool, pattern: &str, culture: Culture) -> Option<String> {
    let mut chars = pattern.chars();
    match (chars.next(), chars.next()) {
        (None, _) => custom(moment, has_offset, pattern_of('G', has_offset, culture)?),
        (Some(letter), None) => {
            let mut moment = moment;
            if has_offset && matches!(letter, 'R' | 'r' | 'u') {
                moment.shift(-i64::from(moment.offset_minutes) * 60 * SECOND as i64);
            }
            custom(moment, has_offset, pattern_of(letter, has_offset, culture)?)
        }
        // `%d` is the custom pattern `d`.
        _ => custom(moment, has_offset, pattern),
    }
}

/// What a standard pattern stands for.
fn pattern_of(letter: char, has_offset: bool, culture: Culture) -> Option<&'static str> {
    let is_american = culture == Culture::American;
    let of = |american, invariant| if is_american { american } else { invariant };
    Some(match letter {
        'd' => of("M/d/yyyy", "MM/dd/yyyy"),
        'D' => of("dddd, MMMM dd, yyyy", "dddd, dd MMMM yyyy"),
        'f' => of("dddd, MMMM dd, yyyy h:mm tt", "dddd, dd MMMM yyyy HH:mm"),
        'F' => of("dddd, MMMM dd, yyyy h:mm:ss tt", "dddd, dd MMMM yyyy HH:mm:ss"),
        'g' => of("M/d/yyyy h:mm tt", "MM/dd/yyyy HH:mm"),
        'G' if has_offset => of("M/d/yyyy h:mm:ss tt zzz", "MM/dd/yyyy HH:mm:ss zzz"),
        'G' => of("M/d/yyyy h:mm:ss tt", "MM/dd/yyyy HH:mm:ss"),
        'M' | 'm' => "MMMM dd",
        'O' | 'o' if has_offset => "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffzzz",
        'O' | 'o' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffff",
        'R' | 'r' => "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
        's' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
        't' => of("h:mm tt", "HH:mm"),
        'T' => of("h:mm:ss tt", "HH:mm:ss"),
        'u' => "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
        'Y' | 'y' => of("MMMM, yyyy", "yyyy MMMM"),
        _ => return None,
    })
}

fn custom(moment: Moment, has_offset: bool, pattern: &str) -> Option<String> {
    let (year, month, day) = date_of(moment.days);
    let (hour, minute, second, ticks) = clock_of(moment.time);
    let half = if hour % 12 == 0 { 12 } else { hour % 12 };
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while let Some(c) = chars.get(at).copied() {
        let count = chars[at..].iter().take_while(|next| **next == c).count();
        at += match c {
            'd' | 'f' | 'F' | 'g' | 'h' | 'H' | 'K' | 'm' | 'M' | 's' | 't' | 'y' | 'z' => count,
            _ => 1,
        };
        let name = |text: &str| if count == 3 { text[..3].to_owned() } else { text.to_owned() };
        match c {
            'd' if count >= 3 => out.push_str(&name(weekday_name(weekday(moment.days)))),
            'M' if count >= 3 => out.push_str(&name(month_name(month))),
            'd' => out.push_str(&padded(day, count)),
            'M' => out.push_str(&padded(month, count)),
            'y' if count <= 2 => out.push_str(&padded(u32::try_from(year % 100).ok()?, count)),
            'y' => out.push_str(&format!("{year:0>count$}")),
            'h' => out.push_str(&padded(half, count)),
            'H' => out.push_str(&padded(hour, count)),
            'm' => out.push_str(&padded(minute, count)),
            's' => out.push_str(&padded(second, count)),
            'f' | 'F' => fraction(ticks, count, c == 'F', &mut out)?,
            't' => out.push_str(&"AM,PM"[usize::from(hour >= 12) * 3..][..count.min(2)]),
            'g' => out.push_str("A.D."),
            'K' if !has_offset => {}
            'K' | 'z' => offset(moment, if c == 'K' { 3 } else { count }, &mut out),
            '\'' | '"' => {
                let length = chars[at..].iter().position(|end| *end == c)?;
                out.extend(&chars[at..at + length]);
                at += length + 1;
            }
            '\\' => {
                out.push(*chars.get(at)?);
                at += 1;
            }
            '%' if matches!(chars.get(at), None | Some('%')) => return None,
            '%' => {}
            other => out.push(other),
        }
    }
    Some(out)
}

fn padded(number: u32, count: usize) -> String {
    format!("{number:0>width$}", width = count.min(2))
}

/// `fff`, or `FFF` without the zeros at its end (and then without the point before it).
fn fraction(ticks: u32, count: usize, trims: bool, out: &mut String) -> Option<()> {
    let digits = format!("{ticks:07}");
    let digits = digits.get(..count)?;
    if !trims {
        out.push_str(digits);
        return Some(());
    }
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() && out.ends_with('.') {
        out.pop();
    }
    out.push_str(digits);
    Some(())
}

fn offset(moment: Moment, count: usize, out: &mut String) {
    let sign = if moment.offset_minutes < 0 { '-' } else { '+' };
    let (hours, minutes) =
        (moment.offset_minutes.unsigned_abs() / 60, moment.offset_minutes.unsigned_abs() % 60);
    out.push(sign);
    match count {
        1 => out.push_str(&hours.to_string()),
        2 => out.push_str(&format!("{hours:02}")),
        _ => out.push_str(&format!("{hours:02}:{minutes:02}")),
    }
}

/// A time of day, whose patterns are those of a span of time: `:` and `.` must be escaped there.
pub(super) fn format_time(time: u64, pattern: &str) -> Option<String> {
    let (hour, minute, second, ticks) = clock_of(time);
    let short = format!("{ticks:07}");
    match pattern {
        "" | "c" | "t" | "T" => {
            let part = if ticks == 0 { String::new() } else { format!(".{short}") };
            return Some(format!("{hour:02}:{minute:02}:{second:02}{part}"));
        }
        "g" => {
            let part = if ticks == 0 { String::new() } else { format!(".{}", short.trim_end_matches('0')) };
            return Some(format!("{hour}:{minute:02}:{second:02}{part}"));
        }
        "G" => return Some(format!("0:{hour:02}:{minute:02}:{second:02}.{short}")),
        _ => {}
    }
    let chars: Vec<char> = pattern.chars().collect();
    if chars.len() == 1 {
        return None;
    }
    let mut out = String::new();
    let mut at = 0;
    while let Some(c) = chars.get(at).copied() {
        let count = chars[at..].iter().take_while(|next| **next == c).count();
        at += if matches!(c, 'd' | 'h' | 'm' | 's' | 'f' | 'F') { count } else { 1 };
        match c {
            'd' if count <= 8 => out.push_str(&"0".repeat(count)),
            'h' if count <= 2 => out.push_str(&padded(hour, count)),
            'm' if count <= 2 => out.push_str(&padded(minute, count)),
            's' if count <= 2 => out.push_str(&padded(second, count)),
            'f' | 'F' => fraction(ticks, count, c == 'F', &mut out)?,
            '\'' | '"' => {
                let length = chars[at..].iter().position(|end| *end == c)?;
                out.extend(&chars[at..at + length]);
                at += length + 1;
            }
            '\\' => {
                out.push(*chars.get(at)?);
                at += 1;
            }
            '%' => {}
            _ => return None,
        }
    }
    Some(out)
}
