//! The fields that each role sees.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::list_facts_request::Subject;

use super::fixture::Fixture;
use crate::harness::Refusal as _;
use crate::harness::requests::{
    date, end_job, facts_of_specialist, name, new_request_id, retract, start_job, suspend, suspend_provider, verify,
};

const OTHER: i32 = v1::Designation::ForensicPeerRecovery as i32;

fn question(number: &str) -> v1::VerifyCredentialRequest {
    let mut question = verify(number, None, None);
    question.item.as_mut().unwrap().designations = vec![OTHER];
    question
}

#[tokio::test]
async fn a_provider_sees_a_verdict_about_others_and_the_credential_of_its_own_staff() {
    let fixture = Fixture::built().await;
    let whole = fixture.server.client().verification_of(question(&fixture.south.number)).await;
    assert_eq!(whole.missing_designations, [OTHER]);
    let own = fixture.as_north().verification_of(question(&fixture.north.number)).await;
    let credential = own.credential.expect("of own staff");
    assert_eq!(
        (credential.credential_number, credential.specialist_id),
        (fixture.north.number, fixture.north.specialist_id)
    );
    assert_eq!(credential.display_name, "Rosalind Example-Northey");
    assert!(own.standing.is_some() && own.may_practice.is_some() && !credential.designations.is_empty());

    let holder =
        v1::HolderIdentity { name: Some(name("Ottoline", "Example-Southey")), birth_date: Some(date("1984-02-29")) };
    let mut by_holder = question("");
    by_holder.item.as_mut().unwrap().subject = Some(v1::verification_item::Subject::Holder(holder));
    let batch = v1::BatchVerifyCredentialsRequest {
        items: vec![question(&fixture.south.number).item.unwrap()],
        ..Default::default()
    };
    let north = fixture.server.client().calling_as("provider:north");
    let in_batch = match north.ask(batch).await.results.remove(0).outcome {
        Some(v1::verification_result::Outcome::Verification(verification)) => verification,
        other => panic!("{other:?}"),
    };
    for shown in
        [north.verification_of(question(&fixture.south.number)).await, north.verification_of(by_holder).await, in_batch]
    {
        let verdict_only = v1::Verification {
            verdict: whole.verdict,
            reasons: whole.reasons.clone(),
            answer: shown.answer.clone(),
            credential_number: shown.credential_number.clone(),
            ..Default::default()
        };
        assert_eq!(shown, verdict_only);
    }
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_payer_sees_verdicts_reasons_standings_and_dates() {
    let fixture = Fixture::built().await;
    let payer = fixture.server.client().calling_as("payer");
    let whole = fixture.server.client().verification_of(question(&fixture.south.number)).await;
    let shown = payer.verification_of(question(&fixture.south.number)).await;
    let credential = shown.credential.clone().expect("its dates");
    assert_eq!((credential.display_name.as_str(), credential.specialist_id.as_str()), ("", ""));
    assert!(credential.designations.is_empty() && shown.missing_designations.is_empty());
    assert!(credential.effective_from.is_some() && credential.term_last_day.is_some());
    assert_eq!((shown.verdict, &shown.reasons, shown.standing), (whole.verdict, &whole.reasons, whole.standing));
    let get = v1::GetCredentialRequest { credential_number: fixture.south.number.clone(), ..Default::default() };
    assert_eq!(payer.ask(get).await.credential, Some(credential));
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_certifier_sees_counts() {
    let fixture = Fixture::built().await;
    let certifier = fixture.server.client().calling_as("certifier");
    let end = v1::EndPeriodRequest {
        validate_only: true,
        ..crate::harness::requests::end_period(&fixture.north.certificate, "2026-02-20", "Example")
    };
    let whole = fixture.server.client().calling_as("registrar").ask(end.clone()).await;
    let shown = certifier.ask(end).await;
    assert!(whole.change_count > 0 && !whole.changes.is_empty());
    assert_eq!((shown.change_count, shown.specialist_count), (whole.change_count, 1));
    assert!(shown.changes.is_empty() && shown.foreseen_changes.is_empty(), "no person: {shown:?}");
    let suspended = certifier.ask(suspend_provider("north", "2026-02-20", None)).await;
    assert!(suspended.change_count > 0 && suspended.changes.is_empty() && suspended.foreseen_changes.is_empty());
    fixture.server.stop().await;
}

#[tokio::test]
async fn facts_are_shown_to_those_who_may_amend_them() {
    let fixture = Fixture::built().await;
    let registry = fixture.server.client();
    registry
        .report(v1::LimitCredentialRequest {
            request_id: new_request_id(),
            credential_number: fixture.north.number.clone(),
            text: "An example limitation".to_owned(),
            first_day: Some(date("2026-02-01")),
            ..Default::default()
        })
        .await;
    registry.report(suspend(&fixture.north.number, "2026-02-10", Some("2026-02-11"))).await;
    let north = fixture.as_north();
    north
        .ask(v1::ReportEmploymentEndRequest {
            note: "Another example note".to_owned(),
            ..end_job(&fixture.north.employment_id, "2026-02-25")
        })
        .await;
    let kinds = |facts: Vec<v1::Fact>| facts.iter().map(v1::Fact::kind).collect::<Vec<_>>();
    let shown = north.ask(facts_of_specialist(&fixture.north.specialist_id)).await.facts;
    assert!(shown.iter().all(|fact| fact.note.is_empty() && fact.birth_date.is_none() && fact.text.is_empty()));
    assert_eq!(kinds(shown), [v1::FactKind::EmploymentStarted, v1::FactKind::EmploymentEnded]);
    let all = registry.calling_as("auditor").ask(facts_of_specialist(&fixture.north.specialist_id)).await.facts;
    assert_eq!(all.iter().filter(|fact| !fact.note.is_empty()).count(), 2, "an auditor reads all");
    assert!(all.iter().any(|fact| fact.birth_date.is_some()) && all.iter().any(|fact| !fact.text.is_empty()));
    let of_provider =
        v1::ListFactsRequest { subject: Some(Subject::ProviderId("north".to_owned())), ..Default::default() };
    let certified = registry.calling_as("certifier").ask(of_provider).await.facts;
    assert_eq!(kinds(certified), [v1::FactKind::ProviderRegistered, v1::FactKind::ProviderQualified]);
    fixture.server.stop().await;
}

/// A provider may amend a fact about its job even if another client recorded it. It sees only that client's role, and
/// no note.
#[tokio::test]
async fn an_employer_sees_the_role_of_another_who_recorded_a_fact_and_no_note() {
    let fixture = Fixture::built().await;
    let (north, registrar) = (fixture.as_north(), fixture.server.client().calling_as("registrar"));
    let note = "A note of the registrar's".to_owned();
    let second = v1::ReportEmploymentStartRequest {
        note: note.clone(),
        ..start_job(&fixture.north.specialist_id, "north", "2026-02-23")
    };
    let second = registrar.report(second).await;
    registrar
        .report(v1::ReportEmploymentEndRequest { note, ..end_job(&fixture.north.employment_id, "2026-02-25") })
        .await;
    let shown = north.ask(facts_of_specialist(&fixture.north.specialist_id)).await.facts;
    assert_eq!(
        shown.iter().map(|fact| fact.caller.as_str()).collect::<Vec<_>>(),
        ["dev:provider:north", "registrar", "registrar"]
    );
    assert!(shown.iter().all(|fact| fact.note.is_empty()), "{shown:?}");
    let all = registrar.calling_as("auditor").ask(facts_of_specialist(&fixture.north.specialist_id)).await.facts;
    assert_eq!(all.iter().filter(|fact| fact.caller == "dev:registrar" && !fact.note.is_empty()).count(), 2);

    let retracted = north.report(retract(&second.fact_id, "Never began")).await.fact.unwrap();
    assert_eq!((retracted.caller.as_str(), retracted.provider_id.as_str()), ("dev:provider:north", ""));
    let south = fixture.server.client().calling_as("provider:south");
    assert_eq!(south.refusal(retract(&second.fact_id, "Example")).await.reason(), "NOT_FOUND");
    fixture.server.stop().await;
}
