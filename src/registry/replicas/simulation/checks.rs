//! What must hold after every step.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::client::{Question, Seen};
use super::world::World;
use crate::domain::id::Revision;

/// What must not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// An acknowledged report is not in the log, or another one is in its place.
    AcknowledgedLost(String),
    /// Two replicas, or a replica and the log, have different histories.
    Histories(String),
    /// An answer by time changed.
    AnswerByTime(String),
    /// A report is in the log although its client learned that it is not.
    Denied(String),
    /// A report was refused although what it needs was acknowledged before.
    FalseRefusal(String),
    /// A state that was acknowledged before was called beyond the head.
    BeyondHead(String),
    /// The database was said to have lost records, and was not restored.
    FalseAlarm(String),
    /// A request is recorded twice, or the times do not increase.
    Order(String),
    /// Something does not go on, or not everyone answers alike.
    Stuck(String),
    /// A replica ended.
    Failed(String),
}

/// What clients learned.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// The acknowledged requests.
    acknowledged: BTreeMap<Uuid, Revision>,
    /// The requests that are not recorded, as clients learned. Nobody repeats them.
    denied: BTreeSet<Uuid>,
    /// The greatest revision that a client saw.
    reached: Revision,
    /// The answers by time.
    answered: BTreeMap<Timestamp, Revision>,
}

impl Knowledge {
    pub fn has(&self, question: Question) -> bool {
        question.request_id().is_some_and(|id| self.acknowledged.contains_key(&id))
    }

    /// Judges what a client learned that had this knowledge before it asked.
    pub fn judge(&self, question: Question, seen: Seen, is_restored: bool) -> Result<(), Violation> {
        let about = || format!("{question:?}: {seen:?}");
        match (question, seen) {
            (Question::Hire(provider, _), Seen::Missing) if self.has(Question::Register(provider)) => {
                Err(Violation::FalseRefusal(about()))
            }
            (Question::Head, Seen::Revision(head)) if head < self.reached => Err(Violation::BeyondHead(about())),
            (_, Seen::Lost) if !is_restored => Err(Violation::FalseAlarm(about())),
            _ => Ok(()),
        }
    }

    /// Takes in what a client learned.
    pub fn learn(&mut self, question: Question, seen: Seen) {
        if let (
            Question::Hire(..) | Question::Meet(_),
            Seen::Missing | Seen::Refused | Seen::Unavailable | Seen::Lost,
        ) = (question, seen)
        {
            self.denied.extend(question.request_id());
        }
        match (question, seen) {
            (_, Seen::Recorded(revision)) => {
                self.reached = self.reached.max(revision);
                if let Some(id) = question.request_id() {
                    self.acknowledged.insert(id, revision);
                }
            }
            (Question::At(instant), Seen::Revision(revision)) => {
                self.reached = self.reached.max(revision);
                self.answered.insert(instant, revision);
            }
            (_, Seen::Revision(revision)) => self.reached = self.reached.max(revision),
            _ => {}
        }
    }

    /// Forgets what an operator gave up: what the log has no more, and what was known after a fork.
    pub fn give_up(&mut self, after: Revision, world: &World) {
        let frames = world.nodes[world.leader].frames();
        let kept: BTreeSet<_> =
            frames.flat_map(|frame| &frame.records).map(|(at, request, _)| (*at, *request)).collect();
        self.acknowledged.retain(|request, at| kept.contains(&(*at, Some(*request))));
        self.answered.retain(|_, revision| *revision <= after);
        self.reached = self.reached.min(after);
    }

    /// Checks the log and the copies of the replicas.
    pub fn check(&self, world: &World, copies: &[&[Vec<u8>]]) -> Result<(), Violation> {
        let leader: Vec<_> = world.nodes[world.leader].frames().collect();
        let records: Vec<_> = leader.iter().flat_map(|frame| &frame.records).collect();
        if !records.is_sorted_by(|(_, _, before), (_, _, after)| before < after) {
            return Err(Violation::Order("the times do not increase".to_owned()));
        }
        let mut requests = BTreeMap::new();
        for (revision, request, _) in &records {
            if let Some(request) = request
                && let Some(first) = requests.insert(*request, *revision)
            {
                return Err(Violation::Order(format!("{request} is recorded at {first} and at {revision}")));
            }
        }
        if let Some(denied) = self.denied.iter().find(|request| requests.contains_key(request)) {
            return Err(Violation::Denied(denied.to_string()));
        }
        for (request, revision) in &self.acknowledged {
            let there = records.iter().find(|(at, ..)| at == revision);
            let is_it = there.is_some_and(|(_, found, _)| found.as_ref() == Some(request));
            if !is_it && (there.is_some() || !world.is_restored) {
                return Err(Violation::AcknowledgedLost(format!("{request} at {revision}: {there:?}")));
            }
        }
        for (instant, answered) in &self.answered {
            let later = records.iter().find(|(revision, _, at)| revision > answered && at <= instant);
            if let Some((revision, ..)) = later {
                return Err(Violation::AnswerByTime(format!("{instant} was {answered}, and is now {revision}")));
            }
        }
        // Of a replica that has not folded a new epoch yet, only what is before the fork is compared.
        let fork = world.forked.iter().min();
        let compared =
            fork.map_or(usize::MAX, |fork| leader.iter().filter(|frame| frame.tip.revision <= *fork).count());
        let is_prefix = |ours: &[Vec<u8>], theirs: &[Vec<u8>]| {
            ours.iter().zip(theirs).take(compared).all(|(one, other)| one == other)
        };
        for (at, copy) in copies.iter().enumerate() {
            let is_in_log = copy.iter().zip(&leader).take(compared).all(|(ours, frame)| *ours == frame.bytes);
            if !is_in_log || (copy.len() > leader.len() && !world.is_restored) {
                return Err(Violation::Histories(format!("replica {at} and the log")));
            }
            if let Some(other) = copies.iter().position(|other| !is_prefix(copy, other)) {
                return Err(Violation::Histories(format!("replicas {at} and {other}")));
            }
        }
        Ok(())
    }
}
