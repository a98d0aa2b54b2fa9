//! The list of clients (`clients.toml`): one row for each, with what it shows, its role and, for a provider, its id.
//!
//! ```toml
//! [[client]]
//! name = "region-1-hr"
//! san_uri = "urn:cpss:client:region-1-hr"    # or token_sha256 = "…", 64 hexadecimal digits
//! role = "provider"
//! provider_id = "region-1-cmhc"
//! revoked = ["3a2f…"]                        # certificates of this client that are refused, by serial number
//! misses_per_hour = 500                      # optional, for a provider or a payer
//! ```
//!
//! A list is taken whole or not at all. One that would remove more than half of the clients from a running server is not
//! taken unless it begins with `remove_more_than_half = true`.

mod reading;
mod revoking;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

pub use self::revoking::{NotRevoked, with_revoked};
use super::Caller;
use super::peer::Certificate;
use super::serial::Serial;
use super::token::Digest;
use crate::domain::fact::Role;

/// Everyone who may call.
///
/// Looking a client up takes as long as it takes to hash what it showed, which for a token is the digest of a guess: how
/// far two digests agree tells nobody how to make a token of at least 128 random bits, so plain equality is constant
/// enough.
#[derive(Debug, Default)]
pub struct Clients {
    by_uri: HashMap<Box<str>, Certified>,
    by_token: HashMap<Digest, Arc<Caller>>,
    /// Whether it says that it may take most clients of the list before it away.
    may_remove_most: bool,
}

/// A client that shows certificates.
#[derive(Debug)]
struct Certified {
    caller: Arc<Caller>,
    /// The certificates of it that are not believed any more.
    revoked: Box<[Serial]>,
}

/// Why a certificate is not that of a client who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCertified {
    /// Its URIs are those of no client, or of several.
    Unknown,
    /// It is a client's, and was revoked.
    Revoked,
}

/// A list that would remove more than half of the clients, and does not say that it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it would remove {removed} of {of} clients; if that is meant, put the line `{REMOVE_MOST} = true` above the first \
     client, or restart"
)]
pub struct RemovesMost {
    removed: usize,
    of: usize,
}

/// The key of a list that may remove most clients.
const REMOVE_MOST: &str = "remove_more_than_half";

/// Something that is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.message)
    }
}

impl Clients {
    /// The list that a text is, or every mistake in it.
    pub fn read(text: &str) -> Result<Clients, Vec<Mistake>> {
        reading::read(text)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_uri.len() + self.by_token.len()
    }

    /// Whether any of them shows a certificate.
    pub fn has_certificates(&self) -> bool {
        !self.by_uri.is_empty()
    }

    /// Refuses to be replaced by a list that lacks more than half of these clients, by name, unless that list says so.
    pub fn refuse_to_lose_most(&self, next: &Clients) -> Result<(), RemovesMost> {
        let kept: HashSet<&str> = next.callers().map(|caller| caller.client.as_str()).collect();
        let of = self.count();
        let removed = self.callers().filter(|caller| !kept.contains(caller.client.as_str())).count();
        if removed * 2 > of && !next.may_remove_most { Err(RemovesMost { removed, of }) } else { Ok(()) }
    }

    /// The role of the client of this name.
    pub fn role_of(&self, name: &str) -> Option<&Role> {
        self.callers().find(|caller| caller.client == name).map(|caller| &caller.role)
    }

    fn callers(&self) -> impl Iterator<Item = &Caller> {
        let certified = self.by_uri.values().map(|certified| &certified.caller);
        certified.chain(self.by_token.values()).map(|caller| &**caller)
    }

    /// Whose certificate this is.
    pub(super) fn of_certificate(&self, certificate: &Certificate) -> Result<&Arc<Caller>, NotCertified> {
        let mut found = certificate.uris.iter().filter_map(|uri| self.by_uri.get(uri.as_str()));
        let one = found.next().filter(|_| found.next().is_none());
        match one.ok_or(NotCertified::Unknown)? {
            certified if certified.revoked.contains(&certificate.serial) => Err(NotCertified::Revoked),
            certified => Ok(&certified.caller),
        }
    }

    /// Whose token has this digest.
    pub(super) fn of_token(&self, digest: &Digest) -> Option<&Arc<Caller>> {
        self.by_token.get(digest)
    }
}
