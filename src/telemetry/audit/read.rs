//! Lines of the audit, read again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::Number;
use super::trail::line_keys;

/// A line about what a client asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// When the line was written.
    pub at: Timestamp,
    /// Who asked.
    pub client: String,
    /// The method: `Service/Method`. Empty: the line is about no single call.
    pub method: String,
    /// The id of the request. Empty as above.
    pub request_id: String,
    /// The last record that the answer knew.
    pub known_at: u64,
    /// The head's revision.
    pub revision: u64,
    /// The credentials that the line names, and how often each.
    pub numbers: Vec<(Number, u64)>,
    /// What the question named a person by, where that was no number: the id of a specialist, a job or a fact.
    pub subject_id: String,
    /// The day that was asked about.
    pub as_of: Option<Date>,
    /// What became of the questions, and of how many.
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
    errors: u64,
    event: Option<String>,
    miss: Option<String>,
    count: Option<u64>,
}

impl Read {
    /// What a line says. None: it is about no client, or it was cut short.
    pub(super) fn of(line: &[u8]) -> Option<Read> {
        let quoted = [b"\"", line_keys::client(line)?, b"\""].concat();
        let (at, client) = (line_keys::instant(line)?, serde_json::from_slice(&quoted).ok()?);
        // A line of a kind that is not known is found all the same, by what all lines have.
        let fields: Fields = serde_json::from_slice(line).unwrap_or_default();
        let mut outcomes: Vec<_> = fields.verdicts.into_iter().collect();
        outcomes.extend(
            fields.verdict.or(fields.miss).or(fields.event).map(|outcome| (outcome, fields.count.unwrap_or(1))),
        );
        outcomes.extend((fields.errors > 0).then(|| ("ERROR".to_owned(), fields.errors)));
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
