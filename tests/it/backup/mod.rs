//! Backup, restore, check, rebuild and export, run as commands on data directories of a server.

mod commands;
#[cfg(feature = "encryption")]
mod drill;
mod questions;
mod ship;
#[cfg(feature = "encryption")]
mod streamed;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;

use super::harness::{Client, Process, TODAY, until};
use super::kill::memory::{Person, settle};
use super::kill::work::write_until_cut;

/// The result of a command: the exit code, standard output and standard error.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program.
fn run(arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs a command that must succeed, and parses its JSON output.
pub fn json_of(arguments: &[&str]) -> Value {
    let ended = run(&[arguments, &["--json"]].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// Runs a command that must fail, and returns its error.
fn refused(arguments: &[&str]) -> String {
    let ended = run(arguments);
    assert_eq!(ended.code, 1, "{arguments:?}: {}{}", ended.out, ended.err);
    ended.err
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs 16 clients that write until there are enough revisions, calls `meanwhile`, kills the server, and returns the
/// people written about, as a restarted registry has them.
async fn written(data_dir: &Path, revisions: u64, meanwhile: impl FnOnce()) -> Vec<Person> {
    let (process, client) = Process::start(data_dir, TODAY);
    let mut providers = Vec::new();
    for number in 1..=4 {
        providers.push(client.qualified_provider(&format!("Example Center {number}")).await.provider_id);
    }
    let address = process.listening();
    let writers: Vec<_> = (0..16)
        .map(|_| tokio::spawn(write_until_cut(Client::connect(address), providers.clone(), Arc::default())))
        .collect();
    until("enough revisions", async || client.head().await >= revisions).await;
    tokio::task::block_in_place(meanwhile);
    process.kill();
    let mut people = Vec::new();
    for writer in writers {
        people.extend(writer.await.unwrap());
    }
    let (process, client) = Process::start(data_dir, TODAY);
    settle(&client, &mut people).await;
    process.stop();
    people
}

/// The bytes of all files below a directory, without lock and index.
fn kept(data_dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = vec![("FORMAT".to_owned(), fs::read(data_dir.join("FORMAT")).unwrap())];
    for part in ["keys", "log"] {
        for entry in fs::read_dir(data_dir.join(part)).unwrap() {
            let path = entry.unwrap().path();
            found.push((text(&path).to_owned(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}
