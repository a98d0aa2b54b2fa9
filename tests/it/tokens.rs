//! Read tokens: sending the token of an answer or a mutation as `min_token` after later records, a restart or a
//! restore, and to another history.

use std::path::Path;

use cpss_registry::domain::id::Revision;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row::Command;
use cpss_registry::proto::v1::stream_verify_credentials_request::Kind;
use cpss_registry::proto::v1::stream_verify_credentials_response::Kind as Answered;
use cpss_registry::proto::v1::verification_result::Outcome as Verified;
use cpss_registry::registry::token::Token;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use uuid::Uuid;

use super::backup::json_of;
use super::harness::requests::{
    bill, change_name, facts_of_specialist, known_at, new_request_id, periods, register_provider, register_specialist,
    verify,
};
use super::harness::{Client, Messages as _, NOT_ON_FILE, Process, Refusal as _, TODAY, TestServer, copy_of};

/// The token of an answer from the head.
async fn token_of_head(registry: &Client) -> String {
    registry.verify(NOT_ON_FILE, None, None).await.answer.unwrap().token
}

/// The results of every kind of question with a token and perhaps a revision.
async fn asked(registry: &Client, min_token: &str, min_revision: u64) -> Vec<Result<(), Status>> {
    let min_token = || min_token.to_owned();
    let one = verify(NOT_ON_FILE, None, None);
    let items = one.item.clone().into_iter().collect();
    let claim = bill(NOT_ON_FILE, "north", TODAY);
    let claims = claim.item.clone().into_iter().collect();
    let options = v1::StreamOptions { min_revision, min_token: min_token(), ..Default::default() };
    let options = v1::StreamVerifyCredentialsRequest { kind: Some(Kind::Options(options)) };
    let stream = registry.verification().stream_verify_credentials(tokio_stream::once(options)).await;
    let one = v1::VerifyCredentialRequest { min_revision, min_token: min_token(), ..one };
    let claim = v1::CheckBillingEligibilityRequest { min_revision, min_token: min_token(), ..claim };
    let batch = v1::BatchVerifyCredentialsRequest { items, min_revision, min_token: min_token(), ..Default::default() };
    let claims = v1::BatchCheckBillingEligibilityRequest {
        items: claims,
        min_revision,
        min_token: min_token(),
        ..Default::default()
    };
    vec![
        registry.call(one).await.map(drop),
        registry.call(claim).await.map(drop),
        registry.call(batch).await.map(drop),
        registry.call(claims).await.map(drop),
        stream.map(drop),
    ]
}

/// Asserts that every kind of question is answered.
async fn met(registry: &Client, token: &str) {
    for answer in asked(registry, token, 0).await {
        answer.unwrap_or_else(|status| panic!("{token}: {status}"));
    }
}

/// Asserts that every kind of question is refused with this reason and message.
async fn refused(registry: &Client, token: &str, min_revision: u64, expected: (Code, &str), said: &str) {
    for answer in asked(registry, token, min_revision).await {
        let status = answer.expect_err(token);
        assert_eq!(status.code_and_reason(), (expected.0, expected.1.to_owned()), "{token}: {status}");
        let message = status.message();
        assert!(message.starts_with("min_token: ") && message.contains(said), "{token}: {message}");
        match expected.0 {
            Code::FailedPrecondition => {
                assert_eq!(status.preconditions(), [("HISTORY_CHANGED".to_owned(), "min_token".to_owned())]);
            }
            _ => assert_eq!(status.fields(), ["min_token"]),
        }
    }
}

const CHANGED: (Code, &str) = (Code::FailedPrecondition, "HISTORY_CHANGED");

#[tokio::test]
async fn the_token_of_the_head_is_that_of_the_mutation_that_made_it() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let mut tokens = vec![token_of_head(&registry).await];
    let person = registry.specialist("Rosalind", "Example").await;
    for at in 0..20 {
        let written = registry.report(change_name(&person, "Rosalind", &format!("Example-{at}"))).await;
        let facts = registry.ask(facts_of_specialist(&person)).await.answer.unwrap();
        assert_eq!((&facts.token, facts.known_at_revision), (&written.token, written.revision));
        assert_eq!(token_of_head(&registry).await, written.token);
        assert!(!tokens.contains(&written.token));
        tokens.push(written.token);
    }
    for token in &tokens {
        met(&registry, token).await;
    }
    let server = server.restart(TODAY).await;
    assert_eq!(token_of_head(&server.client()).await, *tokens.last().unwrap());
    for token in &tokens {
        met(&server.client(), token).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_of_another_registry_is_refused() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let text = token_of_head(&registry).await;
    let token = Token::read(&text).unwrap();
    let malformed = (Code::InvalidArgument, "INVALID_ARGUMENT");
    for bad in ["x", &text[1..], &format!("{text}="), &text.to_lowercase().replace('a', "+")] {
        refused(&registry, bad, 0, malformed, "not a token: send one exactly as an answer or a mutation returned it")
            .await;
    }
    refused(&registry, &text, 1, malformed, "must not be set together with min_revision").await;

    let beyond = Token::new(token.epoch, token.revision.next(), token.chain).to_string();
    let said = format!("{} is beyond the head, revision {}", token.revision.next(), token.revision);
    refused(&registry, &beyond, 0, (Code::OutOfRange, "REVISION_OUT_OF_RANGE"), &said).await;

    let unknown = Token::new(Uuid::from_u128(7), token.revision, token.chain).to_string();
    refused(&registry, &unknown, 0, CHANGED, "never had the token's epoch: ask without min_token").await;
    let other = TestServer::start(TODAY).await;
    let foreign = token_of_head(&other.client()).await;
    refused(&registry, &foreign, 0, CHANGED, "never had the token's epoch").await;
    for revision in [token.revision, Revision(1)] {
        let forged = Token::new(token.epoch, revision, [7; 8]).to_string();
        refused(&registry, &forged, 0, CHANGED, "ask without min_token, report again what is missing").await;
    }
    other.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn an_answer_to_a_question_with_known_at_has_no_token() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Sunflower Example Center").await;
    let person = registry.credentialed("Amparo", "Example", &[&employer]).await;
    let head = registry.head().await;
    for revision in [None, Some(head)] {
        let known_at = revision.map(known_at);
        let claim = v1::CheckBillingEligibilityRequest {
            known_at: known_at.clone(),
            ..bill(&person.number, &employer.provider_id, TODAY)
        };
        let facts = v1::ListFactsRequest { known_at, ..facts_of_specialist(&person.specialist_id) };
        let answers = [
            registry.verify(&person.number, None, revision).await.answer,
            registry.ask(claim).await.eligibility.unwrap().answer,
            registry.ask(periods(&person.number, revision)).await.answer,
            registry.ask(facts).await.answer,
        ];
        for answer in answers.map(Option::unwrap) {
            assert_eq!((answer.token.is_empty(), answer.known_at_revision), (revision.is_some(), head), "{answer:?}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_request_has_the_token_of_its_record() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let request = register_specialist("Odalys", "Example");
    let first = registry.report(request.clone()).await;
    for at in 0..3 {
        registry.report(register_specialist("Bea", &format!("Example-{at}"))).await;
        assert_eq!(registry.report(request.clone()).await, first);
    }
    let server = server.restart(TODAY).await;
    assert_eq!(server.client().report(request).await.token, first.token, "after a restart");
    server.stop().await;
}

#[tokio::test]
async fn every_record_of_a_batch_has_its_own_token() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let row = |at| {
        let provider =
            v1::RegisterProviderRequest { request_id: String::new(), ..register_provider(&format!("E-{at}")) };
        let command = Some(Command::RegisterProvider(provider));
        v1::ImportRow { request_id: new_request_id(), command, ..Default::default() }
    };
    let rows: Vec<_> = (0..200).map(row).collect();
    let first = import(&registry, &rows).await;
    let again = import(&registry, &rows).await;
    assert_eq!(first, again, "as it is read from the log");
    for (before, after) in first.iter().zip(&first[1..]) {
        assert_eq!(before.revision + 1, after.revision);
        let read = Token::read(&after.token).unwrap();
        assert_eq!((read.epoch.to_string(), read.revision.0), (after.epoch.clone(), after.revision));
    }
    assert_eq!(token_of_head(&registry).await, first.last().unwrap().token);
    for outcome in first.iter().step_by(23) {
        met(&registry, &outcome.token).await;
    }
    let judged: Vec<_> = rows.iter().map(|row| v1::ImportRow { validate_only: true, ..row.clone() }).take(1).collect();
    assert_eq!(import(&registry, &judged).await[0].token, "", "nothing is recorded");
    server.stop().await;
}

async fn import(registry: &Client, rows: &[v1::ImportRow]) -> Vec<v1::ImportOutcome> {
    let rows: Vec<_> = rows.iter().map(|row| v1::ImportRecordsRequest { row: Some(row.clone()) }).collect();
    let answers = registry.record().import_records(tokio_stream::iter(rows)).await;
    let (mut answers, mut outcomes) = (answers.unwrap().into_inner(), Vec::new());
    while let Some(answer) = answers.next_message().await.unwrap() {
        let Some(Outcome::Outcome(outcome)) = answer.result else { panic!("{answer:?}") };
        outcomes.push(outcome);
    }
    outcomes
}

#[tokio::test]
async fn every_page_of_a_list_has_the_token_of_the_first() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    for at in 0..3 {
        registry.report(register_provider(&format!("Example Center {at}"))).await;
    }
    let head = registry.head().await;
    for known_at in [None, Some(known_at(head))] {
        let mut list = v1::ListProvidersRequest { page_size: 1, known_at: known_at.clone(), ..Default::default() };
        let expected = if known_at.is_none() { token_of_head(&registry).await } else { String::new() };
        for page in 0..3 {
            let answer = registry.ask(list.clone()).await;
            assert_eq!(answer.answer.unwrap().token, expected, "page {page} of {known_at:?}");
            list.page_token = answer.next_page_token;
            registry.report(register_specialist("Mirela", "Example-Later")).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stream_keeps_the_token_that_it_began_with() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let begun = token_of_head(&registry).await;
    let (questions, stream) = mpsc::channel(4);
    let send = |kind| questions.send(v1::StreamVerifyCredentialsRequest { kind: Some(kind) });
    send(Kind::Options(v1::StreamOptions::default())).await.unwrap();
    let answers = registry.verification().stream_verify_credentials(ReceiverStream::new(stream)).await;
    let mut answers = answers.unwrap().into_inner();
    assert!(matches!(answers.next_message().await.unwrap().unwrap().kind, Some(Answered::Pinned(_))));
    for _ in 0..3 {
        send(Kind::Item(verify(NOT_ON_FILE, None, None).item.unwrap())).await.unwrap();
        let Some(Answered::Result(result)) = answers.next_message().await.unwrap().unwrap().kind else {
            panic!("a result")
        };
        let Some(Verified::Verification(verification)) = result.outcome else { panic!("{result:?}") };
        assert_eq!(verification.answer.unwrap().token, begun);
        registry.report(register_specialist("Mirela", "Example-Later")).await;
    }
    assert_ne!(token_of_head(&registry).await, begun);
    drop(questions);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_registry_accepts_tokens_up_to_the_cut() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target, copy] = ["data", "backup", "copy"].map(|name| scratch.path().join(name));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (process, registry) = Process::start(&data, TODAY);
    let requests: Vec<_> = (0..6).map(|at| register_specialist("Rosalind", &format!("Example-{at}"))).collect();
    let mut written = Vec::new();
    for request in &requests {
        written.push(registry.report(request.clone()).await);
    }
    process.stop();
    json_of(&["backup", &text(&target), "--data-dir", &text(&data)]);
    let fork = written[2].revision;
    let restored = ["restore", &text(&target), "--data-dir", &text(&copy), "--to-revision", &fork.to_string()];
    json_of(&restored);

    let (process, registry) = Process::start(&copy, TODAY);
    for (request, first) in requests.iter().zip(&written).take(3) {
        met(&registry, &first.token).await;
        assert_eq!(registry.report(request.clone()).await.token, first.token, "the request is on record");
    }
    let said =
        format!("after revision {fork} of its epoch, and later records are not on record: ask without min_token");
    for left in &written[3..] {
        refused(&registry, &left.token, 0, CHANGED, &said).await;
    }
    // What is missing is reported again and gets another token.
    let again = registry.report(requests[3].clone()).await;
    assert_ne!((again.revision, &again.token), (written[3].revision, &written[3].token));
    met(&registry, &again.token).await;
    process.stop();
    let (process, registry) = Process::start(&data, TODAY);
    refused(&registry, &again.token, 0, CHANGED, "never had the token's epoch").await;
    process.stop();
}

#[tokio::test]
async fn a_diverged_copy_refuses_the_tokens_of_the_original() {
    let server = TestServer::start(TODAY).await;
    let shared = server.client().report(register_specialist("Rosalind", "Example")).await;
    let data = server.stop().await;
    let copy = copy_of(data.path());
    let [one, other] = [TestServer::start_on(data, TODAY).await, TestServer::start_on(copy, TODAY).await];
    let here = one.client().report(register_specialist("Odalys", "Example")).await;
    let there = other.client().report(register_specialist("Odalys", "Example")).await;
    assert_eq!((here.revision, &here.epoch), (there.revision, &there.epoch));
    for (registry, token) in [(&one.client(), &there.token), (&other.client(), &here.token)] {
        met(registry, &shared.token).await;
        let said = format!("the record at revision {} is not the one that the token names", here.revision);
        refused(registry, token, 0, CHANGED, &said).await;
        registry.report(register_specialist("Mirela", "Example")).await;
        refused(registry, token, 0, CHANGED, &said).await;
    }
    one.stop().await;
    other.stop().await;
}
