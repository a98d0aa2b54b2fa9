//! What holds on a day apart from the facts of a person: the rule set in force, and whether employment was on record.

use std::sync::Arc;

use super::day::{Day, Period};
use super::day_runs::{Runs, RunsBuilder};
use super::fact::QualificationBasis;
use super::requirements::Requirements;

/// A set of published rules, with the days on which it is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSet {
    /// Its id, never given to other content.
    pub id: String,
    /// What it is, for people.
    pub title: String,
    /// The first day on which it is in force.
    pub in_force_from: Day,
    /// How sure the in-force dates are.
    pub in_force_basis: InForceBasis,
    /// Where its rules are written.
    pub citations: Vec<String>,
    /// Days without employment that a credential outlives.
    pub grace_days: u32,
    /// Working days that a report may take.
    pub reporting_window_working_days: u32,
    /// Working days that are holidays, in order.
    pub holidays: Vec<Day>,
    /// Bases on which a provider is part of the state mental health system.
    pub qualifying_bases: Vec<QualificationBasis>,
    /// How many days before the end of a term answers give notice of it.
    pub term_notice_days: u32,
    /// Units a day that Medicaid covers for a person served.
    pub daily_unit_limit: u32,
    /// Units a year that Medicaid covers for a person served.
    pub yearly_unit_limit: u32,
    /// Which year that is.
    pub unit_year: UnitYear,
    /// The first last day of terms; the others follow by `cohort_years`.
    pub first_cohort_date: Day,
    /// Years between cohort dates.
    pub cohort_years: i16,
    /// Hours of continuing education for each whole year of a term.
    pub continuing_education_hours_per_year: f64,
    /// What an applicant must fulfil.
    pub requirements: Requirements,
}

/// How sure the in-force dates of a rule set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InForceBasis {
    /// The source states them.
    Stated,
    /// They follow from what the sources say.
    Inferred,
    /// Nobody knows.
    Unknown,
}

/// The year of a yearly limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitYear {
    /// The state's fiscal year, from 1 July.
    StateFiscal,
    /// The calendar year.
    Calendar,
}

impl UnitYear {
    /// The first and the last day of the year that a day is in.
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
    /// The day by which reports about `day` are in: the last of the working days that a report may take. None where the
    /// list of holidays does not reach.
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

/// The rule sets as known at one revision.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSets {
    /// The sets, in the order of adoption.
    adopted: Vec<Arc<RuleSet>>,
    /// The one in force on each day.
    in_force: Runs<Arc<RuleSet>>,
    /// The first day with employment on record.
    records_begin: Day,
    /// The ids of the sets, each once.
    ids: Box<[Arc<str>]>,
}

impl RuleSets {
    /// These sets, in the order of adoption. None without any: nothing is known before the first record.
    pub fn new(adopted: Vec<Arc<RuleSet>>, records_begin: Option<Day>) -> Option<RuleSets> {
        let mut by_day: Vec<Arc<RuleSet>> = adopted.clone();
        by_day.sort_by_key(|set| set.in_force_from);
        let earliest_day = by_day.first()?.in_force_from;
        let mut runs = RunsBuilder::default();
        let earliest = by_day.iter().rfind(|set| set.in_force_from == earliest_day)?;
        runs.push(Day::BEGINNING, Arc::clone(earliest));
        for (at, set) in by_day.iter().enumerate() {
            // Of several sets from one day the one adopted last counts, and the sort kept their order.
            let replaced_at_once = by_day.get(at + 1).is_some_and(|next| next.in_force_from == set.in_force_from);
            if !replaced_at_once {
                runs.push(set.in_force_from, Arc::clone(set));
            }
        }
        let records_begin = records_begin.unwrap_or(Day::BEGINNING);
        let ids = adopted.iter().map(|set| Arc::from(set.id.as_str())).collect();
        Some(RuleSets { adopted, in_force: runs.finish(), records_begin, ids })
    }

    /// The set in force on a day: the latest first in-force day not after it; before the first, the earliest.
    pub fn in_force_on(&self, day: Day) -> &Arc<RuleSet> {
        self.in_force.at(day)
    }

    /// Every set known, in the order of adoption.
    pub fn adopted(&self) -> &[Arc<RuleSet>] {
        &self.adopted
    }

    /// The id of a set in the memory that others have it in too.
    pub fn shared_id(&self, id: &str) -> Arc<str> {
        self.ids.iter().find(|shared| shared.as_ref() == id).map_or_else(|| Arc::from(id), Arc::clone)
    }

    /// The days on which another set comes into force.
    pub fn boundaries(&self) -> impl Iterator<Item = Day> {
        self.in_force.boundaries()
    }

    /// Whether employment is on record for a day.
    pub fn has_records_for(&self, day: Day) -> bool {
        day >= self.records_begin
    }

    /// The first day with employment on record, if it is not all of time.
    pub fn records_begin(&self) -> Option<Day> {
        (self.records_begin != Day::BEGINNING).then_some(self.records_begin)
    }

    /// The day by which reports about `day` are in, if the holidays are known so far.
    pub fn settles_on(&self, day: Day) -> Option<Day> {
        self.in_force_on(day).settles_on(day)
    }
}
