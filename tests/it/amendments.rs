//! Random reports about the jobs of one person, by two providers, the registrar and an import. Which are accepted, and
//! why the others are refused, is compared with a literal implementation of the specification.

use std::collections::BTreeMap;

use cpss_registry::domain::command::{Command, WhichJob, Who};
use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::decide::{Refusal, Rejection};
use cpss_registry::domain::fact::{EmploymentEndReason, Fact, Recorded, Role, SpecialistFact};
use cpss_registry::domain::id::{EmploymentId, FactId};

use super::histories::Random;
use super::issuance::evaluation_fixture::EvaluationFixture;
use super::model::amendments::Case;

const BORN: &str = "1980-02-29";
const FIRST: i32 = 19_000;
/// Few days, so that reports often concern the same ones.
const DAYS: i32 = 12;
const POSITIONS: &[&str] = &["Peer support", " peer  SUPPORT ", "Fußpflege", "FUSSPFLEGE", "FUẞPFLEGE", ""];

fn day(random: &mut Random) -> Day {
    Day::from_number(FIRST + random.between(0, DAYS - 1))
}

fn spell(random: &mut Random) -> Period {
    let first = day(random);
    let last = (!random.chance(40)).then(|| first.plus(random.between(0, DAYS)));
    Period::from_inclusive(first, last)
}

/// A random command, mostly about something on file.
fn command(random: &mut Random, facts: &[Recorded<Fact>], jobs: &[EmploymentId]) -> Command {
    let provider = random.pick(&["region-1", "region-2"]).parse().unwrap();
    let job = if jobs.is_empty() || random.chance(3) { EmploymentId::from_number(999) } else { *random.pick(jobs) };
    match random.between(0, 9) {
        0..=2 => Command::StartEmployment {
            who: Who::Specialist(match &facts[0].fact {
                Fact::Specialist(id, _) => *id,
                other => panic!("not a person's: {other:?}"),
            }),
            birth_date: match random.between(0, 9) {
                0 => None,
                1 => Some(BORN.parse::<Day>().unwrap().next()),
                _ => Some(BORN.parse().unwrap()),
            },
            provider,
            position: (*random.pick(POSITIONS)).to_owned(),
            supervised: true,
            days: spell(random),
        },
        3..=4 => Command::EndEmployment {
            job: WhichJob::Employment(job),
            last_day: day(random),
            reason: EmploymentEndReason::Resigned,
        },
        5..=6 => Command::CorrectEmployment { employment: job, days: spell(random) },
        _ => {
            let nothing = FactId { index: 7, ..facts[0].id };
            // The last report is the most likely to be retracted.
            let at = if random.chance(50) { facts.len() - 1 } else { random.index(facts.len()) };
            let fact = if random.chance(3) { nothing } else { facts[at].id };
            Command::RetractFact { fact, reason: "a mistake".to_owned() }
        }
    }
}

fn code(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::Invalid(_) => "INVALID_ARGUMENT",
        Rejection::NotFound { .. } | Rejection::NoOpenJob { .. } => "NOT_FOUND",
        Rejection::Refused { refusal, .. } => refusal.code(),
        Rejection::CriteriaUnmet(_) => "CRITERIA_UNMET",
    }
}

#[test]
fn amendments_are_accepted_and_refused_as_specified() {
    let histories: u64 = std::env::var("CPSS_AMENDMENTS").map_or(300, |text| text.parse().unwrap());
    let mut seen: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for seed in 0..histories {
        let mut random = Random::new(seed);
        let mut office = EvaluationFixture::new(BORN.parse().unwrap());
        let (mut jobs, id) = (Vec::new(), office.person.id);
        for step in 0..40 {
            let (caller, imported) = match random.between(0, 9) {
                0..=3 => (Role::Provider("region-1".parse().unwrap()), false),
                4..=5 => (Role::Provider("region-2".parse().unwrap()), false),
                6 => (Role::Certifier, false),
                7..=8 => (Role::Registrar, false),
                _ => (Role::Registrar, true),
            };
            let facts: Vec<_> =
                office.person.facts().iter().map(|it| it.with(Fact::Specialist(id, it.fact.clone()))).collect();
            let command = command(&mut random, &facts, &jobs);
            let window = Period { start: Day::from_number(FIRST), end: Day::from_number(FIRST + 2 * DAYS + 2) };
            let expected = Case { facts: &facts, caller: &caller, window }.refusal(&command);
            office.is_called_by(caller.clone(), imported);
            let found = office.submit(&command);
            let outcome = found.as_ref().err().map(code);
            assert_eq!(
                outcome, expected,
                "seed {seed}, step {step}: {command:?} by {caller:?}, import {imported}, on {facts:#?}"
            );
            if let (Ok(_), Command::StartEmployment { .. }) = (&found, &command) {
                jobs.extend(office.known().jobs.last().map(|job| job.employment));
            }
            let who = match caller {
                Role::Provider(_) => "provider",
                Role::Certifier => "certifier",
                _ => "registrar",
            };
            *seen.entry((who, outcome.unwrap_or("accepted"))).or_default() += 1;
        }
    }
    println!("{seen:#?}");
    for outcome in
        ["accepted", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_RETRACTED", "REGISTRAR_MUST_RECORD", "EMPLOYMENT_EXISTS"]
    {
        assert!(seen.contains_key(&("provider", outcome)), "no provider got {outcome}: {seen:?}");
    }
    assert!(seen.contains_key(&("registrar", "HAS_DEPENDENTS")), "{seen:?}");
    assert!(!seen.contains_key(&("registrar", "REGISTRAR_MUST_RECORD")), "{seen:?}");
}

/// A registry with one person, and decisions about commands of a provider and of the registrar.
struct DecisionContext(EvaluationFixture);

impl DecisionContext {
    fn submit(&mut self, role: Role, command: &Command) -> Result<Vec<Fact>, Rejection> {
        self.0.is_called_by(role, false);
        self.0.submit(command)
    }

    fn start(&mut self, position: &str, first: i32) -> Result<EmploymentId, Rejection> {
        let start = Command::StartEmployment {
            who: Who::Specialist(self.0.person.id),
            birth_date: Some(BORN.parse().unwrap()),
            provider: "region-1".parse().unwrap(),
            position: position.to_owned(),
            supervised: true,
            days: Period::from_inclusive(Day::from_number(first), None),
        };
        self.submit(Role::Provider("region-1".parse().unwrap()), &start)?;
        Ok(self.0.known().jobs.last().unwrap().employment)
    }
}

fn refused(found: Result<impl std::fmt::Debug, Rejection>) -> (Refusal, String) {
    match found {
        Err(Rejection::Refused { refusal, description, .. }) => (refusal, description),
        other => panic!("not refused by a rule: {other:?}"),
    }
}

#[test]
fn a_refusal_to_restore_days_names_the_first_one_that_the_registrar_removed() {
    let mut context = DecisionContext(EvaluationFixture::new(BORN.parse().unwrap()));
    let employment = context.start("Peer", FIRST).unwrap();
    let provider = Role::Provider("region-1".parse().unwrap());
    let last = |days| Command::EndEmployment {
        job: WhichJob::Employment(employment),
        last_day: Day::from_number(FIRST + days),
        reason: EmploymentEndReason::Resigned,
    };
    context.submit(Role::Registrar, &last(8)).unwrap();
    // The provider also removes days, and may restore those.
    context.submit(provider.clone(), &last(4)).unwrap();
    let (refusal, description) = refused(context.submit(provider, &last(11)));
    assert_eq!(refusal, Refusal::RegistrarMustRecord);
    let (taken, own) = (Day::from_number(FIRST + 9).to_string(), Day::from_number(FIRST + 5).to_string());
    assert!(
        description.contains(&format!("the first of them {taken}:")) && !description.contains(&own),
        "{description}"
    );
}

#[test]
fn days_that_the_registrar_gave_back_are_the_providers_again() {
    let mut context = DecisionContext(EvaluationFixture::new(BORN.parse().unwrap()));
    let employment = context.start("Peer", FIRST).unwrap();
    let provider = Role::Provider("region-1".parse().unwrap());
    let last = |days| Command::EndEmployment {
        job: WhichJob::Employment(employment),
        last_day: Day::from_number(FIRST + days),
        reason: EmploymentEndReason::Resigned,
    };
    // The registrar ends the job, and later corrects this: the first amendment is in force, but takes nothing away now.
    context.submit(Role::Registrar, &last(4)).unwrap();
    context.submit(Role::Registrar, &last(8)).unwrap();
    context.submit(provider.clone(), &last(2)).unwrap();
    context.submit(provider.clone(), &last(8)).unwrap();
    assert_eq!(refused(context.submit(provider, &last(9))).0, Refusal::RegistrarMustRecord);
}

#[test]
fn what_a_retracted_amendment_also_took_away_is_still_the_registrars() {
    let provider = Role::Provider("region-1".parse().unwrap());
    let from = |employment, days| Command::CorrectEmployment {
        employment,
        days: Period::from_inclusive(Day::from_number(FIRST + days), None),
    };
    let until = |employment, days| Command::EndEmployment {
        job: WhichJob::Employment(employment),
        last_day: Day::from_number(FIRST + days),
        reason: EmploymentEndReason::Resigned,
    };
    // Two amendments of the registrar: the first takes away more, and is retracted.
    type Amend = fn(EmploymentId, i32) -> Command;
    let cases: [(Amend, i32, i32, i32); 2] = [(from, 9, 6, 5), (until, 4, 8, 9)];
    for (amend, first, second, back) in cases {
        let mut context = DecisionContext(EvaluationFixture::new(BORN.parse().unwrap()));
        let employment = context.start("Peer", FIRST).unwrap();
        context.submit(Role::Registrar, &amend(employment, first)).unwrap();
        let retracted = context.0.person.facts().last().unwrap().id;
        context.submit(Role::Registrar, &amend(employment, second)).unwrap();
        let second = context.0.person.facts().last().unwrap().id;
        let retract = Command::RetractFact { fact: retracted, reason: "a mistake".into() };
        context.submit(Role::Registrar, &retract).unwrap();
        match context.submit(provider.clone(), &amend(employment, back)) {
            Err(Rejection::Refused { refusal: Refusal::RegistrarMustRecord, subject, .. }) => {
                assert_eq!(subject, second.to_string());
            }
            other => panic!("{other:?}"),
        }
        // Without the second one, too, nothing was taken away.
        let retract = Command::RetractFact { fact: second, reason: "a mistake".into() };
        context.submit(Role::Registrar, &retract).unwrap();
        context.submit(provider.clone(), &amend(employment, back)).unwrap();
    }
}

#[test]
fn only_what_the_registrar_took_from_this_job_is_not_given_back() {
    let mut context = DecisionContext(EvaluationFixture::new(BORN.parse().unwrap()));
    let jobs = [context.start("Peer", FIRST).unwrap(), context.start("Driver", FIRST).unwrap()];
    let provider = Role::Provider("region-1".parse().unwrap());
    let ended = |employment, days| SpecialistFact::EmploymentEnded {
        employment,
        last_day: Day::from_number(FIRST + days),
        reason: EmploymentEndReason::Transferred,
    };
    // One record of the registrar ends both jobs.
    context.0.is_called_by(Role::Registrar, false);
    context.0.record_together(jobs.map(|job| ended(job, 8)).to_vec());
    let taken = context.0.person.facts().last_chunk::<2>().unwrap().clone().map(|recorded| recorded.id);
    assert_eq!((taken[0].revision, taken[0].index, taken[1].index), (taken[1].revision, 0, 1));
    let last = |job, days| Command::EndEmployment {
        job: WhichJob::Employment(job),
        last_day: Day::from_number(FIRST + days),
        reason: EmploymentEndReason::Resigned,
    };
    let subject = |found: Result<_, Rejection>| match found {
        Err(Rejection::Refused { refusal: Refusal::RegistrarMustRecord, subject, .. }) => subject,
        other => panic!("{other:?}"),
    };
    for (job, taken) in jobs.into_iter().zip(taken) {
        assert_eq!(subject(context.submit(provider.clone(), &last(job, 9))), taken.to_string());
    }
    // What the registrar takes back for one job is the provider's again, for this job alone.
    context.submit(provider.clone(), &last(jobs[0], 4)).unwrap();
    context.submit(Role::Registrar, &Command::RetractFact { fact: taken[0], reason: "a mistake".into() }).unwrap();
    context.submit(provider.clone(), &last(jobs[0], 9)).unwrap();
    assert_eq!(subject(context.submit(provider, &last(jobs[1], 9))), taken[1].to_string());
}

#[test]
fn a_position_in_capitals_is_the_same_position() {
    for (first, second, is_same) in [
        ("Straßendienst", "STRASSENDIENST", true),
        ("Straßendienst", " straẞendienst", true),
        ("ΣΥΜΒΟΥΛΟΣ", "σύμβουλος", false),
        ("ΣΥΜΒΟΥΛΟΣ", "συμβουλος", true),
        ("Straße", "Strase", false),
    ] {
        let mut context = DecisionContext(EvaluationFixture::new(BORN.parse().unwrap()));
        context.start(first, FIRST).unwrap();
        let again = context.start(second, FIRST);
        assert_eq!(again.is_err(), is_same, "{first} and {second}");
        assert!(!is_same || refused(again).0 == Refusal::EmploymentExists);
    }
}
