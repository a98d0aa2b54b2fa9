//! The integration tests: one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests print and panic"
)]
#![allow(unreachable_pub, reason = "pub marks the interface of the helpers")]

mod access;
mod amendments;
mod audit_trail;
mod backup;
mod browser;
mod calendar;
mod cascade;
mod claims;
mod cold_start;
mod commands;
mod connect;
mod connection_age;
mod contract;
mod drain;
mod dry_run;
mod due_dates;
mod eligibility_review;
mod errors;
mod examples;
mod faults;
mod feed;
mod find;
mod generated;
mod harness;
mod heal;
mod histories;
mod hostile;
mod identifiers;
mod ids;
mod impact;
mod import;
mod import_directory;
mod issuance;
mod kill;
mod linear;
#[cfg(feature = "workbooks")]
mod lists;
mod logs;
mod main_job;
mod metrics;
#[cfg(feature = "mirror")]
mod mirror;
mod model;
mod names;
mod numbers;
mod opening;
mod pages;
mod permissions;
mod prior_numbers;
mod probes;
mod provision;
mod reask;
mod refused_commands;
mod requests;
mod restart;
mod review;
mod rights;
mod roster;
mod scenarios;
mod semantics;
mod service_manager;
mod signed;
mod sizes;
mod source_tree;
mod stream;
mod tls;
mod tokens;
#[cfg(feature = "traces")]
mod traces;
mod transparency;
mod upgrade;
mod walk;
mod webhooks;
#[cfg(not(feature = "full"))]
mod without;
mod year;
