//! What the writer and those who read share: the store's index and log, and what is kept in memory.
//!
//! Only what the parts are is named here. What works on them stands above this file, each use in its own.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use tokio::sync::watch;

use super::clock::Clock;
use super::errors::ReadError;
use super::head::{Head, ResidentProvider};
use super::historical_cache::HistoricalCache;
use super::recent_records::RecentRecords;
use super::scrub::Damage;
use super::seal::Sealer;
use super::standstill::Standstill;
use super::timeline_cache::TimelineCache;
use super::token::Token;
use super::watchers::Watchers;
use crate::domain::day::Day;
use crate::domain::fact::{Identifier, ProviderFact};
use crate::domain::id::{ProviderId, Revision};
use crate::domain::record::Record;
use crate::store::index::Index;
use crate::store::log::ReadLog;
use crate::store::record::{self, Tip};

/// What the writer and the readers share.
pub(super) struct Shared {
    pub(super) index: Arc<Index>,
    /// What seals page tokens.
    pub(super) sealer: Sealer,
    pub(super) log: Arc<dyn ReadLog>,
    pub(super) clock: Clock,
    /// The last day that an operator lets the clock open, however far ahead it is.
    pub(super) open_days_through: Day,
    pub(super) standstill: Standstill,
    /// What the scrub has found: damage, or a part that cannot be read. Nothing is taken to be recorded meanwhile.
    pub(super) damage: Arc<Damage>,
    /// Questions by time were answered up to here, in microseconds since 1970. No later record is dated so, and every one
    /// that is dated so is published.
    pub(super) answered_through: AtomicI64,
    /// Whether the preface is on record.
    pub(super) is_prefaced: AtomicBool,
    pub(super) head: ArcSwap<Head>,
    pub(super) published: watch::Sender<Revision>,
    /// The newest records, shared by all watchers.
    pub(super) recent_records: RecentRecords,
    pub(super) watchers: Watchers,
    pub(super) timeline_cache: TimelineCache,
    pub(super) providers: papaya::HashMap<ProviderId, ResidentProvider, RandomState>,
    /// Their ids, in order.
    pub(super) provider_ids: RwLock<BTreeSet<ProviderId>>,
    /// Results about the past, cached.
    pub(super) historical_cache: HistoricalCache,
    /// Every provider that ever had an identifier.
    pub(super) identifiers: papaya::HashMap<Identifier, Vec<ProviderId>, RandomState>,
}

impl Shared {
    /// A record, from the log.
    pub(super) fn record(&self, revision: Revision) -> Result<Option<Record>, ReadError> {
        let Some(found) = self.log.read(revision, revision).next() else { return Ok(None) };
        let (revision, bytes) = found?;
        Ok(Some(record::decode(revision, &bytes)?))
    }

    /// The token of a revision up to the head. Reads the log.
    pub(super) fn token_at(&self, revision: Revision) -> Result<Option<Token>, ReadError> {
        let chain = self.log.chain_at(revision)?;
        Ok(chain.and_then(|chain| self.head.load().token_of(&Tip { revision, chain })))
    }

    pub(super) fn keep_provider(&self, resident: ResidentProvider) {
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
