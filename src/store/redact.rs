//! The command of an operator: finds out what a redaction would remove, records it, and has it removed.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::data_dir::all_set_aside;
use super::redaction::RedactionError;
use crate::domain::fact::{Fact, RegistryFact, Reporter, Role, SpecialistFact};
use crate::domain::id::{CredentialNumber, Revision, SpecialistId};
use crate::domain::name::{PersonName, fold};
use crate::domain::record::{Foreseen, Record, instant_after};
use crate::domain::specialist::REDACTED_BIRTH_DATE;
use crate::store::index::Progress;
use crate::store::log::{AppendError, OfflineLog, ReadError};
use crate::store::record::{self, PersonalContents, Undecodable};
use crate::store::{CloseError, OpenError, Store, StoreOptions};

/// What an operator orders.
#[derive(Clone, Debug)]
pub struct Order {
    /// The person.
    pub specialist: SpecialistId,
    /// The reason. It stays on record, so it may not name the person.
    pub why: String,
    /// Who orders it, as the record will say.
    pub by: String,
}

/// What a redaction would remove.
#[derive(Debug)]
pub struct Plan {
    /// The records about the person that have something personal, in order.
    pub records: Vec<Planned>,
    /// The last record that redacts the person. `None` if there is none.
    pub redacted_at: Option<Revision>,
    /// The last record of the log.
    pub head: Revision,
    /// The directories of what was set aside. Segments in them that cannot be read whole are removed.
    pub set_aside: Vec<PathBuf>,
    /// The credentials that were issued to the person, in order.
    pub credentials: Vec<CredentialNumber>,
    /// Every name of the person that is still on record.
    names: Vec<PersonName>,
    /// The years of the birth dates that are still on record.
    born: Vec<String>,
    /// The time of the last record.
    recorded_at: Timestamp,
    is_on_file: bool,
}

/// A record from which something would be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The record.
    pub revision: Revision,
    /// What it has.
    pub contents: PersonalContents,
}

/// The result of a redaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The record of the redaction.
    pub revision: Revision,
    /// True if it was on record before, and was only completed.
    pub was_on_record: bool,
}

/// Why nothing, or not everything, was redacted.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// No record is about the person.
    #[error("no specialist {0} is on file")]
    NotOnFile(SpecialistId),
    /// A text that would stay on record has a name of the person, or the year of the birth date.
    #[error("the {0} has a name of the person or the year of birth, and would stay on record: give another one")]
    NamesThePerson(&'static str),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record cannot be decoded.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// What was set aside cannot be read.
    #[error(transparent)]
    SetAside(#[from] RedactionError),
    /// The registry does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The record of the redaction was not written, or it is not known whether it was.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The redaction is on record, and something is left.
    #[error("revision {revision} orders the redaction. Run this again, or start the registry: that completes it")]
    NotCompleted {
        /// The record of the redaction.
        revision: Revision,
        /// What failed.
        source: OpenError,
    },
    /// The registry was not closed cleanly. What is on record as redacted was removed.
    #[error("the registry was not closed cleanly; nothing is lost")]
    Close(#[from] CloseError),
}

impl RedactError {
    /// True if the command was given something that cannot be used.
    pub fn is_usage(&self) -> bool {
        matches!(self, RedactError::NotOnFile(_) | RedactError::NamesThePerson(_))
    }

    /// What is true of the redaction after this error, in words.
    pub fn outcome(&self) -> &'static str {
        match self {
            RedactError::Append(AppendError::OutcomeUnknown(_) | AppendError::InDoubt) => {
                "it is not known whether the redaction was recorded (run this again, which completes it)"
            }
            RedactError::NotCompleted { .. } => "not everything was redacted",
            RedactError::Close(_) => "everything on record as redacted was removed, but",
            _ => "the redaction was not recorded, and nothing was redacted",
        }
    }
}

/// Finds out what a redaction would remove. Reads every record of the log, and changes nothing.
pub fn plan_redaction(data_dir: &Path, log: &dyn OfflineLog, specialist: SpecialistId) -> Result<Plan, RedactError> {
    let mut plan = Plan { set_aside: all_set_aside(data_dir).map_err(RedactionError::from)?, ..Plan::new() };
    for read in log.read(Revision(1), log.head()) {
        let (revision, bytes) = read?;
        plan.read(revision, &bytes, specialist)?;
    }
    plan.of_somebody(specialist)
}

impl Plan {
    /// A plan before any record was read.
    pub(super) fn new() -> Plan {
        Plan {
            records: Vec::new(),
            redacted_at: None,
            head: Revision::ZERO,
            set_aside: Vec::new(),
            credentials: Vec::new(),
            names: Vec::new(),
            born: Vec::new(),
            recorded_at: Timestamp::MIN,
            is_on_file: false,
        }
    }

    /// Reads the next record.
    pub(super) fn read(&mut self, revision: Revision, bytes: &[u8], person: SpecialistId) -> Result<(), RedactError> {
        let record = record::decode(revision, bytes)?;
        (self.head, self.recorded_at) = (revision, record.recorded_at);
        if record.redacted_people().any(|redacted| redacted == person) {
            self.redacted_at = Some(revision);
        }
        for fact in &record.facts {
            if let Fact::Specialist(id, fact) = fact
                && *id == person
            {
                self.learn(fact);
            }
        }
        if let Some(contents) = record::contents(bytes, person).map_err(|what| Undecodable { revision, what })? {
            self.records.push(Planned { revision, contents });
        }
        Ok(())
    }

    /// Takes what a fact says about the person.
    fn learn(&mut self, fact: &SpecialistFact) {
        self.is_on_file = true;
        self.names.extend(fact.name().filter(|name| !name.is_redacted()).cloned());
        match fact {
            SpecialistFact::CredentialIssued(issuance) => self.credentials.push(issuance.number),
            // The day in the place of a birth date that was redacted is no secret.
            SpecialistFact::Registered { birth_date, .. } if *birth_date != REDACTED_BIRTH_DATE => {
                self.born.push(birth_date.to_string().chars().take(4).collect());
            }
            _ => {}
        }
    }

    /// Refuses a plan for a person whom no record is about.
    pub(super) fn of_somebody(self, person: SpecialistId) -> Result<Plan, RedactError> {
        if self.is_on_file { Ok(self) } else { Err(RedactError::NotOnFile(person)) }
    }

    /// The record that already orders everything that is left to remove. `None` if there is none.
    pub fn on_record(&self) -> Option<Revision> {
        let last = self.records.last().map_or(Revision::ZERO, |record| record.revision);
        self.redacted_at.filter(|at| last < *at)
    }

    /// Refuses texts that name the person, because they stay on record.
    pub fn require_nameless(&self, order: &Order) -> Result<(), RedactError> {
        for (name, text) in [("reason", &order.why), ("name of who orders it", &order.by)] {
            if self.is_named_in(text) {
                return Err(RedactError::NamesThePerson(name));
            }
        }
        Ok(())
    }

    /// True if a text has a word of a name of the person, a longer name in any spelling, or the year of the birth date.
    fn is_named_in(&self, text: &str) -> bool {
        let words = |text: &str| text.split(|c: char| !c.is_alphanumeric()).map(fold).collect::<Vec<_>>();
        let (said, joined) = (words(text), words(text).concat());
        let mut named = self.names.iter().flat_map(|name| words(&name.spoken()));
        let mut long = self.names.iter().flat_map(|name| [&name.given, &name.family]).map(|name| words(name).concat());
        named.any(|word| word.chars().count() > 1 && said.contains(&word))
            || long.any(|name| name.chars().count() > 4 && joined.contains(&name))
            || self.born.iter().any(|year| said.contains(year))
    }

    /// The record of a redaction, as the next one of the log. It is dated after the last one and after `not_before`.
    pub fn record(&self, order: &Order, not_before: Timestamp, now: Timestamp) -> Record {
        self.record_after(self.head, order, not_before, now)
    }

    /// Like [`Plan::record`], for a log that has grown to `head` since it was read.
    pub(super) fn record_after(&self, head: Revision, order: &Order, not_before: Timestamp, now: Timestamp) -> Record {
        let Order { specialist, why, by } = order.clone();
        Record {
            revision: head.next(),
            recorded_at: instant_after(self.recorded_at.max(not_before), now),
            reporter: Reporter { client: by, role: Role::Operator },
            request: None,
            note: String::new(),
            facts: vec![Fact::Registry(RegistryFact::SpecialistRedacted { specialist, why })],
            changes: Vec::new(),
            foreseen: Foreseen::default(),
            specialist_count: 0,
        }
    }
}

/// Records a redaction in the log of a registry that no process is serving, and removes what it removes. If it is on
/// record and was interrupted, it is completed. `None` if nothing is left to remove.
pub fn redact(
    data_dir: &Path,
    options: &StoreOptions,
    plan: &Plan,
    order: &Order,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Redacted>, RedactError> {
    plan.require_nameless(order)?;
    let on_record = plan.on_record();
    // A redaction that is on record is completed here.
    let opened = Store::open(data_dir, options.clone(), progress);
    let mut store = match (opened, on_record) {
        (Err(source), Some(revision)) => return Err(RedactError::NotCompleted { revision, source }),
        (opened, _) => opened?,
    };
    if plan.records.is_empty() {
        store.close()?;
        return Ok(None);
    }
    if let Some(revision) = on_record {
        store.close()?;
        return Ok(Some(Redacted { revision, was_on_record: true }));
    }
    let record = plan.record(order, store.not_before(), now);
    let revision = record.revision;
    store.commit(&[record])?;
    // The index is closed without the record, as after a kill: it is removed, and folded again from the log.
    drop(store);
    let completed = Store::open(data_dir, options.clone(), progress);
    completed.map_err(|source| RedactError::NotCompleted { revision, source })?.close()?;
    Ok(Some(Redacted { revision, was_on_record: false }))
}
