//! A line of the log as a JSON object.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::iter::successors;

use serde_json::Value;
use tracing::Level;
use tracing::field::{Field, Visit};

/// A line that is being written.
pub(super) struct JsonLine<'a> {
    line: &'a mut String,
}

impl JsonLine<'_> {
    /// Begins a line with its time, level, and target.
    pub(super) fn begin<'a>(line: &'a mut String, at: &str, level: &Level, target: &str) -> JsonLine<'a> {
        line.push('{');
        let mut begun = JsonLine { line };
        begun.text("timestamp", at);
        begun.text("level", level.as_str());
        begun.text("target", target);
        begun
    }

    /// Adds a text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        // Most texts need no escaping.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
            self.put(format_args!("\"{text}\""));
        } else {
            self.put(format_args!("{}", Value::from(text)));
        }
    }

    /// Adds a number.
    pub(super) fn number(&mut self, name: &str, number: impl fmt::Display) {
        self.name(name);
        self.put(format_args!("{number}"));
    }

    /// Ends the line.
    pub(super) fn end(self) {
        self.line.push_str("}\n");
    }

    fn name(&mut self, name: &str) {
        let comma = if self.line.ends_with('{') { "" } else { "," };
        // Names are identifiers in the code.
        self.put(format_args!("{comma}\"{name}\":"));
    }

    /// Writes to a string, which cannot fail.
    fn put(&mut self, what: fmt::Arguments<'_>) {
        self.line.write_fmt(what).unwrap_or_default();
    }
}

impl Visit for JsonLine<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // Numbers that are not finite become null.
        self.number(field.name(), Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        let texts: Vec<_> = successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
        self.text(field.name(), &texts.join(": "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_escaped() {
        let mut text = String::new();
        let mut line = JsonLine::begin(&mut text, "now", &Level::WARN, "a");
        line.text("said", "\"quoted\"\n\u{1b}[31m é \\");
        line.number("count", 7);
        line.end();
        assert_eq!(text.lines().count(), 1, "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "timestamp": "now", "level": "WARN", "target": "a", "said": "\"quoted\"\n\u{1b}[31m é \\", "count": 7,
        });
        assert_eq!(read, expected);
    }
}
