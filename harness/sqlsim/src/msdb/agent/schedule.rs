//! When a schedule runs next. Pure: dates in, date out.

use jiff::civil::{Date, DateTime, Time};

/// The columns of `sysschedules` that say when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// 1 once, 4 daily, 8 weekly, 16 monthly, 64 when Agent starts.
    pub(crate) freq_type: i64,
    /// Every so many days; the days of the week as bits; the day of the month.
    pub(crate) freq_interval: i64,
    /// 1 at the start time, 2 every seconds, 4 minutes, 8 hours.
    pub(crate) freq_subday_type: i64,
    /// So many of them.
    pub(crate) freq_subday_interval: i64,
    /// Every so many weeks or months.
    pub(crate) freq_recurrence_factor: i64,
    /// yyyymmdd
    pub(crate) active_start_date: i64,
    /// yyyymmdd
    pub(crate) active_end_date: i64,
    /// hhmmss
    pub(crate) active_start_time: i64,
    /// hhmmss
    pub(crate) active_end_time: i64,
}

/// Days that are looked at: a schedule that does not run within them does not run.
const HORIZON_DAYS: i32 = 800;

impl Schedule {
    /// Whether this server can follow it (relative months and idle processors are not modelled).
    pub(crate) fn is_modelled(&self) -> bool {
        matches!(self.freq_type, 1 | 4 | 8 | 16 | 64) && matches!(self.freq_subday_type, 0 | 1 | 2 | 4 | 8)
    }

    /// The first run after `after`, in local time.
    pub(crate) fn next_after(&self, after: DateTime) -> Option<DateTime> {
        let (start, end) = (date(self.active_start_date)?, date(self.active_end_date)?);
        let mut day = after.date().max(start);
        for _ in 0..HORIZON_DAYS {
            if day > end {
                return None;
            }
            if self.runs_on(day, start)
                && let Some(time) = self.next_time(day, after)
            {
                return Some(day.to_datetime(time));
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// Whether it runs on a day.
    fn runs_on(&self, day: Date, start: Date) -> bool {
        let days = i64::from(start.until(day).map_or(0, |span| span.get_days()));
        let factor = self.freq_recurrence_factor.max(1);
        match self.freq_type {
            1 => day == start,
            4 => days % self.freq_interval.max(1) == 0,
            8 => {
                let bit = 1 << day.weekday().to_sunday_zero_offset();
                let weeks = (days + i64::from(start.weekday().to_sunday_zero_offset())) / 7;
                self.freq_interval & bit != 0 && weeks % factor == 0
            }
            16 => {
                let months =
                    i64::from(day.year() - start.year()) * 12 + i64::from(day.month() - start.month());
                i64::from(day.day()) == self.freq_interval && months % factor == 0
            }
            _ => false,
        }
    }

    /// The first time on `day` that lies after `after`.
    fn next_time(&self, day: Date, after: DateTime) -> Option<Time> {
        let start = seconds(self.active_start_time);
        let end = seconds(self.active_end_time);
        let past = if after.date() == day { second_of_day(after.time()) } else { -1 };
        let unit = match self.freq_subday_type {
            2 => 1,
            4 => 60,
            8 => 3600,
            _ => 0,
        };
        let step = unit * self.freq_subday_interval.max(1);
        if step == 0 || self.freq_type == 1 {
            return (start > past).then(|| time(start)).flatten();
        }
        let at = if past < start { start } else { start + ((past - start) / step + 1) * step };
        // An end before the start means: into the night, until midnight on this day.
        let last = if end < start { 86_399 } else { end };
        (at <= last).then(|| time(at)).flatten()
    }
}

/// A date written yyyymmdd.
pub(crate) fn date(number: i64) -> Option<Date> {
    let part = |n: i64| i8::try_from(n).ok();
    Date::new(i16::try_from(number / 10_000).ok()?, part(number / 100 % 100)?, part(number % 100)?).ok()
}

/// The seconds of a time written hhmmss.
fn seconds(number: i64) -> i64 {
    number / 10_000 * 3600 + number / 100 % 100 * 60 + number % 100
}

fn second_of_day(time: Time) -> i64 {
    i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second())
}

fn time(second: i64) -> Option<Time> {
    let part = |n: i64| i8::try_from(n).ok();
    Time::new(part(second / 3600)?, part(second / 60 % 60)?, part(second % 60)?, 0).ok()
}

/// A date as yyyymmdd.
pub(crate) fn date_number(at: DateTime) -> i64 {
    i64::from(at.year()) * 10_000 + i64::from(at.month()) * 100 + i64::from(at.day())
}

/// A time as hhmmss.
pub(crate) fn time_number(at: DateTime) -> i64 {
    i64::from(at.hour()) * 10_000 + i64::from(at.minute()) * 100 + i64::from(at.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_15_minutes() -> Schedule {
        Schedule {
            freq_type: 4,
            freq_interval: 1,
            freq_subday_type: 4,
            freq_subday_interval: 15,
            freq_recurrence_factor: 0,
            active_start_date: 20_130_501,
            active_end_date: 99_991_231,
            active_start_time: 0,
            active_end_time: 235_900,
        }
    }

    fn at(text: &str) -> DateTime {
        text.parse().unwrap()
    }

    #[rstest::rstest]
    #[case("2013-11-01T10:00:00", "2013-11-01T10:15:00")]
    #[case("2013-11-01T10:14:59", "2013-11-01T10:15:00")]
    #[case("2013-11-01T23:45:00", "2013-11-02T00:00:00")]
    #[case("2012-01-01T00:00:00", "2013-05-01T00:00:00")]
    fn log_shippings_schedule_runs_every_quarter_of_an_hour(#[case] after: &str, #[case] next: &str) {
        assert_eq!(every_15_minutes().next_after(at(after)), Some(at(next)));
    }

    #[test]
    fn a_weekly_schedule_runs_on_its_days_only() {
        let mondays_at_six = Schedule {
            freq_type: 8,
            freq_interval: 2,
            freq_subday_type: 1,
            freq_recurrence_factor: 2,
            active_start_time: 60_000,
            ..every_15_minutes()
        };
        assert_eq!(mondays_at_six.next_after(at("2013-05-01T00:00:00")), Some(at("2013-05-13T06:00:00")));
        assert_eq!(mondays_at_six.next_after(at("2013-05-13T06:00:00")), Some(at("2013-05-27T06:00:00")));
    }

    #[test]
    fn a_schedule_that_has_ended_never_runs() {
        let over = Schedule { active_end_date: 20_130_601, ..every_15_minutes() };
        assert_eq!(over.next_after(at("2013-06-01T23:59:00")), None);
    }

    #[test]
    fn a_single_run_runs_once() {
        let once = Schedule { freq_type: 1, active_start_time: 93_000, ..every_15_minutes() };
        assert_eq!(once.next_after(at("2013-04-30T00:00:00")), Some(at("2013-05-01T09:30:00")));
        assert_eq!(once.next_after(at("2013-05-01T09:30:00")), None);
    }
}
