//! The batch: records that are decided but not durable yet, and the state that results from them.
//!
//! Commands are decided one by one, and each sees the commands before it. The provider files and timelines that they
//! change stay in the batch until the log has the records. If the log refuses the batch, it is dropped and nothing has
//! changed.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use jiff::{SignedDuration, Timestamp};

use super::errors::ReadError;
use super::head::Head;
use super::prefetch::prefetch_files;
use super::shared::Shared;
use super::snapshot::Snapshot;
use super::specialist_cache::SpecialistCache;
use super::timeline_cache;
use crate::domain::decide::{Staff, StaffMember};
use crate::domain::fact::Identifier;
use crate::domain::id::{CredentialNumber, ProviderId, SpecialistId};
use crate::domain::prior_number::PriorNumber;
use crate::domain::provider::ProviderFile;
use crate::domain::record::Record;
use crate::domain::specialist::Credential;
use crate::domain::specialist_file::SpecialistFile;
use crate::domain::timeline::Timeline;
use crate::store::in_parts::in_parts;
use crate::store::index::{Overlay, View as _};

/// Records that are decided on top of a head.
pub(super) struct Batch<'a> {
    pub(super) shared: &'a Shared,
    /// The snapshot of the head that the batch builds on. Later heads may be published in the meantime, unless the
    /// batch is the writer's own.
    pinned: Snapshot,
    /// The index with the staged records and their due dates on top.
    pub(super) pending: Overlay<'a>,
    /// The people's files that were read, including staged facts.
    specialist_cache: Mutex<SpecialistCache>,
    /// The staged records, in order.
    pub(super) records: Vec<Record>,
    /// How many of them, the first ones, other processes appended.
    pub(super) foreign: usize,
    /// The head once the records are durable.
    pub(super) head: Head,
    /// The provider files that changed.
    pub(super) providers: HashMap<ProviderId, Arc<ProviderFile>>,
    /// The timelines that changed.
    pub(super) timelines: HashMap<CredentialNumber, Arc<Timeline>, RandomState>,
    /// The credentials of those who begin to work for a provider.
    pub(super) joined: timeline_cache::Staff,
    /// Records must be dated after this instant.
    pub(super) not_before: Timestamp,
    /// How far the clock is ahead of that of the log.
    pub(super) clock_ahead: SignedDuration,
}

impl<'a> Batch<'a> {
    /// Returns an empty batch on top of `head`. Its records are dated after `not_before`. The cache must hold files as
    /// of `head`.
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
            specialist_cache: Mutex::new(specialist_cache),
            records: Vec::new(),
            foreign: 0,
            head,
            providers: HashMap::new(),
            timelines: HashMap::default(),
            joined: HashMap::default(),
            not_before,
            clock_ahead: SignedDuration::ZERO,
        })
    }

    /// The staged records that other processes did not append.
    pub(super) fn own(&self) -> &[Record] {
        self.records.get(self.foreign..).unwrap_or_default()
    }

    /// Returns a provider's file, including staged records.
    pub(super) fn provider(&self, id: &ProviderId) -> Option<Arc<ProviderFile>> {
        let staged = self.providers.get(id).cloned();
        staged.or_else(|| self.pinned.provider(id.as_str()))
    }

    /// Returns a credential's timeline, including staged records.
    pub(super) fn timeline(&self, number: CredentialNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        if let Some(staged) = self.timelines.get(&number) {
            return Ok(Some(Arc::clone(staged)));
        }
        self.pinned.read_timeline(number)
    }

    /// The cache of people's files.
    pub(super) fn files(&self) -> MutexGuard<'_, SpecialistCache> {
        self.specialist_cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the cache of people's files, with the staged facts.
    pub(super) fn take_files(&mut self) -> SpecialistCache {
        self.files().take()
    }

    /// Returns a person's file, including staged facts.
    pub(super) fn file(&self, id: SpecialistId) -> Result<Option<Arc<SpecialistFile>>, ReadError> {
        let cached = self.files().get(id);
        let file = cached.map_or_else(|| self.read_file(id), |file| Ok(Some(file)))?;
        if let Some(file) = &file {
            self.files().put(Arc::clone(file));
        }
        Ok(file)
    }

    /// Like [`Batch::file`], for a person whose file is not in the cache. It stays out of the cache.
    pub(super) fn read_file(&self, id: SpecialistId) -> Result<Option<Arc<SpecialistFile>>, ReadError> {
        let mut facts = self.pending.specialist_facts(id)?;
        // The index may be ahead of the pinned head.
        facts.retain(|recorded| recorded.id.revision <= self.head.revision);
        Ok((!facts.is_empty()).then(|| Arc::new(SpecialistFile::new(id, facts))))
    }

    /// Returns the provider that an identifier belongs to, including staged records.
    pub(super) fn owner_of(&self, identifier: &Identifier) -> Option<ProviderId> {
        let bears =
            |file: &ProviderFile| file.state.row.as_ref().is_some_and(|row| row.identifiers.contains(identifier));
        let staged = self.providers.values().find(|file| bears(file)).map(|file| file.id.clone());
        staged.or_else(|| {
            let bearers = self.shared.identifiers.pin().get(identifier).cloned().unwrap_or_default();
            bearers.iter().find(|id| self.provider(id).is_some_and(|file| bears(&file))).cloned()
        })
    }

    /// Returns the credential that is not void and bears a prior number, including staged records.
    pub(super) fn bearer_of(&self, prior: &PriorNumber) -> Result<Option<CredentialNumber>, ReadError> {
        for (number, holder) in self.pending.credentials_with_prior(prior)? {
            let Some(file) = self.file(holder)? else { continue };
            let bears = |credential: &Credential| !credential.void && credential.prior_numbers.contains(prior);
            if file.known_now().credential(number).is_some_and(bears) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Returns everyone who has or had a job with a provider, by id. Takes their files out of the cache, as the record
    /// that follows would do.
    pub(super) fn staff(&self, provider: &ProviderId) -> Result<Staff, ReadError> {
        let ids = self.pending.staff(provider)?;
        let parts = in_parts(&ids, |ids| {
            let cached: Vec<_> = {
                let mut cache = self.files();
                ids.iter().map(|id| cache.remove(*id)).collect()
            };
            prefetch_files(cached.iter().flatten());
            let mut staff = Staff::with_capacity(ids.len());
            for (id, cached) in ids.iter().zip(cached) {
                let file = cached.map_or_else(|| self.read_file(*id), |file| Ok(Some(file)))?;
                staff.extend(file.and_then(|file| StaffMember::of(file, provider)));
            }
            Ok::<_, ReadError>(staff)
        })?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Returns the credentials of everyone who has a job with a provider, and perhaps others. Does not read the disk
    /// once every timeline is in memory, unless the batch is on top of an earlier head.
    pub(super) fn credentials_of_staff(&self, provider: &ProviderId) -> Result<Vec<CredentialNumber>, ReadError> {
        let Some(mut numbers) = self.shared.timeline_cache.credentials_of_staff(provider, self.pinned.revision) else {
            let known = self.staff(provider)?;
            let files: Vec<_> = known.into_iter().map(StaffMember::into_file).collect();
            let credentials = files.iter().flat_map(|file| &file.known_now().credentials);
            return Ok(credentials.map(|credential| credential.number).collect());
        };
        numbers.extend(self.joined.get(provider).into_iter().flatten());
        Ok(numbers)
    }

    /// Returns the ids of all providers on file, including staged records.
    pub(super) fn provider_ids(&self) -> BTreeSet<ProviderId> {
        let on_file = self.pinned.providers().into_iter().map(|file| file.id.clone());
        on_file.chain(self.providers.keys().cloned()).collect()
    }
}
