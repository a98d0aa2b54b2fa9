//! The list of clients (`clients.toml`): one row per client, with its certificate URI or token, its role and, for a
//! provider, its id.
//!
//! ```toml
//! [[client]]
//! name = "region-1-hr"
//! san_uri = "urn:cpss:client:region-1-hr"    # or token_sha256 = "…", 64 hexadecimal digits
//! role = "provider"
//! provider_id = "region-1-cmhc"
//! revoked = ["3a2f…"]                        # serial numbers of this client's revoked certificates
//! misses_per_hour = 500                      # optional, for a provider or a payer
//! expires = 2027-06-30T00:00:00Z             # optional, for a token
//! webhook = { url = "https://…", secret_file = "…" }    # optional: where its changes are posted
//! ```
//!
//! A list is accepted completely or not at all. On a running server, a list that would remove more than half of the
//! clients is refused, unless it begins with `remove_more_than_half = true`.

mod reading;
mod renewing;
mod revoking;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

pub use self::renewing::with_new_token;
pub use self::revoking::{NotChanged, check_revocable, with_revoked};
pub use self::webhook::WebhookEntry;
use super::Caller;
use super::peer::Certificate;
use super::serial::Serial;
use super::token::Digest;
use crate::domain::fact::Role;

/// All clients that may call.
///
/// A lookup takes as long as hashing the presented value; for a token that value is its digest. How many bytes two
/// digests have in common does not help an attacker find a token of at least 128 random bits, so a plain comparison is
/// safe.
#[derive(Debug, Default)]
pub struct Clients {
    by_uri: HashMap<Box<str>, Certified>,
    by_token: HashMap<Digest, Token>,
    webhooks: Vec<WebhookEntry>,
    /// True if the list says that it may remove most of the clients of the previous list.
    may_remove_most: bool,
}

/// A client that presents certificates.
#[derive(Debug)]
struct Certified {
    caller: Arc<Caller>,
    /// Its revoked certificates.
    revoked: Box<[Serial]>,
}

/// A client's token.
#[derive(Debug)]
pub(super) struct Token {
    caller: Arc<Caller>,
    expires: Option<Timestamp>,
    is_expired: AtomicBool,
}

impl Token {
    /// The client.
    pub(super) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// True if it had expired at the time that was last passed to [`Clients::expire`].
    pub(super) fn is_expired(&self) -> bool {
        self.is_expired.load(Ordering::Relaxed)
    }
}

/// A client of a list.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The client.
    pub caller: &'a Caller,
    /// What it shows.
    pub shows: Shown<'a>,
}

/// What a client of a list shows.
#[derive(Debug)]
pub enum Shown<'a> {
    /// A certificate.
    Certificate {
        /// Its revoked certificates.
        revoked: &'a [Serial],
    },
    /// A token.
    Token {
        /// Its digest.
        digest: Digest,
        /// When it expires. None: never.
        expires: Option<Timestamp>,
    },
}

/// Why a certificate does not identify a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCertified {
    /// Its URIs belong to no client, or to several.
    Unknown,
    /// It belongs to a client, but is revoked.
    Revoked,
}

/// The list would remove more than half of the clients, and does not say that it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it would remove {removed} of {of} clients; if this is intended, put the line `{REMOVE_MOST} = true` above the \
     first client, or restart"
)]
pub struct RemovesMost {
    removed: usize,
    of: usize,
}

/// The key that allows a list to remove most clients.
const REMOVE_MOST: &str = "remove_more_than_half";

/// A mistake in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, starting at 1.
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
    /// Parses a list. Returns every mistake in it.
    pub fn read(text: &str) -> Result<Clients, Vec<Mistake>> {
        reading::read(text)
    }

    /// The number of clients.
    pub fn count(&self) -> usize {
        self.by_uri.len() + self.by_token.len()
    }

    /// True if any client presents certificates.
    pub fn has_certificates(&self) -> bool {
        !self.by_uri.is_empty()
    }

    /// Refuses a new list that lacks more than half of these clients, by name, unless that list allows it.
    pub fn refuse_to_lose_most(&self, next: &Clients) -> Result<(), RemovesMost> {
        let kept: HashSet<&str> = next.callers().map(|caller| caller.client.as_str()).collect();
        let of = self.count();
        let removed = self.callers().filter(|caller| !kept.contains(caller.client.as_str())).count();
        if removed * 2 > of && !next.may_remove_most { Err(RemovesMost { removed, of }) } else { Ok(()) }
    }

    /// The clients, by name.
    pub fn entries(&self) -> Vec<Entry<'_>> {
        let certified = self.by_uri.values().map(|certified| Entry {
            caller: &certified.caller,
            shows: Shown::Certificate { revoked: &certified.revoked },
        });
        let tokens = self.by_token.iter().map(|(digest, token)| Entry {
            caller: &token.caller,
            shows: Shown::Token { digest: *digest, expires: token.expires },
        });
        let mut entries: Vec<_> = certified.chain(tokens).collect();
        entries.sort_by(|one, other| one.caller.client.cmp(&other.caller.client));
        entries
    }

    /// The role of the client with this name.
    pub fn role_of(&self, name: &str) -> Option<&Role> {
        self.callers().find(|caller| caller.client == name).map(|caller| &caller.role)
    }

    /// The webhooks of the clients that have one.
    pub fn webhooks(&self) -> &[WebhookEntry] {
        &self.webhooks
    }

    /// Returns the client with this name, and its token if that is what it has.
    pub(super) fn named(&self, name: &str) -> Option<(&Arc<Caller>, Option<&Token>)> {
        self.rows().find(|(caller, _)| caller.client == name)
    }

    fn callers(&self) -> impl Iterator<Item = &Caller> {
        self.rows().map(|(caller, _)| &**caller)
    }

    /// All clients, with their tokens.
    fn rows(&self) -> impl Iterator<Item = (&Arc<Caller>, Option<&Token>)> {
        let certified = self.by_uri.values().map(|certified| (&certified.caller, None));
        certified.chain(self.by_token.values().map(|token| (&token.caller, Some(token))))
    }

    /// Returns the client that a certificate belongs to.
    pub(super) fn of_certificate(&self, certificate: &Certificate) -> Result<&Arc<Caller>, NotCertified> {
        let mut found = certificate.uris.iter().filter_map(|uri| self.by_uri.get(uri.as_str()));
        let one = found.next().filter(|_| found.next().is_none());
        match one.ok_or(NotCertified::Unknown)? {
            certified if certified.revoked.contains(&certificate.serial) => Err(NotCertified::Revoked),
            certified => Ok(&certified.caller),
        }
    }

    /// Returns the client whose token has this digest.
    pub(super) fn of_token(&self, digest: &Digest) -> Option<&Token> {
        self.by_token.get(digest)
    }

    /// Marks the tokens that have expired, and unmarks those that have not.
    pub fn expire(&self, now: Timestamp) {
        for token in self.by_token.values() {
            let is_expired = token.expires.is_some_and(|expires| expires <= now);
            token.is_expired.store(is_expired, Ordering::Relaxed);
        }
    }

    /// The tokens that expire, with the names of their clients.
    pub(super) fn token_expiries(&self) -> Vec<(String, Timestamp)> {
        let expiry = |token: &Token| Some((token.caller.client.clone(), token.expires?));
        self.by_token.values().filter_map(expiry).collect()
    }
}
