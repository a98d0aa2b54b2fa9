//! Tokens of clients. The list has only their digests.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::files::{self, Readers};
use super::{CLIENTS, Credentials, NewClient, SetupError, check_list, enter, with_client};
use crate::auth::clients::with_new_token;
use crate::auth::token::Digest;
use crate::registry::clock;

/// Creates a client's token, and adds the client to the list with the token's digest.
pub(super) fn add(directory: &Path, client: &NewClient) -> Result<Credentials, SetupError> {
    let token = new_token()?;
    let (digest, expires) = (Digest::of(&token).to_hex(), expiry(client.days));
    let list = with_client(directory, client, &format!("token_sha256 = \"{digest}\"\nexpires = {expires:.0}"))?;
    let path = directory.join(format!("{}.token", client.name));
    files::write_new(&path, format!("{token}\n"), Readers::Owner)?;
    enter(directory, &list, Credentials::Token { token: path })
}

/// Replaces a client's token. None if the client shows certificates.
pub(super) fn renew(directory: &Path, name: &str, days: u32) -> Result<Option<Credentials>, SetupError> {
    let path = directory.join(CLIENTS);
    let token = new_token()?;
    let list = with_new_token(&files::read(&path)?, name, Digest::of(&token), expiry(days));
    let not_on_list = |_| SetupError::NotOnList { path: path.clone(), client: name.to_owned() };
    let Some(list) = list.map_err(not_on_list)? else { return Ok(None) };
    check_list(&path, &list)?;
    let file = directory.join(format!("{name}.token"));
    files::replace(&file, &format!("{token}\n"), Readers::Owner)?;
    files::replace(&path, &list, Readers::Anyone)?;
    Ok(Some(Credentials::Token { token: file }))
}

fn new_token() -> Result<String, SetupError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(SetupError::Random)?;
    Ok(format!("cpss_{}", random.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// When a token expires that is valid for this many days.
fn expiry(days: u32) -> Timestamp {
    clock::now() + SignedDuration::from_hours(24 * i64::from(days))
}
