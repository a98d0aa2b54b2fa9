//! The registers: what a person's name and jobs have to be, by what was written of them.
//!
//! Each person is a register of its own, with a provider of its own: every operation touches one of them, and a history
//! is linearizable when that of every register is. The revision that an answer names is checked in two ways: within a
//! register it must grow with the writes, and over all registers with time.

use std::collections::BTreeMap;

use super::checker::{Model, Operation};

/// What became of a request to record something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is this fact of this record.
    Recorded {
        /// The fact.
        fact: String,
        /// The record.
        revision: u64,
    },
    /// What it is about was withdrawn before.
    Withdrawn,
    /// Nobody answered, and nobody asked again.
    Unknown,
}

/// What was asked, with what was answered.
#[derive(Clone, Debug)]
pub enum Action {
    /// The person has another name.
    Rename(u64, Written),
    /// A job begins: its id.
    Start(String, Written),
    /// A job ends on a day of February.
    End(String, i32, Written),
    /// A fact is withdrawn: the start or an end of a job.
    Withdraw(String, Written),
    /// The credential: the name on it, whether it is current, and the revision.
    Credential(u64, bool, u64),
    /// The verdict: whether it is confirmed, and the revision.
    Verdict(bool, u64),
    /// The jobs, with the day on which each ended, and the revision.
    Jobs(BTreeMap<String, Option<i32>>, u64),
}

impl Action {
    /// The revision that the answer names, and whether the action made it.
    pub fn revision(&self) -> Option<(u64, bool)> {
        match self {
            Action::Rename(_, written)
            | Action::Start(_, written)
            | Action::End(_, _, written)
            | Action::Withdraw(_, written) => match written {
                Written::Recorded { revision, .. } => Some((*revision, true)),
                Written::Withdrawn | Written::Unknown => None,
            },
            Action::Credential(_, _, revision) | Action::Verdict(_, revision) | Action::Jobs(_, revision) => {
                Some((*revision, false))
            }
        }
    }
}

/// A job, by the facts about it that were not withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Job {
    /// The fact that began it.
    start: String,
    /// Whether that fact was withdrawn.
    is_withdrawn: bool,
    /// The facts that ended it, with their days: the last one counts.
    ends: Vec<(String, i32)>,
}

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Register {
    name: u64,
    jobs: BTreeMap<String, Job>,
    /// The newest revision that an answer named.
    seen: u64,
}

impl Register {
    /// A person of this name with one job.
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

    /// Whether the job can be ended, if it can be at all: the fact that began it may be withdrawn.
    fn end(&mut self, job: &str, day: i32, fact: &str) -> bool {
        let found = self.jobs.get_mut(job).filter(|job| !job.is_withdrawn);
        found.map(|job| job.ends.push((fact.to_owned(), day))).is_some()
    }

    /// Whether the fact was in force, and is not any more.
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

    /// Whether the effect that a write had on this state is the one that was answered.
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
            Action::Credential(name, is_current, _) => *name == self.name && *is_current == self.is_employed(),
            Action::Verdict(is_confirmed, _) => *is_confirmed == self.is_employed(),
            Action::Jobs(jobs, _) => *jobs == self.jobs(),
        };
        fits.then_some(next)
    }
}

/// Whether the revisions of all answers, whichever register they are of, grow as time goes by: the first that does not.
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
