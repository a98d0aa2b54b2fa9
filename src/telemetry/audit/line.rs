//! Formats audit messages as lines of JSON.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;

use foldhash::fast::RandomState;
use jiff::Timestamp;

use super::batch_summary::{Outcomes, Summary};
use super::{Call, Entry as Message, Missed, Named, Number, Question};

/// The outcome of an invalid question.
pub(super) const ERROR: &str = "ERROR";

/// Formats an instant as in the lines.
pub(super) fn instant(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Formats a line about the audit itself: this version of the program started or checked it.
pub(super) fn event(at: Timestamp, event: &str) -> String {
    format!("{{\"at\":\"{}\",\"event\":\"{event}\",\"version\":\"{}\"}}\n", instant(at), env!("CARGO_PKG_VERSION"))
}

/// Writes the number of a client's questions that were refused because the audit's share of the disk is used up.
pub(super) fn refusals(line: &mut String, at: Timestamp, client: &str, count: u64) {
    put(line, format_args!("{{\"at\":\"{}\",\"client\":", instant(at)));
    text(line, Some(client));
    put(line, format_args!(",\"event\":\"AUDIT_UNAVAILABLE\",\"count\":{count}}}\n"));
}

/// Writes a message as one line. `at` is the instant, formatted by [`instant`].
pub(super) fn write(line: &mut String, at: &str, entry: &Message) {
    match entry {
        Message::Question(Question { call, number, named, as_of, verdict }) => {
            begin_about(line, at, call, number.as_ref(), named.as_deref());
            line.push_str(",\"as_of\":");
            match as_of {
                Some(day) => put(line, format_args!("\"{day}\"")),
                None => line.push_str("null"),
            }
            line.push_str(",\"verdict\":");
            text(line, *verdict);
        }
        Message::Missed(Missed { call, number, named, kind }) => {
            begin_about(line, at, call, number.as_ref(), named.as_deref());
            put(line, format_args!(",\"miss\":\"{kind}\""));
        }
        Message::Numbers { call, part, numbers, outcomes: Outcomes { verdicts, errors } } => {
            begin(line, at, call);
            put(line, format_args!(",\"part\":{part},\"outcomes\":{{"));
            counts(line, verdicts.iter().copied().chain((*errors > 0).then_some((ERROR, *errors))));
            line.push_str("},\"numbers\":\"");
            for (index, (number, count)) in counted(numbers).into_iter().enumerate() {
                line.push_str(if index == 0 { "" } else { " " });
                line.push_str(number.as_ref().map_or("-", number_text));
                if count > 1 {
                    put(line, format_args!("*{count}"));
                }
            }
            line.push('"');
        }
        Message::Summary(summary) => {
            let Summary { call, questions, outcomes, parts, digest } = summary.as_ref();
            begin(line, at, call);
            put(line, format_args!(",\"questions\":{questions},\"parts\":{parts},\"verdicts\":{{"));
            counts(line, outcomes.verdicts.iter().copied());
            put(line, format_args!("}},\"errors\":{},\"numbers_sha256\":\"", outcomes.errors));
            digest.iter().for_each(|byte| put(line, format_args!("{byte:02x}")));
            line.push('"');
        }
    }
    line.push_str("}\n");
}

/// Writes the fields of an object that counts outcomes.
fn counts(line: &mut String, outcomes: impl Iterator<Item = (&'static str, u64)>) {
    for (index, (outcome, count)) in outcomes.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        put(line, format_args!("{comma}\"{outcome}\":{count}"));
    }
}

/// Returns each number once, in the order of first occurrence, with its count.
fn counted(numbers: &[Option<Number>]) -> Vec<(Option<Number>, u32)> {
    let mut counted: Vec<(Option<Number>, u32)> = Vec::with_capacity(numbers.len());
    let mut places = HashMap::with_capacity_and_hasher(numbers.len(), RandomState::default());
    for number in numbers {
        match places.entry(key(number.as_ref())) {
            Entry::Occupied(place) => {
                if let Some((_, count)) = counted.get_mut(*place.get()) {
                    *count += 1;
                }
            }
            Entry::Vacant(place) => {
                place.insert(counted.len());
                counted.push((*number, 1));
            }
        }
    }
    counted
}

/// Converts a number to an integer, for fast hashing.
fn key(number: Option<&Number>) -> u128 {
    let mut bytes = [0; 16];
    if let Some(number) = number {
        bytes[..number.len()].copy_from_slice(number);
    }
    u128::from_le_bytes(bytes)
}

fn begin(line: &mut String, at: &str, call: &Call) {
    let Call { client, method, request_id, known_at, revision } = call;
    line.push_str("{\"at\":\"");
    line.push_str(at);
    line.push_str("\",\"client\":");
    text(line, Some(client.name()));
    line.push_str(",\"method\":\"");
    line.push_str(method);
    line.push_str("\",\"request_id\":\"");
    line.push_str(request_id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
    put(line, format_args!("\",\"known_at\":{known_at},\"revision\":{revision}"));
}

/// Writes the fields of the call, and the fields that identify a person.
fn begin_about(line: &mut String, at: &str, call: &Call, number: Option<&Number>, named: Option<&Named>) {
    begin(line, at, call);
    line.push_str(",\"number\":");
    text(line, number.map(number_text));
    if let Some(named) = named {
        put(line, format_args!(",\"{}\":", named.field));
        text(line, Some(&named.id));
    }
}

fn number_text(number: &Number) -> &str {
    std::str::from_utf8(number).unwrap_or("-")
}

fn text(line: &mut String, text: Option<&str>) {
    match text {
        None => line.push_str("null"),
        // Most texts need no escaping.
        Some(text) if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') => {
            line.push('"');
            line.push_str(text);
            line.push('"');
        }
        Some(text) => line.push_str(&serde_json::Value::from(text).to_string()),
    }
}

/// Writes to a string, which cannot fail.
fn put(line: &mut String, what: std::fmt::Arguments<'_>) {
    line.write_fmt(what).unwrap_or_default();
}
