//! The registers: a person's expected name and jobs, according to the writes.
//!
//! Each person is an independent register with its own provider. Every operation touches one register, so a history is
//! linearizable if that of every register is. The revision in a response is checked in two ways: within a register it
//! must grow with the writes, and over all registers with time.

use std::collections::BTreeMap;

use super::checker::{Model, Operation, linearize};

/// The result of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Recorded as this fact in this record.
    Recorded {
        /// The fact.
        fact: String,
        /// The revision.
        revision: u64,
    },
    /// Refused, because its target was retracted before.
    Withdrawn,
    /// No response, and the request was abandoned.
    Unknown,
}

/// A request with its response.
#[derive(Clone, Debug)]
pub enum Action {
    /// The person's name changes.
    Rename(u64, Written),
    /// A job begins: its id.
    Start(String, Written),
    /// A job ends on a day in February.
    End(String, i32, Written),
    /// A fact is retracted: the start or an end of a job.
    Withdraw(String, Written),
    /// A dry run of the retraction of a fact: the revision of the head, or `None` if it was refused because the fact
    /// was retracted before.
    TryToWithdraw(String, Option<u64>),
    /// The credential: the name on it, whether it is current, and the revision.
    Credential(u64, bool, u64),
    /// The verdict: whether it is confirmed, and the revision.
    Verdict(bool, u64),
    /// The jobs with their last days, and the revision.
    Jobs(BTreeMap<String, Option<i32>>, u64),
}

impl Action {
    /// The revision in the response, and whether the action created it.
    pub fn revision(&self) -> Option<(u64, bool)> {
        match self {
            Action::Rename(_, written)
            | Action::Start(_, written)
            | Action::End(_, _, written)
            | Action::Withdraw(_, written) => match written {
                Written::Recorded { revision, .. } => Some((*revision, true)),
                Written::Withdrawn | Written::Unknown => None,
            },
            Action::TryToWithdraw(_, revision) => revision.map(|revision| (revision, false)),
            Action::Credential(_, _, revision) | Action::Verdict(_, revision) | Action::Jobs(_, revision) => {
                Some((*revision, false))
            }
        }
    }
}

/// A job, with the facts about it that are not retracted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Job {
    /// The fact that started it.
    start: String,
    /// Whether that fact is retracted.
    is_withdrawn: bool,
    /// The facts that ended it, with their days. The last one applies.
    ends: Vec<(String, i32)>,
}

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Register {
    name: u64,
    jobs: BTreeMap<String, Job>,
    /// The newest revision in a response.
    seen: u64,
}

impl Register {
    /// A person with this name and one job.
    pub fn new(name: u64, job: &str) -> Register {
        let first = Job { start: String::new(), is_withdrawn: false, ends: Vec::new() };
        Register { name, jobs: BTreeMap::from([(job.to_owned(), first)]), seen: 0 }
    }

    fn is_employed(&self) -> bool {
        self.jobs.values().any(|job| !job.is_withdrawn && job.ends.is_empty())
    }

    fn jobs(&self) -> BTreeMap<String, Option<i32>> {
        let jobs = self.jobs.iter().filter(|(_, job)| !job.is_withdrawn);
        jobs.map(|(id, job)| (id.clone(), job.ends.last().map(|(_, day)| *day))).collect()
    }

    /// Ends the job. False if its start is retracted.
    fn end(&mut self, job: &str, day: i32, fact: &str) -> bool {
        let found = self.jobs.get_mut(job).filter(|job| !job.is_withdrawn);
        found.map(|job| job.ends.push((fact.to_owned(), day))).is_some()
    }

    /// Retracts the fact. False if it was not in force.
    fn withdraw(&mut self, fact: &str) -> bool {
        for job in self.jobs.values_mut() {
            if job.start == fact && !job.is_withdrawn {
                job.is_withdrawn = true;
                return true;
            }
            if let Some(at) = job.ends.iter().position(|(end, _)| end == fact) {
                job.ends.remove(at);
                return true;
            }
        }
        false
    }

    /// Whether the effect of a write on this state matches its response.
    fn explains(written: &Written, has_effect: bool) -> bool {
        match written {
            Written::Recorded { .. } => has_effect,
            Written::Withdrawn => !has_effect,
            Written::Unknown => true,
        }
    }
}

impl Model for Register {
    type Action = Action;

    fn after(&self, action: &Action) -> Option<Register> {
        let mut next = self.clone();
        if let Some((revision, is_new)) = action.revision() {
            if revision < self.seen || (is_new && revision == self.seen) {
                return None;
            }
            next.seen = revision;
        }
        let fits = match action {
            Action::Rename(name, written) => {
                next.name = *name;
                Register::explains(written, true)
            }
            Action::Start(id, written) => {
                let Written::Recorded { fact, .. } = written else { return None };
                next.jobs
                    .insert(id.clone(), Job { start: fact.clone(), is_withdrawn: false, ends: Vec::new() })
                    .is_none()
            }
            Action::End(job, day, written) => {
                let fact = if let Written::Recorded { fact, .. } = written { fact } else { "" };
                Register::explains(written, next.end(job, *day, fact))
            }
            Action::Withdraw(fact, written) => Register::explains(written, next.withdraw(fact)),
            Action::TryToWithdraw(fact, valid) => self.clone().withdraw(fact) == valid.is_some(),
            Action::Credential(name, is_current, _) => *name == self.name && *is_current == self.is_employed(),
            Action::Verdict(is_confirmed, _) => *is_confirmed == self.is_employed(),
            Action::Jobs(jobs, _) => *jobs == self.jobs(),
        };
        fits.then_some(next)
    }
}

/// Checks that the revisions of all responses grow with time, over all registers. Returns the first that does not.
pub fn refute_revisions<'a>(history: impl Iterator<Item = &'a Operation<Action>>) -> Result<(), String> {
    let mut history: Vec<_> = history.filter_map(|it| Some((it, it.action.revision()?, it.returned?))).collect();
    let mut written: Vec<_> = history.iter().filter(|(_, (_, is_new), _)| *is_new).map(|(_, (at, _), _)| *at).collect();
    written.sort_unstable();
    if let Some(twice) = written.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("revision {} answers two requests", twice[0]));
    }
    let mut by_return: Vec<_> = history.iter().map(|(_, (revision, _), returned)| (*returned, *revision)).collect();
    by_return.sort_unstable();
    history.sort_by_key(|(operation, ..)| operation.invoked);
    let (mut newest, mut answered) = (0, by_return.into_iter().peekable());
    for (operation, (revision, is_new), _) in history {
        while let Some((_, before)) = answered.next_if(|(returned, _)| *returned < operation.invoked) {
            newest = newest.max(before);
        }
        if revision < newest || (is_new && revision == newest) {
            return Err(format!("revision {newest} was answered before this was asked: {operation:?}"));
        }
    }
    Ok(())
}

/// Checks that the responses are possible for a registry that processes one request at a time and never fails.
pub fn check_histories(registers: Vec<Register>, histories: Vec<Vec<Operation<Action>>>) {
    if let Err(refuted) = refute_revisions(histories.iter().flatten()) {
        panic!("not linearizable: {refuted}");
    }
    for (register, history) in registers.into_iter().zip(histories) {
        if let Err(refuted) = linearize(register, history) {
            panic!("not linearizable: {refuted}");
        }
    }
}
