//! Due dates: the next day on which each credential and each provider differs from the day before.
//!
//! Due dates are part of the index, so that opening a day examines only what is due, and opening the registry examines
//! nothing. The writer updates them with each record. They depend on timelines, which the store does not know: after
//! the store has folded records from the log alone (after a kill, or when the index is rebuilt), this file brings them
//! up to date.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use super::errors::ReadError;
use super::head::ResidentCredential;
use super::shared::Shared;
use crate::domain::day::Day;
use crate::domain::diff::PublishedState;
use crate::domain::fact::{Fact, Recorded, RegistryFact, SpecialistFact};
use crate::domain::id::{ProviderId, Revision, SpecialistId};
use crate::domain::provider::ProviderFile;
use crate::store::index::{Entry, Part, View as _};
use crate::store::record;

/// The maximum number of records that are caught up one by one. Beyond it, all due dates are computed again.
const MAX_ONE_BY_ONE: u64 = 128 * 1024;

/// The number of people whose dates are sent at once, and the number of such messages between progress reports.
const PEOPLE_PER_MESSAGE: usize = 1024;
const REPORT_EVERY: usize = 64;

/// The maximum number of threads that compile timelines.
const MAX_THREADS: usize = 8;

/// Receives an entry and its due date.
type Schedule<'a> = dyn FnMut(Entry, Option<Day>) -> Result<(), ReadError> + 'a;

/// The subjects whose due dates some records may have changed.
#[derive(Default)]
struct Concerned {
    people: BTreeSet<SpecialistId>,
    providers: BTreeSet<ProviderId>,
    everyone: bool,
}

impl Shared {
    /// Brings the due dates up to the last record in the index, according to a semantics version. No other thread may
    /// write meanwhile. Reads the disk.
    pub(super) fn catch_up_due_dates(&self, semantics_version: u32) -> Result<(), ReadError> {
        let (as_of, applied) = (self.index.due_dates_as_of()?, self.index.applied()?);
        let is_by_this_walk = self.head.load().history.semantics_version() == semantics_version;
        if as_of == applied && (is_by_this_walk || applied == Revision::ZERO) {
            return Ok(());
        }
        let mut concerned = self.concerned(as_of.next(), applied)?;
        concerned.everyone |= !is_by_this_walk;
        if concerned.everyone
            && let Some(mut bulk) = self.index.bulk_due_dates()?
        {
            self.all_due_dates(&mut |entry, due| Ok(bulk.schedule(&entry, due)?))?;
            return Ok(bulk.finish()?);
        }
        let mut pending = self.index.pending()?;
        if concerned.everyone {
            self.all_due_dates(&mut |entry, due| Ok(pending.schedule(&entry, due)?))?;
        } else {
            for id in &concerned.providers {
                if let Some(resident) = self.providers.pin().get(id) {
                    let (entry, due) = self.date_of_provider(&resident.file);
                    pending.schedule(&entry, due)?;
                }
            }
            for id in &concerned.people {
                for (entry, due) in self.dates_of_person(*id, self.index.specialist_facts(*id)?) {
                    pending.schedule(&entry, due)?;
                }
            }
        }
        pending.mark_due_dates_current();
        Ok(self.index.fold(pending)?)
    }

    fn concerned(&self, first: Revision, last: Revision) -> Result<Concerned, ReadError> {
        let mut concerned = Concerned::default();
        if first == Revision(1) || last.0.saturating_sub(first.0) > MAX_ONE_BY_ONE {
            concerned.everyone = true;
            return Ok(concerned);
        }
        for stored in self.log.read(first, last) {
            let (revision, bytes) = stored?;
            for fact in record::decode(revision, &bytes)?.facts {
                match fact {
                    Fact::Specialist(id, _) => drop(concerned.people.insert(id)),
                    Fact::Provider(id, _) => drop(concerned.providers.insert(id)),
                    Fact::Registry(RegistryFact::RuleSetAdopted { .. } | RegistryFact::RecordsBegin { .. }) => {
                        concerned.everyone = true;
                    }
                    Fact::Registry(
                        RegistryFact::EpochBegan { .. }
                        | RegistryFact::DayOpened { .. }
                        | RegistryFact::SemanticsAdopted { .. }
                        | RegistryFact::LogMoved { .. }
                        | RegistryFact::SpecialistRedacted { .. },
                    ) => {}
                }
            }
        }
        for id in &concerned.providers {
            concerned.people.extend(self.index.staff(id)?);
        }
        // Include entries whose due days were opened in the meantime.
        for entry in self.index.due(Day::BEGINNING, self.head.load().today)? {
            match entry {
                Entry::Provider(id) => drop(concerned.providers.insert(id)),
                Entry::Credential(number) => concerned.people.extend(self.index.specialist_of_credential(number)?),
            }
        }
        Ok(concerned)
    }

    /// Computes the due dates of all credentials and providers, and passes them to `schedule`. Keeps the compiled
    /// timelines in memory.
    pub(super) fn all_due_dates(&self, schedule: &mut Schedule<'_>) -> Result<(), ReadError> {
        for resident in self.providers.pin().values() {
            let (entry, due) = self.date_of_provider(&resident.file);
            schedule(entry, due)?;
        }
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS) as u64;
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(64);
            let parts = (0..threads).map(|at| {
                let sender = sender.clone();
                scope.spawn(move || self.dates_of_part(Part { at, of: threads }, &sender))
            });
            let parts: Vec<_> = parts.collect();
            drop(sender);
            let mut looked_at = 0_usize;
            for dates in receiver {
                looked_at += 1;
                if looked_at.is_multiple_of(REPORT_EVERY) {
                    tracing::info!(
                        event = "due_dates_computing",
                        people = looked_at * PEOPLE_PER_MESSAGE,
                        "computing due dates"
                    );
                }
                for (entry, due) in dates {
                    schedule(entry, due)?;
                }
            }
            parts.into_iter().try_for_each(|part| part.join().unwrap_or(Err(ReadError::Interrupted)))
        })?;
        self.timeline_cache.mark_complete();
        Ok(())
    }

    fn dates_of_part(&self, part: Part, sender: &SyncSender<Vec<(Entry, Option<Day>)>>) -> Result<(), ReadError> {
        let (mut dates, mut looked_at) = (Vec::new(), 0_usize);
        self.index.every_specialist_of_part(part, &mut |id, facts| {
            dates.extend(self.dates_of_person(id, facts));
            looked_at += 1;
            let receiver_is_gone =
                looked_at.is_multiple_of(PEOPLE_PER_MESSAGE) && sender.send(std::mem::take(&mut dates)).is_err();
            if receiver_is_gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        sender.send(dates).map_err(|_| ReadError::Interrupted)
    }

    fn date_of_provider(&self, file: &ProviderFile) -> (Entry, Option<Day>) {
        let mut published = PublishedState::default();
        published.add_provider(&file.id, &file.state, &file.timeline);
        (Entry::Provider(file.id.clone()), published.next_change_of_provider(&file.id, self.head.load().today))
    }

    fn dates_of_person(&self, id: SpecialistId, facts: Vec<Recorded<SpecialistFact>>) -> Vec<(Entry, Option<Day>)> {
        let head = self.head.load();
        let compiled = self.compile(id, facts, &head);
        let mut published = PublishedState::default();
        let date_of = |ResidentCredential { timeline, .. }: &ResidentCredential| {
            published.add_credential(timeline, &compiled.employers);
            let due = published.next_change_of_credential(timeline.number, head.today);
            (Entry::Credential(timeline.number), due)
        };
        let dates = compiled.credentials.iter().map(date_of).collect();
        self.timeline_cache.add(compiled.credentials);
        dates
    }
}
