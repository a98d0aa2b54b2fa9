//! The state that the writer and the readers share: the store's index and log, and the caches in memory.
//!
//! This file only defines the parts. The operations on them are in files of the layers above.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use tokio::sync::{Notify, watch};

use super::checkpoints::Checkpoints;
use super::clock::Clock;
use super::errors::ReadError;
use super::figures::Figures;
use super::head::{Head, ResidentProvider};
use super::historical_cache::HistoricalCache;
use super::opening_backoff::OpeningBackoff;
use super::progress::Progress;
use super::read_ahead::ReadAhead;
use super::recent_records::RecentRecords;
use super::scrub::Damage;
use super::seal::Sealer;
use super::timeline_cache::TimelineCache;
use super::token::Token;
use super::watchers::Watchers;
use crate::domain::day::Day;
use crate::domain::fact::{Identifier, ProviderFact};
use crate::domain::id::{ProviderId, Revision};
use crate::domain::record::Record;
use crate::store::index::Index;
use crate::store::log::ReadLog;
use crate::store::log::status::LogStatus;
use crate::store::record::{self, Tip};
use crate::store::{Key, KeysInUse};

/// The state that the writer and the readers share.
pub(super) struct Shared {
    pub(super) index: Arc<Index>,
    /// Seals page tokens.
    pub(super) sealer: Sealer,
    pub(super) log: Arc<dyn ReadLog>,
    /// True if other processes may append to the log.
    pub(super) is_log_shared: bool,
    /// How this process stands with a log that it shares with processes elsewhere.
    pub(super) log_status: Option<Arc<LogStatus>>,
    /// Keys the digests of requests.
    pub(super) request_key: Key,
    /// Sign answers, receipts, and checkpoints.
    pub(super) signing_keys: Arc<KeysInUse>,
    /// The tree over the records.
    pub(super) checkpoints: Checkpoints,
    /// Notified when other processes may have appended something.
    pub(super) news: Arc<Notify>,
    pub(super) clock: Clock,
    pub(super) figures: Arc<Figures>,
    /// What the writer notes about its progress.
    pub(super) progress: Arc<Progress>,
    /// The last day that an operator lets the calendar open, however far ahead the clock is.
    pub(super) open_days_through: Day,
    pub(super) opening_backoff: OpeningBackoff,
    /// The damage that the scrub found, if any. Writes are refused until a scrub passes.
    pub(super) damage: Arc<Damage>,
    /// Questions by time were answered up to this instant, in microseconds since 1970. No later record is dated at or
    /// before it, and every record that is dated so is published.
    pub(super) answered_through: AtomicI64,
    /// True if the preface is on record.
    pub(super) is_prefaced: AtomicBool,
    pub(super) head: ArcSwap<Head>,
    pub(super) published: watch::Sender<Revision>,
    /// The newest records, shared by all watchers.
    pub(super) recent_records: RecentRecords,
    /// The records that replays ask for.
    pub(super) read_ahead: ReadAhead,
    pub(super) watchers: Watchers,
    pub(super) timeline_cache: TimelineCache,
    pub(super) providers: papaya::HashMap<ProviderId, ResidentProvider, RandomState>,
    /// The ids of all providers, in order.
    pub(super) provider_ids: RwLock<BTreeSet<ProviderId>>,
    /// The cache of results about the past.
    pub(super) historical_cache: HistoricalCache,
    /// For each identifier, every provider that ever had it.
    pub(super) identifiers: papaya::HashMap<Identifier, Vec<ProviderId>, RandomState>,
}

impl Shared {
    /// Reads a record from the log.
    pub(super) fn record(&self, revision: Revision) -> Result<Option<Record>, ReadError> {
        let Some(found) = self.log.read(revision, revision).next() else { return Ok(None) };
        let (revision, bytes) = found?;
        Ok(Some(record::decode(revision, &bytes)?))
    }

    /// Returns the token of a revision up to the head. Reads the log.
    pub(super) fn token_at(&self, revision: Revision) -> Result<Option<Token>, ReadError> {
        let chain = self.log.chain_at(revision)?;
        Ok(chain.and_then(|chain| self.head.load().token_of(&Tip { revision, chain })))
    }

    /// Returns a record for a replay, and its token. Reads the log.
    pub(super) fn replayed(&self, revision: Revision) -> Result<Option<(Record, Option<Token>)>, ReadError> {
        let Some((tip, bytes)) = self.read_ahead.read(&*self.log, revision)? else { return Ok(None) };
        Ok(Some((record::decode(revision, &bytes)?, self.head.load().token_of(&tip))))
    }

    pub(super) fn insert_provider(&self, resident: ResidentProvider) {
        let identifiers = self.identifiers.pin();
        for recorded in &resident.file.facts {
            if let ProviderFact::Registered(row) | ProviderFact::Updated(row) = &recorded.fact {
                for identifier in &row.identifiers {
                    let mut bearers = identifiers.get(identifier).cloned().unwrap_or_default();
                    if !bearers.contains(&resident.file.id) {
                        bearers.push(resident.file.id.clone());
                        identifiers.insert(identifier.clone(), bearers);
                    }
                }
            }
        }
        let id = resident.file.id.clone();
        if self.providers.pin().insert(id.clone(), resident).is_none() {
            self.provider_ids.write().unwrap_or_else(PoisonError::into_inner).insert(id);
        }
    }

    pub(super) fn publish(&self, head: Head) {
        let revision = head.revision;
        self.head.store(Arc::new(head));
        self.published.send_replace(revision);
    }
}
