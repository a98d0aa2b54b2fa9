//! Loading timelines into memory: one when a question needs it, and all of them in the warm-up after a start.

use std::ops::ControlFlow;
use std::sync::Arc;

use rustix::thread::disable_transparent_huge_pages;

use super::errors::ReadError;
use super::head::{Head, ResidentCredential};
use super::shared::Shared;
use super::timeline_cache::Looked;
use crate::domain::fact::{Recorded, SpecialistFact};
use crate::domain::id::{CredentialNumber, ProviderId, SpecialistId};
use crate::domain::specialist_file::SpecialistFile;
use crate::domain::timeline::{self, Employers, Timeline};
use crate::store::index::View as _;
use crate::store::priority::{BACKGROUND, lower_priority, restart_on_panic};

/// A person's compiled credentials.
pub(super) struct Compiled {
    pub(super) employers: Employers,
    pub(super) credentials: Vec<ResidentCredential>,
}

impl Shared {
    /// Returns a credential's timeline and loads it into memory if necessary; `None` if it was never issued. Reads the
    /// disk.
    pub(super) fn resident(&self, number: CredentialNumber) -> Result<Option<ResidentCredential>, ReadError> {
        match self.timeline_cache.see().look(number) {
            Looked::Here(resident) => return Ok(Some(resident.clone())),
            Looked::Unknown => return Ok(None),
            Looked::NotHere => {}
        }
        let head = self.head.load_full();
        let Some(id) = self.index.specialist_of_credential(number)? else { return Ok(None) };
        self.timeline_cache.add(self.compile(id, self.index.specialist_facts(id)?, &head).credentials);
        Ok(self.timeline_cache.get(number))
    }

    /// Returns the numbers of all issued credentials, in any order. Reads the disk until the warm-up is complete.
    pub(super) fn credential_numbers(&self) -> Result<Vec<CredentialNumber>, ReadError> {
        if self.timeline_cache.is_complete() {
            return Ok(self.timeline_cache.numbers());
        }
        Ok(self.index.credentials()?.into_iter().map(|(number, _)| number).collect())
    }

    /// Compiles a person's credentials with the providers in memory, under the rule sets of a head.
    pub(super) fn compile(&self, id: SpecialistId, facts: Vec<Recorded<SpecialistFact>>, head: &Head) -> Compiled {
        let file = SpecialistFile::new(id, facts);
        let known = file.known_now();
        let providers = self.providers.pin();
        let resident = |id: &ProviderId| providers.get(id.as_str());
        let jobs = known.jobs.iter().map(|job| &job.provider);
        let employers = timeline::employers(jobs, |id| resident(id).map(|resident| Arc::clone(&resident.file)));
        let changed_by_employers = employers.keys().filter_map(resident).map(|resident| resident.changed_at).max();
        let changed_at =
            file.changed_at().max(changed_by_employers.unwrap_or_default()).max(head.history.rule_sets_since());
        let compile = |credential| {
            let timeline = Arc::new(Timeline::compile(known, credential, &employers, &head.rule_sets));
            ResidentCredential { changed_at, timeline }
        };
        let credentials = known.credentials.iter().map(compile).collect();
        Compiled { employers, credentials }
    }

    /// Loads every timeline that is not in memory, until all are or the registry closes. Reads the disk.
    fn load_all(&self) -> Result<(), ReadError> {
        let is_closing = || self.timeline_cache.is_closing();
        self.index.every_specialist(&mut |id, facts| {
            self.timeline_cache.add(self.compile(id, facts, &self.head.load()).credentials);
            if is_closing() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if !is_closing() {
            self.timeline_cache.mark_complete();
        }
        Ok(())
    }

    fn load_all_and_settle(&self) {
        match self.load_all() {
            Ok(()) if self.timeline_cache.is_complete() => settle(),
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

    /// Starts the warm-up on a low-priority thread. Until it completes, and if it fails, questions load the timelines
    /// they need.
    pub(super) fn start_warm_up(self: &Arc<Self>) -> std::io::Result<()> {
        if self.timeline_cache.is_complete() {
            settle();
            return Ok(());
        }
        let shared = Arc::clone(self);
        let thread = std::thread::Builder::new().name("timelines".to_owned()).spawn(move || {
            lower_priority(BACKGROUND);
            restart_on_panic(|| shared.timeline_cache.pause_before_retry(), || shared.load_all_and_settle());
        })?;
        self.timeline_cache.set_warm_up_thread(thread);
        Ok(())
    }
}

/// Called once every timeline is in memory. By then the timelines are in huge pages, if the allocator and the system
/// provide them. Later allocations use small pages: with huge pages the process takes up to half more memory, which the
/// limits of what calls hold do not count.
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
