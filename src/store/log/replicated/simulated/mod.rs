//! A simulated database, for tests: what its nodes do with statements. `plain` is a database of one node that never
//! fails; the tests of the registry build one of several nodes that fail in every way.

pub mod node;
pub mod plain;
pub mod rules;
