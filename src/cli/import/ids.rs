//! The rows that were read: which ids of the registry they have, and which source ids occur twice.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use prost::Message as _;
use uuid::Uuid;

use super::kind::Kind;
use crate::cli::list::Row;
use crate::proto::v1;

/// The namespace of the request ids of imported rows: the UUIDv5 of `import.credential.dmh.ms.gov` in the DNS
/// namespace.
pub const NAMESPACE: Uuid = Uuid::from_u128(0xd0b6_1fcb_93bc_5576_8d89_f5c0_a9d4_5f76);

/// The request id of a row: the same for every registrar, and in every run.
pub fn request_id(source: &str, kind: &str, source_id: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{source}\n{kind}\n{source_id}").as_bytes())
}

/// The rows that were read.
#[derive(Debug)]
pub struct Ids {
    source: String,
    rows: HashMap<Uuid, Entry, RandomState>,
    hasher: RandomState,
}

/// A row, by its request id.
#[derive(Debug)]
struct Entry {
    kind: Kind,
    line: u64,
    /// The hash of its command. None: its cells have faults.
    content: Option<u64>,
    state: State,
}

/// What became of a row.
#[derive(Debug)]
enum State {
    /// It was sent and is not answered yet.
    Sent,
    /// It is on record. Its id in the registry is kept if other rows can name it.
    Recorded(Box<str>),
    /// It is not on record.
    Bad,
}

/// How a row compares with an earlier row that has the same source id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// There is no earlier row.
    No,
    /// The earlier row, at this line, has the same content.
    Same(u64),
    /// The earlier row, at this line, has other content.
    Other(u64),
}

impl Ids {
    /// No rows of a source.
    pub fn of_source(source: &str) -> Ids {
        Ids { source: source.to_owned(), rows: HashMap::default(), hasher: RandomState::default() }
    }

    /// The request id of a row.
    pub fn request_id(&self, kind: Kind, source_id: &str) -> Uuid {
        request_id(&self.source, kind.name(), source_id)
    }

    /// Takes a row that is sent.
    pub fn sent(&mut self, id: Uuid, kind: Kind, line: u64, row: &v1::ImportRow) -> Repeated {
        let content = Some(self.hasher.hash_one(row.encode_to_vec()));
        self.add(id, Entry { kind, line, content, state: State::Sent })
    }

    /// Takes a row whose cells have faults.
    pub fn faulty(&mut self, id: Uuid, kind: Kind, line: u64) -> Repeated {
        self.add(id, Entry { kind, line, content: None, state: State::Bad })
    }

    fn add(&mut self, id: Uuid, entry: Entry) -> Repeated {
        match self.rows.get(&id) {
            None => {
                self.rows.insert(id, entry);
                Repeated::No
            }
            Some(earlier) if earlier.content.is_some() && earlier.content == entry.content => {
                Repeated::Same(earlier.line)
            }
            Some(earlier) => Repeated::Other(earlier.line),
        }
    }

    /// Notes that a row is on record, with its id in the registry.
    pub fn recorded(&mut self, row: Uuid, outcome: &v1::ImportOutcome) {
        let Some(entry) = self.rows.get_mut(&row) else { return };
        let id = match entry.kind {
            Kind::Providers => outcome.provider_id.as_str(),
            Kind::Specialists => &outcome.specialist_id,
            Kind::Credentials => &outcome.credential_number,
            _ => "",
        };
        entry.state = State::Recorded(id.into());
    }

    /// Notes that a row is not on record.
    pub fn refused(&mut self, row: Uuid) {
        if let Some(entry) = self.rows.get_mut(&row) {
            entry.state = State::Bad;
        }
    }

    /// Whether a row is on record.
    pub fn is_recorded(&self, row: Uuid) -> bool {
        self.rows.get(&row).is_some_and(|entry| matches!(entry.state, State::Recorded(_)))
    }

    /// Whether a row names another that is sent and not answered.
    pub fn is_awaited_by(&self, kind: Kind, row: &Row) -> bool {
        let mut naming = Kind::NAMING.into_iter().filter(|(column, _)| kind.has(column));
        naming.any(|(column, named)| {
            let named = self.rows.get(&self.request_id(named, row.text(column)));
            named.is_some_and(|named| matches!(named.state, State::Sent))
        })
    }

    /// The id in the registry of a row that another row names. The error is the remedy.
    pub fn of(&self, kind: Kind, source_id: &str) -> Result<&str, String> {
        let file = kind.name();
        match self.rows.get(&self.request_id(kind, source_id)) {
            Some(Entry { state: State::Recorded(id), .. }) => Ok(id),
            Some(Entry { line, .. }) => {
                Err(format!("the row in line {line} of {file} is not on record: correct that row first"))
            }
            None => {
                let on_file = if kind == Kind::Providers { " (with its provider_id, if it is on file)" } else { "" };
                Err(format!("no row of {file} has this source_id: add the row there{on_file}, or correct the id"))
            }
        }
    }

    /// The lines of the rows of a file that are on record, by their ids in the registry.
    pub fn lines(&self, kind: Kind) -> HashMap<&str, u64> {
        let of_kind = self.rows.values().filter(|entry| entry.kind == kind);
        let recorded = of_kind.filter_map(|entry| match &entry.state {
            State::Recorded(id) => Some((&**id, entry.line)),
            State::Sent | State::Bad => None,
        });
        recorded.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_depends_on_source_kind_and_source_id() {
        assert_eq!(NAMESPACE, Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"import.credential.dmh.ms.gov"));
        let id = request_id("access-2019", "specialists", "17");
        assert_eq!(id, request_id("access-2019", "specialists", "17"));
        for other in [
            request_id("access-2020", "specialists", "17"),
            request_id("access-2019", "providers", "17"),
            request_id("access-2019", "specialists", "18"),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn a_row_is_found_by_its_source_id_and_a_second_one_is_compared() {
        let mut ids = Ids::of_source("a test");
        let row = |note: &str| v1::ImportRow { note: note.to_owned(), ..v1::ImportRow::default() };
        let id = ids.request_id(Kind::Specialists, "17");
        assert_eq!(ids.sent(id, Kind::Specialists, 2, &row("a")), Repeated::No);
        assert!(ids.of(Kind::Specialists, "17").unwrap_err().contains("line 2"), "it is not answered yet");
        ids.recorded(id, &v1::ImportOutcome { specialist_id: "S-1".to_owned(), ..v1::ImportOutcome::default() });
        assert_eq!(ids.of(Kind::Specialists, "17"), Ok("S-1"));
        assert_eq!(ids.sent(id, Kind::Specialists, 3, &row("a")), Repeated::Same(2));
        assert_eq!(ids.sent(id, Kind::Specialists, 4, &row("b")), Repeated::Other(2));
        assert_eq!(ids.faulty(id, Kind::Specialists, 5), Repeated::Other(2));
        assert_eq!(ids.of(Kind::Specialists, "17"), Ok("S-1"), "the first row counts");
        assert!(ids.of(Kind::Providers, "17").unwrap_err().contains("no row of providers"));
    }
}
