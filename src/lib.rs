//! The registry of record for Mississippi's Certified Peer Support Specialists.

pub mod domain;
pub mod proto;
pub mod registry;
pub mod rules;
pub mod store;
