//! Fact ids as the wire writes them: `1f0c93a2-17-0`, the epoch's tag, the revision and the place in its record.
//!
//! Revisions go on from where an epoch forked: the tag keeps an id of the history that was left there from naming a fact
//! of the one that took its place.

use uuid::Uuid;

use crate::domain::id::{FactId, Revision};

/// Tells the tag of the epoch that a revision belongs to; none for a revision that is not on record.
pub type EpochTags<'a> = &'a dyn Fn(Revision) -> Option<u32>;

/// The tag of an epoch: its first four bytes.
pub fn epoch_tag(epoch: Uuid) -> u32 {
    epoch.as_fields().0
}

/// The id of a fact on record; empty for one that is not on record.
pub fn fact_id(fact: FactId, epochs: EpochTags<'_>) -> String {
    epochs(fact.revision).map_or_else(String::new, |tag| format!("{tag:08x}-{}-{}", fact.revision, fact.index))
}
