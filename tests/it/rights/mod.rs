//! Permissions: the table of the contract checked with real requests, and the fields left out of answers.

mod audit;
mod denied;
mod expected_fields;
pub mod fixture;
mod hidden;
mod listeners;
mod reads;
mod time;
mod walk;
