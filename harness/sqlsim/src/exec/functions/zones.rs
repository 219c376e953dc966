//! AT TIME ZONE: the time zones of Windows, by the rules of the tz database.
//!
//! The names are those of `sys.time_zone_info`, which are Windows's; each stands for the place that Unicode's table
//! of Windows zones gives it ("windowsZones", territory 001). Where Windows's registry knows fewer changes of a
//! zone's rules than the tz database, old dates can differ.

use crate::error::SqlResult;
use crate::exec::environment::Environment;
use crate::exec::expression::{Ex, Typed};
use crate::exec::functions::text_of;
use crate::messages::error;
use crate::value::datetime::{Moment, SECOND, clock_of, date_of};
use crate::value::{DataType, Value};
use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Binds AT TIME ZONE.
pub(super) fn bind(arguments: Vec<Typed>) -> SqlResult<Typed> {
    let types: Vec<DataType> = arguments.iter().map(|argument| argument.data_type).collect();
    let is_null = |at: usize| matches!(arguments.get(at).map(|a| &a.ex), Some(Ex::Constant(Value::Null)));
    let scale = match types.first() {
        Some(DataType::DateTime) => 3,
        Some(DataType::SmallDateTime) => 0,
        Some(DataType::DateTime2(scale) | DataType::DateTimeOffset(scale)) => *scale,
        _ if is_null(0) => 7,
        other => {
            let name = other.map_or("int", |data_type| data_type.name());
            return Err(error(8116, 1, &[&name, &1, &"AT TIME ZONE"]));
        }
    };
    if let Some(zone) = types.get(1)
        && !zone.is_text()
        && !is_null(1)
    {
        return Err(error(8116, 1, &[&zone.name(), &2, &"AT TIME ZONE"]));
    }
    let list = arguments.into_iter().map(|argument| argument.ex).collect();
    Ok(Typed::new(
        Ex::Call { function: at_time_zone, arguments: list, types },
        DataType::DateTimeOffset(scale),
    ))
}

thread_local! {
    /// The copy of the tz database in the program, so that the machine's does not matter.
    static ZONES: TimeZoneDatabase = TimeZoneDatabase::bundled();
}

fn at_time_zone(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> SqlResult<Value> {
    let (Some(moment), Some(name)) = (a.first().and_then(Moment::of), text_of(a.get(1))) else {
        return Ok(Value::Null);
    };
    let unknown = || error(9820, 1, &[&name]);
    let zone = zone(name).ok_or_else(unknown)?;
    let out_of_range = || error(9813, 1, &[&"AT TIME ZONE"]);
    let has_offset = matches!(a.first(), Some(Value::DateTimeOffset { .. }));
    let mut utc = moment;
    utc.shift(-i64::from(moment.offset_minutes) * 60 * SECOND as i64);
    let read = if has_offset { utc } else { moment };
    let civil = civil(read).ok_or_else(out_of_range)?;
    let offset = if has_offset {
        let at = TimeZone::UTC.to_timestamp(civil).map_err(|_| out_of_range())?;
        zone.to_offset(at)
    } else {
        // Hours that are there twice are the first ones; in a gap the offset from before it holds.
        let at = zone.to_ambiguous_timestamp(civil).compatible().map_err(|_| out_of_range())?;
        let offset = zone.to_offset(at);
        if zone.to_datetime(at) == civil { offset } else { zone.to_offset(before(at)) }
    };
    let offset_minutes = i16::try_from(offset.seconds() / 60).unwrap_or(0);
    let mut utc = read;
    if !has_offset {
        utc.shift(-i64::from(offset_minutes) * 60 * SECOND as i64);
    }
    if !utc.is_valid() {
        return Err(out_of_range());
    }
    Ok(Value::DateTimeOffset { days: utc.days, time: utc.time, offset_minutes })
}

/// An instant a day earlier: before the gap that a time fell into.
fn before(at: jiff::Timestamp) -> jiff::Timestamp {
    at.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(at)
}

fn civil(moment: Moment) -> Option<civil::DateTime> {
    let (year, month, day) = date_of(moment.days);
    let (hour, minute, second, ticks) = clock_of(moment.time);
    civil::DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        i32::try_from(ticks).ok()? * 100,
    )
    .ok()
}

fn zone(name: &str) -> Option<TimeZone> {
    let (_, place) = WINDOWS_ZONES.iter().find(|(windows, _)| windows.eq_ignore_ascii_case(name))?;
    if *place == "UTC" {
        return Some(TimeZone::UTC);
    }
    ZONES.with(|zones| zones.get(place)).ok()
}

/// Windows's names and the places in the tz database.
pub(in crate::exec) const WINDOWS_ZONES: &[(&str, &str)] = &[
    ("Dateline Standard Time", "Etc/GMT+12"),
    ("UTC-11", "Etc/GMT+11"),
    ("Aleutian Standard Time", "America/Adak"),
    ("Hawaiian Standard Time", "Pacific/Honolulu"),
    ("Marquesas Standard Time", "Pacific/Marquesas"),
    ("Alaskan Standard Time", "America/Anchorage"),
    ("UTC-09", "Etc/GMT+9"),
    ("Pacific Standard Time (Mexico)", "America/Tijuana"),
    ("UTC-08", "Etc/GMT+8"),
    ("Pacific Standard Time", "America/Los_Angeles"),
    ("US Mountain Standard Time", "America/Phoenix"),
    ("Mountain Standard Time (Mexico)", "America/Mazatlan"),
    ("Mountain Standard Time", "America/Denver"),
    ("Yukon Standard Time", "America/Whitehorse"),
    ("Central America Standard Time", "America/Guatemala"),
    ("Central Standard Time", "America/Chicago"),
    ("Easter Island Standard Time", "Pacific/Easter"),
    ("Central Standard Time (Mexico)", "America/Mexico_City"),
    ("Canada Central Standard Time", "America/Regina"),
    ("SA Pacific Standard Time", "America/Bogota"),
    ("Eastern Standard Time (Mexico)", "America/Cancun"),
    ("Eastern Standard Time", "America/New_York"),
    ("Haiti Standard Time", "America/Port-au-Prince"),
    ("Cuba Standard Time", "America/Havana"),
    ("US Eastern Standard Time", "America/Indiana/Indianapolis"),
    ("Turks And Caicos Standard Time", "America/Grand_Turk"),
    ("Paraguay Standard Time", "America/Asuncion"),
    ("Atlantic Standard Time", "America/Halifax"),
    ("Venezuela Standard Time", "America/Caracas"),
    ("Central Brazilian Standard Time", "America/Cuiaba"),
    ("SA Western Standard Time", "America/La_Paz"),
    ("Pacific SA Standard Time", "America/Santiago"),
    ("Newfoundland Standard Time", "America/St_Johns"),
    ("Tocantins Standard Time", "America/Araguaina"),
    ("E. South America Standard Time", "America/Sao_Paulo"),
    ("SA Eastern Standard Time", "America/Cayenne"),
    ("Argentina Standard Time", "America/Argentina/Buenos_Aires"),
    ("Greenland Standard Time", "America/Nuuk"),
    ("Montevideo Standard Time", "America/Montevideo"),
    ("Magallanes Standard Time", "America/Punta_Arenas"),
    ("Saint Pierre Standard Time", "America/Miquelon"),
    ("Bahia Standard Time", "America/Bahia"),
    ("UTC-02", "Etc/GMT+2"),
    ("Azores Standard Time", "Atlantic/Azores"),
    ("Cape Verde Standard Time", "Atlantic/Cape_Verde"),
    ("UTC", "UTC"),
    ("Morocco Standard Time", "Africa/Casablanca"),
    ("GMT Standard Time", "Europe/London"),
    ("Greenwich Standard Time", "Atlantic/Reykjavik"),
    ("Sao Tome Standard Time", "Africa/Sao_Tome"),
    ("W. Europe Standard Time", "Europe/Berlin"),
    ("Central Europe Standard Time", "Europe/Budapest"),
    ("Romance Standard Time", "Europe/Paris"),
    ("Central European Standard Time", "Europe/Warsaw"),
    ("W. Central Africa Standard Time", "Africa/Lagos"),
    ("Namibia Standard Time", "Africa/Windhoek"),
    ("Jordan Standard Time", "Asia/Amman"),
    ("GTB Standard Time", "Europe/Bucharest"),
    ("Middle East Standard Time", "Asia/Beirut"),
    ("Egypt Standard Time", "Africa/Cairo"),
    ("E. Europe Standard Time", "Europe/Chisinau"),
    ("Syria Standard Time", "Asia/Damascus"),
    ("West Bank Standard Time", "Asia/Hebron"),
    ("South Africa Standard Time", "Africa/Johannesburg"),
    ("FLE Standard Time", "Europe/Kiev"),
    ("Israel Standard Time", "Asia/Jerusalem"),
    ("South Sudan Standard Time", "Africa/Juba"),
    ("Kaliningrad Standard Time", "Europe/Kaliningrad"),
    ("Sudan Standard Time", "Africa/Khartoum"),
    ("Libya Standard Time", "Africa/Tripoli"),
    ("Arabic Standard Time", "Asia/Baghdad"),
    ("Turkey Standard Time", "Europe/Istanbul"),
    ("Arab Standard Time", "Asia/Riyadh"),
    ("Belarus Standard Time", "Europe/Minsk"),
    ("Russian Standard Time", "Europe/Moscow"),
    ("E. Africa Standard Time", "Africa/Nairobi"),
    ("Iran Standard Time", "Asia/Tehran"),
    ("Arabian Standard Time", "Asia/Dubai"),
    ("Astrakhan Standard Time", "Europe/Astrakhan"),
    ("Azerbaijan Standard Time", "Asia/Baku"),
    ("Russia Time Zone 3", "Europe/Samara"),
    ("Mauritius Standard Time", "Indian/Mauritius"),
    ("Saratov Standard Time", "Europe/Saratov"),
    ("Georgian Standard Time", "Asia/Tbilisi"),
    ("Volgograd Standard Time", "Europe/Volgograd"),
    ("Caucasus Standard Time", "Asia/Yerevan"),
    ("Afghanistan Standard Time", "Asia/Kabul"),
    ("West Asia Standard Time", "Asia/Tashkent"),
    ("Ekaterinburg Standard Time", "Asia/Yekaterinburg"),
    ("Pakistan Standard Time", "Asia/Karachi"),
    ("Qyzylorda Standard Time", "Asia/Qyzylorda"),
    ("India Standard Time", "Asia/Kolkata"),
    ("Sri Lanka Standard Time", "Asia/Colombo"),
    ("Nepal Standard Time", "Asia/Kathmandu"),
    ("Central Asia Standard Time", "Asia/Bishkek"),
    ("Bangladesh Standard Time", "Asia/Dhaka"),
    ("Omsk Standard Time", "Asia/Omsk"),
    ("Myanmar Standard Time", "Asia/Yangon"),
    ("SE Asia Standard Time", "Asia/Bangkok"),
    ("Altai Standard Time", "Asia/Barnaul"),
    ("W. Mongolia Standard Time", "Asia/Hovd"),
    ("North Asia Standard Time", "Asia/Krasnoyarsk"),
    ("N. Central Asia Standard Time", "Asia/Novosibirsk"),
    ("Tomsk Standard Time", "Asia/Tomsk"),
    ("China Standard Time", "Asia/Shanghai"),
    ("North Asia East Standard Time", "Asia/Irkutsk"),
    ("Singapore Standard Time", "Asia/Singapore"),
    ("W. Australia Standard Time", "Australia/Perth"),
    ("Taipei Standard Time", "Asia/Taipei"),
    ("Ulaanbaatar Standard Time", "Asia/Ulaanbaatar"),
    ("Aus Central W. Standard Time", "Australia/Eucla"),
    ("Transbaikal Standard Time", "Asia/Chita"),
    ("Tokyo Standard Time", "Asia/Tokyo"),
    ("North Korea Standard Time", "Asia/Pyongyang"),
    ("Korea Standard Time", "Asia/Seoul"),
    ("Yakutsk Standard Time", "Asia/Yakutsk"),
    ("Cen. Australia Standard Time", "Australia/Adelaide"),
    ("AUS Central Standard Time", "Australia/Darwin"),
    ("E. Australia Standard Time", "Australia/Brisbane"),
    ("AUS Eastern Standard Time", "Australia/Sydney"),
    ("West Pacific Standard Time", "Pacific/Port_Moresby"),
    ("Tasmania Standard Time", "Australia/Hobart"),
    ("Vladivostok Standard Time", "Asia/Vladivostok"),
    ("Lord Howe Standard Time", "Australia/Lord_Howe"),
    ("Bougainville Standard Time", "Pacific/Bougainville"),
    ("Russia Time Zone 10", "Asia/Srednekolymsk"),
    ("Magadan Standard Time", "Asia/Magadan"),
    ("Norfolk Standard Time", "Pacific/Norfolk"),
    ("Sakhalin Standard Time", "Asia/Sakhalin"),
    ("Central Pacific Standard Time", "Pacific/Guadalcanal"),
    ("Russia Time Zone 11", "Asia/Kamchatka"),
    ("New Zealand Standard Time", "Pacific/Auckland"),
    ("UTC+12", "Etc/GMT-12"),
    ("Fiji Standard Time", "Pacific/Fiji"),
    ("Chatham Islands Standard Time", "Pacific/Chatham"),
    ("UTC+13", "Etc/GMT-13"),
    ("Tonga Standard Time", "Pacific/Tongatapu"),
    ("Samoa Standard Time", "Pacific/Apia"),
    ("Line Islands Standard Time", "Pacific/Kiritimati"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_of_windows_is_in_the_tz_database() {
        let missing: Vec<_> = WINDOWS_ZONES.iter().filter(|(name, _)| zone(name).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
