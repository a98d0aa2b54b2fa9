//! A provider's staff list beside the registry's: what either has that the other lacks.

use std::collections::HashMap;

use tonic::Status;

use super::decode::{RosterJob, RosterSubject};
use super::encode::EpochTags;
use super::{encode, status};
use crate::domain::specialist::{Job, Specialist};
use crate::proto::v1;

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

    /// What either side has that the other lacks. Rows that agree on the first day are matched before those that do not.
    pub(super) fn compared(self, tags: EpochTags<'_>, answer: v1::Answer) -> v1::ReconcileRosterResponse {
        let jobs_of = self.jobs_by_subject();
        let mut matched: Vec<Option<usize>> = vec![None; self.rows.len()];
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
        let employment = |job: usize| self.jobs.get(job).map(|(person, job)| encode::employment(person, job, tags));
        let mut response = v1::ReconcileRosterResponse {
            missing_from_list: (0..self.jobs.len()).filter(|job| !taken[*job]).filter_map(employment).collect(),
            row_count: self.rows.len() as u64,
            matched_count: matched.iter().flatten().count() as u64,
            answer: Some(answer),
            ..v1::ReconcileRosterResponse::default()
        };
        for ((row, job), found) in self.rows.iter().zip(&matched) {
            match found {
                None => response.missing_from_registry.push(row.clone()),
                Some(found) => {
                    let differs = job.first_day.is_some_and(|day| self.jobs[*found].1.days.start != day);
                    if differs {
                        let difference =
                            v1::RosterDifference { row: Some(row.clone()), employment: employment(*found) };
                        response.differing.push(difference);
                    }
                }
            }
        }
        response
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
