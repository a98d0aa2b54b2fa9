//! The transparency log: proofs and checkpoints of a server, and what a witness finds in a log that was rewritten.

mod forged;
mod proofs;
mod rewriting;
mod witness;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cpss_registry::proof::jwk::Jwks;
use cpss_registry::proof::tree::{Checkpoint, Hash};
use cpss_registry::proto::v1;

use crate::harness::Client;
use crate::harness::requests::register_specialist;

/// The hash in a message.
fn hash(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap()
}

/// The checkpoint in a note that a key of the server signed.
async fn verified(client: &Client, note: &str) -> Checkpoint {
    let keys = client.ask(v1::GetSigningKeysRequest::default()).await.jwks;
    Checkpoint::read_signed(note, Jwks::parse(&keys).unwrap().of_checkpoints()).unwrap()
}

/// Waits until a checkpoint has every record that was known, and returns its text.
async fn checkpoint_of_the_head(client: &Client) -> String {
    let head = client.head().await;
    let proof = v1::GetInclusionProofRequest { revision: head, tree_size: 0 };
    let checkpoint = client.ask(proof).await.checkpoint;
    if checkpoint.is_empty() { client.ask(v1::GetCheckpointRequest::default()).await.checkpoint } else { checkpoint }
}

/// Registers people with these family names.
async fn register(client: &Client, names: &[&str]) {
    for family in names {
        client.report(register_specialist("Casimir", family)).await;
    }
}

/// Runs `witness --once` with more flags. Returns its exit code and all that it printed.
async fn witness(server: SocketAddr, state: &Path, more: &[&str]) -> (Option<i32>, String) {
    witness_of(&format!("http://{server}"), state, more).await
}

/// The same for a log at a URL.
async fn witness_of(origin: &str, state: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
    command.args(["witness", "--once", "--origin", origin, "--state"]).arg(state).args(more).stdin(Stdio::null());
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.code(), [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat())
}
