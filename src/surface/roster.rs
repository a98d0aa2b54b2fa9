//! A provider's staff list beside the registry's: what either has that the other lacks.

use std::collections::HashMap;

use tonic::Status;

use super::decode::{RosterJob, RosterSubject};
use super::encode::EpochTags;
use super::{encode, status};
use crate::domain::id::Revision;
use crate::domain::name::PersonName;
use crate::domain::specialist::{Job, Specialist};
use crate::proto::v1;
use crate::proto::v1::reconcile_roster_response::Kind;
use crate::proto::v1::roster_difference::Kind as Found;

/// A job or a row, by its place, that the other side lacks.
#[derive(Clone, Copy)]
enum Difference {
    MissingFromList(usize),
    MissingFromRegistry(usize),
    Differing { row: usize, job: usize },
}

/// How many rows a list may have.
const LONGEST_LIST: usize = 100_000;

/// The registry's jobs, and the list's rows as they come. Each job and each row is matched at most once.
pub(super) struct Roster {
    jobs: Vec<(Specialist, Job)>,
    rows: Vec<(v1::RosterRow, RosterJob)>,
}

impl Roster {
    /// The registry's side.
    pub(super) fn of(jobs: Vec<(Specialist, Job)>) -> Roster {
        Roster { jobs, rows: Vec::new() }
    }

    /// Takes a row of the list.
    pub(super) fn take(&mut self, row: v1::RosterRow, job: &RosterJob) -> Result<(), Status> {
        if self.rows.len() >= LONGEST_LIST {
            return Err(status::too_large(format!("a list has at most {LONGEST_LIST} rows")));
        }
        self.rows.push((row, job.clone()));
        Ok(())
    }

    /// The differences, one by one, and then the summary.
    pub(super) fn compared(
        self,
        tags: impl Fn(Revision) -> Option<u32>,
        answer: v1::Answer,
    ) -> impl Iterator<Item = v1::ReconcileRosterResponse> {
        let matched = self.matched();
        let differences = self.differences(&matched);
        let summary = v1::RosterSummary {
            row_count: self.rows.len() as u64,
            matched_count: matched.iter().flatten().count() as u64,
            difference_count: differences.len() as u64,
            answer: Some(answer),
        };
        let difference = move |found| Kind::Difference(self.difference(found, &tags));
        let messages = differences.into_iter().map(difference).chain([Kind::Summary(summary)]);
        messages.map(|kind| v1::ReconcileRosterResponse { kind: Some(kind) })
    }

    /// The job that each row matches. Rows that agree on the first day are matched before those that do not.
    fn matched(&self) -> Vec<Option<usize>> {
        let jobs_of = self.jobs_by_subject();
        let mut matched = vec![None; self.rows.len()];
        let mut taken = vec![false; self.jobs.len()];
        for exact in [true, false] {
            for ((_, row), matched) in self.rows.iter().zip(&mut matched).filter(|(_, matched)| matched.is_none()) {
                let fits = |job: &&usize| {
                    let (person, found) = &self.jobs[**job];
                    !taken[**job] && row.names(person) && (!exact || row.first_day == Some(found.days.start))
                };
                if let Some(job) = jobs_of.get(&row.subject).and_then(|jobs| jobs.iter().find(fits)).copied() {
                    *matched = Some(job);
                    taken[job] = true;
                }
            }
        }
        matched
    }

    /// The jobs that no row matches, and then the rows that match none, or one with another first day.
    fn differences(&self, matched: &[Option<usize>]) -> Vec<Difference> {
        let mut listed = vec![false; self.jobs.len()];
        matched.iter().flatten().for_each(|job| listed[*job] = true);
        let jobs = (0..self.jobs.len()).filter(|job| !listed[*job]).map(Difference::MissingFromList);
        let rows = matched.iter().enumerate().filter_map(|(row, matched)| match matched {
            None => Some(Difference::MissingFromRegistry(row)),
            Some(job) => {
                let differs = self.rows[row].1.first_day.is_some_and(|day| self.jobs[*job].1.days.start != day);
                differs.then_some(Difference::Differing { row, job: *job })
            }
        });
        jobs.chain(rows).collect()
    }

    fn difference(&self, difference: Difference, tags: EpochTags<'_>) -> v1::RosterDifference {
        let employment = |job: usize| encode::employment(&self.jobs[job].0, &self.jobs[job].1, tags);
        let name = |job: usize| self.jobs[job].0.names.last().map(PersonName::spoken).unwrap_or_default();
        let row = |row: usize| self.rows[row].0.clone();
        let (kind, display_name) = match difference {
            Difference::MissingFromList(job) => (Found::MissingFromList(employment(job)), name(job)),
            Difference::MissingFromRegistry(at) => (Found::MissingFromRegistry(row(at)), String::new()),
            Difference::Differing { row: at, job } => {
                let mismatch = v1::RosterMismatch { row: Some(row(at)), employment: Some(employment(job)) };
                (Found::Differing(mismatch), name(job))
            }
        };
        v1::RosterDifference { kind: Some(kind), display_name }
    }
}

impl Roster {
    /// The jobs that a row may mean, by each way of naming them.
    fn jobs_by_subject(&self) -> HashMap<RosterSubject, Vec<usize>> {
        let mut jobs_of: HashMap<RosterSubject, Vec<usize>> = HashMap::new();
        for (at, (person, job)) in self.jobs.iter().enumerate() {
            let credentials = person.credentials.iter().map(|credential| Some(credential.number));
            let subjects = credentials.map(RosterSubject::Credential);
            for subject in subjects
                .chain([RosterSubject::Specialist(Some(person.id)), RosterSubject::Employment(Some(job.employment))])
            {
                jobs_of.entry(subject).or_default().push(at);
            }
        }
        jobs_of
    }
}

impl RosterJob {
    /// Whether the row's family name, if it has one, is or was the person's.
    fn names(&self, person: &Specialist) -> bool {
        let named = |family: &String| person.names.iter().any(|name| name.folded().family == *family);
        self.family_name.as_ref().is_none_or(named)
    }
}
