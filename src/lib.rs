//! The registry of record for Mississippi's Certified Peer Support Specialists.

pub mod domain;
pub mod rules;
