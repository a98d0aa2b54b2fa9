//! What the tests are written with.
//!
//! [`TestServer`] is a registry in this process, [`Process`] one as a program of its own: for tests that kill it. Both
//! give a [`Client`], which sends any request of the contract, as any caller, on any day; and [`TestServer`] a
//! [`BytesListener`] as well. [`library`] opens one that nobody serves. [`requests`] holds a function for each request
//! and [`scenes`] what stands at the beginning of most stories; [`words`] puts answers into one line of text each, and
//! [`promised`] gives the bytes of them that are promised; [`refusal`] reads errors as a careful client would.

pub mod bytes_listener;
pub mod client;
pub mod library;
pub mod log;
pub mod process;
pub mod promised;
pub mod raw;
pub mod refusal;
pub mod requests;
pub mod scenes;
pub mod server;
pub mod words;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub use self::bytes_listener::BytesListener;
pub use self::client::{Accepted, Call, Client, Mutation};
pub use self::process::Process;
pub use self::promised::Promised;
pub use self::refusal::Refusal;
pub use self::server::TestServer;

/// The day of most scenarios: a Monday.
pub const TODAY: &str = "2026-03-02";

/// A number that is on no certificate, though it could be.
pub const NOT_ON_FILE: &str = "CPS-0000-0000-0";

/// Every file below a directory.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The same data directory once more, with what is in it and below it.
pub fn copy_of(data: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        fs::create_dir_all(copy.path().join(&directory)).unwrap();
        for entry in fs::read_dir(data.join(&directory)).unwrap().map(Result::unwrap) {
            let name = directory.join(entry.file_name());
            if entry.path().is_dir() {
                directories.push(name);
            } else {
                fs::copy(entry.path(), copy.path().join(name)).unwrap();
            }
        }
    }
    copy
}
