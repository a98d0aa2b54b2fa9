//! The main scenario over the wire: from an empty registry to a credential revoked for loss of employment.

use cpss_registry::proto::v1::{Standing, Verification};
use prost::Message as _;

use super::harness::requests::{bill, end_job, end_period, known_at, periods, reinstate, retract, verify_with};
use super::harness::scenes::{EFFECTIVE_FROM, Qualified, TERM_LAST_DAY};
use super::harness::words::{day, eligible, lines, period_lines, revocation, standing_lines, verdict_line};
use super::harness::{Client, Promised as _, TODAY, TestServer};

const CONFIRMED: &str = "CONFIRMED";
const REVOKED: &str = "NOT_CONFIRMED REVOKED_LOSS_OF_EMPLOYMENT, NO_QUALIFYING_EMPLOYMENT";

/// Whether the person holds the credential, may use the title, and may practice.
fn may(verification: &Verification) -> [bool; 3] {
    [verification.holds_credential(), verification.may_use_title(), verification.may_practice()]
}

#[tokio::test]
async fn loss_of_employment_revokes_from_the_day_after_the_last_day_worked() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Pearl River Example Mental Health Center").await;
    let person = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;

    let before = registry.verify(&person.number, TODAY, None).await;
    assert_eq!((verdict_line(&before).as_str(), may(&before)), (CONFIRMED, [true; 3]));
    assert_eq!(before.standing(), Standing::Current);
    let credential = before.credential.clone().unwrap();
    assert_eq!(credential.credential_number, person.number);
    assert_eq!(
        (day(credential.effective_from).as_str(), day(credential.term_last_day).as_str()),
        (EFFECTIVE_FROM, TERM_LAST_DAY)
    );
    let answer = before.answer.clone().unwrap();
    assert_eq!((answer.rule_set_id.as_str(), answer.known_at_revision), ("cpssp-2025", person.revision));

    let ended = registry.report(end_job(&person.jobs[0], "2026-02-25")).await;
    assert_eq!(day(ended.employment.clone().unwrap().last_day), "2026-02-25");
    assert_eq!(
        lines(&ended.changes),
        [
            revocation(&person.number, "2026-02-26"),
            format!("{} at {} 2026-02-26.. NOT_COVERED", person.number, employer.provider_id),
        ]
    );
    assert_eq!((ended.change_count, ended.specialist_count), (2, 1));

    let after = registry.verify(&person.number, None, None).await;
    assert_eq!((verdict_line(&after).as_str(), may(&after)), (REVOKED, [false; 3]));
    assert_eq!(after.answer.clone().unwrap().known_at_revision, ended.revision, "one revision, not a second step");
    assert_eq!(verdict_line(&registry.verify(&person.number, "2026-02-26", None).await), REVOKED);
    let last_day = registry.verify(&person.number, "2026-02-25", None).await;
    assert_eq!((verdict_line(&last_day).as_str(), may(&last_day)), (CONFIRMED, [true; 3]));

    let again = registry.verify(&person.number, TODAY, answer.known_at_revision).await;
    assert_eq!(again.promised_bytes(), before.promised_bytes(), "an earlier answer is reproduced byte for byte");
    server.stop().await;
}

#[tokio::test]
async fn the_end_of_a_qualification_revokes_every_dependent_in_one_revision() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let closing = registry.qualified_provider("Big Black Example Residential Center").await;
    let staying = registry.qualified_provider("Tombigbee Example Outpatient Clinic").await;
    let mut dependents = Vec::new();
    for family_name in ["Example-A", "Example-B", "Example-C"] {
        dependents.push(registry.credentialed("Casimir", family_name, &[&closing]).await.number);
    }
    dependents.sort();
    let elsewhere = registry.credentialed("Ingrid", "Example-Ruiz", &[&closing, &staying]).await.number;

    let end = end_period(&closing.qualification, "2026-02-27", "Certification withdrawn");
    let expected: Vec<_> = dependents.iter().map(|number| revocation(number, "2026-02-28")).collect();
    let foretold = registry.validate(end.clone()).await;
    assert_eq!(standing_lines(&foretold.changes), expected, "validate_only tells what would change");
    assert_eq!(verdict_line(&registry.verify(&dependents[0], None, None).await), CONFIRMED, "and changes nothing");

    let ended = registry.report(end).await;
    assert_eq!(ended.revision, foretold.revision + 1);
    assert_eq!(standing_lines(&ended.changes), expected, "all of them in the one revision");
    assert_eq!(ended.specialist_count, 4, "the one who works elsewhere too is touched: this provider covers no more");
    for number in &dependents {
        assert_eq!(verdict_line(&registry.verify(number, None, None).await), REVOKED);
        assert_eq!(verdict_line(&registry.verify(number, "2026-02-27", None).await), CONFIRMED);
        assert_eq!(verdict_line(&registry.verify(number, None, ended.revision - 1).await), CONFIRMED);
    }
    let kept = registry.verify(&elsewhere, None, None).await;
    assert_eq!((verdict_line(&kept).as_str(), may(&kept)), (CONFIRMED, [true; 3]));
    server.stop().await;
}

#[tokio::test]
async fn a_second_employer_keeps_the_credential_but_not_billing_by_the_first() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let [one, other] = two_providers(&registry).await;
    let person = registry.credentialed("Mirela", "Example-Stone", &[&one, &other]).await;
    let (one, other) = (&one.provider_id, &other.provider_id);

    let ended = registry.report(end_job(&person.jobs[0], "2026-02-20")).await;
    assert_eq!(lines(&ended.changes), [format!("{} at {one} 2026-02-21.. NOT_COVERED", person.number)]);
    assert_eq!(verdict_line(&registry.verify(&person.number, None, None).await), CONFIRMED);
    let with_one = registry.verification_of(verify_with(one, &person.number, None)).await;
    assert_eq!(verdict_line(&with_one), "NOT_CONFIRMED NOT_EMPLOYED_BY_PROVIDER");
    for (provider, day, expected) in [
        (one, "2026-02-20", "CONFIRMED SERVICE_HISTORY_UNKNOWN"),
        (one, "2026-02-21", "NOT_CONFIRMED NOT_EMPLOYED_BY_PROVIDER, SERVICE_HISTORY_UNKNOWN"),
        (other, "2026-02-21", "CONFIRMED SERVICE_HISTORY_UNKNOWN"),
    ] {
        let answer = registry.ask(bill(&person.number, provider, day)).await.eligibility.unwrap();
        assert_eq!(eligible(&answer), expected, "{provider} on {day}");
    }

    let ended = registry.report(end_job(&person.jobs[1], "2026-02-26")).await;
    assert_eq!(standing_lines(&ended.changes), [revocation(&person.number, "2026-02-27")]);
    assert_eq!(verdict_line(&registry.verify(&person.number, None, None).await), REVOKED);
    server.stop().await;
}

#[tokio::test]
async fn a_change_of_employer_without_and_with_a_gap() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let [old, new] = two_providers(&registry).await;
    let moves = registry.credentialed("Thaddeus", "Example-Lark", &[&old]).await;
    let waits = registry.credentialed("Perpetua", "Example-Finch", &[&old]).await;

    // One job ends on a Friday. The other begins on Saturday or on Monday.
    registry.job(&moves.specialist_id, &new.provider_id, "2026-02-21").await;
    registry.report(end_job(&moves.jobs[0], "2026-02-20")).await;
    registry.report(end_job(&waits.jobs[0], "2026-02-20")).await;
    registry.job(&waits.specialist_id, &new.provider_id, "2026-02-23").await;
    assert_eq!(verdict_line(&registry.verify(&moves.number, None, None).await), CONFIRMED);
    let revoked = registry.verify(&waits.number, None, None).await;
    assert_eq!(
        verdict_line(&revoked),
        "NOT_CONFIRMED REVOKED_LOSS_OF_EMPLOYMENT",
        "a new job alone does not restore it"
    );

    let restored = registry.report(reinstate(&waits.number, "2026-02-25")).await;
    assert_eq!(
        standing_lines(&restored.changes),
        [format!("{} 2026-02-25.. REVOKED_LOSS_OF_EMPLOYMENT > CURRENT", waits.number)]
    );
    let listed = registry.ask(periods(&waits.number, None)).await.periods;
    assert_eq!(
        period_lines(&listed),
        [
            "2024-06-03..2026-02-20 CURRENT",
            "2026-02-21..2026-02-22 REVOKED_LOSS_OF_EMPLOYMENT REVOKED_LOSS_OF_EMPLOYMENT, NO_QUALIFYING_EMPLOYMENT",
            "2026-02-23..2026-02-24 REVOKED_LOSS_OF_EMPLOYMENT REVOKED_LOSS_OF_EMPLOYMENT",
            "2026-02-25..2027-09-30 CURRENT",
            "2027-10-01.. LAPSED LAPSED",
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn a_retracted_report_leaves_three_states_of_knowledge() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Homochitto Example Center").await;
    let person = registry.credentialed("Anselm", "Example-Wren", &[&employer]).await;
    let at_first = registry.verify(&person.number, TODAY, None).await;
    let ended = registry.report(end_job(&person.jobs[0], "2026-02-25")).await;
    let revoked = registry.verify(&person.number, TODAY, None).await;
    let withdrawn = registry.report(retract(&ended.fact_id, "Reported of the wrong person")).await;
    assert_eq!(
        standing_lines(&withdrawn.changes),
        [format!("{} 2026-02-26.. REVOKED_LOSS_OF_EMPLOYMENT > CURRENT", person.number)]
    );
    let at_last = registry.verify(&person.number, TODAY, None).await;

    assert_eq!(
        [verdict_line(&at_first), verdict_line(&revoked), verdict_line(&at_last)],
        [CONFIRMED, REVOKED, CONFIRMED]
    );
    for state in [at_first, revoked, at_last] {
        let revision = state.answer.as_ref().unwrap().known_at_revision;
        let again = registry.verify(&person.number, TODAY, revision).await;
        assert_eq!(again.promised_bytes(), state.promised_bytes(), "as known at {revision}");
    }
    server.stop().await;
}

#[tokio::test]
async fn days_open_in_order_and_publish_foreseen_changes() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Yalobusha Example Clinic").await;
    let person = registry.credentialed("Wendell", "Example-O'Quinn", &[&employer]).await;
    let ended = registry.report(end_job(&person.jobs[0], "2026-03-03")).await;
    assert_eq!(lines(&ended.changes), [""; 0], "foreseen changes are not among the changes");
    assert_eq!(
        standing_lines(&ended.foreseen_changes)[0],
        format!(
            "{} 2026-03-04..2027-09-30 CURRENT > REVOKED_LOSS_OF_EMPLOYMENT: REVOKED_LOSS_OF_EMPLOYMENT",
            person.number
        )
    );
    assert_eq!(
        verdict_line(&registry.verify(&person.number, "2026-03-04", None).await),
        format!("{REVOKED}, DATE_IN_FUTURE")
    );
    assert_eq!(verdict_line(&registry.verify(&person.number, None, None).await), CONFIRMED);

    let after = registry.on_day("2026-03-06").verify(&person.number, None, None).await;
    let answer = after.answer.clone().unwrap();
    assert_eq!((verdict_line(&after).as_str(), day(answer.as_of).as_str()), (REVOKED, "2026-03-06"));
    assert_eq!(answer.known_at_revision, ended.revision + 4, "a record for each day from the 3rd to the 6th");
    for (revision, today, expected) in [(1, "2026-03-03", CONFIRMED), (2, "2026-03-04", REVOKED)] {
        let mut question = verify_with("", &person.number, None);
        question.known_at = Some(known_at(ended.revision + revision));
        let then = registry.verification_of(question).await;
        assert_eq!((day(then.answer.clone().unwrap().as_of).as_str(), verdict_line(&then).as_str()), (today, expected));
    }
    let again = registry.on_day("2026-03-06").verify(&person.number, None, None).await;
    assert_eq!(again.encode_to_vec(), after.encode_to_vec(), "a day that is open is not opened again");
    server.stop().await;
}

/// Two providers that qualify.
async fn two_providers(registry: &Client) -> [Qualified; 2] {
    [
        registry.qualified_provider("Leaf River Example Center").await,
        registry.qualified_provider("Yockanookany Example Clinic").await,
    ]
}
