//! Every fact and every change, written and read.

use super::*;
use crate::domain::day::{Day, Period};
use crate::domain::fact::*;
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, SpecialistId};
use crate::domain::name::PersonName;
use crate::domain::record::{Change, Coverage, ServiceStatus};
use crate::domain::standing::{Reason, Standing};

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
    PeriodEnd { target: target(), last_day: day(-1), reason: "why".into() }
}

fn retraction() -> Retraction {
    Retraction { target: target(), reason: String::new() }
}

fn registry_facts() -> Vec<RegistryFact> {
    vec![
        RegistryFact::EpochBegan { epoch: Uuid::from_u128(42), forked_after: Revision(9), why: "restored".into() },
        RegistryFact::DayOpened { date: day(20_500) },
        RegistryFact::RuleSetAdopted { id: "a".into(), digest: "b".into(), content: "c".into() },
        RegistryFact::SemanticsAdopted { version: 2 },
        RegistryFact::RecordsBegin { first_day: day(0) },
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
        decision_note: "so".into(),
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
    ];
    facts.extend(IssuanceBasis::ALL.iter().map(|basis| issuance(*basis)));
    let mut kinds = vec![CredentialPeriodKind::Inactive, CredentialPeriodKind::Limited(String::new())];
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
        let (provider, position) = (provider(), "Peer".to_owned());
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

/// `Record`'s own `Debug` shows nothing.
fn assert_same(left: &Record, right: &Record) {
    assert_eq!(left.facts, right.facts);
    assert_eq!(left.changes, right.changes);
    assert!(left == right);
}

#[test]
fn every_fact_and_every_change_is_read_as_it_was_written() {
    for reporter in reporters() {
        let record = Record { reporter, ..record() };
        assert_same(&decode(record.revision, &encode(&record)).unwrap(), &record);
    }
    let bare = Record { request: None, facts: vec![], changes: vec![], foreseen: Foreseen::default(), ..record() };
    assert_same(&decode(bare.revision, &encode(&bare)).unwrap(), &bare);
}

#[test]
fn every_fact_is_unfiled_as_it_was_filed() {
    for recorded in record().recorded_facts() {
        let unfiled = unfiled(recorded.id, &filed(&recorded)).unwrap();
        assert_eq!(&unfiled.fact, recorded.fact);
        assert_eq!((unfiled.id, unfiled.recorded_at), (recorded.id, recorded.recorded_at));
        assert_eq!((unfiled.reporter, unfiled.note), (recorded.reporter, recorded.note));
    }
}

#[test]
fn what_is_cut_off_or_of_another_form_is_refused_without_showing_it() {
    let record = record();
    let bytes = encode(&record);
    for length in 0..bytes.len().min(4000) {
        let Err(refusal) = decode(record.revision, &bytes[..length]) else { continue };
        assert_eq!(refusal.revision, record.revision);
    }
    assert!(decode(Revision(9), &bytes).is_err(), "the record of another revision");
}

#[test]
fn names_and_birth_dates_are_in_one_place_and_in_no_debug_output() {
    let mut stored = storage::Record::decode(encode(&record()).as_slice()).unwrap();
    assert!(!format!("{stored:?}").contains("Example"));
    stored.personal = None;
    let redacted = stored.encode_to_vec();
    for trace in ["Example", "Ada"] {
        assert!(!redacted.windows(trace.len()).any(|part| part == trace.as_bytes()));
    }
    let refusal = decode(Revision(8), &redacted).unwrap_err();
    assert_eq!(refusal.to_string(), "the record of revision 8 cannot be read: a name or birth date is missing");
}
