//! A cache of recent results about the past, so that the next question about them does not read the disk.
//!
//! What was known at a revision never changes, so no entry is ever stale. A value is valid for a span of revisions:
//! from the last change that affects it to the next one, or to the head that it was computed under.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use jiff::Timestamp;

use crate::domain::id::{CredentialNumber, ProviderId, Revision};
use crate::domain::provider::ProviderFile;
use crate::domain::timeline::Timeline;

/// The maximum number of values of each kind.
const TIMELINES: usize = 32_768;
const PROVIDERS: usize = 8_192;
const INSTANTS: usize = 65_536;

/// The number of parts of each cache, each with its own lock, to reduce contention.
const PARTS: usize = 64;

/// Cached results about the past.
pub(super) struct HistoricalCache {
    /// The timelines of credentials; `None` if the credential is not on file.
    pub(super) timelines: SpanCache<CredentialNumber, Option<Arc<Timeline>>>,
    /// The files of providers.
    pub(super) providers: SpanCache<ProviderId, Arc<ProviderFile>>,
    /// When each revision was recorded.
    pub(super) instants: SpanCache<Revision, Timestamp>,
}

impl Default for HistoricalCache {
    fn default() -> HistoricalCache {
        HistoricalCache {
            timelines: SpanCache::with_capacity(TIMELINES),
            providers: SpanCache::with_capacity(PROVIDERS),
            instants: SpanCache::with_capacity(INSTANTS),
        }
    }
}

/// A range of consecutive revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The first revision.
    from: Revision,
    /// The revision after the last.
    until: Revision,
}

impl Span {
    /// Returns the span of one revision.
    pub(super) fn at(revision: Revision) -> Span {
        Span { from: revision, until: revision.next() }
    }

    /// Returns the span of all revisions up to `last`.
    pub(super) fn up_to(last: Revision) -> Span {
        Span { from: Revision::ZERO, until: last.next() }
    }

    /// Narrows the span to the revisions around `revision` that no change separates from it.
    #[must_use]
    pub(super) fn between(self, revision: Revision, changes: impl Iterator<Item = Revision>) -> Span {
        changes.fold(self, |Span { from, until }, change| {
            if change <= revision {
                Span { from: from.max(change), until }
            } else {
                Span { from, until: until.min(change) }
            }
        })
    }

    fn includes(self, revision: Revision) -> bool {
        self.from <= revision && revision < self.until
    }
}

/// Cached values, each valid for a span of revisions. When a part is full, values that were not used recently are
/// evicted.
pub(super) struct SpanCache<K, V> {
    parts: Box<[Mutex<Part<K, V>>]>,
    by: RandomState,
    /// The maximum number of values in half of a part.
    half: usize,
}

/// A part: the recently used values, and the generation before them.
struct Part<K, V> {
    recent: HashMap<K, Vec<(Span, V)>, RandomState>,
    previous: HashMap<K, Vec<(Span, V)>, RandomState>,
    count: usize,
}

impl<K: Eq + Hash + Clone, V: Clone> SpanCache<K, V> {
    fn with_capacity(count: usize) -> SpanCache<K, V> {
        let part = |_| Mutex::new(Part { recent: HashMap::default(), previous: HashMap::default(), count: 0 });
        SpanCache { parts: (0..PARTS).map(part).collect(), by: RandomState::default(), half: count / PARTS / 2 }
    }

    fn with<T>(&self, key: &impl Hash, act: impl FnOnce(&mut Part<K, V>) -> T) -> Option<T> {
        let at = usize::try_from(self.by.hash_one(key)).unwrap_or_default() % PARTS;
        let part = self.parts.get(at)?;
        Some(act(&mut part.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Returns the value at a revision, if it is cached.
    pub(super) fn get<Q>(&self, key: &Q, revision: Revision) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let found = |kept: &Vec<(Span, V)>| {
            kept.iter().find(|(span, _)| span.includes(revision)).map(|(span, value)| (*span, value.clone()))
        };
        self.with(&key, |part| {
            if let Some((_, value)) = part.recent.get(key).and_then(found) {
                return Some(value);
            }
            let (span, value) = part.previous.get(key).and_then(found)?;
            let (key, _) = part.previous.get_key_value(key)?;
            let key = key.clone();
            part.put(key, span, value.clone(), self.half);
            Some(value)
        })?
    }

    /// Caches a value for the span in which it is valid.
    pub(super) fn insert(&self, key: K, span: Span, value: V) {
        let half = self.half;
        self.with(&key.clone(), |part| part.put(key, span, value, half));
    }
}

impl<K: Eq + Hash, V> Part<K, V> {
    fn put(&mut self, key: K, span: Span, value: V, half: usize) {
        if self.count >= half {
            self.previous = std::mem::take(&mut self.recent);
            self.count = 0;
        }
        let kept = self.recent.entry(key).or_default();
        // Two threads may have computed it at the same time.
        if !kept.iter().any(|(known, _)| *known == span) {
            kept.push((span, value));
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_valid_between_two_changes() {
        let kept: SpanCache<u64, &str> = SpanCache::with_capacity(PARTS * 8);
        let changes = || [3, 7, 12].into_iter().map(Revision);
        let span = Span::up_to(Revision(20)).between(Revision(9), changes());
        kept.insert(1, span, "nine");
        kept.insert(1, Span::up_to(Revision(20)).between(Revision(15), changes()), "fifteen");
        kept.insert(2, Span::at(Revision(5)), "five");
        let at = |key: u64, revision| kept.get(&key, Revision(revision));
        assert_eq!([6, 7, 11, 12, 20, 21].map(|revision| at(1, revision)), {
            [None, Some("nine"), Some("nine"), Some("fifteen"), Some("fifteen"), None]
        });
        assert_eq!([4, 5, 6].map(|revision| at(2, revision)), [None, Some("five"), None]);
    }

    #[test]
    fn used_values_stay_and_others_are_evicted() {
        let kept: SpanCache<u64, u64> = SpanCache::with_capacity(PARTS * 64);
        for key in 0..100_000 {
            kept.insert(key, Span::at(Revision(1)), key);
            assert_eq!(kept.get(&0, Revision(1)), Some(0));
        }
        let left = (0..100_000).filter(|key| kept.get(key, Revision(1)).is_some()).count();
        assert!(left <= PARTS * 64, "{left} are left");
    }
}
