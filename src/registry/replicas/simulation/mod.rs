//! Tests: replicas of the real registry share a log in a simulated database, in random histories with faults.
//!
//! A scheduler, driven by a seed, decides what happens next: a client asks, a statement is executed, shipped to the
//! standby, released or cancelled, a node crashes, the standby is promoted while the old primary runs on, the database
//! is restored, a replica is killed. After every step it checks what must hold, and at the end it lets everything run
//! out: then all replicas must answer alike, and as one registry that has only read the log.
//!
//! `CPSS_REPLICA_HISTORIES` sets the number of histories.

mod bias;
mod checks;
mod client;
mod execution;
mod finish;
mod history;
mod late_append;
mod line;
mod locks;
mod old_primary;
mod operator;
mod repeated;
mod schedule;
mod search;
mod staged;
mod tests;
mod world;
