//! `IssueCredential` succeeds exactly if `EvaluateApplication` says so, for random applications.
//!
//! `CPSS_APPLICATIONS` sets the number of applications; application `n` depends only on the number `n`.

use std::collections::BTreeMap;
use std::time::Instant;

use cpss_registry::domain::command::{Command, IssueCredential};
use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::decide::{Refusal, Rejection, evaluate_application};
use cpss_registry::domain::evaluation::{Application, Education, Evaluation, ExamAttempt, LivedExperience, Training};
use cpss_registry::domain::fact::{CredentialPeriodKind, Designation, Fact, Issuance, IssuanceBasis, SpecialistFact};
use cpss_registry::domain::specialist::Specialist;

use super::evaluation_fixture::{EvaluationFixture, day};
use super::scenario::{Scenario, answered};
use super::table;
use crate::histories::Random;

#[test]
fn issuing_succeeds_exactly_when_the_evaluation_says_so() {
    let count: u64 = std::env::var("CPSS_APPLICATIONS").map_or(5_000, |count| count.parse().unwrap());
    let began = Instant::now();
    let mut fixture = EvaluationFixture::new(day("1990-06-15"));
    let mut answers: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..count {
        let mut random = Random::new(seed);
        let asked = application(&mut random, &mut fixture);
        let answer = fixture.judge(&Command::IssueCredential(asked.clone()));
        let known = fixture.known();
        let evaluated = evaluate_application(&asked, &known, &fixture);
        if let Ok(evaluation) = &evaluated {
            let outcomes: Vec<_> = evaluation.criteria.iter().map(|assessment| assessment.outcome).collect();
            let plain = table::outcomes(&asked, known.birth_date.unwrap(), &known.jobs);
            assert_eq!(outcomes, plain, "application {seed}: {asked:?}");
        }
        check(&asked, &known, &evaluated, &answer).unwrap_or_else(|wrong| panic!("application {seed}: {wrong}"));
        *answers.entry(answered(&answer)).or_default() += 1;
    }
    println!("{count} applications in {:.1} s: {answers:?}", began.elapsed().as_secs_f64());
    let kinds = ["ACCEPTED", "CRITERIA_UNMET", "ALREADY_CREDENTIALED", "AFTER_DEATH", "INVALID decision_note"];
    for kind in kinds.iter().chain(&["INVALID application.applied_on"]) {
        assert!(answers.get(*kind).is_some_and(|times| times * 200 >= count), "{kind} is too rare: {answers:?}");
    }
}

/// Compares the result with the evaluation: success exactly if nothing is UNMET, nothing is UNDETERMINED without a
/// decision note, and the person is alive and has no credential.
fn check(
    asked: &IssueCredential,
    known: &Specialist,
    evaluated: &Result<Evaluation, Rejection>,
    answer: &Result<Vec<Fact>, Rejection>,
) -> Result<(), String> {
    let evaluation = match evaluated {
        Ok(evaluation) => evaluation,
        Err(rejection) => return same(&Err(rejection.clone()), answer),
    };
    let is_dead = known.death_date.is_some_and(|death| death < asked.effective_from);
    let is_credentialed = known.credentials.iter().any(|credential| !credential.void);
    let is_decided = !evaluation.is_undetermined() || !asked.decision_note.is_empty();
    let succeeds = evaluation.is_eligible() && is_decided && !is_dead && !is_credentialed;
    if succeeds != answer.is_ok() {
        return Err(format!("{evaluation:?} and yet {answer:?}"));
    }
    match answer {
        Ok(facts) => issued_as_asked(asked, evaluation, facts),
        Err(Rejection::CriteriaUnmet(criteria)) if *criteria == evaluation.criteria => Ok(()),
        Err(Rejection::Refused { refusal: Refusal::AfterDeath, .. }) if is_dead => Ok(()),
        Err(Rejection::Refused { refusal: Refusal::AlreadyCredentialed, .. }) if is_credentialed => Ok(()),
        Err(Rejection::Invalid(violations)) if !is_decided && violations.listed()[0].field == "decision_note" => Ok(()),
        Err(other) => Err(format!("refused for another reason: {other:?}")),
    }
}

fn same(expected: &Result<Vec<Fact>, Rejection>, answer: &Result<Vec<Fact>, Rejection>) -> Result<(), String> {
    if expected == answer { Ok(()) } else { Err(format!("{expected:?} and yet {answer:?}")) }
}

/// Asserts that the record holds the criteria with their outcomes, and a grant for each designation in the requested
/// order.
fn issued_as_asked(asked: &IssueCredential, evaluation: &Evaluation, facts: &[Fact]) -> Result<(), String> {
    let Some(Fact::Specialist(id, SpecialistFact::CredentialIssued(issuance))) = facts.first() else {
        return Err(format!("no issuance in {facts:?}"));
    };
    let term = Period::from_inclusive(asked.effective_from, Some(cohort_date(asked.effective_from)));
    let findings = evaluation.criteria.iter().map(|found| (found.criterion, found.outcome)).collect();
    let expected = Issuance {
        number: issuance.number,
        term,
        designations: asked.designations.clone(),
        rule_set: evaluation.rule_set.clone(),
        basis: IssuanceBasis::Evaluated,
        findings,
        decision_note: asked.decision_note.clone(),
    };
    let grants = asked.designations.iter().map(|code| SpecialistFact::PeriodOpened {
        number: issuance.number,
        kind: CredentialPeriodKind::Designation(*code),
        days: Period::from_inclusive(asked.effective_from, None),
    });
    let expected = std::iter::once(SpecialistFact::CredentialIssued(expected)).chain(grants);
    let expected: Vec<Fact> = expected.map(|fact| Fact::Specialist(*id, fact)).collect();
    if expected == facts { Ok(()) } else { Err(format!("{expected:?} and yet {facts:?}")) }
}

/// September 30 of 2015, 2019, 2023 and so on.
fn cohort_date(from: Day) -> Day {
    let dates = (2015..).step_by(4).map(|year| Day::from_ymd(year, 9, 30).unwrap());
    dates.into_iter().find(|date| *date >= from).unwrap()
}

/// A random application of a registered applicant. Most of its fields are valid, so that some applications succeed.
fn application(random: &mut Random, fixture: &mut EvaluationFixture) -> IssueCredential {
    let around = [("2019-03-02", 40), ("2021-05-01", 3), ("2026-03-02", 40), ("2024-02-29", 1)];
    let (middle, spread) = *random.pick(&around);
    let applied_on = day(middle).plus(random.between(-spread, spread));
    let effective_from = applied_on.plus(if random.chance(3) { -random.between(1, 3) } else { random.between(0, 60) });
    let born = match random.between(0, 9) {
        0 => applied_on.plus_years(-16).plus(random.between(-1, 1)),
        1 => day("2008-02-29"),
        _ => day("1990-06-15"),
    };
    fixture.meet(born);
    happenings(random, fixture, effective_from);
    let designations: Vec<Designation> = Designation::ALL.iter().filter(|_| random.chance(25)).copied().collect();
    let trainings = trainings(random, applied_on, effective_from, &designations);
    let mostly = |random: &mut Random| random.chance(97);
    let education = [Some(Education::Ged), Some(Education::Enrolled), Some(Education::None), None];
    IssueCredential {
        specialist: fixture.person.id,
        effective_from,
        decision_note: if random.chance(50) { "the board agreed".into() } else { String::new() },
        waives_criteria: false,
        application: Application {
            applied_on,
            mississippi_resident: mostly(random),
            lived_experience: mostly(random).then(|| *random.pick(LivedExperience::ALL)),
            recovery_attested: mostly(random),
            education: if random.chance(70) { Some(Education::HighSchoolDiploma) } else { *random.pick(&education) },
            literate: mostly(random),
            experience_hours: *random.pick(&[99.9, 100.0, 249.9, 250.0, 300.0, 300.0, 300.0, 300.0]),
            experience_within_three_years: random.chance(90),
            college_year_within_three_years: random.chance(20),
            references: u32::try_from(*random.pick(&[0, 1, 2, 2, 2, 3])).unwrap(),
            exam_attempts: attempts(random, &trainings, effective_from),
            trainings,
            sponsoring_provider: random.chance(30).then(|| "region-2".parse().unwrap()),
            requests_scholarship: random.chance(20),
        },
        designations,
    }
}

/// Random jobs, a death, an earlier credential.
fn happenings(random: &mut Random, fixture: &mut EvaluationFixture, effective_from: Day) {
    for _ in 0..random.between(1, 2) {
        let provider =
            *random.pick(&["region-1", "region-1", "region-1", "region-2", "delta-house", "old-mill", "piney-va"]);
        let first = effective_from.plus(*random.pick(&[-400, -400, -100, -100, -1, 0, 0, 1]));
        let last = random.chance(30).then(|| effective_from.plus(random.between(-1, 60)).max(first));
        fixture.hire(provider, Period::from_inclusive(first, last), random.chance(85));
    }
    if random.chance(5) {
        fixture.record(SpecialistFact::Died { death_date: effective_from.plus(random.between(-2, 1)) });
    }
    if random.chance(15) {
        let earlier = *random.pick(&["", "; void", "; revoke 2018-01-01"]);
        let transferred = format!("transferred 2016-01-01..2019-09-30{earlier}");
        *fixture = Scenario::of(fixture.clone(), &transferred).fixture;
    }
}

fn trainings(random: &mut Random, applied_on: Day, by: Day, designations: &[Designation]) -> Vec<Training> {
    let wanted = designations.iter().map(|code| match code {
        Designation::RecoveryOnly => Designation::AdultAndRecovery,
        code => *code,
    });
    let wanted: Vec<Designation> = wanted.chain([Designation::AdultAndRecovery]).collect();
    let mut trainings = Vec::new();
    for code in wanted {
        let completed_on = match random.between(0, 9) {
            0 => by.plus(random.between(-1, 1)),
            1 => day("2021-05-01").plus(random.between(-1, 1)),
            _ => applied_on.plus(-random.between(0, 30)),
        };
        trainings.push(Training {
            completed_on,
            designation: random.chance(97).then_some(code),
            hours: *random.pick(&[2.0, 33.9, 34.0, 40.0, 40.0, 40.0]),
            pre_training_completed: random.chance(90),
        });
    }
    trainings
}

fn attempts(random: &mut Random, trainings: &[Training], by: Day) -> Vec<ExamAttempt> {
    let count = random.between(1, 4);
    let attempt = |_| ExamAttempt {
        taken_on: match random.between(0, 5) {
            0 => by.plus(random.between(-1, 1)),
            1 => random.pick(trainings).completed_on.plus(random.between(-1, 1)),
            _ => random.pick(trainings).completed_on.plus(random.between(0, 9)),
        },
        score: *random.pick(&[50.0, 74.9, 75.0, 80.0, 80.0, 80.0]),
    };
    (0..count).map(attempt).collect()
}
