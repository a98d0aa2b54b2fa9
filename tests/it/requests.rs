//! A request id is a value, regardless of its text form. The instant of a record is one that every client can store and
//! send back.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row::Command;
use tonic::Code;
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::harness::requests::{new_request_id, register_provider, register_specialist, start_job};
use super::harness::{Client, Messages as _, Refusal as _, TODAY, TestServer};

/// The text forms of one UUID.
fn forms(id: &str) -> Vec<String> {
    let id: Uuid = id.parse().unwrap();
    let simple = id.simple().to_string();
    let forms = [id.to_string(), simple.clone(), id.braced().to_string(), id.urn().to_string()];
    forms.into_iter().chain([id.to_string().to_uppercase(), simple.to_uppercase(), format!("{{{id:X}}}")]).collect()
}

/// One registrar can continue an import that another one began.
#[tokio::test]
async fn a_row_of_an_import_is_the_same_request_from_any_registrar() {
    let server = TestServer::start(TODAY).await;
    let (one, other) = (server.client(), server.client().calling_as("registrar"));
    let id = new_request_id();
    let Outcome::Outcome(first) = import(&one, &id, "", "Example Center").await else { panic!("not recorded") };
    assert_eq!(import(&other, &id, "", "Example Center").await, Outcome::Outcome(first));
    let Outcome::Error(refused) = import(&other, &id, "", "Another Center").await else { panic!("not refused") };
    assert_eq!(Code::from(refused.code), Code::AlreadyExists);
}

async fn import(client: &Client, request_id: &str, own: &str, legal_name: &str) -> Outcome {
    let provider = v1::RegisterProviderRequest { request_id: own.to_owned(), ..register_provider(legal_name) };
    let command = Some(Command::RegisterProvider(provider));
    let row = v1::ImportRow { request_id: request_id.to_owned(), command, ..Default::default() };
    let rows = tokio_stream::once(v1::ImportRecordsRequest { row: Some(row) });
    let mut answers = client.record().import_records(rows).await.unwrap().into_inner();
    let answer = answers.next_message().await.unwrap().unwrap();
    assert_eq!(answer.request_id, request_id, "an answer repeats the id as it was sent");
    answer.result.unwrap()
}

#[tokio::test]
async fn a_request_sent_again_with_its_id_in_another_form_is_the_same_request() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let request = register_specialist("Odalys", "Example");
    let first = registry.report(request.clone()).await;
    for form in forms(&request.request_id) {
        let again = v1::RegisterSpecialistRequest { request_id: form.clone(), ..request.clone() };
        assert_eq!(registry.report(again).await, first, "{form}");
        let other = v1::RegisterSpecialistRequest { request_id: form.clone(), ..register_specialist("Bea", "Example") };
        let refused = registry.refusal(other).await;
        assert_eq!(refused.code_and_reason(), (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned()), "{form}");
    }

    let id = new_request_id();
    let Outcome::Outcome(first) = import(&registry, &id, "", "Example Center").await else { panic!("not recorded") };
    for form in forms(&id) {
        let again = import(&registry, &form, "", "Example Center").await;
        assert_eq!(again, Outcome::Outcome(first.clone()), "{form}");
    }
    let id = new_request_id();
    let Outcome::Outcome(first) = import(&registry, &id, &id, "Another Center").await else { panic!("not recorded") };
    for (form, own) in forms(&id).iter().zip(forms(&id).iter().rev()) {
        let again = import(&registry, form, own, "Another Center").await;
        assert_eq!(again, Outcome::Outcome(first.clone()), "{form} with {own} in its command");
    }
}

#[tokio::test]
async fn records_have_whole_microseconds_and_are_found_by_their_instant() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    for at in 0..20 {
        let registered = registry.report(register_specialist("Odalys", &format!("Example{at}"))).await;
        let specialist_id = registered.specialist.unwrap().specialist_id;
        let facts_of = |known_at| v1::ListFactsRequest {
            subject: Some(v1::list_facts_request::Subject::SpecialistId(specialist_id.clone())),
            known_at,
            ..Default::default()
        };
        let facts = registry.ask(facts_of(None)).await.facts;
        let recorded_at = facts[0].recorded_at.unwrap();
        assert_eq!(recorded_at.nanos % 1000, 0, "{recorded_at}");
        let known_at = v1::KnownAt { epoch: String::new(), point: Some(v1::known_at::Point::Time(recorded_at)) };
        let answer = registry.ask(facts_of(Some(known_at))).await.answer.unwrap();
        assert_eq!((answer.known_at_revision, answer.known_at_time), (registered.revision, Some(recorded_at)));
    }
}

/// A nightly job that sends the same start with a new request id creates one job.
#[tokio::test]
async fn a_start_reported_again_under_another_id_names_the_existing_job() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Example Center").await;
    let specialist_id = registry.specialist("Odalys", "Example").await;
    let start = start_job(&specialist_id, &employer.provider_id, "2026-02-20");
    let job = registry.report(start.clone()).await.employment.unwrap().employment_id;
    for position in ["Peer support specialist", "  peer  support\u{a0}SPECIALIST "] {
        let again = v1::ReportEmploymentStartRequest {
            request_id: new_request_id(),
            position: position.to_owned(),
            ..start.clone()
        };
        let refused = registry.refusal(again).await;
        assert_eq!(refused.code_and_reason(), (Code::AlreadyExists, "EMPLOYMENT_EXISTS".to_owned()));
        let named = refused.get_details_resource_info().unwrap();
        assert_eq!((named.resource_type.as_str(), named.resource_name.as_str()), ("employment", job.as_str()));
    }
    let again = registry.report(start).await.employment.unwrap().employment_id;
    assert_eq!(again, job, "the same request is a retry");
}
