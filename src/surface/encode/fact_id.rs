//! Encodes fact ids, such as `1f0c93a2-17-0`: the epoch's tag, the revision, and the index in the record.
//!
//! After a fork, revision numbers continue from the fork. The tag prevents an id from the abandoned history from naming
//! a fact of the current one.

use uuid::Uuid;

use crate::domain::id::{FactId, Revision};

/// Returns the tag of the epoch that a revision belongs to; `None` for a revision that is not on record.
pub type EpochTags<'a> = &'a dyn Fn(Revision) -> Option<u32>;

/// Returns the tag of an epoch: its first four bytes.
pub fn epoch_tag(epoch: Uuid) -> u32 {
    epoch.as_fields().0
}

/// Encodes the id of a fact; empty if the fact is not on record.
pub fn fact_id(fact: FactId, epochs: EpochTags<'_>) -> String {
    epochs(fact.revision).map_or_else(String::new, |tag| format!("{tag:08x}-{}-{}", fact.revision, fact.index))
}
