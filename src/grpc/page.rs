//! Pages of a list: the whole list stands at one revision, which the page token pins.

use tonic::Status;

use super::{Contract, decode, encode, status};
use crate::domain::id::Revision;
use crate::registry::snapshot::{KnownAt, Snapshot};

/// A page that is asked for.
pub(super) struct Page {
    pub(super) snapshot: Snapshot,
    offset: usize,
    size: usize,
}

impl Contract {
    /// The page that a request asks for. A token stands for the state of knowledge of the first page.
    pub(super) async fn page(&self, known_at: KnownAt, page_size: u32, page_token: &str) -> Result<Page, Status> {
        let size = decode::page_size(page_size);
        if page_token.is_empty() {
            return Ok(Page { snapshot: self.pin_at(known_at).await?, offset: 0, size });
        }
        let (tag, revision, offset) = read(page_token)
            .ok_or_else(|| status::invalid_field("page_token", "not a token that this registry gave"))?;
        if self.tags()(revision) != Some(tag) {
            return Err(status::history_changed(self.registry.head().revision));
        }
        let snapshot = self.pin_at(KnownAt::Revision(None, revision)).await?;
        Ok(Page { snapshot, offset, size })
    }
}

impl Page {
    /// The entries of this page, and the token of the next one.
    pub(super) fn cut<T>(&self, all: impl IntoIterator<Item = T>) -> (Vec<T>, String) {
        let mut entries: Vec<T> = all.into_iter().skip(self.offset).take(self.size + 1).collect();
        if entries.len() <= self.size {
            return (entries, String::new());
        }
        entries.truncate(self.size);
        let tag = encode::epoch_tag(self.snapshot.epoch);
        (entries, format!("{tag:08x}-{}-{}", self.snapshot.revision, self.offset + self.size))
    }
}

fn read(token: &str) -> Option<(u32, Revision, usize)> {
    let mut parts = token.split('-');
    let tag = u32::from_str_radix(parts.next()?, 16).ok()?;
    let revision = Revision(parts.next()?.parse().ok()?);
    let offset = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some((tag, revision, offset))
}
