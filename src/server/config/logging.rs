//! The keys of the log: its format and its levels.

use super::reading::Reading;
use super::value::Value;
use super::{Config, Flags, Mistake};
use crate::telemetry::log::{Format, Levels, LogSettings};

impl Value for Format {
    fn read(text: &str) -> Result<Format, String> {
        match text {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err(format!("`{text}` is not a format of the log: text or json")),
        }
    }

    fn show(&self) -> Option<String> {
        Some(if *self == Format::Json { "json" } else { "text" }.to_owned())
    }
}

impl Value for Levels {
    fn read(text: &str) -> Result<Levels, String> {
        Levels::parse(text).ok_or_else(|| {
            format!(
                "`{text}` is not a level (off, error, warn, info, debug), alone or with levels of single targets, such as \
                 info,access=off"
            )
        })
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Config {
    /// Reads only format and levels of the log, as a running server does again. Returns every mistake in the file.
    pub fn read_logging(flags: &Flags) -> Result<LogSettings, Vec<Mistake>> {
        Config::read_one(flags, log_settings)
    }

    /// Reads format and levels of the log for the lines about mistakes in the configuration. A value with a mistake has
    /// its default.
    pub fn first_logging(flags: &Flags) -> LogSettings {
        let mut reading = Reading::of_file(flags.config.as_deref()).unwrap_or_default();
        log_settings(&mut reading, flags)
    }
}

fn log_settings(reading: &mut Reading, flags: &Flags) -> LogSettings {
    LogSettings { format: reading.log_format(flags), levels: reading.log_level(flags) }
}
