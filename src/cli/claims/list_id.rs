//! The id of a list that was answered: it tells apart rows of several lists in one file.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::cli::list::List;
use crate::proto::v1::Pinned;

/// The id of a list that was answered. It is some bytes of a digest of the claims, of the provider of the rows that
/// name none, and of the state of knowledge: the same list, asked again at the same state, has the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListId(u32);

impl ListId {
    /// The id of a list. `provider`: that of the rows that name none.
    pub fn of(list: &List, provider: Option<&str>, pinned: &Pinned) -> ListId {
        let mut digest = Sha256::new();
        digest.update(list.digest());
        digest.update(pinned.revision.to_le_bytes());
        digest.update(&pinned.epoch);
        digest.update([0]);
        digest.update(provider.unwrap_or_default());
        let digest: [u8; 32] = digest.finalize().into();
        let [first, second, third, fourth, ..] = digest;
        ListId(u32::from_be_bytes([first, second, third, fourth]))
    }
}

impl fmt::Display for ListId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// A text that is not the id of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAListId;

impl FromStr for ListId {
    type Err = NotAListId;

    fn from_str(text: &str) -> Result<ListId, NotAListId> {
        let is_hexadecimal = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(text, 16).ok().filter(|_| is_hexadecimal).map(ListId).ok_or(NotAListId)
    }
}
