//! The log of a process that serves: begun before the configuration is checked, and set again on SIGHUP.

use super::config::{Config, Flags, in_one_line};
use crate::telemetry::log;

/// Begins the log, and logs panics in it.
pub fn begin(flags: &Flags) {
    log::set(&Config::first_logging(flags));
    log::log_panics();
}

/// Reads the keys of the log again, and uses them if the file has no mistake. Returns false if it has one.
pub(super) fn reload(flags: &Flags) -> bool {
    match Config::read_logging(flags) {
        Ok(settings) => {
            log::set(&settings);
            tracing::info!(event = "log_settings_loaded", levels = %settings.levels, "loaded the settings of the log");
            true
        }
        Err(mistakes) => {
            let mistakes = in_one_line(&mistakes);
            tracing::error!(
                event = "log_settings_rejected",
                mistakes,
                "rejected the new settings of the log: the old ones stay in use"
            );
            false
        }
    }
}
