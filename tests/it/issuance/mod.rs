//! Issuance and renewal by the published rules: sections 7, 8 and 11 of the specification, in tables.
//!
//! [`evaluation_fixture`] is an in-memory fixture, [`case`] parses a line about an application, [`scenario`] a line
//! about a credential, and [`table`] judges an application by the specification's table alone.

mod case;
mod criteria;
pub mod evaluation_fixture;
mod files;
mod grace;
mod property;
mod renewal;
mod scenario;
mod table;
