//! Terms, renewal, reinstatement, and every line of section 8 about a credential.

use std::collections::BTreeSet;

use cpss_registry::domain::command::Command;
use cpss_registry::domain::decide::Rejection;
use cpss_registry::domain::fact::{Fact, SpecialistFact};

use super::case::Case;
use super::evaluation_fixture::{EvaluationFixture, columns, day, lines, scenes, word};
use super::scenario::{Scenario, answered};

fn fixture() -> EvaluationFixture {
    EvaluationFixture::new(day("1990-06-15"))
}

#[test]
fn a_first_term_ends_on_the_first_cohort_date() {
    let table = "
        cpss-guide | 2019-04-01 | 2019-09-30
        cpss-guide | 2019-09-29 | 2019-09-30
        cpss-guide | 2019-09-30 | 2019-09-30
        cpss-guide | 2019-10-01 | 2023-09-30
        cpss-guide | 2020-02-29 | 2023-09-30
        cpss-guide | 2026-04-01 | 2027-09-30
        cpssp-2025 | 2026-04-01 | 2027-09-30
        cpssp-2025 | 2027-09-30 | 2027-09-30
        cpssp-2025 | 2027-10-01 | 2031-09-30";
    for line in lines(table) {
        let [rule_set, from, ends] = columns(line);
        let mut case = Case::read(rule_set, &format!("effective {from}"));
        let facts = case.fixture.judge(&Command::IssueCredential(case.asked)).unwrap();
        let Some(Fact::Specialist(_, SpecialistFact::CredentialIssued(issuance))) = facts.first() else {
            panic!("{facts:?}");
        };
        assert_eq!((issuance.term.start, issuance.term.last_day()), (day(from), Some(day(ends))), "{line}");
        assert_eq!(issuance.rule_set, rule_set);
    }
    let early = Scenario::of(fixture(), "transferred 2012-02-01..2015-09-30");
    assert_eq!(early.fixture.timeline().term_last_day, Some(day("2015-09-30")));
}

/// A job since 2010 and events: the renewal | the new term, or the refusal | the standing afterwards.
const RENEWALS: &str = "
    transferred 2015-10-01..2019-09-30:
        renew | 2019-10-01..2023-09-30 | 2019-09-30 CURRENT, 2019-10-01 CURRENT, 2023-10-01 LAPSED
        renew to 2023-09-30 | 2019-10-01..2023-09-30 |
        renew to 2023-09-29 | TERM_NOT_EXTENDED |
        renew to 2019-09-30 | TERM_NOT_EXTENDED |
        renew to 2027-09-30 | TERM_NOT_EXTENDED |
        renew from 2015-10-01 | TERM_NOT_EXTENDED |
        renew from 2015-10-02 | 2015-10-02..2023-09-30 | 2019-10-01 CURRENT
        renew from 2019-09-30 | 2019-09-30..2023-09-30 | 2023-09-30 CURRENT
        renew from 2015-09-30 | BEFORE_EFFECTIVE_FROM |
    transferred 2015-10-01..2019-09-30; renew:
        renew from 2019-10-01 | TERM_NOT_EXTENDED |
        renew from 2019-10-02 | 2019-10-02..2027-09-30 |
        renew from 2021-05-01 hours 19.9 | CONTINUING_EDUCATION |
        renew hours 19.9 | CONTINUING_EDUCATION |
        renew hours 20 | 2023-10-01..2027-09-30 |
        renew from 2021-04-30 | 2021-04-30..2027-09-30 |
    transferred 2019-10-02..2023-09-30:
        renew hours 14.9 | CONTINUING_EDUCATION |
        renew hours 15 | 2023-10-01..2027-09-30 |
    transferred 2019-09-30..2023-09-30:
        renew hours 19 | CONTINUING_EDUCATION |
    transferred 2022-09-30..2023-09-30:
        renew hours 4.9 | CONTINUING_EDUCATION |
    transferred 2022-10-01..2023-09-30:
        renew hours 4.9 | CONTINUING_EDUCATION |
    transferred 2022-10-02..2023-09-30:
        renew hours 0 | 2023-10-01..2027-09-30 |
    transferred 2020-02-29..2023-02-28:
        renew hours 14.9 | CONTINUING_EDUCATION |
    transferred 2020-02-29..2023-02-27:
        renew hours 10 | 2023-02-28..2023-09-30 |
    transferred 2015-10-01..2019-09-30:
        renew from 2019-10-01 | 2019-10-01..2023-09-30 |
        renew from 2020-03-01 | 2020-03-01..2023-09-30 | 2019-10-01 LAPSED, 2020-02-29 LAPSED, 2020-03-01 CURRENT
        renew from 2023-09-30 hours 20 | 2023-09-30..2023-09-30 | 2023-09-30 CURRENT, 2023-10-01 LAPSED
        renew from 2023-10-01 hours 20 | 2023-10-01..2027-09-30 | 2023-09-30 LAPSED, 2023-10-01 CURRENT
    transferred 2015-10-01..2019-06-30:
        renew | 2019-07-01..2019-09-30 |
    transferred 2015-10-01..2019-09-30; died 2019-09-30:
        renew | AFTER_DEATH |
    transferred 2015-10-01..2019-09-30; died 2019-10-01:
        renew | 2019-10-01..2023-09-30 | 2019-10-01 CURRENT, 2019-10-02 DECEASED
    transferred 2015-10-01..2019-09-30; void:
        renew | CREDENTIAL_VOID |
    transferred 2015-10-01..2019-09-30; revoke 2018-01-01:
        renew | 2019-10-01..2023-09-30 | 2019-10-01 REVOKED_DISCIPLINARY, 2023-10-01 REVOKED_DISCIPLINARY
    transferred 2015-10-01..2019-09-30; surrender 2018-01-01:
        renew | 2019-10-01..2023-09-30 | 2019-10-01 SURRENDERED
        renew from 2020-03-01 | 2020-03-01..2023-09-30 | 2020-03-01 SURRENDERED
";

#[test]
fn renewals() {
    check("job 2010-01-01.. region-1; ", RENEWALS);
}

fn check_standings(story: &Scenario, standings: &str, line: &str) {
    for expected in standings.split(", ").filter(|expected| !expected.is_empty()) {
        let (date, standing) = expected.split_once(' ').unwrap();
        assert_eq!(word(story.fixture.standing(day(date))), standing, "{line}: on {date}");
    }
}

/// Jobs and events: the command | the result | the standing afterwards.
const RESTORING: &str = "
    job 2010-01-01..2019-06-30 region-1; transferred 2015-10-01..2019-09-30:
        renew | 2019-10-01..2023-09-30 | 2019-07-01 REVOKED_LOSS_OF_EMPLOYMENT, 2019-10-01 REVOKED_LOSS_OF_EMPLOYMENT
    job 2010-01-01..2019-09-30 region-1; transferred 2015-10-01..2019-09-30:
        renew | 2019-10-01..2023-09-30 | 2019-09-30 CURRENT, 2019-10-01 REVOKED_LOSS_OF_EMPLOYMENT
    job 2010-01-01..2019-12-31 region-1; transferred 2015-10-01..2019-09-30:
        renew from 2020-01-01 | NOT_COVERED | 2020-01-01 LAPSED
        renew from 2019-12-31 | 2019-12-31..2023-09-30 | 2019-12-31 CURRENT, 2020-01-01 REVOKED_LOSS_OF_EMPLOYMENT
    job 2010-01-01..2019-12-31 region-1; job 2020-02-01.. region-1; transferred 2015-10-01..2019-09-30:
        renew from 2020-01-31 | NOT_COVERED |
        renew from 2020-02-01 | 2020-02-01..2023-09-30 | 2020-01-31 LAPSED, 2020-02-01 CURRENT
    job 2010-01-01.. region-2; transferred 2015-10-01..2019-09-30:
        renew from 2022-05-31 hours 20 | 2022-05-31..2023-09-30 | 2022-05-31 CURRENT, 2022-06-01 CURRENT
        renew from 2022-06-01 hours 20 | NOT_COVERED |
        renew from 2022-06-30 hours 20 | NOT_COVERED |
        renew from 2022-07-01 hours 20 | 2022-07-01..2023-09-30 | 2022-07-01 CURRENT
    job 2010-01-01.. region-2; transferred 2018-10-01..2022-06-14:
        renew hours 15 | 2022-06-15..2023-09-30 | 2022-06-14 CURRENT, 2022-06-15 CURRENT
    job 2010-01-01..2019-12-31 region-1; records 2020-02-01; transferred 2015-10-01..2019-09-30:
        renew from 2020-01-31 | 2020-01-31..2023-09-30 | 2020-01-31 CURRENT, 2020-02-01 REVOKED_LOSS_OF_EMPLOYMENT
        renew from 2020-02-01 | NOT_COVERED |
    job 2010-01-01..2019-12-31 region-1; transferred 2015-10-01..2019-09-30; inactive 2019-09-01..2020-01-31:
        renew from 2020-01-31 | 2020-01-31..2023-09-30 | 2020-01-31 INACTIVE, 2020-02-01 REVOKED_LOSS_OF_EMPLOYMENT
        renew from 2020-02-01 | NOT_COVERED |
    job 2010-01-01..2019-12-31 region-1; transferred 2015-10-01..2019-09-30; revoke 2020-03-01:
        renew from 2020-03-01 | 2020-03-01..2023-09-30 | 2020-02-29 LAPSED, 2020-03-01 REVOKED_DISCIPLINARY
        renew from 2020-02-29 | NOT_COVERED |
    job 2010-01-01..2018-12-31 region-1; job 2019-02-01.. region-1; transferred 2015-10-01..2019-09-30:
        reinstate 2018-12-31 | ALREADY_HELD |
        reinstate 2019-01-01 | ALREADY_HELD |
        reinstate 2019-01-02 | NOT_COVERED |
        reinstate 2019-01-31 | NOT_COVERED |
        reinstate 2019-02-01 | ACCEPTED | 2019-01-31 REVOKED_LOSS_OF_EMPLOYMENT, 2019-02-01 CURRENT
        reinstate 2019-09-30 | ACCEPTED | 2019-09-30 CURRENT, 2019-10-01 LAPSED
        reinstate 2019-10-01 | NOT_REINSTATABLE |
    job 2010-01-01..2018-12-31 region-1; job 2019-02-01.. region-1; transferred 2015-10-01..2019-09-30; renew:
        reinstate 2019-10-01 | ACCEPTED | 2019-09-30 REVOKED_LOSS_OF_EMPLOYMENT, 2019-10-01 CURRENT
    job 2010-01-01.. region-1; transferred 2015-10-01..2019-09-30:
        reinstate 2019-10-01 | ALREADY_HELD |
        reinstate 2019-10-02 | NOT_REINSTATABLE |
    job 2010-01-01.. region-1; transferred 2015-10-01..2019-09-30; revoke 2018-01-01:
        reinstate 2018-01-01 | ALREADY_HELD |
        reinstate 2018-01-02 | ACCEPTED | 2018-01-01 REVOKED_DISCIPLINARY, 2018-01-02 CURRENT
    job 2010-01-01.. region-1; transferred 2015-10-01..2019-09-30; surrender 2018-01-01; revoke 2018-03-01:
        reinstate 2018-03-01 | NOT_REINSTATABLE |
    job 2010-01-01.. region-1; transferred 2015-10-01..2019-09-30; surrender 2018-01-01:
        reinstate 2018-03-01 | ACCEPTED | 2018-02-28 SURRENDERED, 2018-03-01 CURRENT
    job 2010-01-01.. region-2; transferred 2021-10-01..2023-09-30; revoke 2022-01-01:
        reinstate 2022-06-15 | NOT_COVERED |
    job 2010-01-01..2018-12-31 region-1; transferred 2015-10-01..2019-09-30; records 2019-03-01:
        reinstate 2019-03-01 | ALREADY_HELD |
    job 2010-01-01.. region-1; transferred 2015-10-01..2019-09-30; revoke 2018-01-01; records 2019-03-01; quit 2018-02-01:
        reinstate 2018-06-01 | ACCEPTED | 2018-06-01 CURRENT, 2019-03-01 REVOKED_LOSS_OF_EMPLOYMENT
    job 2010-01-01.. region-1; transferred 2015-10-01..2019-09-30; inactive 2017-01-01..2018-12-31; revoke 2018-01-01; quit 2018-01-31:
        reinstate 2018-06-01 | ACCEPTED | 2018-06-01 INACTIVE, 2019-01-01 REVOKED_LOSS_OF_EMPLOYMENT
    job 2010-01-01.. region-1; transferred 2015-10-01..2019-09-30; revoke 2018-01-01; died 2018-05-31:
        reinstate 2018-06-01 | AFTER_DEATH |
    job 2010-01-01.. region-1; transferred 2015-10-01..2019-09-30; void:
        reinstate 2018-06-01 | CREDENTIAL_VOID |
    job 2010-01-01.. region-1; transferred 2015-10-01..2019-09-30:
        reinstate 2015-10-01 | ALREADY_HELD |
        reinstate 2015-09-30 | BEFORE_EFFECTIVE_FROM |
";

#[test]
fn late_renewal_and_reinstatement() {
    check("", RESTORING);
}

/// Each line: a command | the result | the standing afterwards.
fn check(before: &str, table: &str) {
    let mut answers = BTreeSet::new();
    for (history, line) in scenes(table) {
        let [command, expected, standings] = columns(line);
        let mut story = Scenario::of(fixture(), &format!("{before}{history}"));
        let answer = story.step(command);
        assert_eq!(answered(&answer), expected, "{history}: {line}: {answer:?}");
        check_standings(&story, standings, line);
        answers.insert(expected);
    }
    println!("{} lines, answered {answers:?}", scenes(table).count());
}

/// Other commands on a credential: held from 2016-01-01; the job and the term end on 2019-09-30.
const OTHERS: &str = "
    suspend 2015-12-31..  | BEFORE_EFFECTIVE_FROM |
    suspend 2016-01-01..  | ACCEPTED | 2016-01-01 SUSPENDED
    suspend 2019-09-30..  | ACCEPTED | 2019-09-30 SUSPENDED, 2019-10-01 LAPSED
    suspend 2019-10-01..  | NOT_HELD |
    limit 2015-12-31..    | BEFORE_EFFECTIVE_FROM |
    limit 2019-09-30..    | ACCEPTED | 2019-09-30 LIMITED
    limit 2019-10-01..    | NOT_HELD |
    inactive 2015-12-31.. | BEFORE_EFFECTIVE_FROM |
    inactive 2019-09-30.. | ACCEPTED | 2019-09-30 INACTIVE, 2019-10-01 LAPSED
    inactive 2019-10-01.. | NOT_HELD |
    grant 2015-12-31..    | BEFORE_EFFECTIVE_FROM |
    grant 2019-10-01..    | ACCEPTED | 2019-10-01 LAPSED
    revoke 2015-12-31     | BEFORE_EFFECTIVE_FROM |
    revoke 2016-01-01     | ACCEPTED | 2016-01-01 REVOKED_DISCIPLINARY
    revoke 2020-01-01     | ACCEPTED | 2019-12-31 LAPSED, 2020-01-01 REVOKED_DISCIPLINARY
    surrender 2015-12-31  | BEFORE_EFFECTIVE_FROM |
    surrender 2016-01-01  | ACCEPTED | 2016-01-01 SURRENDERED
    surrender 2019-10-01  | ACCEPTED | 2019-09-30 CURRENT, 2019-10-01 SURRENDERED
    surrender 2019-10-02  | NOT_HELD |
    relinquish 2016-01-01 | ACCEPTED | 2016-01-01 RELINQUISHED
    relinquish 2019-10-02 | NOT_HELD |
    retire 2019-10-01     | ACCEPTED | 2019-10-01 RETIRED
    retire 2019-10-02     | NOT_HELD |
";

#[test]
fn other_commands_on_a_credential() {
    let before = "job 2010-01-01..2019-09-30 region-1; transferred 2016-01-01..2019-09-30";
    check(before, OTHERS);
    for command in lines(OTHERS).map(|line| columns::<3>(line)[0]) {
        let voided = Scenario::of(fixture(), &format!("{before}; void")).step(command);
        assert_eq!(answered(&voided), "CREDENTIAL_VOID", "{command}");
        let after_death = Scenario::of(fixture(), &format!("{before}; died 2015-12-30")).step(command);
        let expected = if command.contains("2015-12-31") { "BEFORE_EFFECTIVE_FROM" } else { "AFTER_DEATH" };
        assert_eq!(answered(&after_death), expected, "{command}: the first day comes first");
    }
}

/// Judged with the command in effect: inactive status makes up for missing employment, a suspension does not.
const WITH_IT: &str = "
    quit 2018-12-31:
        suspend 2019-01-01..  | NOT_HELD |
        limit 2019-01-01..    | NOT_HELD |
        inactive 2019-01-01.. | ACCEPTED | 2019-01-01 INACTIVE
        inactive 2019-01-02.. | NOT_HELD |
    revoke 2018-01-01:
        revoke 2018-01-01   | ALREADY_REVOKED |
        revoke 2018-01-02   | ALREADY_REVOKED |
        revoke 2017-12-31   | ACCEPTED | 2017-12-31 REVOKED_DISCIPLINARY
    lose 2018-01-01  :
        revoke 2018-01-02   | ACCEPTED | 2018-01-01 REVOKED_LOSS_OF_EMPLOYMENT, 2018-01-02 REVOKED_DISCIPLINARY
    surrender 2018-01-01:
        revoke 2018-01-01 | ACCEPTED | 2018-01-01 REVOKED_DISCIPLINARY
        retire 2018-01-01 | ACCEPTED | 2018-01-01 SURRENDERED
        retire 2018-01-02 | NOT_HELD |
";

#[test]
fn commands_judged_with_what_they_would_change() {
    check("job 2010-01-01.. region-1; transferred 2016-01-01..2019-09-30; ", WITH_IT);
}

#[test]
fn a_refusal_says_what_the_registrar_can_do() {
    let remedy = |history: &str, command: &str| match Scenario::of(fixture(), history).step(command) {
        Err(Rejection::Refused { description, .. }) => description,
        other => panic!("{other:?}"),
    };
    let job = "job 2010-01-01.. region-1; transferred 2015-10-01..2019-09-30";
    for (history, command, expected) in [
        ("", "reinstate 2019-10-02", "no term of the credential includes 2019-10-02: renew it first"),
        ("surrender 2018-01-01; revoke 2018-03-01", "reinstate 2018-03-01", "it is revoked on that day"),
        ("surrender 2018-01-01", "retire 2018-03-01", "the credential is not held on 2018-02-28, the day before"),
        ("", "reinstate 2018-03-01", "the credential is held on 2018-02-28, the day before"),
        ("", "reinstate 2015-10-01", "the credential takes effect on 2015-10-01, and is not lost before"),
        ("", "renew to 2024-09-30", "the term that follows the last one on record ends on 2023-09-30"),
        ("", "renew from 2015-10-01", "a renewal takes effect after the first day of the last term, 2015-10-01"),
        ("renew", "renew hours 12", "20 hours of continuing education are required over the term being renewed, 12"),
        ("quit 2019-12-31", "renew from 2020-01-01", "no provider covers the holder on 2020-01-01"),
    ] {
        let description = remedy(&format!("{job}; {history}"), command);
        assert!(description.contains(expected), "{description}");
    }
}

#[test]
fn issuing_beside_another_credential() {
    let story = |history: &str| Scenario::of(fixture(), &format!("job 2010-01-01.. region-1; {history}")).fixture;
    let mut case = Case::read("cpssp-2025", "-");
    for (history, expected) in [
        ("", "ACCEPTED"),
        ("transferred 2016-01-01..2019-09-30", "ALREADY_CREDENTIALED"),
        ("transferred 2016-01-01..2019-09-30; revoke 2018-01-01", "ALREADY_CREDENTIALED"),
        ("transferred 2016-01-01..2019-09-30; void", "ACCEPTED"),
        ("died 2026-04-01", "ACCEPTED"),
        ("died 2026-03-31", "AFTER_DEATH"),
        ("died 2026-03-31; transferred 2016-01-01..2019-09-30", "AFTER_DEATH"),
    ] {
        let answer = story(history).judge(&Command::IssueCredential(case.asked.clone()));
        assert_eq!(answered(&answer), expected, "{history}: {answer:?}");
    }
    // The order of the refusals.
    case.asked.application.references = 1;
    case.asked.application.recovery_attested = false;
    let credentialed = "transferred 2016-01-01..2019-09-30";
    for (history, note, expected) in [
        ("died 2026-03-31", "", "AFTER_DEATH"),
        (credentialed, "", "CRITERIA_UNMET"),
        (credentialed, "the board agreed", "CRITERIA_UNMET"),
    ] {
        case.asked.decision_note = note.into();
        let answer = story(history).judge(&Command::IssueCredential(case.asked.clone()));
        assert_eq!(answered(&answer), expected, "{history} {note}");
    }
    case.asked.application.recovery_attested = true;
    for note in ["", " "] {
        case.asked.decision_note = note.into();
        let answer = story(credentialed).judge(&Command::IssueCredential(case.asked.clone()));
        assert_eq!(answered(&answer), "INVALID decision_note");
    }
    case.asked.decision_note = "the board agreed".into();
    let answer = story(credentialed).judge(&Command::IssueCredential(case.asked));
    assert_eq!(answered(&answer), "ALREADY_CREDENTIALED");
}
