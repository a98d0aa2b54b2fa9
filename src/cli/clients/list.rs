//! `clients list`: the clients of a configuration directory. It reads files alone, so it works beside a running server.

use std::path::PathBuf;

use serde::Serialize;

use super::super::failure::Failure;
use super::super::table::table;
use super::super::{Outcome, print, print_json, terminal};
use crate::registry::clock;
use crate::server::setup::{ClientState, ListedClient, list_clients};

/// List the clients: role, what each authenticates with, when that expires, and whether it is admitted; no secrets
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct List {
    /// The directory that `init` made
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry clients list /etc/cpss-registry
  cpss-registry clients list /etc/cpss-registry --json

Of a client with a certificate it reads DIR/NAME.crt, the certificate that `init` issued last. If that file was moved
away, only the entry of the list is known.";

const COLUMNS: [&str; 7] = ["client", "role", "provider", "shows", "expires", "state", "fingerprint"];

/// How many digits of a fingerprint the table shows.
const SHOWN_DIGITS: usize = 16;

#[derive(Serialize)]
struct Report {
    clients: Vec<Reported>,
}

#[derive(Serialize)]
struct Reported {
    name: String,
    role: &'static str,
    provider_id: Option<String>,
    shows: &'static str,
    expires: Option<String>,
    state: &'static str,
    fingerprint: Option<String>,
    serial: Option<String>,
    authority: Option<String>,
    revoked: Vec<String>,
}

impl From<ListedClient> for Reported {
    fn from(client: ListedClient) -> Reported {
        Reported {
            name: client.name,
            role: client.role,
            provider_id: client.provider,
            shows: client.shows,
            expires: client.expires.map(|expires| format!("{expires:.0}")),
            state: match client.state {
                ClientState::Admitted => "admitted",
                ClientState::Expired => "expired",
                ClientState::Revoked => "revoked",
                ClientState::NotTrusted => "not trusted",
                ClientState::NotHere => "not here",
            },
            fingerprint: client.fingerprint,
            serial: client.serial,
            authority: client.authority,
            revoked: client.revoked,
        }
    }
}

impl List {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let listed = list_clients(&self.directory, clock::now());
        let listed = listed.map_err(|error| Failure::of("cannot list the clients", &error))?;
        let clients: Vec<Reported> = listed.into_iter().map(Reported::from).collect();
        if self.json {
            print_json(&Report { clients })?;
            return Ok(Outcome::Done);
        }
        let rows: Vec<Vec<String>> = clients.into_iter().map(row).collect();
        print(&table(&COLUMNS, &rows, Some(terminal::table_width())))?;
        Ok(Outcome::Done)
    }
}

fn row(client: Reported) -> Vec<String> {
    let short = |fingerprint: String| fingerprint.chars().take(SHOWN_DIGITS).collect();
    vec![
        client.name,
        client.role.to_owned(),
        client.provider_id.unwrap_or_default(),
        client.shows.to_owned(),
        client.expires.unwrap_or_else(|| "-".to_owned()),
        client.state.to_owned(),
        client.fingerprint.map_or_else(|| "-".to_owned(), short),
    ]
}
