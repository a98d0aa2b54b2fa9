//! The log of a server: its format and its levels, what it says at the start, and how a call is found in it.

use std::fs;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::stream_verify_credentials_request::Kind;
use cpss_registry::server::setup;
use serde_json::Value;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::harness::requests::verify;
use super::harness::{Client, Messages as _, NOT_ON_FILE, Process, Refusal as _, TODAY, until};
use super::tls::tls_server::{TlsServer, client, question};

/// An id that a caller gives.
const GIVEN: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// The lines of a log in JSON. Every line is an object with a time, a level and a target.
fn lines(log: &str) -> Vec<Value> {
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    for line in &lines {
        let is_text = |name: &str| line[name].as_str().is_some_and(|text| !text.is_empty());
        assert!(["timestamp", "level", "target"].into_iter().all(is_text), "{line}");
        assert!(line["target"] == "access" || is_text("event") && is_text("message"), "{line}");
    }
    lines
}

/// The only line with this event.
fn event(log: &str, name: &str) -> Value {
    let mut found: Vec<_> = lines(log).into_iter().filter(|line| line["event"] == name).collect();
    assert_eq!(found.len(), 1, "{name}: {log}");
    found.remove(0)
}

/// Waits for the line of the access log about a request.
async fn access(process: &Process, request_id: &str) -> Value {
    let find =
        || lines(&process.log()).into_iter().find(|it| it["target"] == "access" && it["request_id"] == request_id);
    until(&format!("a line of the access log about {request_id}"), async || find().is_some()).await;
    find().unwrap()
}

#[test]
fn logs_have_no_colors_unless_on_a_terminal() {
    let data = tempfile::tempdir().unwrap();
    // Colors must not be turned off by the environment.
    let colorful = ["env", "-u", "NO_COLOR"].map(str::to_owned);
    let process = Process::spawn_under(&colorful, data.path(), TODAY, &[]);
    process.wait_for_log("timeline cache is warm");
    let said = process.log();
    assert!(!said.contains('\x1b'), "{said:?}");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_is_json_if_the_configuration_says_so() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn_logging(data.path(), TODAY, &["--log-format", "json"]);
    let registry = Client::connect(process.listening());
    let mut request = Request::new(verify(NOT_ON_FILE, None, None));
    request.metadata_mut().insert("x-request-id", GIVEN.parse().unwrap());
    registry.verification().verify_credential(request).await.unwrap();
    let line = access(&process, GIVEN).await;
    assert_eq!((&line["method"], &line["code"]), (&"VerificationService/VerifyCredential".into(), &0.into()), "{line}");
    assert!(line["user_agent"].as_str().unwrap().starts_with("tonic/") && line["micros"].is_u64(), "{line}");
    process.terminate();
    let (status, said) = process.wait();
    assert!(status.success(), "{said}");
    assert_eq!(event(&said, "draining")["level"], "INFO");
}

#[test]
fn lines_before_the_configuration_is_accepted_have_its_format() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("config.toml");
    fs::write(&file, "log_format = \"json\"\nlisten = \"nowhere\"\nunknown = 1\n").unwrap();
    let (status, said) = Process::serve_logging(&[], &["--config", file.to_str().unwrap(), "--dev"]).wait();
    assert_eq!(status.code(), Some(2), "{said}");
    let lines = lines(&said);
    assert!(lines.len() >= 2 && lines.iter().all(|line| line["event"] == "serve_failed"), "{said}");
    assert!(
        lines.iter().any(|line| line["message"].as_str().unwrap().contains("config.toml:3: unknown key")),
        "{said}"
    );

    // A failure after the configuration was accepted.
    let nowhere = scratch.path().join("nowhere");
    let flags = ["--config", "config.toml", "--data-dir", nowhere.to_str().unwrap(), "--log-format", "json"];
    let (status, said) = Process::serve_logging(&[], &flags[2..]).wait();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(!self::lines(&said).is_empty(), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_loads_format_and_level_and_keeps_the_old_ones_if_there_is_a_mistake() {
    let scratch = tempfile::tempdir().unwrap();
    let (file, data) = (scratch.path().join("config.toml"), scratch.path().join("data"));
    fs::write(&file, "log_level = \"warn\"\n").unwrap();
    let [config, data_dir] = [&file, &data].map(|path| path.to_str().unwrap());
    let flags = ["--config", config, "--dev", "--no-sample", "--today", TODAY, "--data-dir", data_dir];
    let process = Process::serve_logging(&[], &flags);
    let registry = Client::connect(process.listening());
    registry.ask(question()).await;
    assert_eq!(process.log(), "", "nothing is a warning");

    fs::write(&file, "log_level = \"info\"\nlog_format = \"json\"\n").unwrap();
    process.hang_up();
    process.wait_for_log("log_settings_loaded");
    assert_eq!(event(&process.log(), "log_settings_loaded")["levels"], "info");
    registry.ask(question()).await;
    until("a line about the call", async || lines(&process.log()).iter().any(|line| line["target"] == "access")).await;

    fs::write(&file, "log_level = \"loud\"\nlog_format = \"text\"\n").unwrap();
    process.hang_up();
    process.wait_for_log("log_settings_rejected");
    let rejected = event(&process.log(), "log_settings_rejected");
    assert!(rejected["mistakes"].as_str().unwrap().contains("config.toml:1: `loud` is not a level"), "{rejected}");

    fs::write(&file, "log_level = \"info,access=off\"\nlog_format = \"text\"\n").unwrap();
    process.hang_up();
    process.wait_for_log("levels=info,access=off");
    let before = process.log().matches("VerifyCredential").count();
    registry.ask(question()).await;
    process.terminate();
    let (status, said) = process.wait();
    assert!(status.success() && said.contains(" INFO cpss_registry::server: draining event=\"draining\""), "{said}");
    assert_eq!(said.matches("VerifyCredential").count(), before, "{said}");
}

#[test]
fn the_line_at_the_start_says_what_runs_and_no_secret() {
    let place = TlsServer::start_with(&["--log-format", "json"]);
    let said = place.process.log();
    let line = event(&said, "started");
    let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("{name}: {line}")).to_owned();
    assert_eq!(text("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(line.get("commit").is_some(), option_env!("CPSS_COMMIT").is_some_and(|commit| !commit.is_empty()));
    assert_eq!(text("listen"), place.process.listening().to_string());
    assert_eq!(text("ops_listen"), place.process.ops().to_string());
    assert!(
        text("epoch").parse::<uuid::Uuid>().is_ok() && text("open_day").parse::<jiff::civil::Date>().is_ok(),
        "{line}"
    );
    assert!(line["head_revision"].as_u64().unwrap() > 0 && line["semantics_version"].as_u64().unwrap() > 0, "{line}");
    assert!(place.read("config.toml").contains(&text("data_dir")), "{line}");
    assert!(
        text("limits").contains("calls_per_second=10000 ") && text("limits").contains("audit_max_bytes=-"),
        "{line}"
    );
    for expiry in ["certificate_expires", "client_ca_expires"] {
        assert!(text(expiry).parse::<jiff::Timestamp>().unwrap() > text("timestamp").parse().unwrap(), "{line}");
    }
    for secret in ["server.key", "registrar.key", "ca.key"] {
        let secret = place.read(secret);
        assert!(secret.lines().skip(1).filter(|line| line.len() > 20).all(|part| !said.contains(part)), "{said}");
    }
}

/// A question with this metadata.
fn asked(metadata: &[(&'static str, &str)], number: &str) -> Request<v1::GetCredentialRequest> {
    let mut request =
        Request::new(v1::GetCredentialRequest { credential_number: number.to_owned(), ..Default::default() });
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    request
}

/// The id in the metadata of an answer.
fn id_of(metadata: &MetadataMap) -> String {
    metadata.get("x-request-id").expect("an id").to_str().unwrap().to_owned()
}

/// The id of a refusal, which is in its metadata and in its details.
fn id_of_refusal(refused: &Status) -> String {
    let info = refused.get_details_request_info().expect("a RequestInfo");
    assert!(!refused.reason().is_empty() && info.serving_data.is_empty(), "{refused:?}");
    assert_eq!(id_of(refused.metadata()), info.request_id, "{refused:?}");
    info.request_id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_of_a_call_is_in_its_answer_its_refusal_the_access_log_and_the_audit() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn_logging(data.path(), TODAY, &["--log-format", "json"]);
    let registry = Client::connect(process.listening());
    let audit = data.path().join("audit/reads.jsonl");
    let is_audited = |id: &str| fs::read_to_string(&audit).unwrap().contains(&format!("\"request_id\":\"{id}\""));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{trace}-00f067aa0ba902b7-01");

    // Given, made, and made in place of what is no UUID.
    let upper = GIVEN.to_uppercase();
    let given = [("x-request-id", &*upper), ("traceparent", &*traceparent)];
    let wrong = [("x-request-id", "Rosalind"), ("traceparent", "Rosalind")];
    let mut ids = Vec::new();
    for metadata in [&given[..], &[], &wrong] {
        let refused = registry.verification().get_credential(asked(metadata, NOT_ON_FILE)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let id = id_of_refusal(&refused);
        assert!(is_audited(&id), "{id}");
        let line = access(&process, &id).await;
        let expected = metadata.iter().any(|(_, value)| *value == traceparent).then_some(trace);
        assert_eq!((line["code"].as_i64(), line["trace_id"].as_str()), (Some(5), expected), "{line}");
        ids.push(id);
    }
    assert_eq!(ids[0], GIVEN);
    assert!(ids[1] != ids[2] && ids[1] != GIVEN, "{ids:?}");
    assert!(!process.log().contains("Rosalind"));

    // An answer, and a stream that fails after an answer: its refusal comes in the trailers.
    let answered = registry.verification().verify_credential(verify(NOT_ON_FILE, None, None)).await.unwrap();
    let id = id_of(answered.metadata());
    assert!(is_audited(&id) && access(&process, &id).await["code"] == 0);
    let message = |kind| v1::StreamVerifyCredentialsRequest { kind: Some(kind) };
    let options = || message(Kind::Options(v1::StreamOptions::default()));
    let faulty = [options(), message(Kind::Item(verify(NOT_ON_FILE, None, None).item.unwrap())), options()];
    let stream = registry.verification().stream_verify_credentials(tokio_stream::iter(faulty)).await.unwrap();
    let id = id_of(stream.metadata());
    let mut answers = stream.into_inner();
    let refused = loop {
        match answers.next_message().await {
            Ok(answer) => assert!(answer.is_some(), "it fails"),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.get_details_request_info().expect("a RequestInfo").request_id, id);
    assert_eq!(access(&process, &id).await["code"], 3);
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_caller_has_its_name_in_the_access_log_and_no_token() {
    let place = TlsServer::logging(&["--log-format", "json"]);
    let list = place.read("clients.toml");
    setup::add_client(place.directory(), &client("unlisted", "auditor")).unwrap();
    fs::write(place.file("clients.toml"), list).unwrap();
    let token = place.add_client_with_token("medicaid", "payer").await;

    // A known client without the right.
    let payer = place.unauthenticated().await.with_token(&token);
    let denied = payer.refusal(v1::ListCredentialsRequest::default()).await;
    assert_eq!(denied.code(), Code::PermissionDenied);
    let line = access(&place.process, &id_of_refusal(&denied)).await;
    assert_eq!((&line["client"], line.get("certificate")), (&"medicaid".into(), None), "{line}");

    // A certificate that belongs to no client.
    let unknown = place.client("unlisted").await.refusal(question()).await;
    assert_eq!(unknown.code(), Code::Unauthenticated);
    let line = access(&place.process, &id_of_refusal(&unknown)).await;
    assert_eq!(line["client"], "-", "{line}");
    assert!(line["certificate"].as_str().is_some_and(|name| name.ends_with(":unlisted")), "{line}");

    // A token that belongs to no client.
    let wrong = token.replace(&token[5..9], "zzzz");
    let refused = place.unauthenticated().await.with_token(&wrong).refusal(question()).await;
    let line = access(&place.process, &id_of_refusal(&refused)).await;
    assert_eq!((&line["client"], line.get("certificate")), (&"-".into(), None), "{line}");
    assert!(!place.process.log().contains(&token) && !place.process.log().contains(&wrong), "a token is in the log");
}
