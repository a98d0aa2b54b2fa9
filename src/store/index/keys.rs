//! The keys of the index, and the function that derives entries from a record.
//!
//! The first byte of a key is its kind. Numbers are big-endian, so that keys sort in numeric order. Facts are never
//! removed. Only the keys of due dates are.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::names;
use crate::domain::day::Day;
use crate::domain::fact::{Fact, SpecialistFact, Subject};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::prior_number::PriorNumber;
use crate::domain::record::{Record, RequestKey};
use crate::store::random::mixed;
use crate::store::record::{Filing, nanos};

/// Increase it whenever keys or values change, including the folded form of names, or the layout of a base. An index of
/// another version is rebuilt.
pub(super) const VERSION: u32 = 6;

/// The last record in the index.
pub(super) const APPLIED: &[u8] = b"\0applied";
/// The last record that the due dates take into account.
pub(super) const DUE_DATES_APPLIED: &[u8] = b"\0agenda";

/// The value of a key that carries all the information itself. An empty value marks a removed key.
pub(super) const PRESENT: &[u8] = &[1];

// The kinds `b` and `n` are in `names.rs`.
const DUE_DATE: u8 = b'a';
const CREDENTIAL: u8 = b'c';
const DUE: u8 = b'd';
const EMPLOYMENT: u8 = b'e';
const INSTANTS: u8 = b'r';
const PRIOR_NUMBER: u8 = b'o';
const PROVIDER: u8 = b'p';
const REGISTRY: u8 = b'g';
const REQUEST: u8 = b'q';
const SPECIALIST: u8 = b's';
const STAFF: u8 = b't';

/// Ends a provider's id or a prior number within a key. None contains it.
const END_OF_ID: u8 = 0;

/// The number of revisions whose instants are stored under one key.
pub(super) const INSTANTS_PER_KEY: u64 = 32;

/// True if the value of a key depends only on the log.
pub(super) fn follows_from_log(key: &[u8]) -> bool {
    key != DUE_DATES_APPLIED && scheduled(key).is_none()
}

/// True if a key stores how far the other keys are up to date.
pub(super) fn is_watermark(key: &[u8]) -> bool {
    key == APPLIED || key == DUE_DATES_APPLIED
}

/// The entry, as key bytes, that a due-date key schedules. `None` for other keys.
pub(super) fn scheduled(key: &[u8]) -> Option<&[u8]> {
    match key {
        [DUE_DATE, _, _, _, _, entry @ ..] | [DUE, entry @ ..] => Some(entry),
        _ => None,
    }
}

/// Something that can become due on a day.
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

/// The prefix of all credentials.
pub(super) const CREDENTIALS: &[u8] = &[CREDENTIAL];
/// The prefix of the facts of all providers.
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

/// The prefix of the facts of a subject.
pub(super) fn file(subject: &Subject) -> Vec<u8> {
    match subject {
        Subject::Registry => vec![REGISTRY],
        Subject::Provider(id) => of_provider(PROVIDER, id),
        Subject::Specialist(id) => numbered(SPECIALIST, id.number()),
    }
}

/// The prefix of a person's file that the key of a fact begins with. `None` for other keys.
pub(super) fn person_of(key: &[u8]) -> Option<&[u8]> {
    key.get(..9).filter(|prefix| prefix[0] == SPECIALIST)
}

/// The hash of a key that is often looked for in vain: that of a request, or of a new id. The keys of one person's
/// facts have the same. `None` for other keys, and for what is not the beginning of one key.
pub(super) fn filtered(key: &[u8]) -> Option<u64> {
    let (kind, rest) = key.split_first()?;
    let is_filtered = matches!(*kind, REQUEST | SPECIALIST | CREDENTIAL | EMPLOYMENT);
    // The first bytes of a digest are as good as all of it.
    let number = rest.first_chunk().filter(|_| is_filtered)?;
    Some(mixed(u64::from_be_bytes(*number) ^ u64::from(*kind) << 56))
}

/// True if a range contains the facts of one person and nothing else.
pub(super) fn is_of_person(from: &[u8], before: &[u8]) -> bool {
    from.len() == 9 && person_of(from).is_some() && prefix_end(from) == before
}

/// The prefix of the facts of a subject in one record.
pub(super) fn file_in_record(subject: &Subject, revision: Revision) -> Vec<u8> {
    let mut prefix = file(subject);
    prefix.extend(revision.0.to_be_bytes());
    prefix
}

/// The key range of one of several parts of all specialists, divided by id.
pub(super) fn specialists_of(part: u64, parts: u64) -> (Vec<u8>, Vec<u8>) {
    // Ids have 40 bits.
    let from = |part: u64| numbered(SPECIALIST, (part << 40) / parts);
    (from(part), from(part + 1))
}

/// The key of a credential. The value is its holder.
pub(super) fn credential(number: CredentialNumber) -> Vec<u8> {
    numbered(CREDENTIAL, number.number())
}

/// The first key of the credentials from a number on.
pub(super) fn credentials_from(number: u64) -> Vec<u8> {
    numbered(CREDENTIAL, number)
}

/// The prefix of the due dates of all days.
pub(super) const ALL_DUE_DATES: &[u8] = &[DUE_DATE];

/// The prefix of the entries that are due on a day.
pub(super) fn due_on(day: Day) -> Vec<u8> {
    let mut key = Vec::with_capacity(32);
    key.push(DUE_DATE);
    key.extend(names::ordered_day(day));
    key
}

/// The key that schedules an entry for a day.
pub(super) fn due_entry(day: Day, entry: &Entry) -> Vec<u8> {
    let mut key = due_on(day);
    key.extend(entry.key());
    key
}

/// The entry that a due-date key schedules.
pub(super) fn entry_due(key: &[u8]) -> Option<Entry> {
    Entry::of_key(scheduled(key)?)
}

/// The key under which the due date of an entry is stored.
pub(super) fn due(entry: &Entry) -> Vec<u8> {
    let mut key = vec![DUE];
    key.extend(entry.key());
    key
}

/// The first key after a key.
pub(super) fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// The first key after all keys with this prefix.
pub(super) fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

/// The key of a job. The value is the specialist.
pub(super) fn employment(id: EmploymentId) -> Vec<u8> {
    numbered(EMPLOYMENT, id.number())
}

/// The key under which the instant of a revision is stored, together with those of its neighbors.
pub(super) fn instants(revision: Revision) -> Vec<u8> {
    numbered(INSTANTS, (revision.0 - 1) / INSTANTS_PER_KEY)
}

/// The offset of a revision's instant in the value of that key.
fn instant_at(revision: Revision) -> usize {
    // The conversion cannot fail: the number is less than `INSTANTS_PER_KEY`.
    usize::try_from((revision.0 - 1) % INSTANTS_PER_KEY).unwrap_or_default() * size_of::<i64>()
}

/// Extracts when a revision was recorded from the value of that key. `None` if the value is too short.
pub(super) fn instant_of(revision: Revision, instants: &[u8]) -> Option<i64> {
    instants.get(instant_at(revision)..)?.first_chunk().map(|nanos| i64::from_be_bytes(*nanos))
}

/// Appends the instant of a record to those of the revisions before it. Later instants are dropped: they belong to
/// records that no longer exist. `None` if earlier instants are missing.
pub(super) fn instants_with(before: &[u8], record: &Record) -> Option<Vec<u8>> {
    let mut instants = before.get(..instant_at(record.revision))?.to_vec();
    instants.extend(nanos(record.recorded_at).to_be_bytes());
    Some(instants)
}

/// The prefix of the staff of a provider.
pub(super) fn staff(provider: &ProviderId) -> Vec<u8> {
    of_provider(STAFF, provider)
}

/// The key that exists if a job of the specialist with the provider was ever reported.
pub(super) fn staff_member(provider: &ProviderId, id: SpecialistId) -> Vec<u8> {
    let mut key = staff(provider);
    key.extend(id.number().to_be_bytes());
    key
}

/// The prefix of the credentials for which a prior number was ever set. No prior number contains the byte at its end.
pub(super) fn prior_number(prior: &PriorNumber) -> Vec<u8> {
    let mut key = Vec::with_capacity(prior.as_str().len() + 16);
    key.push(PRIOR_NUMBER);
    key.extend_from_slice(prior.as_str().as_bytes());
    key.push(END_OF_ID);
    key
}

/// The key of the answer to a request. For an import row the client is left out, because any registrar may send it
/// again.
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

/// Splits the key of a fact into the prefix of its file and the fact's id.
pub(super) fn split_filed(key: &[u8]) -> Option<(&[u8], FactId)> {
    let (rest, index) = key.split_last_chunk()?;
    let (file, revision) = rest.split_last_chunk()?;
    let revision = Revision(u64::from_be_bytes(*revision));
    Some((file, FactId { revision, index: u32::from_be_bytes(*index) }))
}

/// The subject whose file has this prefix.
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

/// Calls `put` with each key and value that follow from a record, except its instant.
pub(super) fn writes(record: &Record, put: &mut dyn FnMut(&[u8], &[u8])) {
    writes_of_request(record, put);
    let filing = Filing::of(record);
    record.facts.iter().enumerate().for_each(|(at, fact)| writes_of_fact(record.fact_id(at), fact, &filing, put));
}

/// Like [`writes`], without those of the facts.
pub(super) fn writes_of_request(record: &Record, put: &mut dyn FnMut(&[u8], &[u8])) {
    put(APPLIED, &record.revision.0.to_be_bytes());
    if let Some(asked) = &record.request {
        let mut answer = record.revision.0.to_be_bytes().to_vec();
        answer.extend(asked.digest);
        put(&request(&record.reporter.client, &asked.method, asked.request_id), &answer);
    }
}

/// Calls `put` with each key and value that follow from a fact of the record that is filed.
pub(super) fn writes_of_fact(id: FactId, fact: &Fact, filing: &Filing, put: &mut dyn FnMut(&[u8], &[u8])) {
    let mut key = file_in_record(&fact.subject(), id.revision);
    key.extend(id.index.to_be_bytes());
    put(&key, &filing.encode(id.index, fact));
    if let Fact::Specialist(id, fact) = fact {
        specialist_writes(*id, fact, put);
    }
}

fn specialist_writes(id: SpecialistId, fact: &SpecialistFact, put: &mut dyn FnMut(&[u8], &[u8])) {
    let number = id.number().to_be_bytes();
    let mut set = |mut key: Vec<u8>| {
        key.extend(number);
        put(&key, PRESENT);
    };
    match fact {
        // Nobody is found by a name or a birth date that was redacted.
        SpecialistFact::Registered { name, .. } | SpecialistFact::NameChanged { name } if name.is_redacted() => {}
        SpecialistFact::Registered { name, birth_date } => {
            set(names::name(&name.folded()));
            set(names::born_on(*birth_date));
        }
        SpecialistFact::NameChanged { name } => set(names::name(&name.folded())),
        SpecialistFact::CredentialIssued(issuance) => put(&credential(issuance.number), &number),
        SpecialistFact::PriorNumberSet { number: of, prior } => {
            let mut key = prior_number(prior);
            key.extend(of.number().to_be_bytes());
            put(&key, &number);
        }
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
