//! The harness of the tests.
//!
//! [`TestServer`] is a registry in this process. [`Process`] is a registry in its own process, for tests that kill it.
//! Both give a [`Client`], which sends any request of the contract, as any caller, on any day; [`TestServer`] also
//! gives a [`BytesListener`]. [`over_http`] calls the HTTP port by the same clients, and [`http1`] sends it single
//! requests. [`library`] opens a registry without a server. [`requests`] has a function for each request, and
//! [`scenes`] sets up common situations. [`words`] formats answers as one line of text each. [`markdown`] reads the
//! documents. [`promised`] extracts the bytes of an answer that must be reproducible. [`refusal`] reads errors like a
//! careful client. [`ops`] reads the pages of the ops listener. [`faketime`] finds another clock. [`wait`] waits with
//! a deadline.

pub mod bytes_listener;
pub mod client;
pub mod faketime;
pub mod http1;
pub mod keys;
pub mod library;
pub mod log;
pub mod markdown;
pub mod ops;
pub mod over_http;
pub mod process;
pub mod promised;
pub mod proxy;
pub mod raw;
pub mod refusal;
pub mod requests;
pub mod scenes;
pub mod server;
pub mod wait;
pub mod words;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub use self::bytes_listener::BytesListener;
pub use self::client::{Accepted, Call, Client, Mutation};
pub use self::over_http::Codec;
pub use self::process::{Process, serve_failures};
pub use self::promised::Promised;
pub use self::refusal::Refusal;
pub use self::server::TestServer;
pub use self::wait::{Messages, PATIENCE, block_until, block_until_within, soon, until};

/// The day of most scenarios: a Monday.
pub const TODAY: &str = "2026-03-02";

/// A valid number that no credential has.
pub const NOT_ON_FILE: &str = "CPS-0000-0000-0";

/// The top level of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the project.
pub fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All files below a directory.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// A copy of a data directory.
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
