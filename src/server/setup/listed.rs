//! The list of clients, with what the files beside it say about each certificate.

use std::path::Path;

use jiff::Timestamp;

use super::issued::Signer;
use super::rotation::{authorities, issued};
use super::{CLIENTS, SetupError, absolute, read_list};
use crate::auth::clients::{Entry, Shown};
use crate::auth::role_word;

/// A client of the list. It has no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedClient {
    /// Its name.
    pub name: String,
    /// Its role, as named in the list.
    pub role: &'static str,
    /// The provider whose HR system it is.
    pub provider: Option<String>,
    /// How it authenticates.
    pub shows: &'static str,
    /// Whether it is admitted with that.
    pub state: ClientState,
    /// When its certificate or its token expires. None if that is not known, or never.
    pub expires: Option<Timestamp>,
    /// For a certificate its SHA-256, and for a token the beginning of its SHA-256, in hexadecimal.
    pub fingerprint: Option<String>,
    /// The serial number of the certificate, in hexadecimal.
    pub serial: Option<String>,
    /// The name of the authority that signed the certificate.
    pub authority: Option<String>,
    /// The serial numbers of its revoked certificates.
    pub revoked: Vec<String>,
}

/// Whether a client is admitted with the certificate beside the list, or with its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// It is.
    Admitted,
    /// The certificate or the token has expired.
    Expired,
    /// The certificate is revoked.
    Revoked,
    /// No authority in `ca.crt` signed the certificate.
    NotTrusted,
    /// Its certificate is not beside the list.
    NotHere,
}

/// How many digits of the digest of a token are shown.
const SHOWN_DIGITS: usize = 16;

/// Reads the clients of a directory, by name.
pub fn list_clients(directory: &Path, now: Timestamp) -> Result<Vec<ListedClient>, SetupError> {
    let directory = absolute(directory)?;
    let clients = read_list(&directory.join(CLIENTS))?;
    let trusted = authorities(&directory)?;
    let listed = clients.entries().into_iter().map(|entry| listed(&directory, &entry, &trusted, now));
    listed.collect()
}

fn listed(directory: &Path, entry: &Entry<'_>, trusted: &[Signer], now: Timestamp) -> Result<ListedClient, SetupError> {
    let caller = entry.caller;
    let mut client = ListedClient {
        name: caller.client.clone(),
        role: role_word(&caller.role),
        provider: caller.own_provider().map(|id| id.as_str().to_owned()),
        shows: "token",
        state: ClientState::Admitted,
        expires: None,
        fingerprint: None,
        serial: None,
        authority: None,
        revoked: Vec::new(),
    };
    let state_by = |expires: Option<Timestamp>| match expires {
        Some(expires) if expires <= now => ClientState::Expired,
        _ => ClientState::Admitted,
    };
    match &entry.shows {
        Shown::Token { digest, expires } => {
            client.expires = *expires;
            client.state = state_by(*expires);
            client.fingerprint = Some(digest.to_hex().chars().take(SHOWN_DIGITS).collect());
        }
        Shown::Certificate { revoked } => {
            client.shows = "certificate";
            client.revoked = revoked.iter().map(ToString::to_string).collect();
            match issued(directory, &caller.client)? {
                None => client.state = ClientState::NotHere,
                Some(issued) => {
                    let signer = trusted.iter().find(|signer| signer.signed(&issued));
                    client.state = match signer {
                        _ if revoked.contains(&issued.serial) => ClientState::Revoked,
                        None => ClientState::NotTrusted,
                        Some(_) => state_by(Some(issued.expires)),
                    };
                    client.authority = signer.map(|signer| signer.name.clone());
                    client.expires = Some(issued.expires);
                    client.serial = Some(issued.serial.to_string());
                    client.fingerprint = Some(issued.fingerprint);
                }
            }
        }
    }
    Ok(client)
}
