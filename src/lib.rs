//! The registry of record for Mississippi's Certified Peer Support Specialists.
//!
//! Modules in reading order: [`domain`] (the rules of the program), [`rules`] (the published rule sets as data),
//! [`proof`] (keys and signed statements), [`store`] (the log and the index), [`registry`] (the use cases), [`surface`]
//! (the operations of the API, independent of the transport), [`auth`], [`telemetry`], [`transport`] (HTTP on a
//! connection), [`grpc`] and [`http`] (the protocols of the listeners), [`webhooks`] (what is posted to clients),
//! [`server`] (which assembles everything), [`cli`] (the command line).

pub mod auth;
pub mod cli;
pub mod domain;
pub mod grpc;
pub mod http;
pub mod proof;
pub mod proto;
pub mod registry;
pub mod rules;
pub mod server;
pub mod store;
pub mod surface;
pub mod telemetry;
pub mod transport;
pub mod webhooks;
