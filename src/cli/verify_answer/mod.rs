//! `verify-answer`: checks a signed answer or receipt, offline if the public keys are in a file.

mod evidence;
mod packed;
mod text;

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use self::evidence::Evidence;
use super::connect::Connection;
use super::failure::Failure;
use super::{Outcome, block_on, print, print_json, terminal};
use crate::proof::jwk::Jwks;
use crate::proof::jws::{self, Statement};
use crate::proto::v1::GetSigningKeysRequest;
use crate::proto::v1::log_service_client::LogServiceClient;
use crate::server::setup::public_keys;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Check a signed answer or receipt: exit 0 if it is genuine, 1 if not
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct VerifyAnswer {
    /// The file with the signed answer or receipt; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Check with the public keys in this file, and ask nobody [default: the keys of the server]
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Check with the public keys in this data directory, and ask nobody
    #[arg(long, value_name = "DIR", conflicts_with = "jwks")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry verify CPS-28MS-MN2K-Z --sign answer.jws
  cpss-registry verify-answer answer.jws
  curl http://127.0.0.1:8080/.well-known/jwks.json > jwks.json
  cpss-registry verify-answer answer.jws --jwks jwks.json

The file has the statement alone, the text of the QR code of a letter, or a JSON object with `signed_receipt` and
`inclusion_proof` (the answer of GetInclusionProof as JSON). Then the proof is checked too.";

/// What is printed for programs.
#[derive(Default, Serialize)]
struct Report<'a> {
    genuine: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    included_in_tree_of: Option<u64>,
}

impl VerifyAnswer {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let evidence = Evidence::read(&read(&self.file)?)
            .map_err(|fault| Failure::said(vec![format!("{} cannot be checked: {fault}", self.file.display())]))?;
        let keys = self.keys()?;
        let checked = jws::verify(&evidence.statement, &keys).map_err(|refused| refused.to_string());
        let checked = checked.and_then(|statement| {
            let proven = evidence.proof.as_ref().map_or(Ok(()), |proof| proof.verify(&statement, &keys));
            proven.map(|()| statement).map_err(|refused| refused.to_string())
        });
        match checked {
            Ok(statement) => self.say_genuine(&statement, &evidence),
            Err(why) => self.say_refused(why),
        }
    }

    /// The public keys: those of a file, of a data directory, or of the server.
    fn keys(&self) -> Result<Jwks, Failure> {
        let (text, place) = match (&self.jwks, &self.data_dir) {
            (Some(file), _) => (read(file)?, file.display().to_string()),
            (None, Some(data_dir)) => {
                return public_keys(data_dir).map_err(|error| Failure::of("cannot read the keys", &error));
            }
            (None, None) => (block_on(self.asked_keys())?, "the answer of the server".to_owned()),
        };
        Jwks::parse(&text).map_err(|error| Failure::of(format!("{place} has no usable keys"), &error))
    }

    async fn asked_keys(&self) -> Result<String, Failure> {
        let mut service = LogServiceClient::new(self.connection.open(TIMEOUT).await?);
        let asked = service.get_signing_keys(GetSigningKeysRequest::default()).await;
        Ok(asked.map_err(|status| Failure::answered(&status))?.into_inner().jwks)
    }

    fn say_genuine(&self, statement: &Statement, evidence: &Evidence) -> Result<Outcome, Failure> {
        let included = evidence.proof.as_ref().map(|proof| proof.tree_size);
        if self.json {
            print_json(&Report {
                genuine: true,
                typ: Some(statement.typ),
                kid: Some(&statement.kid),
                claims: Some(&statement.claims),
                included_in_tree_of: included,
                ..Report::default()
            })?;
        } else {
            print(&text::of(statement, included, terminal::width()))?;
        }
        Ok(Outcome::Done)
    }

    fn say_refused(&self, why: String) -> Result<Outcome, Failure> {
        if self.json {
            print_json(&Report { why: Some(why), ..Report::default() })?;
        } else {
            print(&format!("NOT GENUINE  do not rely on it: {why}\n"))?;
        }
        Ok(Outcome::Failed)
    }
}

/// Reads a small text file, or standard input.
fn read(path: &Path) -> Result<String, Failure> {
    let cannot = |error: io::Error| Failure::of(format!("cannot read {}", path.display()), &error);
    let mut text = String::new();
    if path == Path::new(STANDARD_INPUT) {
        io::stdin().lock().take(LARGEST).read_to_string(&mut text).map_err(cannot)?;
    } else {
        fs::File::open(path).map_err(cannot)?.take(LARGEST).read_to_string(&mut text).map_err(cannot)?;
    }
    Ok(text)
}
