//! What is recorded before the first question: the first records of a new registry, or the preface and the due days.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::errors::{OpenError, SubmitError};
use super::following::TRIES;
use super::message::{Message, Reply};
use super::not_committed::NotCommitted;
use super::preface::Preface;
use super::staging::Draft;
use super::writer::Writer;
use crate::domain::fact::{Fact, RegistryFact};
use crate::domain::id::Revision;

/// Records the first records of a new registry. If another process begins one in the same log, nothing is recorded.
pub(super) fn begin(writer: &mut Writer, epoch: Uuid) -> Result<(), OpenError> {
    let Preface { semantics_version, rule_sets } = &writer.preface;
    let began = RegistryFact::EpochBegan { epoch, forked_after: Revision::ZERO, why: "the registry began".to_owned() };
    let mut facts = vec![Fact::Registry(began)];
    facts.extend(Preface::adoptions(rule_sets.iter().cloned()).map(Fact::Registry));
    facts.push(Fact::Registry(RegistryFact::DayOpened { date: writer.shared.clock.civil_day() }));
    if *semantics_version > 1 {
        facts.push(Fact::Registry(RegistryFact::SemanticsAdopted { version: *semantics_version }));
    }
    until_committed(writer, |writer| {
        let shared = Arc::clone(&writer.shared);
        let mut batch = writer.new_batch(&shared)?;
        batch.add(Draft::own(facts.clone()))?;
        writer.commit(batch).map(drop)
    })
}

/// Decides something and commits it, again if the clock was adjusted or another process was faster.
pub(super) fn until_committed(
    writer: &mut Writer,
    mut attempt: impl FnMut(&mut Writer) -> Result<(), NotCommitted>,
) -> Result<(), OpenError> {
    for _ in 0..TRIES {
        match attempt(writer) {
            Ok(()) => return Ok(()),
            Err(NotCommitted::HeadMoved) => {}
            Err(NotCommitted::Undecided(error)) => return Err(error.into()),
            Err(NotCommitted::Failed(failure)) => return Err(failure.into()),
            Err(refused) => return Err(OpenError::Begin(refused.into())),
        }
    }
    Err(OpenError::Begin(SubmitError::Busy))
}

/// Records the preface and the due days. If the disk refuses, the registry still opens.
pub(super) fn catch_up(writer: &mut Writer) -> Result<(), OpenError> {
    let head = writer.shared.head.load_full();
    writer.shared.is_prefaced.store(writer.preface.is_on_record(&head), Ordering::Release);
    // Keep a civil day that was moved forward before the restart.
    writer.shared.clock.move_to(head.today);
    let through = match writer.shared.due_through(&head) {
        Ok(None) => return Ok(()),
        Ok(Some(due)) => due,
        Err(held) => {
            tracing::error!(event = "writes_held", error = &held as &dyn std::error::Error, "writes are held");
            head.today
        }
    };
    let (reply, opened) = Reply::channel(None);
    handle(writer, Message::OpenDays(through, reply))?;
    match answered(opened) {
        Err(OpenError::Begin(refusal @ (SubmitError::Log(_) | SubmitError::OutcomeUnknown | SubmitError::Busy)))
            if writer.store.is_shared() =>
        {
            let error = &refusal as &dyn std::error::Error;
            tracing::error!(
                event = "civil_day_waits_for_log",
                error,
                "cannot open the new civil day, and writes are refused, until the shared log takes them"
            );
            Ok(())
        }
        Err(OpenError::Begin(refusal @ (SubmitError::StoreFull | SubmitError::NotWritten))) => {
            let error = &refusal as &dyn std::error::Error;
            tracing::error!(
                event = "civil_day_waits_for_disk",
                error,
                "cannot open the new civil day, and writes are refused, until the disk has room"
            );
            Ok(())
        }
        outcome => outcome,
    }
}

fn handle(writer: &mut Writer, message: Message) -> Result<(), OpenError> {
    Ok(writer.process(vec![message]).map(drop)?)
}

/// Returns the outcome of a message that the writer has just processed.
fn answered<T>(mut answer: oneshot::Receiver<Result<T, SubmitError>>) -> Result<(), OpenError> {
    answer.try_recv().unwrap_or(Err(SubmitError::OutcomeUnknown)).map(drop).map_err(OpenError::Begin)
}
