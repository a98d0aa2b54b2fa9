//! The index's keys, and the one function that turns a record into what is written under them.
//!
//! The first byte says what kind of key it is; numbers are big-endian, so that keys sort as what they mean. Facts are
//! never removed; the only keys that are taken out are those of due dates.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::fact::{Fact, SpecialistFact, Subject};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::name::FoldedName;
use crate::domain::record::{Record, RequestKey};
use crate::store::record::{filed, nanos};

/// Raised whenever keys or values change, the folded form of names included: an index of another version is folded
/// again.
pub(super) const VERSION: u32 = 4;

pub(super) const APPLIED: &[u8] = b"\0applied";
/// The last record that the due dates account for.
pub(super) const DUE_DATES_FOLLOW: &[u8] = b"\0agenda";

/// The value of a key that says all by being there. An empty value stands for a key that was taken out.
pub(super) const THERE: &[u8] = &[1];

const DUE_DATE: u8 = b'a';
const CREDENTIAL: u8 = b'c';
const DUE: u8 = b'd';
const EMPLOYMENT: u8 = b'e';
const INSTANTS: u8 = b'r';
const NAME: u8 = b'n';
const PROVIDER: u8 = b'p';
const REGISTRY: u8 = b'g';
const REQUEST: u8 = b'q';
const SPECIALIST: u8 = b's';
const STAFF: u8 = b't';

/// Ends a provider's id within a key: no id holds it.
const END_OF_ID: u8 = 0;

/// How many revisions have their instants under one key.
pub(super) const INSTANTS_AT_ONCE: u64 = 32;

/// Whether what is under a key follows from the log, and from nothing else.
pub(super) fn follows_from_log(key: &[u8]) -> bool {
    key != DUE_DATES_FOLLOW && scheduled(key).is_none()
}

/// Whether a key says how far the others go.
pub(super) fn is_mark(key: &[u8]) -> bool {
    key == APPLIED || key == DUE_DATES_FOLLOW
}

/// What is scheduled by the key of a due date.
pub(super) fn scheduled(key: &[u8]) -> Option<&[u8]> {
    match key {
        [DUE_DATE, _, _, _, _, entry @ ..] | [DUE, entry @ ..] => Some(entry),
        _ => None,
    }
}

/// What can be due on a day.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entry {
    /// A credential.
    Credential(CredentialNumber),
    /// A provider's peer support service.
    Provider(ProviderId),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Credential(number) => write!(f, "credential {number}"),
            Entry::Provider(id) => write!(f, "provider {id}"),
        }
    }
}

impl Entry {
    fn key(&self) -> Vec<u8> {
        match self {
            Entry::Credential(number) => credential(*number),
            Entry::Provider(id) => of_provider(PROVIDER, id),
        }
    }

    fn of_key(key: &[u8]) -> Option<Entry> {
        match key {
            [CREDENTIAL, number @ ..] => {
                let number = u64::from_be_bytes(number.try_into().ok()?);
                Some(Entry::Credential(CredentialNumber::from_number(number)))
            }
            [PROVIDER, id @ .., END_OF_ID] => Some(Entry::Provider(std::str::from_utf8(id).ok()?.parse().ok()?)),
            _ => None,
        }
    }
}

/// Where all credentials are.
pub(super) const CREDENTIALS: &[u8] = &[CREDENTIAL];
/// Where the facts of all providers are.
pub(super) const PROVIDERS: &[u8] = &[PROVIDER];

fn numbered(kind: u8, number: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(32);
    key.push(kind);
    key.extend(number.to_be_bytes());
    key
}

fn of_provider(kind: u8, id: &ProviderId) -> Vec<u8> {
    let mut key = Vec::with_capacity(id.as_str().len() + 16);
    key.push(kind);
    key.extend_from_slice(id.as_str().as_bytes());
    key.push(END_OF_ID);
    key
}

/// The place in a scan where the facts of a subject are.
pub(super) fn file(subject: &Subject) -> Vec<u8> {
    match subject {
        Subject::Registry => vec![REGISTRY],
        Subject::Provider(id) => of_provider(PROVIDER, id),
        Subject::Specialist(id) => numbered(SPECIALIST, id.number()),
    }
}

/// Where the files of those specialists begin and end whose ids are in one of several parts.
pub(super) fn specialists_of(part: u64, parts: u64) -> (Vec<u8>, Vec<u8>) {
    // Ids have 40 bits.
    let from = |part: u64| numbered(SPECIALIST, (part << 40) / parts);
    (from(part), from(part + 1))
}

pub(super) fn credential(number: CredentialNumber) -> Vec<u8> {
    numbered(CREDENTIAL, number.number())
}

/// Where the credentials from a number on are.
pub(super) fn credentials_from(number: u64) -> Vec<u8> {
    numbered(CREDENTIAL, number)
}

/// Where the due dates of all days are.
pub(super) const ALL_DUE_DATES: &[u8] = &[DUE_DATE];

/// Where what is due on a day begins.
pub(super) fn due_on(day: Day) -> Vec<u8> {
    let mut key = Vec::with_capacity(32);
    key.push(DUE_DATE);
    // Days before 1970 sort before those after it.
    key.extend((day.number().cast_unsigned() ^ (1 << 31)).to_be_bytes());
    key
}

/// An entry that is due on a day.
pub(super) fn due_entry(day: Day, entry: &Entry) -> Vec<u8> {
    let mut key = due_on(day);
    key.extend(entry.key());
    key
}

/// The entry that the key of a due date is about.
pub(super) fn entry_due(key: &[u8]) -> Option<Entry> {
    Entry::of_key(scheduled(key)?)
}

/// The day of an entry.
pub(super) fn due(entry: &Entry) -> Vec<u8> {
    let mut key = vec![DUE];
    key.extend(entry.key());
    key
}

/// The first key after a key.
pub(super) fn behind(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// The first key after all that begin so.
pub(super) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut after = prefix.to_vec();
    while let Some(last) = after.pop() {
        if last < u8::MAX {
            after.push(last + 1);
            break;
        }
    }
    after
}

pub(super) fn employment(id: EmploymentId) -> Vec<u8> {
    numbered(EMPLOYMENT, id.number())
}

/// Where it is said when a revision was recorded, and others beside it.
pub(super) fn instants(revision: Revision) -> Vec<u8> {
    numbered(INSTANTS, (revision.0 - 1) / INSTANTS_AT_ONCE)
}

/// Where among them it begins.
fn instant_at(revision: Revision) -> usize {
    // Less than all of them.
    usize::try_from((revision.0 - 1) % INSTANTS_AT_ONCE).unwrap_or_default() * size_of::<i64>()
}

/// When a revision was recorded, of the instants beside it. None: they do not reach so far.
pub(super) fn instant_of(revision: Revision, instants: &[u8]) -> Option<i64> {
    instants.get(instant_at(revision)..)?.first_chunk().map(|nanos| i64::from_be_bytes(*nanos))
}

/// The instants of the revisions before a record's, with its own. Others behind them are of records that are not known
/// any more. None: some are missing.
pub(super) fn instants_with(before: &[u8], record: &Record) -> Option<Vec<u8>> {
    let mut instants = before.get(..instant_at(record.revision))?.to_vec();
    instants.extend(nanos(record.recorded_at).to_be_bytes());
    Some(instants)
}

pub(super) fn staff(provider: &ProviderId) -> Vec<u8> {
    of_provider(STAFF, provider)
}

/// What is there when a job of the specialist with the provider was ever reported.
pub(super) fn staff_member(provider: &ProviderId, id: SpecialistId) -> Vec<u8> {
    let mut key = staff(provider);
    key.extend(id.number().to_be_bytes());
    key
}

/// The people of a name: its digest, since a name may be long.
pub(super) fn name(name: &FoldedName) -> Vec<u8> {
    digested(NAME, &[name.given.as_bytes(), name.family.as_bytes()])
}

/// Where it is said what a request was answered. A row of an import is the same request whichever registrar sends it.
pub(super) fn request(client: &str, method: &str, request_id: Uuid) -> Vec<u8> {
    let client = if method == RequestKey::IMPORT { "" } else { client };
    digested(REQUEST, &[client.as_bytes(), method.as_bytes(), request_id.as_bytes()])
}

fn digested(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut sha256 = Sha256::new();
    for part in parts {
        sha256.update((part.len() as u64).to_be_bytes());
        sha256.update(part);
    }
    let mut key = Vec::with_capacity(32);
    key.push(kind);
    key.extend(sha256.finalize().iter().take(16));
    key
}

/// The specialist that a key or a value ends with.
pub(super) fn trailing_specialist(bytes: &[u8]) -> Option<SpecialistId> {
    bytes.last_chunk().map(|number| SpecialistId::from_number(u64::from_be_bytes(*number)))
}

/// Divides the key of a filed fact into the key of its file and the fact's id.
pub(super) fn split_filed(key: &[u8]) -> Option<(&[u8], FactId)> {
    let (rest, index) = key.split_last_chunk()?;
    let (file, revision) = rest.split_last_chunk()?;
    let revision = Revision(u64::from_be_bytes(*revision));
    Some((file, FactId { revision, index: u32::from_be_bytes(*index) }))
}

/// The subject whose file has this key.
pub(super) fn subject_of_file(file: &[u8]) -> Option<Subject> {
    match file {
        [REGISTRY] => Some(Subject::Registry),
        [PROVIDER, id @ .., END_OF_ID] => Some(Subject::Provider(std::str::from_utf8(id).ok()?.parse().ok()?)),
        [SPECIALIST, number @ ..] => {
            let number = u64::from_be_bytes(number.try_into().ok()?);
            Some(Subject::Specialist(SpecialistId::from_number(number)))
        }
        _ => None,
    }
}

/// What the index holds of a record beside its instant, each key with its value.
pub(super) fn writes(record: &Record, put: &mut dyn FnMut(&[u8], &[u8])) {
    put(APPLIED, &record.revision.0.to_be_bytes());
    if let Some(asked) = &record.request {
        let mut answer = record.revision.0.to_be_bytes().to_vec();
        answer.extend(asked.digest);
        put(&request(&record.reporter.client, &asked.method, asked.request_id), &answer);
    }
    for recorded in record.recorded_facts() {
        let mut key = file(&recorded.fact.subject());
        key.extend(recorded.id.revision.0.to_be_bytes());
        key.extend(recorded.id.index.to_be_bytes());
        put(&key, &filed(&recorded));
        if let Fact::Specialist(id, fact) = recorded.fact {
            specialist_writes(*id, fact, put);
        }
    }
}

fn specialist_writes(id: SpecialistId, fact: &SpecialistFact, put: &mut dyn FnMut(&[u8], &[u8])) {
    let number = id.number().to_be_bytes();
    let mut set = |mut key: Vec<u8>| {
        key.extend(number);
        put(&key, THERE);
    };
    match fact {
        SpecialistFact::Registered { name: reported, .. } | SpecialistFact::NameChanged { name: reported } => {
            set(name(&reported.folded()));
        }
        SpecialistFact::CredentialIssued(issuance) => put(&credential(issuance.number), &number),
        SpecialistFact::EmploymentStarted { employment: job, provider, .. } => {
            set(staff(provider));
            put(&employment(*job), &number);
        }
        SpecialistFact::Died { .. }
        | SpecialistFact::CredentialRenewed { .. }
        | SpecialistFact::PeriodOpened { .. }
        | SpecialistFact::Acted { .. }
        | SpecialistFact::EmploymentEnded { .. }
        | SpecialistFact::EmploymentCorrected { .. }
        | SpecialistFact::PeriodEnded(_)
        | SpecialistFact::Retracted(_) => {}
    }
}
