//! Compares a provider's staff list with the registry: reports what either has that the other lacks.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use prost::Message as _;
use tonic::Status;

use super::decode::{RosterJob, RosterSubject};
use super::encode::EpochTags;
use super::list_budget::ListShare;
use super::{drop_in_background, encode, status};
use crate::domain::id::Revision;
use crate::domain::name::PersonName;
use crate::domain::specialist::{Job, Specialist};
use crate::proto::v1;
use crate::proto::v1::reconcile_roster_response::Kind;
use crate::proto::v1::roster_difference::Kind as Found;

/// A difference, by the indexes of its job and row.
#[derive(Clone, Copy)]
enum Difference {
    MissingFromList(usize),
    MissingFromRegistry(usize),
    Differing { row: usize, job: usize },
}

/// The maximum number of rows in a list.
const LONGEST_LIST: usize = 100_000;

/// The maximum size of a list, as it is sent.
const LARGEST_LIST_BYTES: usize = 16 * 1024 * 1024;

/// The approximate memory that a job and its person take.
const JOB_BYTES: usize = 1024;

/// The memory that a row takes, apart from its texts.
const ROW_BYTES: usize = size_of::<(v1::RosterRow, RosterJob)>();

/// The registry's jobs, and the list's rows as they arrive. Each job and each row is matched at most once.
pub(super) struct Roster {
    jobs: Vec<(Arc<Specialist>, Job)>,
    rows: Vec<(v1::RosterRow, RosterJob)>,
    /// The size of the rows as they were sent.
    sent_bytes: usize,
    share: ListShare,
}

impl Roster {
    /// Starts a comparison with the registry's jobs, within a share of the memory budget.
    pub(super) fn of(jobs: Vec<(Arc<Specialist>, Job)>, mut share: ListShare) -> Result<Roster, Status> {
        if !share.take(jobs.len() * JOB_BYTES) {
            return Err(too_many_lists());
        }
        Ok(Roster { jobs, rows: Vec::new(), sent_bytes: 0, share })
    }

    /// Adds a row of the list.
    pub(super) fn take(&mut self, row: v1::RosterRow, job: &RosterJob) -> Result<(), Status> {
        if self.rows.len() >= LONGEST_LIST {
            return Err(status::too_large(format!("a list may have at most {LONGEST_LIST} rows: compare it in parts")));
        }
        let bytes = row.encoded_len();
        self.sent_bytes += bytes;
        if self.sent_bytes > LARGEST_LIST_BYTES {
            let most = LARGEST_LIST_BYTES / (1024 * 1024);
            return Err(status::too_large(format!("a list may have at most {most} MiB: compare it in parts")));
        }
        if !self.share.take(ROW_BYTES + bytes) {
            return Err(too_many_lists());
        }
        self.rows.push((row, job.clone()));
        Ok(())
    }

    /// Returns the differences, and then the summary.
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

    /// Returns the job that each row matches. Rows with an equal first day are matched first.
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

    /// Returns the jobs that no row matches, then the rows that match no job or differ in the first day.
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

/// Above this number of jobs and rows, the memory is freed in the background.
const FREE_IN_BACKGROUND: usize = 1000;

impl Drop for Roster {
    fn drop(&mut self) {
        let (jobs, rows) = (std::mem::take(&mut self.jobs), std::mem::take(&mut self.rows));
        if jobs.len() + rows.len() > FREE_IN_BACKGROUND {
            drop_in_background((jobs, rows, self.share.hand_over()));
        }
    }
}

impl Roster {
    /// Indexes the jobs by every way in which a row can name them.
    fn jobs_by_subject(&self) -> HashMap<RosterSubject, Vec<usize>> {
        let mut jobs_of: HashMap<RosterSubject, Vec<usize>> = HashMap::new();
        for (at, (person, job)) in self.jobs.iter().enumerate() {
            let numbers = person.credentials.iter().map(|it| RosterSubject::Credential(Some(it.number)));
            let prior_numbers: BTreeSet<_> = person.credentials.iter().flat_map(|it| &it.prior_numbers).collect();
            let prior_numbers = prior_numbers.into_iter().map(|it| RosterSubject::PriorNumber(Some(it.clone())));
            let ids = [RosterSubject::Specialist(Some(person.id)), RosterSubject::Employment(Some(job.employment))];
            for subject in numbers.chain(prior_numbers).chain(ids) {
                jobs_of.entry(subject).or_default().push(at);
            }
        }
        jobs_of
    }
}

fn too_many_lists() -> Status {
    status::too_many("too many staff lists are being compared: try again later")
}

impl RosterJob {
    /// True if the row's family name, if it has one, is a present or former name of the person.
    fn names(&self, person: &Specialist) -> bool {
        let named = |family: &String| person.names.iter().any(|name| name.folded().family == *family);
        self.family_name.as_ref().is_none_or(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::day::{Day, Period};
    use crate::domain::id::{EmploymentId, FactId, SpecialistId};
    use crate::surface::list_budget::ListBudget;
    use tonic_types::StatusExt as _;

    fn row(position: &str) -> (v1::RosterRow, RosterJob) {
        let row = v1::RosterRow { position: position.to_owned(), ..v1::RosterRow::default() };
        (row, RosterJob { subject: RosterSubject::Credential(None), family_name: None, first_day: None })
    }

    fn job() -> (Arc<Specialist>, Job) {
        let specialist = Specialist::known_at(SpecialistId::from_number(1), &[], Revision::LATEST);
        let days = Period::from_inclusive(Day::from_number(20_000), None);
        let job = Job {
            employment: EmploymentId::from_number(1),
            fact: FactId { revision: Revision(1), index: 0 },
            provider: "p".parse().unwrap(),
            position: "".into(),
            supervised: false,
            days,
            first_reported: days.start,
        };
        (Arc::new(specialist), job)
    }

    /// Adds rows until one is refused. Returns the number of rows added, and the reason.
    fn fill(roster: &mut Roster, position: &str) -> (usize, String) {
        let (row, job) = row(position);
        loop {
            if let Err(refused) = roster.take(row.clone(), &job) {
                let reason = refused.get_error_details().error_info().unwrap().reason.clone();
                return (roster.rows.len(), reason);
            }
        }
    }

    #[test]
    fn a_list_is_limited_in_rows_and_bytes_and_all_lists_in_memory() {
        let budget = ListBudget::default();
        let list = || Roster::of(Vec::new(), budget.share()).unwrap();
        let too_large = "TOO_LARGE".to_owned();
        assert_eq!(fill(&mut list(), ""), (LONGEST_LIST, too_large.clone()));
        let text = "x".repeat(253);
        assert_eq!(fill(&mut list(), &text), (LARGEST_LIST_BYTES / 256, too_large.clone()));
        let mut lists = [list(), list(), list(), list()];
        let reasons = lists.each_mut().map(|list| fill(list, &"x".repeat(160)).1);
        assert_eq!(reasons, ["TOO_LARGE", "TOO_LARGE", "TOO_LARGE", "TOO_MANY"]);
        drop(lists);
        assert_eq!(fill(&mut list(), "").0, LONGEST_LIST, "there is room again");
        let jobs = |count| Roster::of(vec![job(); count], budget.share());
        let largest = jobs(128 * 1024).unwrap();
        assert_eq!(jobs(1).err().unwrap().code(), tonic::Code::ResourceExhausted, "the registry's side counts too");
        drop(largest);
        jobs(1).unwrap();
    }
}
