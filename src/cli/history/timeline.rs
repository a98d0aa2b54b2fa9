//! The standing of a credential over time, drawn in text.

use crate::cli::change_text::days;
use crate::cli::dates::civil;
use crate::cli::display_text::standing;
use crate::proto::google::r#type::Date;
use crate::proto::v1::StandingPeriod;

/// The longest bar.
const LONGEST: usize = 40;
/// A bar shorter than this says nothing.
const SHORTEST: usize = 8;

/// The periods of a credential.
pub struct Timeline {
    /// The credential.
    pub credential_number: String,
    /// Its periods, in order.
    pub periods: Vec<StandingPeriod>,
    /// The day up to which the last period is drawn.
    pub today: Option<Date>,
}

impl Timeline {
    /// A heading, and a line for each period: its days, its standing, and a bar where there is room for one.
    pub fn lines(&self, limit: Option<usize>) -> Vec<String> {
        let texts: Vec<[String; 2]> = self
            .periods
            .iter()
            .map(|period| [days(period.first_day, period.last_day), standing(period.standing()).to_owned()])
            .collect();
        let widest = |at: usize| texts.iter().map(|cells| cells[at].len()).max().unwrap_or(0);
        let (of_days, of_standings) = (widest(0), widest(1));
        let room = limit.map_or(LONGEST, |limit| limit.saturating_sub(of_days + of_standings + 6).min(LONGEST));
        let mut lines = vec![format!("The standing of {}:", self.credential_number), String::new()];
        for ([days, standing], period) in texts.iter().zip(&self.periods) {
            let bar = if room < SHORTEST { String::new() } else { self.bar(period, room) };
            let line = format!("  {days:<of_days$}  {standing:<of_standings$}  {bar}");
            lines.push(line.trim_end().to_owned());
        }
        lines.push(String::new());
        lines
    }

    /// The bar of a period: where it lies between the first day and today, or the last day that is known.
    fn bar(&self, period: &StandingPeriod, room: usize) -> String {
        let number = |date: Option<Date>| date.and_then(civil).map(|day| i64::from(day_number(day)));
        let starts = self.periods.iter().filter_map(|period| number(period.first_day));
        let (first, last_start) = (starts.clone().min().unwrap_or(0), starts.max().unwrap_or(0));
        let end = number(self.today).unwrap_or(0).max(last_start) + 1;
        let place = |day: i64| {
            let days = usize::try_from(day.clamp(first, end) - first).unwrap_or(0);
            days * room / usize::try_from(end - first).unwrap_or(1).max(1)
        };
        let from = place(number(period.first_day).unwrap_or(first)).min(room - 1);
        let until = number(period.last_day).map_or(room, |last| place(last + 1)).max(from + 1);
        format!("{}{}", " ".repeat(from), "━".repeat(until - from))
    }
}

/// The number of a day, counted from a fixed day.
fn day_number(day: jiff::civil::Date) -> i32 {
    day.since(jiff::civil::date(1900, 1, 1)).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::Standing;

    #[test]
    fn each_period_has_its_place_in_the_time() {
        let date = |month, day| Some(Date { year: 2026, month, day });
        let period = |first_day, last_day, standing: Standing| StandingPeriod {
            first_day,
            last_day,
            standing: standing.into(),
            reasons: Vec::new(),
        };
        let timeline = Timeline {
            credential_number: "CPS-1".into(),
            periods: vec![
                period(date(1, 1), date(1, 20), Standing::Current),
                period(date(1, 21), date(1, 30), Standing::Suspended),
                period(date(1, 31), None, Standing::Current),
            ],
            today: date(2, 9),
        };
        let expected = [
            "The standing of CPS-1:",
            "",
            "  from 2026-01-01 to 2026-01-20  current    ━━━━━━━━━━━━━━━━━━━━",
            "  from 2026-01-21 to 2026-01-30  suspended                      ━━━━━━━━━━",
            "  from 2026-01-31 on             current                                  ━━━━━━━━━━",
            "",
        ];
        assert_eq!(timeline.lines(None), expected);
        assert_eq!(timeline.lines(Some(50))[2], "  from 2026-01-01 to 2026-01-20  current");
    }
}
