//! A real PostgreSQL, as the shared log of several replicas. Each test starts its own servers.
//!
//! Plain `cargo test` leaves this binary out, because it needs PostgreSQL: `tests/postgresql/run.sh` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    reason = "a test says what it found, and fails by panicking"
)]

mod away;
mod database;
mod document;
mod faults;
mod fleet;
#[path = "../it/harness/mod.rs"]
#[allow(unused_imports, reason = "these tests use a part of it")]
mod harness;
mod link;
mod moved;
mod operations;
mod patroni;
mod redacted;
mod replicas;
mod restored;
mod schema;
mod server;
mod server_tests;
mod set_up;
