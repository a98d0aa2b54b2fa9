//! The log of the process: its format and its levels, for every line on standard error.
//!
//! Tracing has one subscriber in a process, so the log is set for the process as a whole. Format and levels can change
//! while it runs.

use std::fmt;
use std::io::{IsTerminal as _, stderr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, format::Full};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::json_line::JsonLine;

/// `h2` warns about each connection that floods it; this server counts and closes such connections itself.
const QUIET: (&str, LevelFilter) = ("h2", LevelFilter::ERROR);

/// The levels, from none to all.
const LEVELS: [&str; 5] = ["off", "error", "warn", "info", "debug"];

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Time, level, target, text, and fields.
    Text,
    /// One JSON object.
    Json,
}

/// What is logged: a level, and levels for single targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels(String);

/// Format and levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The form of each line.
    pub format: Format,
    /// What is logged.
    pub levels: Levels,
}

impl Default for Levels {
    fn default() -> Levels {
        Levels("info".to_owned())
    }
}

impl Levels {
    /// Parses a level, or a list with commas of one level and of `TARGET=LEVEL`. None if it is neither.
    pub fn parse(text: &str) -> Option<Levels> {
        let is_target = |target: &str| {
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
            !target.is_empty() && target.chars().all(is_part)
        };
        let is_level = |part: &str| match part.split_once('=') {
            None => LEVELS.contains(&part),
            Some((target, level)) => is_target(target) && LEVELS.contains(&level),
        };
        let defaults = text.split(',').filter(|part| !part.contains('=')).count();
        (defaults == 1 && text.split(',').all(is_level)).then(|| Levels(text.to_owned()))
    }

    /// The level of a target is that of the longest name in the list that it begins with, else the one without a name.
    fn filter(&self) -> Targets {
        let (target, level) = QUIET;
        let filter = Targets::new().with_target(target, level);
        self.0.split(',').fold(filter, |filter, part| match part.split_once('=') {
            Some((target, level)) => filter.with_target(target, level_of(level)),
            None => filter.with_default(level_of(part)),
        })
    }
}

/// The level of a name. [`Levels::parse`] takes no other names.
fn level_of(name: &str) -> LevelFilter {
    name.parse().unwrap_or(LevelFilter::INFO)
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Replaces the filter of the subscriber.
type SetFilter = Box<dyn Fn(Targets) + Send + Sync>;

static SET_FILTER: OnceLock<Option<SetFilter>> = OnceLock::new();
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Logs to standard error with these settings from now on. Only a terminal gets colors. A subscriber that somebody else
/// installed, as in tests, is kept.
pub fn set(settings: &LogSettings) {
    IS_JSON.store(settings.format == Format::Json, Ordering::Relaxed);
    if let Some(set_filter) = SET_FILTER.get_or_init(|| install(&settings.levels)) {
        set_filter(settings.levels.filter());
    }
}

/// The format of the log.
pub(super) fn format() -> Format {
    if IS_JSON.load(Ordering::Relaxed) { Format::Json } else { Format::Text }
}

fn install(levels: &Levels) -> Option<SetFilter> {
    let (filter, reload) = reload::Layer::new(levels.filter());
    let lines = tracing_subscriber::fmt::layer().with_ansi(stderr().is_terminal());
    let lines = lines.event_format(Lines(format::format())).with_writer(stderr);
    tracing_subscriber::registry().with(filter).with(lines).try_init().ok()?;
    Some(Box::new(move |filter| drop(reload.reload(filter))))
}

/// Logs each panic in one line instead of a backtrace. The code that waits for the thread decides what to do.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let place = panic.location().map(ToString::to_string);
        let reason = panic.payload_as_str().unwrap_or_default().replace('\n', " ");
        tracing::error!(event = "thread_panicked", thread, place, reason, "a thread panicked");
    }));
}

/// Formats events in the format of the moment.
struct Lines(format::Format<Full>);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if format() == Format::Text {
            return self.0.format_event(context, to, event);
        }
        let mut at = String::new();
        SystemTime.format_time(&mut Writer::new(&mut at))?;
        let mut line = String::new();
        let mut fields = JsonLine::begin(&mut line, &at, event.metadata().level(), event.metadata().target());
        event.record(&mut fields);
        fields.end();
        to.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_one_level_and_levels_of_targets() {
        for text in ["info", "off", "debug,access=off", "access=off,warn,cpss_registry::store=debug"] {
            assert_eq!(Levels::parse(text).map(|levels| levels.to_string()).as_deref(), Some(text));
        }
        for text in ["", "INFO", "trace", "access=off", "info,warn", "info,", "info,a b=warn", "info,=warn", "info,a=b"]
        {
            assert_eq!(Levels::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_longest_name_decides_the_level_of_a_target() {
        let filter = |text: &str| Levels::parse(text).unwrap().filter();
        let is_logged = |text: &str, target: &str, level| filter(text).would_enable(target, &level);
        let text = "access=off,warn,cpss_registry::store=debug";
        for (target, most) in [
            ("cpss_registry::server", Some(tracing::Level::WARN)),
            ("cpss_registry::store::log", Some(tracing::Level::DEBUG)),
            ("access", None),
            ("h2::proto", Some(tracing::Level::ERROR)),
        ] {
            for level in [tracing::Level::ERROR, tracing::Level::WARN, tracing::Level::INFO, tracing::Level::DEBUG] {
                assert_eq!(is_logged(text, target, level), most.is_some_and(|most| level <= most), "{target} {level}");
            }
        }
        assert!(is_logged("info,h2=debug", "h2::proto", tracing::Level::DEBUG), "the list may say otherwise");
    }
}
