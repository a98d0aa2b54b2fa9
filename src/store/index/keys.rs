//! The index's keys, and the one function that turns a record into what is written under them.
//!
//! The first byte says what kind of key it is; numbers are big-endian, so that keys sort as what they mean. Facts are
//! never removed, so neither is a key.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::fact::{Fact, SpecialistFact, Subject};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::name::FoldedName;
use crate::domain::record::Record;
use crate::store::record::{filed, nanos};

/// Raised whenever keys or values change: an index of another version is folded again.
pub(super) const VERSION: u32 = 1;

pub(super) const FORMAT: &[u8] = b"\0format";
pub(super) const APPLIED: &[u8] = b"\0applied";

const CREDENTIAL: u8 = b'c';
const EMPLOYMENT: u8 = b'e';
const FACT: u8 = b'f';
const NAME: u8 = b'n';
const PROVIDER: u8 = b'p';
const REGISTRY: u8 = b'g';
const REQUEST: u8 = b'q';
const REVISION: u8 = b'r';
const SPECIALIST: u8 = b's';
const STAFF: u8 = b't';

/// Ends a provider's id within a key: no id holds it.
const END_OF_ID: u8 = 0;

/// Where the facts of all specialists are.
pub(super) const SPECIALISTS: &[u8] = &[SPECIALIST];
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

pub(super) fn credential(number: CredentialNumber) -> Vec<u8> {
    numbered(CREDENTIAL, number.number())
}

pub(super) fn employment(id: EmploymentId) -> Vec<u8> {
    numbered(EMPLOYMENT, id.number())
}

pub(super) fn fact(id: FactId) -> Vec<u8> {
    let mut key = numbered(FACT, id.revision.0);
    key.extend(id.index.to_be_bytes());
    key
}

pub(super) fn revision(revision: Revision) -> Vec<u8> {
    numbered(REVISION, revision.0)
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

pub(super) fn request(client: &str, method: &str, request_id: Uuid) -> Vec<u8> {
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

/// What the index holds of a record, each key with its value.
pub(super) fn writes(record: &Record, put: &mut dyn FnMut(Vec<u8>, Vec<u8>)) {
    put(APPLIED.to_vec(), record.revision.0.to_be_bytes().to_vec());
    put(revision(record.revision), nanos(record.recorded_at).to_be_bytes().to_vec());
    if let Some(asked) = &record.request {
        let mut answer = record.revision.0.to_be_bytes().to_vec();
        answer.extend(asked.digest);
        put(request(&record.reporter.client, &asked.method, asked.request_id), answer);
    }
    for recorded in record.recorded_facts() {
        let file = file(&recorded.fact.subject());
        let mut key = file.clone();
        key.extend(recorded.id.revision.0.to_be_bytes());
        key.extend(recorded.id.index.to_be_bytes());
        put(fact(recorded.id), file);
        put(key, filed(&recorded));
        if let Fact::Specialist(id, fact) = recorded.fact {
            specialist_writes(*id, fact, put);
        }
    }
}

fn specialist_writes(id: SpecialistId, fact: &SpecialistFact, put: &mut dyn FnMut(Vec<u8>, Vec<u8>)) {
    let number = id.number().to_be_bytes();
    let mut set = |mut key: Vec<u8>| {
        key.extend(number);
        put(key, Vec::new());
    };
    match fact {
        SpecialistFact::Registered { name: reported, .. } | SpecialistFact::NameChanged { name: reported } => {
            set(name(&reported.folded()));
        }
        SpecialistFact::CredentialIssued(issuance) => put(credential(issuance.number), number.to_vec()),
        SpecialistFact::EmploymentStarted { employment: job, provider, .. } => {
            set(staff(provider));
            put(employment(*job), number.to_vec());
        }
        _ => {}
    }
}
