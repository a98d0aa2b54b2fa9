//! Messages of the contract as JSON, by their descriptors: the canonical form of protobuf in and out. Input may also
//! write dates as `"2026-03-01"` and the values of enums without their prefix.

mod object;
mod reader;
mod reading;
mod scalar;
mod writer;

pub use self::reader::Fault;
pub(super) use self::reader::from_json;
pub(super) use self::reading::MOST_UNKNOWN;
pub(super) use self::scalar::URL_SAFE;
pub(super) use self::writer::{WriteError, to_json, to_json_lines};

#[cfg(test)]
mod tests;
