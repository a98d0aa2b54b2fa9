//! The days of jobs, as the facts on record leave them.

use crate::proto::google::r#type::Date;
use crate::proto::v1::{Fact, FactKind};

/// A job as it stands.
pub struct JobDays<'a> {
    /// The id of the job.
    pub employment_id: &'a str,
    /// The last day. `None`: the job is open.
    pub last_day: Option<Date>,
    /// The fact that the last day is from.
    pub last_day_by: &'a Fact,
}

/// The jobs in facts about a person. The facts are in the order in which they were recorded; the one with the id
/// `without` counts as retracted.
pub fn jobs<'a>(facts: &'a [Fact], without: &'a str) -> impl Iterator<Item = JobDays<'a>> {
    let in_force = move |fact: &&Fact| !fact.retracted && fact.fact_id != without;
    let starts = facts.iter().filter(in_force).filter(|fact| fact.kind() == FactKind::EmploymentStarted);
    starts.map(move |start| {
        let sets_last_day =
            |fact: &&Fact| is_of_last_day(fact) && fact.employment_id == start.employment_id && in_force(fact);
        let last_day_by = facts.iter().rfind(sets_last_day).unwrap_or(start);
        JobDays { employment_id: &start.employment_id, last_day: last_day_by.last_day, last_day_by }
    })
}

/// Whether a fact sets the last day of a job that began before.
pub fn is_of_last_day(fact: &Fact) -> bool {
    matches!(fact.kind(), FactKind::EmploymentEnded | FactKind::EmploymentCorrected)
}
