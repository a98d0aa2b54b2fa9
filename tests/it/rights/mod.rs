//! Who may do what: the table of the contract, walked with real requests, and what is left out of answers.

mod audit;
mod expected_fields;
pub mod fixture;
mod hidden;
mod listeners;
mod reads;
mod time;
mod walk;
