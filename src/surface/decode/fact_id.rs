//! Decodes fact ids (see [`crate::surface::encode::fact_id`]).

use super::fields::Fields;
use crate::domain::id::{FactId, Revision};
use crate::surface::encode::EpochTags;

/// Parses a fact id into the epoch's tag and the fact; `None` if the text is not a fact id.
pub fn fact_id(text: &str) -> Option<(u32, FactId)> {
    let mut parts = text.split('-');
    let (tag, revision, index) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let is_tag = tag.len() == 8 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    if parts.next().is_some() || !is_tag || !is_number(revision) || !is_number(index) {
        return None;
    }
    let fact = FactId { revision: Revision(revision.parse().ok()?), index: index.parse().ok()? };
    Some((u32::from_str_radix(tag, 16).ok()?, fact))
}

impl Fields {
    /// Reads the id of a fact. An id from another history is not on file.
    pub(super) fn fact(&mut self, field: &str, text: &str, epochs: EpochTags<'_>) -> Option<FactId> {
        if text.is_empty() {
            self.refuse(field, "required");
            return None;
        }
        let fact = fact_id(text).filter(|(tag, fact)| epochs(fact.revision) == Some(*tag)).map(|(_, fact)| fact);
        if fact.is_none() {
            self.not_on_file("fact", text);
        }
        fact
    }
}
