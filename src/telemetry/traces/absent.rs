//! A build that sends no traces refuses to start where the environment asks for them.

use jiff::Timestamp;

use super::asked::Environment;
use super::{Ended, TracesError};

/// Where spans go: in this build, nowhere.
#[derive(Clone, Debug)]
pub enum Traces {}

/// The thread that sends, which this build does not have.
pub enum TracesThread {}

impl Traces {
    /// Refuses if the environment of the process names a collector.
    pub fn start(_: fn() -> Timestamp) -> Result<Option<(Traces, TracesThread)>, TracesError> {
        match Environment(|name: &str| std::env::var(name).ok()).collector() {
            None => Ok(None),
            Some((name, _)) => Err(TracesError(format!(
                "{name} is set, and this build sends none: unset it, or build the program with `--features full`, or \
                 `--features traces`"
            ))),
        }
    }

    /// Notes a call that has ended.
    pub fn ended(&self, _: Ended) {
        match *self {}
    }

    /// How many spans the collector has taken since the start.
    pub fn exported(&self) -> u64 {
        match *self {}
    }

    /// How many spans were dropped since the start.
    pub fn dropped(&self) -> u64 {
        match *self {}
    }
}

impl TracesThread {
    /// Sends what waits.
    pub fn close(self) {
        match self {}
    }
}
