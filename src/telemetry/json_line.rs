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
        begun.plain("timestamp", at);
        begun.plain("level", level.as_str());
        begun.plain("target", target);
        begun
    }

    /// Adds a text that needs no escaping.
    pub(super) fn plain(&mut self, name: &str, text: &str) {
        self.name(name);
        self.line.push('"');
        self.line.push_str(text);
        self.line.push('"');
    }

    /// Adds a text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.parts(name, &[text]);
    }

    /// Adds a text that has several parts.
    pub(super) fn parts(&mut self, name: &str, parts: &[&str]) {
        self.name(name);
        // Most texts need no escaping. Every call has such a line, so it is written without the machinery of formats.
        if parts.iter().all(|part| is_plain(part)) {
            self.line.push('"');
            parts.iter().for_each(|part| self.line.push_str(part));
            self.line.push('"');
        } else {
            self.put(format_args!("{}", Value::from(parts.concat())));
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
        // Names are identifiers in the code.
        self.line.push_str(if self.line.ends_with('{') { "\"" } else { ",\"" });
        self.line.push_str(name);
        self.line.push_str("\":");
    }

    /// Writes to a string, which cannot fail.
    fn put(&mut self, what: fmt::Arguments<'_>) {
        self.line.write_fmt(what).unwrap_or_default();
    }
}

/// True if a text needs no escaping. Looks at every byte, which is quicker than to stop at the first that does.
fn is_plain(text: &str) -> bool {
    let is_special = |byte: u8| !(b' '..=b'~').contains(&byte) | (byte == b'"') | (byte == b'\\');
    !text.bytes().fold(false, |found, byte| found | is_special(byte))
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
        line.parts("method", &["a", "/", "b"]);
        line.parts("escaped", &["a", "\"", "b"]);
        line.number("count", 7);
        line.end();
        assert_eq!(text.lines().count(), 1, "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "timestamp": "now", "level": "WARN", "target": "a", "said": "\"quoted\"\n\u{1b}[31m é \\",
            "method": "a/b", "escaped": "a\"b", "count": 7,
        });
        assert_eq!(read, expected);
    }
}
