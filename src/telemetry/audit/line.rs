//! Messages as lines of JSON.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::tally::Summary;
use super::{Call, Entry, Number, Question};

/// Writes an entry as one line.
pub(super) fn write(line: &mut String, at: Timestamp, entry: &Entry) {
    match entry {
        Entry::Question(Question { call, number, as_of, verdict }) => {
            begin(line, at, call);
            line.push_str(",\"number\":");
            text(line, number.as_ref().map(said));
            line.push_str(",\"as_of\":");
            match as_of {
                Some(day) => put(line, format_args!("\"{day}\"")),
                None => line.push_str("null"),
            }
            line.push_str(",\"verdict\":");
            text(line, *verdict);
        }
        Entry::Numbers { call, part, numbers } => {
            begin(line, at, call);
            put(line, format_args!(",\"part\":{part},\"numbers\":\""));
            for (index, number) in numbers.iter().enumerate() {
                line.push_str(if index == 0 { "" } else { " " });
                line.push_str(number.as_ref().map_or("-", said));
            }
            line.push('"');
        }
        Entry::Summary(summary) => {
            let Summary { call, questions, verdicts, errors, parts, digest } = summary.as_ref();
            begin(line, at, call);
            put(line, format_args!(",\"questions\":{questions},\"parts\":{parts},\"verdicts\":{{"));
            for (index, (verdict, count)) in verdicts.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                put(line, format_args!("{comma}\"{verdict}\":{count}"));
            }
            put(line, format_args!("}},\"errors\":{errors},\"numbers_sha256\":\""));
            digest.iter().for_each(|byte| put(line, format_args!("{byte:02x}")));
            line.push('"');
        }
    }
    line.push_str("}\n");
}

fn begin(line: &mut String, at: Timestamp, call: &Call) {
    put(line, format_args!("{{\"at\":\"{at:.6}\",\"client\":"));
    text(line, Some(call.client.name()));
    let Call { method, request_id, known_at, revision, .. } = call;
    put(
        line,
        format_args!(
            ",\"method\":\"{method}\",\"request_id\":\"{request_id}\",\"known_at\":{known_at},\"revision\":{revision}"
        ),
    );
}

fn said(number: &Number) -> &str {
    std::str::from_utf8(number).unwrap_or("-")
}

fn text(line: &mut String, text: Option<&str>) {
    match text {
        None => line.push_str("null"),
        Some(text) => line.push_str(&serde_json::Value::from(text).to_string()),
    }
}

/// A text takes whatever is written to it.
fn put(line: &mut String, what: std::fmt::Arguments<'_>) {
    line.write_fmt(what).unwrap_or_default();
}
