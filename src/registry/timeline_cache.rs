//! The timelines that are kept in memory, and how they get there.
//!
//! Questions do not wait until all are there: one whose credential is missing reads it in, while a thread of low priority
//! reads in the rest. Three threads write here, and this is why none leaves behind what is out of date:
//!
//! * The writer folds its records into the index, then replaces every provider and every timeline that they may change,
//!   then publishes the head. It replaces those that were missing too.
//! * Whoever reads in adds a timeline only where there is none, and nothing is ever taken out. So of what a record
//!   changes, what the writer put stays, whether the reader comes first (and is replaced) or last (and adds nothing).
//! * A reader may see records that are folded and not published yet, and the providers of before or after them. What it
//!   makes of such a mixture is dated after the head by the person's newest fact or the newest provider, so that nobody
//!   who has pinned a published head uses it; or it mixes in nothing that counts. Before the head is published, the
//!   writer has replaced it.
//!
//! Once the thread has been through the index, what was issued before it began is there because it came by, and what was
//! issued since because the writer put it: a number that is missing is unknown then, and the disk is not asked.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use foldhash::fast::RandomState;
use rustix::thread::disable_transparent_huge_pages;

use super::Shared;
use super::errors::ReadError;
use super::head::{Head, ResidentCredential};
use crate::domain::fact::{Recorded, SpecialistFact};
use crate::domain::id::{CredentialNumber, ProviderId, SpecialistId};
use crate::domain::provider::ProviderTimeline;
use crate::domain::specialist::SpecialistFile;
use crate::domain::timeline::Timeline;
use crate::store::index::View as _;
use crate::store::priority::{LAST, lower_priority, restarted};

/// How long reading in rests after it broke off.
const REST: Duration = Duration::from_secs(1);

/// The timelines in memory.
#[derive(Default)]
pub(crate) struct TimelineCache {
    credentials: papaya::HashMap<CredentialNumber, ResidentCredential, RandomState>,
    are_all_here: AtomicBool,
    is_closing: AtomicBool,
    reading_in: Mutex<Option<JoinHandle<()>>>,
}

/// The timelines in memory while they are looked at. It must not be kept for long: what is replaced meanwhile stays.
pub(super) struct Seen<'a> {
    are_all_here: bool,
    credentials: papaya::HashMapRef<'a, CredentialNumber, ResidentCredential, RandomState, papaya::LocalGuard<'a>>,
}

/// What a look at the memory alone tells of a credential.
pub(super) enum Looked<'a> {
    /// Its timeline.
    Here(&'a ResidentCredential),
    /// It was never issued.
    Unknown,
    /// Whoever wants to know has to ask the disk.
    NotHere,
}

/// A person's credentials, compiled.
pub(super) struct Compiled {
    pub(super) employers: HashMap<ProviderId, Arc<ProviderTimeline>>,
    pub(super) credentials: Vec<ResidentCredential>,
}

impl Seen<'_> {
    /// Looks without asking the disk.
    pub(super) fn look(&self, number: CredentialNumber) -> Looked<'_> {
        match self.credentials.get(&number) {
            Some(resident) => Looked::Here(resident),
            None if self.are_all_here => Looked::Unknown,
            None => Looked::NotHere,
        }
    }
}

impl TimelineCache {
    /// What is here at the moment.
    pub(super) fn see(&self) -> Seen<'_> {
        // In this order: one that is read in between the two questions is not taken for unknown.
        Seen { are_all_here: self.are_all_here(), credentials: self.credentials.pin() }
    }

    /// Whether everything published is here.
    pub(super) fn are_all_here(&self) -> bool {
        self.are_all_here.load(Ordering::Acquire)
    }

    /// The numbers that are here.
    fn numbers(&self) -> Vec<CredentialNumber> {
        self.credentials.pin().keys().copied().collect()
    }

    /// Puts timelines in the place of those that there may be. For the writer alone.
    pub(super) fn replace(&self, residents: impl Iterator<Item = ResidentCredential>) {
        let credentials = self.credentials.pin();
        for resident in residents {
            credentials.insert(resident.timeline.number, resident);
        }
    }

    /// Puts timelines where there are none.
    pub(super) fn add(&self, residents: Vec<ResidentCredential>) {
        let credentials = self.credentials.pin();
        for resident in residents {
            credentials.get_or_insert(resident.timeline.number, resident);
        }
    }

    /// Notes that everything published is here.
    pub(super) fn all_are_here(&self) {
        self.are_all_here.store(true, Ordering::Release);
    }

    /// Waits a moment before the reading in goes on that broke off.
    fn rest(&self) -> ControlFlow<()> {
        std::thread::park_timeout(REST);
        if self.is_closing.load(Ordering::Acquire) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Ends the reading in, and waits until it has ended.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        let reading_in = self.reading_in.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = reading_in {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!(
                    event = "timeline_warm_up_panicked",
                    "timeline cache warm-up ended: its thread panicked"
                );
            }
        }
    }
}

impl Shared {
    /// A credential's timeline, read in if it is not here. None where none was issued. Reads the disk.
    pub(super) fn resident(&self, number: CredentialNumber) -> Result<Option<ResidentCredential>, ReadError> {
        match self.residents.see().look(number) {
            Looked::Here(resident) => return Ok(Some(resident.clone())),
            Looked::Unknown => return Ok(None),
            Looked::NotHere => {}
        }
        let head = self.head.load_full();
        let Some(id) = self.index.specialist_of_credential(number)? else { return Ok(None) };
        self.residents.add(self.compile(id, self.index.specialist_facts(id)?, &head).credentials);
        Ok(self.residents.credentials.pin().get(&number).cloned())
    }

    /// The numbers of all credentials ever issued, in any order. Reads the disk until every timeline is here.
    pub(super) fn credential_numbers(&self) -> Result<Vec<CredentialNumber>, ReadError> {
        if self.residents.are_all_here() {
            return Ok(self.residents.numbers());
        }
        Ok(self.index.credentials()?.into_iter().map(|(number, _)| number).collect())
    }

    /// A person's credentials, compiled with the providers that are in memory, under the law of a head.
    pub(super) fn compile(&self, id: SpecialistId, facts: Vec<Recorded<SpecialistFact>>, head: &Head) -> Compiled {
        let file = SpecialistFile { id, facts };
        let known = file.known_now();
        let providers = self.providers.pin();
        let residents = || known.jobs.iter().filter_map(|job| providers.get(job.provider.as_str()));
        let employers: HashMap<_, _> =
            residents().map(|resident| (resident.file.id.clone(), Arc::clone(&resident.file.timeline))).collect();
        let changed_by_employers = residents().map(|resident| resident.changed_at).max().unwrap_or_default();
        let changed_at = file.changed_at().max(changed_by_employers).max(head.chronicle.law_since());
        let compile = |credential| {
            let timeline = Arc::new(Timeline::compile(&known, credential, &employers, &head.law));
            ResidentCredential { changed_at, timeline }
        };
        let credentials = known.credentials.iter().map(compile).collect();
        Compiled { employers, credentials }
    }

    /// Reads in everything that is not here, until it is all here or the registry closes. Reads the disk.
    fn read_in_all(&self) -> Result<(), ReadError> {
        let is_closing = || self.residents.is_closing.load(Ordering::Acquire);
        self.index.every_specialist(&mut |id, facts| {
            self.residents.add(self.compile(id, facts, &self.head.load()).credentials);
            if is_closing() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if !is_closing() {
            self.residents.all_are_here();
        }
        Ok(())
    }

    fn read_in_all_and_settle(&self) {
        match self.read_in_all() {
            Ok(()) if self.residents.are_all_here() => settle(),
            Ok(()) => {}
            Err(error) => {
                tracing::error!(
                    event = "timeline_warm_up_failed",
                    error = &error as &dyn std::error::Error,
                    "timeline cache warm-up failed"
                );
            }
        }
    }

    /// Starts to read in everything, at low priority. If it breaks off, questions go on reading in what they need.
    pub(super) fn begin_to_read_in(self: &Arc<Self>) -> std::io::Result<()> {
        if self.residents.are_all_here() {
            settle();
            return Ok(());
        }
        let shared = Arc::clone(self);
        let thread = std::thread::Builder::new().name("timelines".to_owned()).spawn(move || {
            lower_priority(LAST);
            restarted(|| shared.residents.rest(), || shared.read_in_all_and_settle());
        })?;
        *self.residents.reading_in.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }
}

/// Every timeline is in memory, in huge pages where the allocator and the system agree on them, which is what questions
/// in great number are fastest with. What comes into memory from here on is given in small pages: to clear a huge one
/// holds up whoever needs it, and everybody whose core that is, for up to 8 ms where the machine is a virtual one.
fn settle() {
    if let Err(refused) = disable_transparent_huge_pages(true) {
        tracing::warn!(
            event = "huge_pages_not_disabled",
            error = &refused as &dyn std::error::Error,
            "could not disable huge pages"
        );
    }
    tracing::info!(event = "timeline_cache_warm", "timeline cache is warm");
}
