//! Every fact and every change is encoded and decoded.

use sha2::Digest as _;

use super::*;
use crate::domain::day::{Day, Period};
use crate::domain::fact::*;
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, SpecialistId};
use crate::domain::name::PersonName;
use crate::domain::record::{Change, Coverage, ServiceStatus};
use crate::domain::standing::{Reason, Standing};

const SALT: Salt = [3; 16];

fn day(number: i32) -> Day {
    Day::from_number(number)
}

fn days() -> Vec<Period> {
    vec![
        Period::from_inclusive(day(20_000), Some(day(20_010))),
        Period::from_inclusive(day(-25_567), None),
        Period { start: day(5), end: day(3) },
        Period::ALWAYS,
    ]
}

fn name(given: &str) -> PersonName {
    PersonName { given: given.into(), family: "Example".into(), suffix: "Jr".into() }
}

fn provider() -> ProviderId {
    "PR-1.a_b".parse().unwrap()
}

fn target() -> FactId {
    FactId { revision: Revision(7), index: 3 }
}

fn end() -> PeriodEnd {
    PeriodEnd { target: target(), last_day: day(-1), reason: "withdrawn".into() }
}

fn retraction() -> Retraction {
    Retraction { target: target(), reason: String::new() }
}

fn moved(kind: LogKind) -> RegistryFact {
    RegistryFact::LogMoved { to: LogHome { kind, id: Uuid::from_u128(43), name: "cpss on db1".into() } }
}

fn registry_facts() -> Vec<RegistryFact> {
    vec![
        RegistryFact::EpochBegan { epoch: Uuid::from_u128(42), forked_after: Revision(9), why: "restored".into() },
        RegistryFact::DayOpened { date: day(20_500) },
        RegistryFact::RuleSetAdopted { id: "a".into(), digest: "b".into(), content: "c".into() },
        RegistryFact::SemanticsAdopted { version: 2 },
        RegistryFact::RecordsBegin { first_day: day(0) },
        moved(LogKind::Database),
        moved(LogKind::DataDirectory),
    ]
}

fn provider_facts() -> Vec<ProviderFact> {
    let row = |facility_type| ProviderRow {
        legal_name: "Center".into(),
        facility_type,
        county: "Hinds".into(),
        identifiers: IdentifierKind::ALL.iter().map(|kind| Identifier { kind: *kind, value: "1".into() }).collect(),
    };
    let mut facts: Vec<_> = FacilityType::ALL.iter().map(|kind| ProviderFact::Registered(row(*kind))).collect();
    let mut kinds: Vec<_> = QualificationBasis::ALL.iter().map(|basis| ProviderPeriodKind::Qualified(*basis)).collect();
    kinds.extend([
        ProviderPeriodKind::Suspended,
        ProviderPeriodKind::PeerServiceCertified,
        ProviderPeriodKind::PeerServiceSuspended,
    ]);
    facts.push(ProviderFact::Updated(row(FacilityType::Other)));
    for kind in kinds {
        for days in days() {
            facts.push(ProviderFact::PeriodOpened { kind, days, valid_through: None });
            facts.push(ProviderFact::PeriodOpened { kind, days, valid_through: Some(day(0)) });
        }
    }
    facts.extend([ProviderFact::PeriodEnded(end()), ProviderFact::Retracted(retraction())]);
    facts
}

fn issuance(basis: IssuanceBasis) -> SpecialistFact {
    let outcomes = CriterionOutcome::ALL.iter().cycle();
    SpecialistFact::CredentialIssued(Issuance {
        number: CredentialNumber::from_number((1 << 40) - 1),
        term: days()[0],
        designations: Designation::ALL.to_vec(),
        rule_set: "cpssp-2025".into(),
        basis,
        findings: Criterion::ALL.iter().copied().zip(outcomes.copied()).collect(),
        decision_note: "one by telephone".into(),
    })
}

fn specialist_facts() -> Vec<SpecialistFact> {
    let number = CredentialNumber::from_number(0);
    let employment = EmploymentId::from_number(12);
    let mut facts = vec![
        SpecialistFact::Registered { name: name("Ada"), birth_date: day(-3_000) },
        SpecialistFact::NameChanged { name: PersonName::default() },
        SpecialistFact::Died { death_date: day(0) },
        SpecialistFact::CredentialRenewed { number, term: days()[0] },
        SpecialistFact::PeriodEnded(end()),
        SpecialistFact::Retracted(retraction()),
        SpecialistFact::PriorNumberSet { number, prior: "É7".parse().unwrap() },
    ];
    facts.extend(IssuanceBasis::ALL.iter().map(|basis| issuance(*basis)));
    let mut kinds = vec![CredentialPeriodKind::Inactive, CredentialPeriodKind::Limited("by day only".into())];
    kinds.extend(Designation::ALL.iter().map(|code| CredentialPeriodKind::Designation(*code)));
    kinds.extend(SuspensionBasis::ALL.iter().map(|basis| CredentialPeriodKind::Suspended(*basis)));
    for kind in kinds {
        facts.push(SpecialistFact::PeriodOpened { number, kind, days: days()[1] });
    }
    let mut acts = vec![Act::Surrendered, Act::Relinquished, Act::Retired, Act::Reinstated];
    acts.extend(RevocationBasis::ALL.iter().map(|basis| Act::Revoked(*basis)));
    for act in acts {
        facts.push(SpecialistFact::Acted { number, act, effective_from: day(1) });
    }
    for days in days() {
        let (provider, position) = (provider(), "A. Peer".to_owned());
        facts.push(SpecialistFact::EmploymentStarted { employment, provider, position, supervised: true, days });
        facts.push(SpecialistFact::EmploymentCorrected { employment, days });
    }
    for reason in EmploymentEndReason::ALL {
        facts.push(SpecialistFact::EmploymentEnded { employment, last_day: day(2), reason: *reason });
    }
    facts
}

fn facts() -> Vec<Fact> {
    let specialist = SpecialistId::from_number(99);
    let mut facts: Vec<_> = registry_facts().into_iter().map(Fact::Registry).collect();
    facts.extend(provider_facts().into_iter().map(|fact| Fact::Provider(provider(), fact)));
    facts.extend(specialist_facts().into_iter().map(|fact| Fact::Specialist(specialist, fact)));
    facts
}

fn changes() -> Vec<Change> {
    let number = CredentialNumber::from_number(77);
    let mut changes = vec![Change::Records { first_day: day(-1) }];
    for days in days() {
        for to in Standing::ALL {
            changes.push(Change::Standing { number, days, from: Standing::NotIssued, to: *to, reason: None });
        }
        for coverage in Coverage::ALL {
            changes.push(Change::Coverage { number, provider: provider(), days, coverage: *coverage });
        }
        for code in Designation::ALL {
            changes.push(Change::Designation { number, code: *code, days, held: true });
        }
        for service in ServiceStatus::ALL {
            changes.push(Change::Service { provider: provider(), days, service: *service });
        }
    }
    for reason in Reason::ALL {
        let (from, to) = (Standing::Current, Standing::Void);
        changes.push(Change::Standing { number, days: Period::ALWAYS, from, to, reason: Some(*reason) });
    }
    for on_file in [true, false] {
        changes.push(Change::Provider { provider: provider(), identifiers: Vec::new(), on_file });
    }
    changes
}

fn reporters() -> Vec<Reporter> {
    let roles = [
        Role::Registry,
        Role::Registrar,
        Role::Certifier,
        Role::RegistrarAndCertifier,
        Role::Provider(provider()),
        Role::Payer,
        Role::Auditor,
        Role::Operator,
    ];
    roles.into_iter().map(|role| Reporter { client: "desk".into(), role }).collect()
}

fn record() -> Record {
    Record {
        revision: Revision(8),
        recorded_at: Timestamp::from_nanosecond(1_700_000_000_123_456_789).unwrap(),
        reporter: Reporter::registry(),
        request: Some(RequestKey { method: "/p.S/M".into(), request_id: Uuid::from_u128(5), digest: [7; 32] }),
        note: "a note".into(),
        facts: facts(),
        changes: changes(),
        foreseen: Foreseen { count: 500, first: changes() },
        specialist_count: 3,
    }
}

/// Compares two records. `Record` has no `Debug` output that would show a difference.
fn assert_same(left: &Record, right: &Record) {
    assert_eq!(left.facts, right.facts);
    assert_eq!(left.changes, right.changes);
    assert!(left == right);
}

#[test]
fn every_fact_and_every_change_is_read_as_it_was_written() {
    for reporter in reporters() {
        let record = Record { reporter, ..record() };
        assert_same(&decode(record.revision, &encode(&record, &SALT)).unwrap(), &record);
    }
    let bare = Record { request: None, facts: vec![], changes: vec![], foreseen: Foreseen::default(), ..record() };
    assert_same(&decode(bare.revision, &encode(&bare, &SALT)).unwrap(), &bare);
}

#[test]
fn every_fact_is_decoded_from_the_index_as_it_was_encoded() {
    let method = RequestKey::IMPORT.to_owned();
    let imported = Record { request: record().request.map(|request| RequestKey { method, ..request }), ..record() };
    for record in [record(), imported] {
        let filing = Filing::of(&record);
        for recorded in record.recorded_facts() {
            let decoded = decode_filed(recorded.id, &filing.encode(recorded.id.index, recorded.fact)).unwrap();
            assert_eq!(decoded, recorded.with(recorded.fact.clone()));
        }
    }
}

#[test]
fn truncated_records_are_refused_without_showing_their_contents() {
    let record = record();
    let bytes = encode(&record, &SALT);
    for length in 0..bytes.len().min(4000) {
        let Err(refusal) = decode(record.revision, &bytes[..length]) else { continue };
        assert_eq!(refusal.revision, record.revision);
    }
    assert!(decode(Revision(9), &bytes).is_err(), "the record of another revision");
}

/// The names and the free text of every record and fact here.
const PERSONAL: [&str; 7] = ["Example", "Ada", "a note", "by day only", "one by telephone", "withdrawn", "A. Peer"];

#[test]
fn personal_data_is_in_one_part_and_in_no_debug_output() {
    let record = record();
    let bytes = encode(&record, &SALT);
    let sealed = storage::SealedRecord::decode(bytes.as_slice()).unwrap();
    let Some(Personal::PersonalPart(personal)) = &sealed.personal else { panic!("a personal part") };
    let part = storage::PersonalPart::decode(&personal[16..]).unwrap();
    let shown = format!("{sealed:?} {part:?} {:?}", part.fields);
    for trace in PERSONAL {
        let has = |bytes: &[u8]| bytes.windows(trace.len()).any(|part| part == trace.as_bytes());
        assert!(has(personal) && !has(&sealed.public_part), "{trace}");
        assert!(!shown.contains(trace), "{trace}");
    }
}

#[test]
fn a_redaction_removes_the_salt_and_keeps_the_digest() {
    let record = record();
    let bytes = encode(&record, &SALT);
    let mut sealed = storage::SealedRecord::decode(bytes.as_slice()).unwrap();
    let Some(Personal::PersonalPart(personal)) = sealed.personal.take() else { panic!("a personal part") };
    sealed.personal = Some(Personal::PersonalHash(sha2::Sha256::digest(&personal).to_vec()));
    let redacted = sealed.encode_to_vec();
    assert_eq!(digest(&redacted), digest(&bytes));
    let read = decode(record.revision, &redacted).unwrap();
    assert_eq!((read.note.as_str(), read.facts.len(), read.changes == record.changes), ("", record.facts.len(), true));
    let shown = format!("{:?}", read.facts);
    assert!(PERSONAL.iter().all(|trace| !shown.contains(trace)));
    sealed.personal = None;
    assert!(digest(&sealed.encode_to_vec()).is_err() && decode(record.revision, &sealed.encode_to_vec()).is_err());
}

#[test]
fn every_field_of_a_record_changes_its_digest() {
    let of = |record: &Record, salt: &Salt| digest(&encode(record, salt)).unwrap();
    let first = record();
    let mut digests = std::collections::BTreeSet::from([of(&first, &SALT), of(&first, &[4; 16])]);
    let recorded_at = first.recorded_at + jiff::SignedDuration::from_nanos(1);
    for other in [
        Record { revision: Revision(9), ..first.clone() },
        Record { recorded_at, ..first.clone() },
        Record { note: "another".into(), ..first.clone() },
        Record { specialist_count: 4, ..first.clone() },
        Record { facts: first.facts[1..].to_vec(), ..first.clone() },
    ] {
        digests.insert(of(&other, &SALT));
    }
    assert_eq!(digests.len(), 7);
}

#[test]
fn a_record_that_is_encoded_in_parts_is_one_message() {
    let facts: Vec<Fact> = (0..1_000)
        .map(|number| {
            let registered = SpecialistFact::Registered { name: name(&format!("Ada {number}")), birth_date: day(7) };
            Fact::Specialist(SpecialistId::from_number(number), registered)
        })
        .collect();
    let change = |number| Change::Designation {
        number: CredentialNumber::from_number(number),
        code: Designation::YoungAdult,
        days: Period::ALWAYS,
        held: true,
    };
    let changes = (0..1_000).map(change).collect();
    let record = Record { facts, changes, ..record() };
    let bytes = encode(&record, &SALT);
    assert_same(&decode(record.revision, &bytes).unwrap(), &record);
    let sealed = storage::SealedRecord::decode(bytes.as_slice()).unwrap();
    let public = storage::PublicPart::decode(sealed.public_part.as_slice()).unwrap();
    assert!(public.encode_to_vec() == sealed.public_part, "the bytes of the message encoded at once");
}
