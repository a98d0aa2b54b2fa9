//! The registry of record for Mississippi's Certified Peer Support Specialists.
//!
//! In reading order: [`domain`], what the rules say; [`rules`], the published rules as data; [`store`], what is kept and
//! how; [`registry`], the use cases; [`surface`], with [`auth`] and [`telemetry`], which every way in calls; [`grpc`], the
//! listener; [`server`], which puts it all together; [`cli`], the command line.

pub mod auth;
pub mod cli;
pub mod domain;
pub mod grpc;
pub mod proto;
pub mod registry;
pub mod rules;
pub mod server;
pub mod store;
pub mod surface;
pub mod telemetry;
