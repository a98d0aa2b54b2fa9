//! The published cases at the methods of the contract.

use http::Method;
use prost::bytes::Bytes;
use serde_json::{Value, json};
use tonic::Code;

use super::answer::Answer;
use super::codes;
use super::limits::message_size;
use super::wire::{Sending, Wire};
use crate::harness::over_http::frame;
use crate::harness::raw::path;
use crate::harness::requests::new_request_id;
use crate::harness::{Client, NOT_ON_FILE, TODAY, TestServer};

pub const VERIFY: &str = "VerificationService/VerifyCredential";
pub const STREAM: &str = "VerificationService/StreamVerifyCredentials";
pub const ROSTER: &str = "EmploymentService/ReconcileRoster";
pub const IMPACT: &str = "RecordService/PreviewImpact";
pub const WATCH: &str = "ChangeService/WatchChanges";
pub const RULE_SETS: &str = "CredentialService/ListRuleSets";

/// What is on file.
#[derive(Clone)]
pub struct World {
    pub number: String,
    pub provider_id: String,
}

impl World {
    pub async fn built(client: &Client) -> World {
        let provider = client.qualified_provider("Sunflower Example Center").await;
        let number = client.credentialed("Amparo", "Example-Stone", &[&provider]).await.number;
        World { number, provider_id: provider.provider_id }
    }

    /// A question with a confirmed answer.
    pub fn question(&self) -> Value {
        json!({ "item": self.item("") })
    }

    pub fn item(&self, correlation_id: &str) -> Value {
        json!({ "credentialNumber": self.number, "correlationId": correlation_id })
    }

    /// The messages of a stream of two questions.
    pub fn questions(&self) -> Vec<Value> {
        vec![json!({ "options": {} }), json!({ "item": self.item("1") }), json!({ "item": self.item("2") })]
    }

    /// A staff list with a row that is not on file.
    pub fn roster(&self) -> Vec<Value> {
        let row = json!({ "credentialNumber": NOT_ON_FILE, "familyName": "Example-Stone" });
        vec![json!({ "options": { "providerId": self.provider_id } }), json!({ "row": row })]
    }
}

/// A server with these records, and all ways to call it.
pub async fn served() -> (TestServer, World, Vec<Wire>) {
    let server = TestServer::start(TODAY).await;
    let (world, wires) = (World::built(&server.client()).await, Wire::all(server.http()));
    (server, world, wires)
}

/// Runs a case.
pub async fn run(suite: &str, case: &str, wire: &Wire, world: &World) {
    match suite {
        "Basic" | "Deadline Propagation" | "Duplicate Metadata" => basic(suite, case, wire, world).await,
        "Connect to HTTP Code Mapping" | "Errors" => codes::error(case, wire, world).await,
        "Connect Unexpected Requests" | "Unexpected Requests" => unexpected(case, wire, world).await,
        "Connect with GET" => get(wire).await,
        "Server Empty Requests" => empty(case, wire).await,
        "Server Message Size" => message_size(case, wire, world).await,
        "Timeouts" => timeout(case, wire, world).await,
        _ => panic!("no such suite"),
    }
}

/// The id of a request comes back as metadata, once, on every answer.
pub fn with_id(sending: Sending) -> (Sending, String) {
    let id = new_request_id();
    (sending.with("x-request-id", &id), id)
}

async fn basic(suite: &str, case: &str, wire: &Wire, world: &World) {
    let call = |method| {
        let (call, id) = with_id(wire.call(method));
        let call = if suite == "Deadline Propagation" { call.with("connect-timeout-ms", "30000") } else { call };
        (call, id)
    };
    let (answer, id) = match case {
        "unary/success" => {
            let (call, id) = call(VERIFY);
            let answer = call.message(world.question()).await;
            assert_eq!(answer.all()[0]["verification"]["verdict"], "VERDICT_CONFIRMED");
            (answer, id)
        }
        "client-stream/success" => {
            let (call, id) = call(ROSTER);
            let answer = call.messages(&world.roster()).await;
            let summary = answer.all().last().unwrap();
            assert!(summary["summary"].is_object(), "{summary}");
            (answer, id)
        }
        "server-stream/success" => {
            let (call, id) = call(IMPACT);
            let answer = call.message(json!({ "revision": 1 })).await;
            assert!(answer.all()[0]["header"].is_object(), "{answer:?}");
            (answer, id)
        }
        "bidi-stream/half-duplex/success" => {
            let (call, id) = call(STREAM);
            let answer = call.messages(&world.questions()).await;
            assert_verified(&answer);
            (answer, id)
        }
        "bidi-stream/half-duplex/no-responses" => {
            // An import without rows.
            let (call, id) = call("RecordService/ImportRecords");
            let answer = call.messages(&[]).await;
            assert!(answer.all().is_empty(), "{answer:?}");
            (answer, id)
        }
        "bidi-stream/full-duplex/success" => return full_duplex(call(STREAM).0, world).await,
        "unimplemented" => {
            let raw = wire.call(VERIFY).at(&path("VerificationService/Unimplemented")).raw("").await;
            let error: Value = serde_json::from_slice(&raw.body).unwrap();
            assert_eq!((raw.status, &error["code"]), (404, &json!("unimplemented")));
            return;
        }
        // Only the errors are left of the suite of duplicate metadata.
        _ => return codes::error(case, wire, world).await,
    };
    assert_eq!(answer.header("x-request-id"), Some(&*id));
}

fn assert_verified(answer: &Answer) {
    let [pinned, first, second] = answer.all() else { panic!("{answer:?}") };
    assert!(pinned["pinned"]["revision"].is_string());
    for (at, result) in [("1", first), ("2", second)] {
        assert_eq!(result["result"]["correlationId"], at);
        assert_eq!(result["result"]["verification"]["verdict"], "VERDICT_CONFIRMED");
    }
}

/// Each question is answered before the next is sent.
async fn full_duplex(call: Sending, world: &World) {
    let mut call = call.open();
    let [options, first, second] = &world.questions()[..] else { panic!("three messages") };
    call.send(options.clone()).await;
    call.send(first.clone()).await;
    let mut answers = call.receiving().await;
    assert!(answers.next().await.unwrap().unwrap()["pinned"].is_object());
    assert_eq!(answers.next().await.unwrap().unwrap()["result"]["correlationId"], "1");
    call.send(second.clone()).await;
    assert_eq!(answers.next().await.unwrap().unwrap()["result"]["correlationId"], "2");
    call.close();
    let rest = answers.rest().await;
    assert!(rest.all().is_empty(), "{rest:?}");
}

async fn unexpected(case: &str, wire: &Wire, world: &World) {
    let call = wire.call(VERIFY);
    let question = call.written(&world.question());
    let turned_away = match case {
        "server-stream/no-request" => {
            return assert_eq!(wire.call(WATCH).messages(&[]).await.code(), Code::Unimplemented);
        }
        "server-stream/multiple-requests" => {
            let answer = wire.call(IMPACT).messages(&[json!({ "revision": 1 }), json!({ "revision": 1 })]).await;
            return assert_eq!((answer.code(), answer.messages.len()), (Code::Unimplemented, 0));
        }
        "unexpected-compression" => {
            let answer = call.with("content-encoding", "foo").bytes(question).await;
            assert_eq!(answer.header("accept-encoding"), Some("identity"));
            return assert_eq!((answer.code(), answer.status), (Code::Unimplemented, 501));
        }
        "unexpected-compressed-message" => {
            let call = wire.call(IMPACT).with("connect-content-encoding", "identity");
            let message = [&[1], &frame(&call.written(&json!({ "revision": 1 })))[1..]].concat();
            return assert_eq!(call.bytes(message).await.code(), Code::Internal);
        }
        "unexpected-verb" => (call.by(Method::DELETE), 405, "unknown"),
        "unexpected-uri" => (call.at(&path("UnknownService/UnknownMethod")), 404, "unimplemented"),
        "unexpected-codec" => (call.without("content-type").with("content-type", "application/foo"), 415, "unknown"),
        "unexpected-content-type" => (call.without("content-type").with("content-type", "image/jpeg"), 415, "unknown"),
        _ => panic!("no such case"),
    };
    let (call, status, code) = turned_away;
    let raw = call.raw(question).await;
    let error: Value = serde_json::from_slice(&raw.body).unwrap();
    assert_eq!((raw.status, &error["code"]), (status, &json!(code)));
    let reason = match status {
        404 => "UNIMPLEMENTED",
        405 => "METHOD_NOT_ALLOWED",
        _ => "UNSUPPORTED_MEDIA_TYPE",
    };
    assert_eq!(error["details"][0]["debug"]["reason"], reason);
    match status {
        405 => assert_eq!(raw.headers["allow"], "POST"),
        415 => assert_eq!(raw.headers["accept-post"], "application/json, application/proto"),
        _ => {}
    }
}

/// The parts of a URL that asks for the rule sets of a revision.
async fn get(wire: &Wire) {
    use base64::Engine as _;
    let call = || with_id(wire.call(RULE_SETS).by(Method::GET).without("content-type"));
    let (sending, id) = call();
    let message = sending.written(&json!({ "knownAt": { "revision": "1" } }));
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&message);
    let form = wire.codec.name();
    let url = format!("{}?connect=v1&base64=1&encoding={form}&message={encoded}", path(RULE_SETS));
    let answer = sending.at(&url).bytes(Bytes::new()).await;
    assert_eq!(answer.header("x-request-id"), Some(&*id));
    let posted = wire.call(RULE_SETS).bytes(message).await;
    assert_eq!(answer.all(), posted.all());
}

/// A message of no bytes is a message.
async fn empty(case: &str, wire: &Wire) {
    let frame = frame(&[]);
    match case {
        "unary/empty-request" => {
            wire.call(RULE_SETS).bytes(Bytes::new()).await.all();
        }
        "server-stream/empty-request" => {
            let mut call = wire.call(WATCH).open();
            call.send_bytes(frame).await;
            call.close();
            let first = call.receiving().await.next().await.unwrap().unwrap();
            assert_eq!(first["message"]["revision"], "1", "from the beginning");
        }
        "client-stream/empty-request" | "bidi-stream/half-duplex/empty-request" => {
            let method = if case.starts_with("client") { ROSTER } else { STREAM };
            let answer = wire.call(method).bytes(frame).await;
            assert_eq!(answer.code(), Code::InvalidArgument, "a message without its kind");
        }
        _ => panic!("no such case"),
    }
}

/// A watch that its deadline ends, after the records that were sent in time. A busy machine gets more time.
pub async fn watched(wire: &Wire) -> Answer {
    for millis in ["200", "1000", "5000", "25000"] {
        let answer = wire.call(WATCH).with("connect-timeout-ms", millis).message(json!({})).await;
        assert_eq!(answer.code(), Code::DeadlineExceeded);
        if !answer.messages.is_empty() {
            return answer;
        }
    }
    panic!("no record is sent in time");
}

/// A call that has not its answer in time.
async fn timeout(case: &str, wire: &Wire, world: &World) {
    let in_time = |method| wire.call(method).with("connect-timeout-ms", "200");
    let answer = match case {
        "unary" => {
            let call = in_time(VERIFY).open();
            call.send_bytes(Bytes::from_static(b"\n")).await;
            let answer = call.answer().await;
            assert_eq!(answer.status, 504);
            answer
        }
        "server-stream" => watched(wire).await,
        "client-stream" => {
            let call = in_time(ROSTER).open();
            call.send(world.roster()[0].clone()).await;
            call.answer().await
        }
        "bidi-stream/full-duplex" | "bidi-stream/half-duplex" => {
            let call = in_time(STREAM).open();
            for question in world.questions() {
                call.send(question).await;
            }
            call.answer().await
        }
        _ => panic!("no such case"),
    };
    assert_eq!(answer.refusal(), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned()));
}
