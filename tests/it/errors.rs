//! Errors: all invalid fields are named in one response, with codes and reasons that clients may rely on.

use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::verification_service_client::VerificationServiceClient;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use tonic::Code;

use super::harness::requests::{
    bill, end_job, end_period, facts_of_provider, facts_of_specialist, issue, name, new_request_id, periods,
    register_provider, register_specialist, reinstate, retract, start_job, suspend, verify,
};
use super::harness::scenes::EFFECTIVE_FROM;
use super::harness::{Call, Client, NOT_ON_FILE, Refusal as _, TODAY, TestServer};

/// The fields that a request is refused for.
async fn faults<C: Call>(registry: &Client, request: C) -> Vec<String> {
    let refused = registry.refusal(request).await;
    assert_eq!(refused.code_and_reason(), (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned()));
    refused.fields()
}

#[tokio::test]
async fn every_invalid_field_of_a_request_is_named_in_one_response() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let no_day = Some(Date { year: 2026, month: 2, day: 30 });

    let nothing = faults(&registry, v1::RegisterSpecialistRequest::default()).await;
    assert_eq!(nothing, ["request_id", "name", "birth_date"]);
    let half = v1::RegisterSpecialistRequest {
        request_id: "7".to_owned(),
        note: "x".repeat(501),
        name: Some(v1::PersonName { suffix: "x".repeat(201), ..name("", "…") }),
        birth_date: Some(Date { year: 1984, month: 2, day: 0 }),
        ..Default::default()
    };
    let half = faults(&registry, half).await;
    assert_eq!(half, ["request_id", "note", "name.family_name", "name.suffix", "birth_date"]);

    let provider = v1::RegisterProviderRequest {
        request_id: new_request_id(),
        provider_id: "no good".to_owned(),
        facility_type: 99,
        identifiers: vec![v1::Identifier { kind: 0, value: String::new() }],
        ..Default::default()
    };
    let provider = faults(&registry, provider).await;
    for field in ["provider_id", "legal_name", "facility_type", "identifiers[0].kind", "identifiers[0].value"] {
        assert!(provider.contains(&field.to_owned()), "{field} is not among {provider:?}");
    }

    let report = v1::ReportEmploymentEndRequest { last_day: no_day, ..Default::default() };
    assert_eq!(faults(&registry, report).await, ["request_id", "job", "last_day", "reason"]);
    let backwards = suspend(NOT_ON_FILE, "2026-02-20", Some("2026-02-19"));
    assert_eq!(faults(&registry, backwards).await, ["last_day"], "before what is on file is looked at");
    let application = v1::Application {
        experience_hours: f64::NAN,
        trainings: vec![v1::Training { hours: -1.0, ..Default::default() }],
        ..Default::default()
    };
    let issuance = v1::IssueCredentialRequest {
        application: Some(application),
        designations: vec![1, 1, 77],
        ..issue(NOT_ON_FILE, EFFECTIVE_FROM)
    };
    let issuance = faults(&registry, issuance).await;
    for field in [
        "application.applied_on",
        "application.experience_hours",
        "application.trainings[0].completed_on",
        "application.trainings[0].hours",
        "designations[1]",
        "designations[2]",
    ] {
        assert!(issuance.contains(&field.to_owned()), "{field} is not among {issuance:?}");
    }

    let mut question = verify("", None, None);
    question.item.as_mut().unwrap().as_of = no_day;
    question.item.as_mut().unwrap().designations = vec![0];
    question.known_at = Some(v1::KnownAt { epoch: "first".to_owned(), point: None });
    let question = faults(&registry, question).await;
    assert_eq!(question, ["item.credential_number", "item.as_of", "item.designations[0]", "known_at.epoch"]);
    server.stop().await;
}

#[tokio::test]
async fn an_item_of_a_batch_is_named_with_its_index() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let no_day = Some(Date { year: 2026, month: 2, day: 30 });
    let item = |as_of| v1::VerificationItem { as_of, ..verify(NOT_ON_FILE, None, None).item.unwrap() };
    let items: Vec<_> = (0..40).map(|at| item(no_day.filter(|_| at % 19 == 18))).collect();
    let answered = registry.ask(v1::BatchVerifyCredentialsRequest { items, ..Default::default() }).await.results;
    for (at, result) in answered.into_iter().enumerate() {
        match result.outcome.unwrap() {
            v1::verification_result::Outcome::Error(error) => {
                let why = "not a day that exists in the years 1900 to 2200";
                assert_eq!((at % 19, error.message), (18, format!("items[{at}].as_of: {why}")));
            }
            v1::verification_result::Outcome::Verification(_) => assert_ne!(at % 19, 18),
        }
    }
    let mut claims = vec![bill(NOT_ON_FILE, "north", TODAY).item.unwrap(); 3];
    claims[1].billing_provider = Some(v1::eligibility_item::BillingProvider::Npi("1999999985".to_owned()));
    claims[2].date_of_service = None;
    let batch = v1::BatchCheckBillingEligibilityRequest { items: claims, ..Default::default() };
    let answered = registry.ask(batch).await.results;
    let said = |at: usize| match answered[at].outcome.as_ref().unwrap() {
        v1::eligibility_result::Outcome::Error(error) => error.message.clone(),
        v1::eligibility_result::Outcome::Eligibility(_) => String::new(),
    };
    assert_eq!(said(0), "");
    assert!(said(1).starts_with("items[1].npi: not an NPI"), "{}", said(1));
    assert_eq!(said(2), "items[2].date_of_service: required");

    // The empty registry has no today; the error names the item too.
    let known_at = Some(super::harness::requests::known_at(0));
    let batch = v1::BatchVerifyCredentialsRequest { items: vec![item(None); 2], known_at, ..Default::default() };
    let answered = registry.ask(batch).await.results.remove(1).outcome;
    let Some(v1::verification_result::Outcome::Error(error)) = answered else { panic!("{answered:?}") };
    assert_eq!(error.message, "items[1].as_of: required: the empty registry has no today");
    server.stop().await;
}

#[tokio::test]
async fn unknown_ids_are_not_found() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let person = registry.specialist("Rosalind", "Example").await;
    let not_found = (Code::NotFound, "NOT_FOUND".to_owned());
    for id in [NOT_ON_FILE, "no number", "CPS-0000-0000-2"] {
        assert_eq!(registry.refusal(suspend(id, "2026-02-20", None)).await.code_and_reason(), not_found, "{id}");
        assert_eq!(registry.refusal(reinstate(id, "2026-02-20")).await.code_and_reason(), not_found, "{id}");
        assert_eq!(registry.refusal(periods(id, None)).await.code_and_reason(), not_found, "{id}");
    }
    for id in ["SP-0000-0000-1", "no person"] {
        assert_eq!(registry.refusal(issue(id, EFFECTIVE_FROM)).await.code_and_reason(), not_found, "{id}");
        assert_eq!(registry.refusal(facts_of_specialist(id)).await.code_and_reason(), not_found, "{id}");
    }
    assert_eq!(registry.refusal(start_job(&person, "no-such-center", "2026-02-20")).await.code_and_reason(), not_found);
    assert_eq!(registry.refusal(facts_of_provider("no-such-center")).await.code_and_reason(), not_found);
    assert_eq!(registry.refusal(end_job("EM-0000-0000-1", "2026-02-20")).await.code_and_reason(), not_found);
    for id in ["no fact", "00000000-999-0", ""] {
        let refused = [
            registry.refusal(end_period(id, "2026-02-20", "Example")).await,
            registry.refusal(retract(id, "Example")).await,
        ];
        for refused in refused {
            let expected = if id.is_empty() { Code::InvalidArgument } else { Code::NotFound };
            assert_eq!((refused.code(), refused.reason().is_empty()), (expected, false), "{id:?}");
        }
    }
    let verification = registry.verify(NOT_ON_FILE, None, None).await;
    assert_eq!(verification.reasons[0], i32::from(v1::Reason::CredentialNotOnFile), "an answer, not an error");
    assert_eq!((verification.verdict(), verification.standing), (v1::Verdict::NotConfirmed, None));
    server.stop().await;
}

#[tokio::test]
async fn revisions_beyond_the_head_are_out_of_range() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let head = registry.head().await;
    let beyond = |refused: tonic::Status, field: &str, said: &str| {
        assert_eq!(refused.code_and_reason(), (Code::OutOfRange, "REVISION_OUT_OF_RANGE".to_owned()));
        assert_eq!((refused.fields(), refused.message()), (vec![field.to_owned()], &*format!("{field}: {said}")));
    };
    let said = format!("{} is beyond the head, revision {head}", head + 1);
    beyond(registry.refusal(verify(NOT_ON_FILE, TODAY, head + 1)).await, "known_at.revision", &said);
    let after = Some(v1::ChangePosition { epoch: String::new(), revision: head + 1 });
    let changes = v1::ListChangesRequest { after, ..Default::default() };
    beyond(registry.refusal(changes).await, "after.revision", &said);
    let later = v1::VerifyCredentialRequest { min_revision: head + 1, ..verify(NOT_ON_FILE, TODAY, None) };
    beyond(registry.refusal(later).await, "min_revision", &said);
    let mut tomorrow = verify(NOT_ON_FILE, TODAY, None);
    let time = prost_types::Timestamp { seconds: 4_102_444_800, nanos: 0 };
    let point = Some(v1::known_at::Point::Time(time));
    tomorrow.known_at = Some(v1::KnownAt { epoch: String::new(), point });
    let said = "later than the registry's clock: give an instant in the past, or none for the head";
    beyond(registry.refusal(tomorrow).await, "known_at.time", said);
    registry.verify(NOT_ON_FILE, TODAY, head).await;
    let no_today = registry.refusal(verify(NOT_ON_FILE, None, 0)).await;
    assert_eq!((no_today.code(), no_today.fields()), (Code::InvalidArgument, vec!["item.as_of".to_owned()]));
    registry.verify(NOT_ON_FILE, TODAY, 0).await;
    server.stop().await;
}

#[tokio::test]
async fn the_refusal_of_an_unknown_epoch_says_so() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let epoch = "5f0c4a51-3a0e-4c5b-9d0e-2f6f7a1f0001".to_owned();
    let known_at = |point| Some(v1::KnownAt { epoch: epoch.clone(), point: Some(point) });
    let recorded_at = registry.verify(NOT_ON_FILE, None, None).await.answer.unwrap().known_at_time.unwrap();
    let question = |known_at| v1::VerifyCredentialRequest { known_at, ..verify(NOT_ON_FILE, TODAY, None) };
    let after = Some(v1::ChangePosition { epoch: epoch.clone(), revision: 1 });
    let other_answer = "ask from the head, or from what an answer of this history names";
    let other_copy = "begin without it, and build the copy again";
    for (refused, field, remedy) in [
        (registry.refusal(question(known_at(v1::known_at::Point::Revision(1)))).await, "known_at", other_answer),
        (registry.refusal(question(known_at(v1::known_at::Point::Time(recorded_at)))).await, "known_at", other_answer),
        (registry.refusal(v1::ListChangesRequest { after, ..Default::default() }).await, "after", other_copy),
    ] {
        assert_eq!(refused.code_and_reason(), (Code::FailedPrecondition, "HISTORY_CHANGED".to_owned()));
        assert_eq!(refused.message(), format!("{field}: this registry has never had that epoch: {remedy}"));
        assert_eq!(refused.preconditions(), [("HISTORY_CHANGED".to_owned(), field.to_owned())]);
    }
    server.stop().await;
}

#[tokio::test]
async fn the_refusal_where_no_job_is_open_says_so() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let [from, to] = [
        registry.qualified_provider("Tallahatchie Example Center").await,
        registry.qualified_provider("Yalobusha Example Center").await,
    ];
    let person = registry.credentialed("Philippa", "Example-Stone", &[&to]).await;
    let transfer = v1::TransferEmploymentsRequest {
        request_id: new_request_id(),
        from_provider_id: from.provider_id.clone(),
        to_provider_id: to.provider_id.clone(),
        last_day: Some(Date { year: 2026, month: 2, day: 28 }),
        ..Default::default()
    };
    let nothing = registry.refusal(transfer).await;
    assert_eq!(nothing.code_and_reason(), (Code::NotFound, "NOT_FOUND".to_owned()));
    assert_eq!(nothing.message(), "no job is open at the provider on 2026-02-28: there is nothing to transfer");

    // The number of someone else's staff and an unknown number have the same answer.
    let hr = registry.calling_as(&format!("provider:{}", from.provider_id));
    for number in [NOT_ON_FILE, &person.number] {
        let job = Some(v1::report_employment_end_request::Job::CredentialNumber(number.to_owned()));
        let end = v1::ReportEmploymentEndRequest { job, ..end_job("", "2026-02-25") };
        let none = hr.refusal(end).await;
        assert_eq!(none.code_and_reason(), (Code::NotFound, "NOT_FOUND".to_owned()));
        assert_eq!(none.message(), "no job with this credential number is open, or none that is yours to see");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_civil_day_of_a_development_server_only_moves_forward() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let head = registry.head().await;
    for day in ["2026-03-01", "2026-02-30", "tomorrow", ""] {
        let refused = registry.on_day(day).refusal(verify(NOT_ON_FILE, None, None)).await;
        assert_eq!(
            (refused.code(), refused.fields()),
            (Code::InvalidArgument, vec!["x-dev-today".to_owned()]),
            "{day}"
        );
        assert!(!refused.reason().is_empty());
    }
    assert_eq!(registry.head().await, head, "nothing was opened");
    registry.on_day("2026-03-03").verify(NOT_ON_FILE, None, None).await;
    assert_eq!(registry.head().await, head + 1);
    server.stop().await;
}

#[tokio::test]
async fn one_request_id_has_one_effect_also_for_16_at_once_and_after_a_restart() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let head = registry.head().await;
    let request = v1::RegisterProviderRequest { county: "Forrest".to_owned(), ..register_provider("Example Center") };
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (client, request) = (Client::connect(server.address()), request.clone());
            tokio::spawn(async move { client.ask(request).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    assert_eq!(answers[0].revision, head + 1);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "one answer for all: {answers:#?}");
    assert_eq!(registry.head().await, head + 1, "and one record");

    let server = server.restart(TODAY).await;
    let registry = server.client();
    assert_eq!(registry.report(request.clone()).await, answers[0]);
    let reused = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned());
    let other = v1::RegisterProviderRequest { county: "Lamar".to_owned(), ..request.clone() };
    assert_eq!(registry.refusal(other.clone()).await.code_and_reason(), reused);

    // A request id belongs to a caller and a method. With another caller or method it is a different request.
    let elsewhere = registry.report(v1::RegisterSpecialistRequest {
        request_id: request.request_id.clone(),
        ..register_specialist("Rosalind", "Example")
    });
    assert_eq!(elsewhere.await.revision, head + 2);
    assert_eq!(registry.calling_as("certifier").report(other).await.revision, head + 3);

    // The ids of refused requests and of requests with `validate_only` are not remembered.
    let id = new_request_id();
    let refused = suspend(NOT_ON_FILE, "2026-02-20", None);
    registry.refusal(v1::SuspendCredentialRequest { request_id: id.clone(), ..refused.clone() }).await;
    registry.refusal(v1::SuspendCredentialRequest { request_id: id.clone(), note: "Again".into(), ..refused }).await;
    let fresh = v1::RegisterProviderRequest { request_id: id, ..register_provider("Another Example Center") };
    registry.validate(v1::RegisterProviderRequest { county: "Lamar".to_owned(), ..fresh.clone() }).await;
    assert_eq!(registry.report(fresh.clone()).await.revision, head + 4);
    let judged = registry.validate(v1::RegisterProviderRequest { county: "Lamar".to_owned(), ..fresh }).await;
    assert_eq!(judged.revision, head + 4, "judged afresh, whatever its id was used for");
    server.stop().await;
}

#[tokio::test]
async fn a_refusal_names_its_subject() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Noxubee Example Center").await;
    let person = registry.credentialed("Ottoline", "Example-Reed", &[&employer]).await;
    let held = registry.refusal(reinstate(&person.number, "2026-02-20")).await;
    assert_eq!(held.code_and_reason(), (Code::FailedPrecondition, "ALREADY_HELD".to_owned()));
    assert_eq!(held.preconditions(), [("ALREADY_HELD".to_owned(), person.number.clone())]);
    let twice = registry.refusal(issue(&person.specialist_id, EFFECTIVE_FROM)).await;
    assert_eq!(twice.code_and_reason(), (Code::FailedPrecondition, "ALREADY_CREDENTIALED".to_owned()));
    let taken = v1::RegisterProviderRequest { provider_id: employer.provider_id, ..register_provider("Example") };
    assert_eq!(registry.refusal(taken).await.code_and_reason(), (Code::AlreadyExists, "PROVIDER_EXISTS".to_owned()));

    let unqualified =
        v1::Application { experience_hours: 99.0, references: 0, ..super::harness::requests::application() };
    let other = registry.specialist("Leopold", "Example-Marsh").await;
    let unmet = v1::IssueCredentialRequest {
        application: Some(unqualified),
        decision_note: "Called both".to_owned(),
        ..issue(&other, EFFECTIVE_FROM)
    };
    let unmet = registry.refusal(unmet).await;
    assert_eq!(unmet.code_and_reason(), (Code::FailedPrecondition, "CRITERIA_UNMET".to_owned()));
    let criteria: Vec<_> = unmet.preconditions().into_iter().map(|(_, subject)| subject).collect();
    assert_eq!(criteria, ["CRITERION_EXPERIENCE", "CRITERION_EMPLOYMENT"], "all of them, and no other");
    server.stop().await;
}

#[tokio::test]
async fn a_call_past_its_deadline_is_refused() {
    let server = TestServer::start(TODAY).await;
    let mut request = tonic::Request::new(tokio_stream::pending());
    request.metadata_mut().insert("grpc-timeout", "2S".parse().unwrap());
    // The other client library would end the call by itself.
    let patient = legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let origin = format!("http://{}", server.address()).parse().unwrap();
    let mut verification = VerificationServiceClient::with_origin(patient, origin);
    let refused = verification.stream_verify_credentials(request).await.unwrap_err();
    assert_eq!(refused.code_and_reason(), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn a_min_revision_beyond_the_head_is_refused_immediately() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let head = registry.head().await;
    for (min_revision, is_known) in [(0, true), (head, true), (head + 1, false), (u64::MAX, false)] {
        let items = vec![verify(NOT_ON_FILE, None, None).item.unwrap()];
        let batch = v1::BatchVerifyCredentialsRequest { items, min_revision, ..Default::default() };
        let options = v1::StreamOptions { min_revision, ..Default::default() };
        let options = v1::stream_verify_credentials_request::Kind::Options(options);
        let options = v1::StreamVerifyCredentialsRequest { kind: Some(options) };
        let single = v1::VerifyCredentialRequest { min_revision, ..verify(NOT_ON_FILE, None, None) };
        let claim = v1::CheckBillingEligibilityRequest { min_revision, ..bill(NOT_ON_FILE, "north", TODAY) };
        let mut verification = registry.verification();
        for (what, answer) in [
            ("a question", registry.call(single).await.map(drop)),
            ("a claim", registry.call(claim).await.map(drop)),
            ("a batch", registry.call(batch).await.map(drop)),
            ("a stream", verification.stream_verify_credentials(tokio_stream::once(options)).await.map(drop)),
        ] {
            let expected = (Code::OutOfRange, "REVISION_OUT_OF_RANGE".to_owned());
            assert_eq!(answer.is_ok(), is_known, "{what} at {min_revision}");
            assert!(answer.is_ok() || answer.unwrap_err().code_and_reason() == expected, "{what} at {min_revision}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn an_undecodable_message_is_refused_with_a_reason() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    for (bytes, expected) in [
        (vec![0xff; 40], (Code::InvalidArgument, "MALFORMED".to_owned())),
        (vec![0; (1 << 20) + 1], (Code::ResourceExhausted, "TOO_LARGE".to_owned())),
    ] {
        for method in [
            "VerificationService/VerifyCredential",
            "VerificationService/StreamVerifyCredentials",
            "EmploymentService/ReconcileRoster",
            "ProviderService/RegisterProvider",
        ] {
            let refused = registry.call_bytes(method, bytes.clone().into()).await.unwrap_err();
            assert_eq!(refused.code_and_reason(), expected, "{method}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_batch_has_at_most_a_thousand_items() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let too_large = (Code::ResourceExhausted, "TOO_LARGE".to_owned());
    let verifications = |items| v1::BatchVerifyCredentialsRequest {
        items: vec![verify(NOT_ON_FILE, None, None).item.unwrap(); items],
        ..Default::default()
    };
    assert_eq!(registry.ask(verifications(1000)).await.results.len(), 1000);
    assert_eq!(registry.refusal(verifications(1001)).await.code_and_reason(), too_large);
    let claims = |items| v1::BatchCheckBillingEligibilityRequest {
        items: vec![bill(NOT_ON_FILE, "north", TODAY).item.unwrap(); items],
        ..Default::default()
    };
    assert_eq!(registry.ask(claims(1000)).await.results.len(), 1000);
    assert_eq!(registry.refusal(claims(1001)).await.code_and_reason(), too_large);
    server.stop().await;
}
