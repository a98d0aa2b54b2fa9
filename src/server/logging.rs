//! The log of a process that serves: begun before the configuration is checked, and set again on SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;

use super::config::{Config, Flags, in_one_line};
use super::vital::restarted;
use crate::telemetry::log;

/// Sets the log again on SIGHUP.
pub struct LogReload {
    flags: Flags,
    hangup: Signal,
}

/// Begins the log, and logs panics in it.
pub fn begin(flags: &Flags) {
    log::set(&Config::first_logging(flags));
    log::log_panics();
}

impl LogReload {
    /// Listens for SIGHUP from now on.
    pub fn begin(flags: Flags) -> std::io::Result<LogReload> {
        Ok(LogReload { flags, hangup: signal(SignalKind::hangup())? })
    }

    /// Reads the keys of the log again whenever SIGHUP comes, and uses them if the file has no mistake. Runs until it is
    /// dropped.
    pub async fn keep(self) {
        let reload = Mutex::new(self);
        restarted("log settings", || async { reload.lock().await.keep_up().await }).await;
    }

    async fn keep_up(&mut self) {
        while self.hangup.recv().await.is_some() {
            match Config::read_logging(&self.flags) {
                Ok(settings) => {
                    log::set(&settings);
                    tracing::info!(event = "log_settings_loaded", levels = %settings.levels, "loaded the settings of the log");
                }
                Err(mistakes) => {
                    let mistakes = in_one_line(&mistakes);
                    tracing::error!(
                        event = "log_settings_rejected",
                        mistakes,
                        "rejected the new settings of the log: the old ones stay in use"
                    );
                }
            }
        }
    }
}
