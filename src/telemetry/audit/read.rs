//! Parses lines of the audit.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Number;
use super::line::ERROR;
use super::trail::line_keys;

/// A line about a client's questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// When the line was written.
    pub at: Timestamp,
    /// The client.
    pub client: String,
    /// The method: `Service/Method`. Empty if the line is not about a single call.
    pub method: String,
    /// The id of the request. Empty if the line is not about a single call.
    pub request_id: String,
    /// The latest record that the answer took into account.
    pub known_at: u64,
    /// The head's revision.
    pub revision: u64,
    /// The credentials in the line, with the number of times each was asked about.
    pub numbers: Vec<(Number, u64)>,
    /// What identified the person if not a number: the id of a specialist, a job or a fact.
    pub subject_id: String,
    /// The day that was asked about.
    pub as_of: Option<Date>,
    /// The outcomes of the questions, with the number of each.
    pub outcomes: Vec<(String, u64)>,
}

/// The fields of all kinds of lines.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Fields {
    method: String,
    request_id: String,
    known_at: u64,
    revision: u64,
    specialist_id: String,
    employment_id: String,
    fact_id: String,
    as_of: Option<String>,
    verdict: Option<String>,
    verdicts: BTreeMap<String, u64>,
    outcomes: BTreeMap<String, u64>,
    errors: u64,
    event: Option<String>,
    miss: Option<String>,
    count: Option<u64>,
}

/// A line is not JSON: its end is missing, or it was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

impl Read {
    /// Parses a line. None if it is not about a client.
    pub(super) fn of(line: &[u8]) -> Result<Option<Read>, Damaged> {
        let fields = match serde_json::from_slice(line) {
            Ok(fields) => fields,
            // A line of an unknown kind is still found, by the fields that all lines have.
            Err(_) if serde_json::from_slice::<IgnoredAny>(line).is_ok() => Fields::default(),
            Err(_) => return Err(Damaged),
        };
        Ok(Read::with(fields, line))
    }

    fn with(fields: Fields, line: &[u8]) -> Option<Read> {
        let quoted = [b"\"", line_keys::client(line)?, b"\""].concat();
        let (at, client) = (line_keys::instant(line)?, serde_json::from_slice(&quoted).ok()?);
        let mut outcomes: Vec<_> = fields.verdicts.into_iter().chain(fields.outcomes).collect();
        outcomes.extend(
            fields.verdict.or(fields.miss).or(fields.event).map(|outcome| (outcome, fields.count.unwrap_or(1))),
        );
        outcomes.extend((fields.errors > 0).then(|| (ERROR.to_owned(), fields.errors)));
        Some(Read {
            at,
            client,
            method: fields.method,
            request_id: fields.request_id,
            known_at: fields.known_at,
            revision: fields.revision,
            numbers: line_keys::numbers_asked(line),
            subject_id: [fields.specialist_id, fields.employment_id, fields.fact_id].concat(),
            as_of: fields.as_of.and_then(|day| day.parse().ok()),
            outcomes,
        })
    }
}
