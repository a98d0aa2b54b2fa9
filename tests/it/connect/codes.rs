//! Errors: the codes that a caller can bring about, over each kind of call.

use serde_json::{Value, json};
use tonic::Code;

use super::answer::Answer;
use super::limits::padded;
use super::suites::{IMPACT, ROSTER, STREAM, VERIFY, WATCH, World, watched, with_id};
use super::wire::{Sending, Wire};
use crate::harness::NOT_ON_FILE;
use crate::harness::over_http::{Codec, frame};
use crate::harness::requests::new_request_id;

/// The codes by their names in the cases, with the HTTP status that the protocol lists for a single call.
const CODES: &[(&str, Code, u16)] = &[
    ("invalid-argument", Code::InvalidArgument, 400),
    ("deadline-exceeded", Code::DeadlineExceeded, 504),
    ("not-found", Code::NotFound, 404),
    ("already-exists", Code::AlreadyExists, 409),
    ("permission-denied", Code::PermissionDenied, 403),
    ("resource-exhausted", Code::ResourceExhausted, 429),
    ("failed-precondition", Code::FailedPrecondition, 400),
    ("out-of-range", Code::OutOfRange, 400),
    ("unimplemented", Code::Unimplemented, 501),
    ("internal", Code::Internal, 500),
    ("unauthenticated", Code::Unauthenticated, 401),
];

/// An epoch that this registry never had.
fn elsewhere() -> Value {
    json!({ "epoch": new_request_id(), "revision": "1" })
}

/// A provider that is there already.
fn again(world: &World) -> Value {
    json!({
        "providerId": world.provider_id,
        "legalName": "Sunflower Example Center",
        "facilityType": "FACILITY_TYPE_COMMUNITY_MENTAL_HEALTH_CENTER",
        "county": "Hinds",
    })
}

/// A single call that is refused with this code.
async fn refused(code: Code, wire: &Wire, world: &World) -> Answer {
    let verify = wire.call(VERIFY);
    let question = world.question();
    match code {
        Code::InvalidArgument => verify.message(json!({})).await,
        Code::DeadlineExceeded => verify.with("connect-timeout-ms", "0").message(question).await,
        Code::NotFound => {
            let call = wire.call("VerificationService/GetCredential");
            call.message(json!({ "credentialNumber": NOT_ON_FILE })).await
        }
        Code::AlreadyExists => {
            let mut command = again(world);
            command["requestId"] = new_request_id().into();
            wire.call("ProviderService/RegisterProvider").message(command).await
        }
        Code::PermissionDenied => {
            let call = wire.call("EmploymentService/ListEmployments").with("x-dev-caller", "payer");
            call.message(json!({ "providerId": world.provider_id })).await
        }
        Code::ResourceExhausted => {
            let message = padded(&verify, &question, 200_000);
            verify.bytes(message).await
        }
        Code::FailedPrecondition => {
            wire.call("ChangeService/ListChanges").message(json!({ "after": elsewhere() })).await
        }
        Code::OutOfRange => {
            let late = json!({ "item": world.item(""), "knownAt": { "revision": "999999999" } });
            verify.message(late).await
        }
        Code::Unimplemented => verify.with("content-encoding", "gzip").message(question).await,
        Code::Unauthenticated => verify.with("x-dev-caller", "nobody").message(question).await,
        _ => panic!("no call is refused with {code:?}"),
    }
}

/// A stream of responses that is refused with this code.
async fn stream_refused(code: Code, wire: &Wire, world: &World) -> Answer {
    let watch = wire.call(WATCH);
    match code {
        Code::InvalidArgument => {
            let both = json!({ "credentialNumbers": [world.number], "providerId": world.provider_id });
            watch.message(both).await
        }
        Code::DeadlineExceeded => watch.with("connect-timeout-ms", "0").message(json!({})).await,
        Code::NotFound => watch.message(json!({ "credentialNumbers": [NOT_ON_FILE] })).await,
        Code::AlreadyExists => {
            let command = json!({ "registerProvider": again(world) });
            wire.call(IMPACT).message(json!({ "command": command })).await
        }
        Code::PermissionDenied => {
            let call = watch.with("x-dev-caller", "provider:elsewhere");
            call.message(json!({ "providerId": world.provider_id })).await
        }
        Code::ResourceExhausted => {
            let message = padded(&watch, &json!({}), 3_000_000);
            watch.bytes(frame(&message)).await
        }
        Code::FailedPrecondition => watch.message(json!({ "after": elsewhere() })).await,
        Code::OutOfRange => watch.message(json!({ "after": { "revision": "999999999" } })).await,
        Code::Unimplemented => watch.with("connect-content-encoding", "gzip").message(json!({})).await,
        Code::Internal => watch.bytes(&b"\x01\0\0\0\x02{}"[..]).await,
        Code::Unauthenticated => watch.with("x-dev-caller", "nobody").message(json!({})).await,
        _ => panic!("no call is refused with {code:?}"),
    }
}

/// A message after which a stream of questions fails.
fn wrong() -> Value {
    json!({ "options": {} })
}

/// Runs a case about an error.
pub async fn error(case: &str, wire: &Wire, world: &World) {
    let (kind, name) = case.split_once('/').unwrap();
    let name = name.trim_end_matches("-mapping");
    if let Some((_, code, status)) = CODES.iter().find(|(known, ..)| *known == name) {
        let answer = match kind {
            "unary" => refused(*code, wire, world).await,
            _ => stream_refused(*code, wire, world).await,
        };
        assert_eq!(answer.code(), *code, "{answer:?}");
        assert_eq!((answer.status, answer.messages.len()), (if kind == "unary" { *status } else { 200 }, 0));
        return;
    }
    match kind {
        "unary" => unary(name, wire, world).await,
        "server-stream" => server_stream(name, wire, world).await,
        "client-stream" => client_stream(name, wire, world).await,
        _ => both(name, wire, world).await,
    }
}

async fn refused_with_id(call: Sending, messages: &[Value]) -> Answer {
    let (call, id) = with_id(call);
    let answer = call.messages(messages).await;
    assert_eq!(answer.header("x-request-id"), Some(&*id));
    answer
}

async fn unary(name: &str, wire: &Wire, world: &World) {
    match name {
        "error" | "error-with-metadata" => {
            let call = wire.call(VERIFY).with("x-dev-caller", "nobody");
            let answer = refused_with_id(call, &[world.question()]).await;
            assert_eq!((answer.code(), answer.status), (Code::Unauthenticated, 401));
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        // Only the names of fields that are not known are repeated, and encoded messages have no names.
        "unicode-error-message" => {
            let call = wire.call("ProviderService/RegisterProvider");
            let message = match wire.codec {
                Codec::Json => json!({ "with\n☺ and 😈": 1 }).to_string(),
                Codec::Proto => String::new(),
            };
            let error = call.bytes(message).await.error.unwrap();
            let expected = if wire.codec == Codec::Json { "☺ and 😈" } else { "request_id" };
            assert!(error.message().contains(expected), "{error:?}");
        }
        _ => panic!("no such case"),
    }
}

async fn server_stream(name: &str, wire: &Wire, world: &World) {
    match name {
        "error-with-responses" => {
            let answer = watched(wire).await;
            assert_eq!(answer.code(), Code::DeadlineExceeded);
            assert!(!answer.messages.is_empty());
        }
        "error-with-metadata" | "error-with-no-responses" | "error-returns-success-http-code" => {
            let answer = refused_with_id(wire.call(WATCH), &[json!({ "credentialNumbers": [NOT_ON_FILE] })]).await;
            assert_eq!((answer.code(), answer.status), (Code::NotFound, 200));
            assert!(answer.messages.is_empty(), "{} is not on file", world.number);
        }
        _ => panic!("no such case"),
    }
}

async fn client_stream(name: &str, wire: &Wire, world: &World) {
    let [options, row] = &world.roster()[..] else { panic!("two messages") };
    let (messages, code) = match name {
        "error" | "error-multiple-requests" => {
            (vec![options.clone(), row.clone(), options.clone()], Code::InvalidArgument)
        }
        "error-one-request" | "error-with-metadata" => (vec![row.clone()], Code::InvalidArgument),
        "error-returns-success-http-code" => {
            (vec![json!({ "options": { "providerId": "elsewhere" } })], Code::NotFound)
        }
        _ => panic!("no such case"),
    };
    let answer = refused_with_id(wire.call(ROSTER), &messages).await;
    assert_eq!((answer.code(), answer.status), (code, 200), "{answer:?}");
}

async fn both(name: &str, wire: &Wire, world: &World) {
    let mut questions = world.questions();
    let call = wire.call(STREAM);
    match name {
        "full-duplex/error-with-responses" => {
            let mut call = call.open();
            call.send(questions[0].clone()).await;
            call.send(questions[1].clone()).await;
            let mut answers = call.receiving().await;
            for _ in 0..2 {
                answers.next().await.unwrap().unwrap();
            }
            call.send(wrong()).await;
            let rest = answers.rest().await;
            assert_eq!((rest.code(), rest.messages.len()), (Code::InvalidArgument, 0));
        }
        "full-duplex/error-no-responses" => {
            let call = call.open();
            call.send(questions[1].clone()).await;
            let answer = call.answer().await;
            assert_eq!((answer.code(), answer.messages.len()), (Code::InvalidArgument, 0));
        }
        "half-duplex/error-with-responses" => {
            questions.push(wrong());
            let answer = refused_with_id(call, &questions).await;
            assert_eq!((answer.code(), answer.messages.len()), (Code::InvalidArgument, 3), "{answer:?}");
        }
        "error-with-metadata" | "half-duplex/error-with-no-responses" => {
            let answer = refused_with_id(call, &questions[1..]).await;
            assert_eq!((answer.code(), answer.messages.len()), (Code::InvalidArgument, 0));
        }
        "full-duplex/stream-error-returns-success-http-code" | "half-duplex/stream-error-returns-success-http-code" => {
            questions[0] = json!({ "options": { "knownAt": { "revision": "999999999" } } });
            let answer = refused_with_id(call, &questions).await;
            assert_eq!((answer.code(), answer.status), (Code::OutOfRange, 200));
        }
        _ => panic!("no such case"),
    }
}
