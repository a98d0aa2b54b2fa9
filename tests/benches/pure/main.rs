//! The pure parts, one by one: `cargo bench --features benches --bench pure`.
//!
//! For a specialist with 12 facts: a verdict from the resident timeline, compiling the timeline from the facts known at
//! a revision, what one more fact costs after a short and a long history, decoding a question and encoding an answer;
//! signing an answer, and checking it; and appending a record to the log with fdatasync.

#![allow(missing_docs, reason = "a program, not a library")]
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a benchmark may stop at once")]

use std::hint::black_box;
use std::sync::Arc;

use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::diff::{PublishedState, differences};
use cpss_registry::domain::fact::{
    CredentialPeriodKind, Designation, EmploymentEndReason, FacilityType, Issuance, IssuanceBasis, ProviderFact,
    ProviderPeriodKind, ProviderRow, QualificationBasis, Recorded, Reporter, SpecialistFact, SuspensionBasis,
};
use cpss_registry::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use cpss_registry::domain::name::PersonName;
use cpss_registry::domain::provider::ProviderFile;
use cpss_registry::domain::rule_sets::RuleSets;
use cpss_registry::domain::sets::Designations;
use cpss_registry::domain::specialist::Specialist;
use cpss_registry::domain::specialist_file::SpecialistFile;
use cpss_registry::domain::timeline::{Employers, Timeline};
use cpss_registry::domain::verdict::{AskedProvider, Found, Known, Question};
use cpss_registry::proof::claims::Claims;
use cpss_registry::proof::jwk::Jwks;
use cpss_registry::proof::jws;
use cpss_registry::proof::keys::{PrivateKey, Purpose};
use cpss_registry::proto::v1::{self, verification_item};
use cpss_registry::registry::token::Token;
use cpss_registry::store::disk::RealDisk;
use cpss_registry::store::log::{FileLog, Log as _, LogOptions};
use cpss_registry::surface::{decode, encode};
use criterion::{Criterion, criterion_group, criterion_main};
use prost::Message as _;
use uuid::Uuid;

const NUMBER: CredentialNumber = CredentialNumber::from_number(0x12_3456_789a);
const PERSON: SpecialistId = SpecialistId::from_number(8);

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn between(first_day: &str, last_day: Option<&str>) -> Period {
    Period::from_inclusive(day(first_day), last_day.map(day))
}

fn provider_id() -> ProviderId {
    "region-8".parse().unwrap()
}

fn recorded<F>(facts: impl IntoIterator<Item = F>) -> Vec<Recorded<F>> {
    let recorded = |(revision, fact)| Recorded {
        id: FactId { revision: Revision(revision), index: 0 },
        recorded_at: jiff::Timestamp::UNIX_EPOCH,
        reporter: Reporter::registry(),
        imported: false,
        note: String::new(),
        fact,
    };
    (1..).zip(facts).map(recorded).collect()
}

fn rule_sets() -> RuleSets {
    let sets = cpss_registry::rules::shipped().unwrap().into_iter().map(|text| Arc::new(text.set)).collect();
    RuleSets::new(sets, None).unwrap()
}

/// A person with 12 facts: two names, three jobs, a renewal, an ended suspension.
fn a_person() -> SpecialistFile {
    let name = |family: &str| PersonName { given: "Bernice".into(), family: family.into(), suffix: String::new() };
    let job = |at, days| SpecialistFact::EmploymentStarted {
        employment: EmploymentId::from_number(at),
        provider: provider_id(),
        position: "peer specialist".into(),
        supervised: true,
        days,
    };
    let end = |at, last_day| SpecialistFact::EmploymentEnded {
        employment: EmploymentId::from_number(at),
        last_day: day(last_day),
        reason: EmploymentEndReason::Resigned,
    };
    let open = |kind, days| SpecialistFact::PeriodOpened { number: NUMBER, kind, days };
    let designation = |code| open(CredentialPeriodKind::Designation(code), between("2020-01-01", None));
    let issuance = Issuance {
        number: NUMBER,
        term: between("2020-01-01", Some("2023-09-30")),
        designations: vec![Designation::AdultAndRecovery, Designation::YoungAdult],
        rule_set: "cpss-guide".into(),
        basis: IssuanceBasis::Evaluated,
        findings: Vec::new(),
        decision_note: String::new(),
    };
    let facts = [
        SpecialistFact::Registered { name: name("Example"), birth_date: day("1990-02-03") },
        job(1, between("2019-06-01", None)),
        SpecialistFact::CredentialIssued(issuance),
        designation(Designation::AdultAndRecovery),
        designation(Designation::YoungAdult),
        job(2, between("2021-02-01", None)),
        end(1, "2021-06-30"),
        SpecialistFact::NameChanged { name: name("O'Neal") },
        open(CredentialPeriodKind::Suspended(SuspensionBasis::CeAudit), between("2022-03-01", Some("2022-03-20"))),
        SpecialistFact::CredentialRenewed { number: NUMBER, term: between("2023-10-01", Some("2027-09-30")) },
        job(3, between("2024-01-15", None)),
        end(2, "2024-05-31"),
    ];
    SpecialistFile::new(PERSON, recorded(facts))
}

fn a_provider(rule_sets: &RuleSets) -> ProviderFile {
    let row = ProviderRow {
        legal_name: "Region 8".into(),
        facility_type: FacilityType::Outpatient,
        county: "Rankin".into(),
        identifiers: Vec::new(),
    };
    let year = |year: u32| ProviderFact::PeriodOpened {
        kind: ProviderPeriodKind::Qualified(QualificationBasis::DmhCertified),
        days: between(&format!("{year}-01-01"), None),
        valid_through: Some(day(&format!("{year}-12-31"))),
    };
    let facts = [ProviderFact::Registered(row)].into_iter().chain((2018..2027).map(year));
    ProviderFile::new(provider_id(), recorded(facts), rule_sets)
}

/// The state that questions are answered from.
struct World {
    rule_sets: RuleSets,
    person: SpecialistFile,
    provider: ProviderFile,
    employers: Employers,
}

impl World {
    fn new() -> World {
        let rule_sets = rule_sets();
        let provider = a_provider(&rule_sets);
        let employers = Employers::from_iter([(provider_id(), Arc::clone(&provider.timeline))]);
        World { person: a_person(), provider, employers, rule_sets }
    }

    fn compile(&self, known_at: Revision) -> Timeline {
        let known = self.person.known_at(known_at);
        Timeline::compile(&known, &known.credentials[0], &self.employers, &self.rule_sets)
    }

    fn known(&self) -> Known<'_> {
        Known { rule_sets: Some(&self.rule_sets), today: Some(day("2026-11-20")) }
    }

    fn question<'a>(&'a self, timeline: &'a Timeline) -> Question<'a> {
        let provider = AskedProvider { id: self.provider.id.as_str(), timeline: Some(&self.provider.timeline) };
        Question {
            found: Found::Credential(timeline),
            as_of: day("2025-05-05"),
            provider: Some(provider),
            designations: Designations::default(),
            billing: false,
            name: None,
        }
    }
}

fn judging(c: &mut Criterion) {
    let world = World::new();
    let timeline = world.compile(Revision::LATEST);
    c.bench_function("verdict on a resident timeline", |b| {
        b.iter(|| black_box(world.question(black_box(&timeline))).answer(world.known()));
    });
    c.bench_function("timeline of 12 facts, compiled as known now", |b| {
        b.iter(|| world.compile(black_box(Revision::LATEST)));
    });
    c.bench_function("timeline of 12 facts, compiled as known before the last", |b| {
        b.iter(|| world.compile(black_box(Revision(11))));
    });
}

/// A person with a long history: jobs of a week each with some providers, every tenth one corrected, and suspensions of
/// a day.
fn a_long_history(facts: usize) -> SpecialistFile {
    let mut long: Vec<SpecialistFact> = a_person().facts()[..5].iter().map(|recorded| recorded.fact.clone()).collect();
    let mut at = 0;
    while long.len() < facts {
        let start = day("2020-01-01").plus(at * 7);
        let employment = EmploymentId::from_number(u64::from(at.unsigned_abs()) + 10);
        long.push(SpecialistFact::EmploymentStarted {
            employment,
            provider: provider_id(),
            position: "peer specialist".into(),
            supervised: true,
            days: Period::from_inclusive(start, None),
        });
        long.push(match at % 10 {
            0 => {
                let days = Period::from_inclusive(start, Some(start.plus(5)));
                SpecialistFact::EmploymentCorrected { employment, days }
            }
            1 => SpecialistFact::PeriodOpened {
                number: NUMBER,
                kind: CredentialPeriodKind::Suspended(SuspensionBasis::CeAudit),
                days: Period::from_inclusive(start, Some(start)),
            },
            _ => SpecialistFact::EmploymentEnded {
                employment,
                last_day: start.plus(6),
                reason: EmploymentEndReason::Resigned,
            },
        });
        at += 1;
    }
    SpecialistFile::new(PERSON, recorded(long))
}

/// What the writer computes for one more fact of a person, by the number of facts before it.
fn histories(c: &mut Criterion) {
    let World { rule_sets, employers, .. } = World::new();
    for facts in [12, 1_000, 5_000] {
        let file = a_long_history(facts);
        let timeline = |known: &Specialist| Timeline::compile(known, &known.credentials[0], &employers, &rule_sets);
        let before = timeline(file.known_now());
        c.bench_function(&format!("person of {facts} facts, read from them"), |b| {
            b.iter(|| black_box(&file).known_at(Revision::LATEST));
        });
        c.bench_function(&format!("timeline of {facts} facts"), |b| b.iter(|| timeline(black_box(file.known_now()))));
        c.bench_function(&format!("differences of {facts} facts"), |b| {
            b.iter(|| {
                let state = |timeline: &Timeline| {
                    let mut published = PublishedState::default();
                    published.add_credential(timeline, &employers);
                    published
                };
                differences(&state(black_box(&before)), &state(black_box(&before)))
            });
        });
    }
}

fn the_wire(c: &mut Criterion) {
    let world = World::new();
    let timeline = world.compile(Revision::LATEST);
    let item = v1::VerificationItem {
        subject: Some(verification_item::Subject::CredentialNumber(NUMBER.to_string())),
        as_of: Some(encode::date(day("2025-05-05"))),
        provider_id: "region-8".into(),
        ..v1::VerificationItem::default()
    };
    let bytes = item.encode_to_vec();
    c.bench_function("question decoded", |b| {
        b.iter(|| {
            let item = v1::VerificationItem::decode(black_box(bytes.as_slice())).unwrap();
            decode::verification_item(decode::ItemPath::Single, Some(&item)).unwrap().as_of
        });
    });
    let token = Token::new(Uuid::new_v4(), Revision(12), [7; 8]);
    let from = encode::AnsweredFrom {
        epoch: Uuid::new_v4(),
        revision: Revision(12),
        recorded_at: Some(jiff::Timestamp::UNIX_EPOCH),
        known: world.known(),
        semantics_version: 1,
        head_confirmed_at: None,
        token: Some(&token),
    };
    let question = world.question(&timeline);
    let finding = question.answer(world.known());
    let verification = encode::Verification {
        number: Some(timeline.number),
        as_of: question.as_of,
        finding,
        credential: Some((&timeline, encode::Holder::Shown)),
    };
    c.bench_function("answer written", |b| {
        b.iter(|| {
            let mut wire = encode::Wire::with_capacity(352);
            black_box(&verification).write(&mut wire, 1, &from);
            wire.into_bytes()
        });
    });
}

fn the_log(c: &mut Criterion) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut log = FileLog::open(Arc::new(RealDisk), directory.path(), LogOptions::default()).unwrap();
    for records in [1, 100] {
        let stored = include_bytes!("../../../src/store/record/fixtures/v2/employment_started.bin");
        let batch = vec![stored.to_vec(); records];
        c.bench_function(&format!("log append with fdatasync, {records} records of {} bytes", stored.len()), |b| {
            b.iter(|| log.append(&log.tip(), &batch).unwrap());
        });
    }
}

/// The statement of an answer to a payer, with two reasons and a checkpoint: 1.2 KiB of claims.
fn signed(criterion: &mut Criterion) {
    let key = PrivateKey::read(Purpose::Answers, &PrivateKey::generate(Purpose::Answers).unwrap(), 0).unwrap();
    let keys = Jwks::of([key.public().clone()]);
    let claims = || {
        let mut claims = Claims::default();
        claims.text("iss", "urn:uuid:9d1c4d40-3c0e-4c3b-8a53-5b3f0f3a3a11");
        claims.number("iat", 1_772_377_445_i64);
        claims.object("answered", |answered| {
            answered.text("verdict", "VERDICT_NOT_CONFIRMED");
            answered.texts("reasons", ["REASON_LAPSED", "REASON_NOT_EMPLOYED_BY_PROVIDER"]);
        });
        claims.text("checkpoint", &"credential.dmh.ms.gov/registry/\n".repeat(30));
        claims.into_json()
    };
    criterion.bench_function("signing an answer", |bench| {
        bench.iter(|| jws::sign(&key, jws::ANSWER, &black_box(claims())).unwrap());
    });
    let statement = jws::sign(&key, jws::ANSWER, &claims()).unwrap();
    criterion.bench_function("checking a signed answer", |bench| {
        bench.iter(|| jws::verify(black_box(&statement), &keys).unwrap());
    });
}

criterion_group!(pure, judging, histories, the_wire, signed, the_log);
criterion_main!(pure);
