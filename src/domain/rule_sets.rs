//! What applies on a day regardless of any person: the rule set in force, and whether employment records are complete.

use std::sync::Arc;

use super::day::{Day, Period};
use super::day_runs::{Runs, RunsBuilder};
use super::fact::QualificationBasis;
use super::requirements::Requirements;

/// A set of published rules, with the days on which it is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSet {
    /// The id. It is never reused for other content.
    pub id: String,
    /// A human-readable title.
    pub title: String,
    /// The first day in force.
    pub in_force_from: Day,
    /// How certain the days in force are.
    pub in_force_basis: InForceBasis,
    /// The sources of the rules.
    pub citations: Vec<String>,
    /// The number of days that a person may be without employment before the credential is revoked.
    pub grace_days: u32,
    /// The length of the reporting window in working days.
    pub reporting_window_working_days: u32,
    /// The holidays, in order. They are not working days.
    pub holidays: Vec<Day>,
    /// The bases on which a provider qualifies.
    pub qualifying_bases: Vec<QualificationBasis>,
    /// The number of days before the end of a term in which answers give notice of it.
    pub term_notice_days: u32,
    /// Units per day that Medicaid covers for a person served.
    pub daily_unit_limit: u32,
    /// Units per year that Medicaid covers for a person served.
    pub yearly_unit_limit: u32,
    /// The year that the yearly limit applies to.
    pub unit_year: UnitYear,
    /// The first cohort date. Terms end on cohort dates; the others follow every `cohort_years`.
    pub first_cohort_date: Day,
    /// Years between cohort dates.
    pub cohort_years: i16,
    /// Hours of continuing education required for each whole year of a term.
    pub continuing_education_hours_per_year: f64,
    /// What the rule set requires of an applicant.
    pub requirements: Requirements,
}

/// How certain the days in force of a rule set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InForceBasis {
    /// The source states them.
    Stated,
    /// They are inferred from the sources.
    Inferred,
    /// The sources do not say.
    Unknown,
}

/// The year that a yearly limit applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitYear {
    /// The state's fiscal year, from July 1.
    StateFiscal,
    /// The calendar year.
    Calendar,
}

impl UnitYear {
    /// The first and the last day of the year that includes a day.
    pub fn around(self, day: Day) -> Period {
        let (year, month, _) = day.ymd();
        let (year, month) = match self {
            UnitYear::StateFiscal if month >= 7 => (year, 7),
            UnitYear::StateFiscal => (year - 1, 7),
            UnitYear::Calendar => (year, 1),
        };
        let first = |year| Day::of_calendar(year, month, 1);
        Period { start: first(year), end: first(year + 1) }
    }
}

impl RuleSet {
    /// The last day of the reporting window of `day`. `None` if the list of holidays does not reach that far.
    pub fn settles_on(&self, day: Day) -> Option<Day> {
        let known_through = self.holidays.last()?;
        let first = self.holidays.partition_point(|holiday| *holiday <= day);
        let mut holidays = self.holidays.iter().skip(first).copied().peekable();
        let mut settles = day.plus_working_days(self.reporting_window_working_days);
        while let Some(holiday) = holidays.next_if(|holiday| *holiday <= settles) {
            if !holiday.is_weekend() {
                settles = settles.plus_working_days(1);
            }
        }
        (settles <= *known_through || settles.to_civil().year() <= known_through.to_civil().year()).then_some(settles)
    }

    /// The first cohort date on or after a day.
    pub fn cohort_date_on_or_after(&self, day: Day) -> Day {
        let mut date = self.first_cohort_date;
        while date < day {
            date = date.plus_years(self.cohort_years);
        }
        date
    }
}

/// The rule sets as known at a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSets {
    /// The rule sets, in the order of adoption.
    adopted: Vec<Arc<RuleSet>>,
    /// The rule set in force on each day.
    in_force: Runs<Arc<RuleSet>>,
    /// The first day with complete employment records.
    records_begin: Day,
    /// The ids of the rule sets, each once.
    ids: Box<[Arc<str>]>,
}

impl RuleSets {
    /// Builds the rule sets from `adopted`, in the order of adoption. `None` if there are none, as before the first
    /// record.
    pub fn new(adopted: Vec<Arc<RuleSet>>, records_begin: Option<Day>) -> Option<RuleSets> {
        let mut by_day: Vec<Arc<RuleSet>> = adopted.clone();
        by_day.sort_by_key(|set| set.in_force_from);
        let earliest_day = by_day.first()?.in_force_from;
        let mut runs = RunsBuilder::default();
        let earliest = by_day.iter().rfind(|set| set.in_force_from == earliest_day)?;
        runs.push(Day::BEGINNING, Arc::clone(earliest));
        for (at, set) in by_day.iter().enumerate() {
            // If several sets are in force from the same day, the one adopted last applies. The sort is stable.
            let replaced = by_day.get(at + 1).is_some_and(|next| next.in_force_from == set.in_force_from);
            if !replaced {
                runs.push(set.in_force_from, Arc::clone(set));
            }
        }
        let records_begin = records_begin.unwrap_or(Day::BEGINNING);
        let ids = adopted.iter().map(|set| Arc::from(set.id.as_str())).collect();
        Some(RuleSets { adopted, in_force: runs.finish(), records_begin, ids })
    }

    /// The set in force on a day: the one with the latest first day not after it. Before all of them: the earliest.
    pub fn in_force_on(&self, day: Day) -> &Arc<RuleSet> {
        self.in_force.at(day)
    }

    /// All known sets, in the order of adoption.
    pub fn adopted(&self) -> &[Arc<RuleSet>] {
        &self.adopted
    }

    /// The shared allocation of a set's id.
    pub fn shared_id(&self, id: &str) -> Arc<str> {
        self.ids.iter().find(|shared| shared.as_ref() == id).map_or_else(|| Arc::from(id), Arc::clone)
    }

    /// The days on which another set comes into force.
    pub fn boundaries(&self) -> impl Iterator<Item = Day> {
        self.in_force.boundaries()
    }

    /// Whether employment records are complete for a day.
    pub fn has_records_for(&self, day: Day) -> bool {
        day >= self.records_begin
    }

    /// The first day with complete employment records. `None` if they are complete from the beginning.
    pub fn records_begin(&self) -> Option<Day> {
        (self.records_begin != Day::BEGINNING).then_some(self.records_begin)
    }

    /// The last day of the reporting window of `day`. `None` if the list of holidays does not reach that far.
    pub fn settles_on(&self, day: Day) -> Option<Day> {
        self.in_force_on(day).settles_on(day)
    }
}
