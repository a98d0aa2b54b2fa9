//! The batch: records that are decided and not durable yet, and what is on file once they are.
//!
//! A batch is decided command by command, each seeing the commands before it. What a record changes, in the files of
//! providers and in timelines, stays in the batch until the log has it; if the log refuses, the batch is dropped and
//! nothing has happened.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::errors::ReadError;
use super::head::Head;
use super::shared::Shared;
use super::snapshot::Snapshot;
use super::specialist_cache::SpecialistCache;
use crate::domain::fact::Identifier;
use crate::domain::id::{CredentialNumber, ProviderId, SpecialistId};
use crate::domain::provider::ProviderFile;
use crate::domain::record::Record;
use crate::domain::specialist::SpecialistFile;
use crate::domain::timeline::Timeline;
use crate::store::index::{Overlay, View as _};

/// Records decided on top of a head.
pub(super) struct Batch<'a> {
    pub(super) shared: &'a Shared,
    /// What is known at the head that the records go on top of. The writer may publish later ones meanwhile, unless the
    /// batch is the writer's own.
    pinned: Snapshot,
    /// The index with the staged records on top, and their due dates.
    pub(super) pending: Overlay<'a>,
    /// The files of people that were asked for, staged facts included.
    pub(super) specialist_cache: RefCell<SpecialistCache>,
    /// The records, in order.
    pub(super) records: Vec<Record>,
    /// The head once they are durable.
    pub(super) head: Head,
    /// Files of providers that changed.
    pub(super) providers: HashMap<ProviderId, Arc<ProviderFile>>,
    /// Timelines that changed.
    pub(super) timelines: HashMap<CredentialNumber, Arc<Timeline>>,
    /// No record is dated at or before this instant.
    pub(super) not_before: Timestamp,
}

impl<'a> Batch<'a> {
    /// An empty batch on top of the head. No record is dated at or before `not_before`. The cache holds the
    /// files as the head has them.
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        head: Head,
        not_before: Timestamp,
        specialist_cache: SpecialistCache,
    ) -> Result<Batch<'a>, ReadError> {
        Ok(Batch {
            shared,
            pinned: shared.snapshot(&head, head.revision, Some(head.recorded_at)),
            pending: shared.index.pending()?,
            specialist_cache: RefCell::new(specialist_cache),
            records: Vec::new(),
            head,
            providers: HashMap::new(),
            timelines: HashMap::new(),
            not_before,
        })
    }

    /// A provider's file, as the staged records leave it.
    pub(super) fn provider(&self, id: &ProviderId) -> Option<Arc<ProviderFile>> {
        let staged = self.providers.get(id).cloned();
        staged.or_else(|| self.pinned.provider(id.as_str()))
    }

    /// A credential's timeline, as the staged records leave it.
    pub(super) fn timeline(&self, number: CredentialNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        if let Some(staged) = self.timelines.get(&number) {
            return Ok(Some(Arc::clone(staged)));
        }
        self.pinned.read_timeline(number)
    }

    /// Everything on file of a person, staged facts included.
    pub(super) fn file(&self, id: SpecialistId) -> Result<Option<Arc<SpecialistFile>>, ReadError> {
        if let Some(file) = self.specialist_cache.borrow_mut().get(id) {
            return Ok(Some(file));
        }
        let mut facts = self.pending.specialist_facts(id)?;
        // The index may be ahead of what is pinned.
        facts.retain(|recorded| recorded.id.revision <= self.head.revision);
        if facts.is_empty() {
            return Ok(None);
        }
        let file = Arc::new(SpecialistFile { id, facts });
        self.specialist_cache.borrow_mut().put(Arc::clone(&file));
        Ok(Some(file))
    }

    /// The provider that an identifier belongs to, as the staged records leave it.
    pub(super) fn owner_of(&self, identifier: &Identifier) -> Option<ProviderId> {
        let bears =
            |file: &ProviderFile| file.state.row.as_ref().is_some_and(|row| row.identifiers.contains(identifier));
        let staged = self.providers.values().find(|file| bears(file)).map(|file| file.id.clone());
        staged.or_else(|| {
            let bearers = self.shared.identifiers.pin().get(identifier).cloned().unwrap_or_default();
            bearers.iter().find(|id| self.provider(id).is_some_and(|file| bears(&file))).cloned()
        })
    }

    /// Everyone who has, or had, a job with a provider.
    pub(super) fn staff(&self, provider: &ProviderId) -> Result<Vec<Arc<SpecialistFile>>, ReadError> {
        let ids = self.pending.staff(provider)?;
        let files = ids.into_iter().map(|id| self.file(id));
        files.filter_map(Result::transpose).collect()
    }

    /// The providers on file, as the staged records leave them.
    pub(super) fn provider_ids(&self) -> BTreeSet<ProviderId> {
        let on_file = self.pinned.providers().into_iter().map(|file| file.id.clone());
        on_file.chain(self.providers.keys().cloned()).collect()
    }
}
