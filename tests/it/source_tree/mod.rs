//! The rooms of `src` and what each may import, and rules of form that the compiler does not check.

mod code;
mod comments;
mod guides;
mod imports;
mod ladder;
pub mod monitoring;
mod operations;
pub mod settings;
mod words;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use self::code::{Code, from_root, module_of};
use crate::harness::{files_below, read, root};

/// A room: what it may import, and why.
struct Room {
    name: &'static str,
    /// The other rooms that it may import from, or single modules in them.
    enters: &'static [&'static str],
    /// The crates that it may use.
    uses: Crates,
    why: &'static str,
}

enum Crates {
    /// Only these.
    Only(&'static [&'static str]),
    /// All except these.
    AllBut(&'static [&'static str]),
}

use Crates::{AllBut, Only};

const THE_WIRE: &[&str] = &["tonic", "tonic_health", "tonic_prost", "tonic_reflection", "tonic_types", "tower", "http"];

/// The table of the architecture. `proto` is generated code: only `store` may use the stored form; rooms that speak the
/// wire may use the public contract.
const ROOMS: &[Room] = &[
    Room {
        name: "domain",
        enters: &[],
        uses: Only(&[
            "foldhash",
            "jiff",
            "smallvec",
            "thiserror",
            "unicode_normalization",
            "unicode_properties",
            "uuid",
        ]),
        why: "domain implements the rules: no async, no clock, no I/O, and nothing of the wire or the disk",
    },
    Room {
        name: "rules",
        enters: &["domain"],
        uses: Only(&["jiff", "serde", "sha2", "thiserror", "toml"]),
        why: "rules parses rule files into domain types: it neither serves nor stores anything",
    },
    Room {
        name: "proof",
        enters: &[],
        uses: Only(&["base64", "ring", "serde", "serde_json", "sha2", "thiserror"]),
        why: "proof makes and checks signed statements: pure functions that an auditor can read by themselves",
    },
    Room {
        name: "store",
        enters: &["domain", "proof", "proto::storage"],
        uses: AllBut(&[
            "tokio",
            "tokio_stream",
            "tokio_postgres",
            "tokio_postgres_rustls",
            "clap",
            "serde",
            "serde_json",
            "toml",
        ]),
        why: "store keeps facts in its own format, on threads that may block: it knows no callers and no use cases",
    },
    Room {
        name: "registry",
        enters: &["domain", "proof", "rules", "store"],
        uses: AllBut(&["prost", "prost_types", "sled", "clap", "serde", "serde_json", "toml"]),
        why: "registry implements the use cases: another wire or another storage engine must not affect it",
    },
    Room {
        name: "surface",
        enters: &["registry", "domain", "auth", "proof", "telemetry", "proto"],
        uses: AllBut(&["sled", "clap", "serde", "serde_json", "toml", "rustix"]),
        why: "surface serves all listeners: it gets stored data only from the registry",
    },
    Room {
        name: "transport",
        enters: &["auth::memory", "auth::peer", "auth::quotas"],
        uses: AllBut(&["sled", "prost", "prost_types", "clap", "serde", "serde_json", "toml", "rustix"]),
        why: "transport moves HTTP over connections: it knows no protocol and no use case",
    },
    Room {
        name: "http",
        enters: &[
            "surface",
            "auth::FEED",
            "auth::PACKAGE",
            "auth::memory",
            "auth::peer",
            "auth::quotas",
            "proto",
            "registry::incident",
        ],
        uses: AllBut(&["sled", "clap", "toml", "rustix"]),
        why: "http is a listener: it implements the protocol, and gets checked responses from the surface",
    },
    Room {
        name: "grpc",
        enters: &["surface", "proto::DESCRIPTORS", "proto::SERVICES"],
        uses: AllBut(&["sled", "prost", "prost_types", "clap", "serde", "serde_json", "toml", "rustix"]),
        why: "grpc is a listener: it implements the protocol, and gets checked responses from the surface",
    },
    Room {
        name: "webhooks",
        enters: &["surface", "auth::FEED", "auth::peer", "proto", "registry::incident"],
        uses: AllBut(&["sled", "clap", "toml", "rustix"]),
        why: "webhooks posts what the surface answers to a client: it reads nothing that the client may not",
    },
    Room {
        name: "auth",
        enters: &["domain", "proto::SERVICES"],
        uses: AllBut(&["sled", "prost", "prost_types", "clap"]),
        why: "auth identifies the caller and its rights: it must not depend on what is on file",
    },
    Room {
        name: "telemetry",
        enters: &[],
        uses: AllBut(&["sled", "prost", "prost_types", "clap"]),
        why: "telemetry writes only what it is given: without domain types it cannot leak a name or a birth date",
    },
    Room {
        name: "server",
        enters: &[
            "auth",
            "domain",
            "grpc",
            "http",
            "proof",
            "proto",
            "registry",
            "rules",
            "store",
            "surface",
            "telemetry",
            "transport",
            "webhooks",
        ],
        uses: AllBut(&["sled"]),
        why: "server puts everything together; only cli and the tests import it",
    },
    Room {
        name: "cli",
        enters: &[
            "server",
            "proof",
            "proto",
            "domain::id::CredentialNumber",
            "domain::name",
            "domain::prior_number::PriorNumber",
            "domain::standing",
            "domain::text",
            "registry::clock",
            "surface::encode::WireEnum",
        ],
        uses: AllBut(&["sled"]),
        why: "cli is a client of the contract, except for serve, the effect of reasons, and which texts mean the same",
    },
    Room { name: "proto", enters: &[], uses: AllBut(&["sled"]), why: "proto is generated: it imports no other room" },
];

/// The rooms that may import all of another.
pub fn rooms_that_import(name: &str) -> Vec<&'static str> {
    ROOMS.iter().filter(|room| room.enters.contains(&name)).map(|room| room.name).collect()
}

/// The commands that work on a data directory without a server, and their progress output.
const OFFLINE_COMMANDS: &[&str] = &[
    "src/cli/backup/local.rs",
    "src/cli/restore.rs",
    "src/cli/restore_drill/",
    "src/cli/log/ship.rs",
    "src/cli/check.rs",
    "src/cli/rebuild.rs",
    "src/cli/redact.rs",
    "src/cli/export/",
    "src/cli/progress.rs",
    "src/cli/audit.rs",
    "src/cli/accept_loss.rs",
    "src/cli/witness/",
];

/// What these commands may import in addition: an export needs the domain, and the audit search the audit.
const OFFLINE_ROOMS: &[&str] = &["store", "domain", "telemetry::audit"];

/// The crates of the one folder that speaks to a database, and of its tests. There, `store` does not only block.
const DATABASE: [&str; 2] = ["src/store/log/postgresql/", "src/store/log/conformance/postgresql.rs"];
const OF_DATABASE: &[&str] = &["tokio", "tokio_postgres", "tokio_postgres_rustls"];

/// The rooms that may use the wire.
const SPEAK_THE_WIRE: &[&str] = &["surface", "transport", "grpc", "http", "webhooks", "auth", "server", "cli", "proto"];

/// Files over the limit, with a length that may only decrease, and the reason.
const LONG_FILES: &[(&str, usize, &str)] = &[];

const LONGEST_FILE: usize = 400;
const LONGEST_MAIN: usize = 60;

/// A file of the source tree.
struct Source {
    path: String,
    text: String,
    module: Vec<String>,
    code: Code,
}

impl Source {
    fn of(path: &str, text: &str) -> Source {
        let module = module_of(path);
        let code = Code::read(text, &module).unwrap_or_else(|error| panic!("{path}: {error}"));
        Source { path: path.to_owned(), text: text.to_owned(), module, code }
    }
}

fn source_tree() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let mut paths = files_below(&root().join("src"));
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
        paths.sort();
        assert!(paths.len() > 100, "the source tree was not found: {} files", paths.len());
        let paths = paths.iter().map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap());
        paths.map(|path| Source::of(path, &read(path))).collect()
    })
}

/// The crates in the manifest, in the spelling of code.
fn dependencies() -> BTreeSet<String> {
    let manifest = read("Cargo.toml");
    let section = manifest.split("\n[").find_map(|section| section.strip_prefix("dependencies]\n")).unwrap();
    let lines = section.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_"))).collect()
}

/// The imports of a file that the table forbids.
fn violations(source: &Source, dependencies: &BTreeSet<String>) -> BTreeSet<String> {
    let Some(name) = source.module.first() else { return BTreeSet::new() };
    let room = ROOMS.iter().find(|room| room.name == name);
    let room = room.unwrap_or_else(|| panic!("{}: a room that is not in the table", source.path));
    let mut found = BTreeSet::new();
    for written in &source.code.written {
        let (to, is_allowed) = match from_root(&written.path, &written.module) {
            // A path to the root of the crate names no room.
            Some(path) if path.is_empty() => continue,
            Some(path) => (path.join("::"), may_enter(room, &path.join("::"), &source.path)),
            None => {
                let is_foreign = !dependencies.contains(&written.path[0]);
                (written.path[0].clone(), is_foreign || may_use(room, &written.path[0], &source.path))
            }
        };
        if !is_allowed {
            found.insert(format!("{}: {} must not name {to}: {}", source.path, room.name, room.why));
        }
    }
    found
}

fn may_enter(room: &Room, path: &str, file: &str) -> bool {
    let within = |place: &str| path == place || path.strip_prefix(place).is_some_and(|rest| rest.starts_with("::"));
    if within("proto::storage") && room.name != "proto" {
        return room.enters.contains(&"proto::storage");
    }
    let is_offline = OFFLINE_COMMANDS.iter().any(|command| file.starts_with(command));
    let offline = is_offline && OFFLINE_ROOMS.iter().any(|place| within(place));
    within(room.name) || offline || room.enters.iter().any(|place| within(place))
}

fn may_use(room: &Room, name: &str, file: &str) -> bool {
    if room.name == "store" && DATABASE.iter().any(|place| file.starts_with(place)) && OF_DATABASE.contains(&name) {
        return true;
    }
    if THE_WIRE.contains(&name) && !SPEAK_THE_WIRE.contains(&room.name) {
        return false;
    }
    // The copy that `mirror` keeps belongs to a client. The registry itself stores nothing in SQL.
    if name == "rusqlite" && room.name != "cli" {
        return false;
    }
    match room.uses {
        Only(names) => names.contains(&name),
        AllBut(names) => !names.contains(&name),
    }
}

#[test]
fn every_room_imports_only_what_the_table_allows() {
    let dependencies = dependencies();
    let found: Vec<_> = source_tree().iter().flat_map(|source| violations(source, &dependencies)).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn a_violation_is_found_in_any_spelling() {
    let dependencies = dependencies();
    for (path, text, named) in [
        ("src/domain/day.rs", "use crate::store::Store;", "store::Store"),
        ("src/domain/decide/mod.rs", "use super::super::registry;", "registry"),
        ("src/domain/day.rs", "fn f() { let x = crate::rules::shipped(); }", "rules::shipped"),
        ("src/domain/mod.rs", "mod tests { use super::super::store::Store; }", "store::Store"),
        ("src/domain/day.rs", "use std::{fmt, io};\nuse {serde::Serialize};", "serde"),
        ("src/domain/day.rs", "#[derive(serde::Serialize)] struct S;", "serde"),
        ("src/registry/mod.rs", "use crate::{domain::day::Day, proto::{self, v1}};", "proto"),
        ("src/registry/mod.rs", "fn f() -> Result<(), tonic::Status> {}", "tonic"),
        ("src/store/mod.rs", "use crate::proto::v1;", "proto::v1"),
        ("src/surface/mod.rs", "use crate::proto::storage::Record;", "proto::storage::Record"),
        ("src/surface/mod.rs", "use crate::server;", "server"),
        ("src/surface/mod.rs", "use crate::transport::http2;", "transport::http2"),
        ("src/grpc/mod.rs", "use crate::registry::Registry;", "registry::Registry"),
        ("src/grpc/mod.rs", "use crate::auth::Identities;", "auth::Identities"),
        ("src/store/mod.rs", "use rusqlite::Connection;", "rusqlite"),
        ("src/store/mod.rs", "use tokio::runtime::Handle;", "tokio"),
        ("src/store/log/replicated/mod.rs", "use tokio_postgres::Client;", "tokio_postgres"),
        ("src/telemetry/mod.rs", "use crate::domain::id::Revision;", "domain::id::Revision"),
        ("src/cli/verify/mod.rs", "use crate::store::Store;", "store::Store"),
        ("src/domain/day.rs", "use self::super::super::registry;", "registry"),
        ("src/domain/day.rs", "fn f() -> ::tonic::Status {}", "tonic"),
        ("src/domain/day.rs", "fn f() { println!(\"{}\", [crate::store::x()]); }", "store::x"),
        ("src/domain/day.rs", "macro_rules! m { () => { use $crate::{store::{Store}}; }; }", "store::Store"),
    ] {
        let found = violations(&Source::of(path, text), &dependencies);
        assert!(
            found.iter().any(|reason| reason.contains(&format!("must not name {named}: "))),
            "{path}: {text}: {found:?}"
        );
    }
    for (path, text) in [
        ("src/domain/mod.rs", "mod tests { use super::*; } // use crate::store::Store;"),
        ("src/domain/day.rs", "fn f() -> &'static str { \"use crate::store\" } /* tonic::Status */"),
        ("src/cli/check.rs", "use crate::store::Store;"),
        ("src/store/log/postgresql/mod.rs", "use tokio::runtime::Handle;"),
        ("src/store/record/mod.rs", "use crate::proto::storage::{self, fact::Subject};"),
    ] {
        assert_eq!(violations(&Source::of(path, text), &dependencies), BTreeSet::new(), "{path}: {text}");
    }
}

#[test]
fn no_file_is_too_long() {
    for Source { path, text, .. } in source_tree() {
        let lines = text.lines().count();
        let excepted = LONG_FILES.iter().find(|(long, ..)| long == path);
        match excepted {
            Some((_, limit, why)) => {
                assert!(lines > LONGEST_FILE, "{path} is short now: take it off the list");
                assert!(lines <= *limit, "{path} has {lines} lines and may only shrink, from {limit} ({why})");
            }
            None => assert!(lines <= LONGEST_FILE, "{path} has {lines} lines, more than {LONGEST_FILE}: split it"),
        }
        if path == "src/main.rs" {
            assert!(lines < LONGEST_MAIN, "main only parses, runs and exits: {lines} lines are too many");
        }
    }
    for (path, ..) in LONG_FILES {
        assert!(root().join(path).exists(), "{path} is gone: take it off the list");
    }
}

#[test]
fn no_unfinished_macros_are_left() {
    for Source { path, code, .. } in source_tree() {
        for call in &code.calls {
            let name = call.path.last().map(String::as_str).unwrap_or_default();
            assert!(!["todo", "unimplemented", "dbg"].contains(&name), "{path} says {name}!");
        }
    }
}

#[test]
fn every_log_line_has_an_event_that_alerts_can_match() {
    let mut lines = 0;
    for Source { path, code, .. } in source_tree() {
        for call in &code.calls {
            let [of, level] = &call.path[..] else { continue };
            if of == "tracing" && ["error", "warn", "info", "debug", "trace"].contains(&level.as_str()) {
                lines += 1;
                let first = call.first.as_deref();
                assert_eq!(first, Some("event"), "{path}: a line of tracing::{level}! does not begin with its event");
            }
        }
    }
    assert!(lines > 50, "log lines were not found: {lines}");
}
