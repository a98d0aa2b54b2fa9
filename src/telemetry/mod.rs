//! Logs, metrics, traces, and the audit of reads. Logs never contain names or birth dates: a call is logged with its
//! method, its caller and its outcome.

pub mod access;
pub mod audit;
pub mod caller;
pub mod checks;
mod json_line;
pub mod log;
pub mod metrics;
pub mod traces;
