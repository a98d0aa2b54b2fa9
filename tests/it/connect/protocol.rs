//! What the specification of the protocol says and no published case tries.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use http::Method;
use prost::bytes::Bytes;
use serde_json::{Value, json};
use tonic::Code;

use super::suites::{RULE_SETS, STREAM, VERIFY, WATCH, served};
use crate::harness::over_http::{Codec, frame};
use crate::harness::raw::path;

#[tokio::test]
async fn the_headers_of_the_protocol_are_read() {
    let (server, world, wires) = served().await;
    for wire in &wires {
        let verify = |name: &str, value: &str| {
            let call = wire.call(VERIFY).without("connect-protocol-version").with(name, value);
            call.message(world.question())
        };
        for (name, value) in [
            ("connect-protocol-version", "1"),
            ("connect-timeout-ms", "9999999999"),
            ("connect-timeout-ms", "0000020000"),
            ("content-encoding", "identity"),
            ("accept-encoding", "gzip, br"),
            ("accept-encoding", "zstd"),
        ] {
            verify(name, value).await.all();
        }
        for (name, value, code, status) in [
            ("connect-protocol-version", "2", Code::InvalidArgument, 400),
            ("connect-timeout-ms", "", Code::InvalidArgument, 400),
            ("connect-timeout-ms", "-1", Code::InvalidArgument, 400),
            ("connect-timeout-ms", "1s", Code::InvalidArgument, 400),
            ("connect-timeout-ms", "10000000000", Code::InvalidArgument, 400),
            ("connect-timeout-ms", "0", Code::DeadlineExceeded, 504),
            ("content-encoding", "gzip", Code::Unimplemented, 501),
        ] {
            let answer = verify(name, value).await;
            assert_eq!((answer.code(), answer.status), (code, status), "{name}: {value}");
            let encodings = (code == Code::Unimplemented).then_some("identity");
            assert_eq!(answer.header("accept-encoding"), encodings);
        }
        for name in ["connect-content-encoding", "content-encoding"] {
            let answer = wire.call(STREAM).with(name, "gzip").messages(&world.questions()).await;
            assert_eq!((answer.code(), answer.messages.len()), (Code::Unimplemented, 0));
        }
        let answer = wire.call(WATCH).with("connect-content-encoding", "br").message(json!({})).await;
        assert_eq!(answer.header("connect-accept-encoding"), Some("identity"));
        wire.call(STREAM).with("connect-accept-encoding", "gzip").messages(&world.questions()).await.all();
    }
    server.stop().await;
}

#[tokio::test]
async fn who_is_not_known_learns_that_first() {
    let (server, world, wires) = served().await;
    for wire in &wires {
        for (name, value) in
            [("content-encoding", "gzip"), ("connect-timeout-ms", "x"), ("connect-protocol-version", "2")]
        {
            let nobody = |method| wire.call(method).with("x-dev-caller", "nobody").with(name, value);
            assert_eq!(nobody(VERIFY).message(world.question()).await.code(), Code::Unauthenticated);
            assert_eq!(nobody(WATCH).message(json!({})).await.code(), Code::Unauthenticated);
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_question_may_stand_in_a_url_in_any_form() {
    let (server, _, wires) = served().await;
    for wire in &wires {
        let message = json!({ "knownAt": { "revision": "2" } });
        let written = wire.call(RULE_SETS).written(&message);
        let expected = wire.call(RULE_SETS).message(message).await.all().to_vec();
        let form = wire.codec.name();
        let get = |query: &str| {
            let url = format!("{}?{query}", path(RULE_SETS));
            wire.call(RULE_SETS).without("content-type").without("connect-protocol-version").by(Method::GET).at(&url)
        };
        let percent = written.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let padded = URL_SAFE.encode(&written).replace('=', "%3D");
        let unpadded = URL_SAFE_NO_PAD.encode(&written);
        for query in [
            format!("message={percent}&encoding={form}&connect=v1"),
            format!("encoding={form}&message={padded}&base64=1"),
            format!("connect=v1&base64=1&encoding={form}&message={unpadded}&other=1"),
            format!("base64=1&encoding={form}&compression=identity&message={unpadded}"),
            format!("base64=no&encoding={form}&message={percent}"),
        ] {
            assert_eq!(get(&query).bytes(Bytes::new()).await.all(), expected, "{query}");
        }
        for (query, code, status) in [
            (format!("encoding={form}"), Code::InvalidArgument, 400),
            (format!("encoding={form}&message=%21&base64=1"), Code::InvalidArgument, 400),
            (format!("encoding={form}&message={percent}&connect=v2"), Code::InvalidArgument, 400),
            (format!("encoding={form}&message={percent}&compression=gzip"), Code::Unimplemented, 501),
        ] {
            let answer = get(&query).bytes(Bytes::new()).await;
            assert_eq!((answer.code(), answer.status), (code, status), "{query}");
        }
        // A byte of an encoded number is no text. This revision is beyond the head, as the same message posted says.
        let message = json!({ "knownAt": { "revision": "200" } });
        let percent: String =
            wire.call(RULE_SETS).written(&message).iter().map(|byte| format!("%{byte:02X}")).collect();
        let beyond = get(&format!("message={percent}&encoding={form}")).bytes(Bytes::new()).await;
        assert_eq!(beyond.code(), wire.call(RULE_SETS).message(message).await.code(), "{percent}");
        assert_eq!(beyond.code(), Code::OutOfRange, "{percent}");
        for query in [format!("message={percent}"), format!("encoding=text&message={percent}")] {
            assert_eq!(get(&query).raw(Bytes::new()).await.status, 415, "{query}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_is_not_of_the_protocol_is_turned_away() {
    let (server, world, wires) = served().await;
    for wire in &wires {
        for (verb, method, allowed) in [
            (Method::GET, VERIFY, "POST"),
            (Method::HEAD, VERIFY, "POST"),
            (Method::OPTIONS, VERIFY, "POST"),
            (Method::PUT, WATCH, "POST"),
            (Method::HEAD, RULE_SETS, "GET, POST"),
            (Method::OPTIONS, RULE_SETS, "GET, POST"),
        ] {
            let raw = wire.call(method).by(verb.clone()).raw(Bytes::new()).await;
            assert_eq!((raw.status, &raw.headers["allow"]), (405, &allowed.parse().unwrap()), "{verb} {method}");
            assert_eq!(raw.body.is_empty(), verb == Method::HEAD, "{verb} {method}");
        }
        // The form of the other kind of call.
        for (method, media) in [
            (VERIFY, "application/connect+json"),
            (VERIFY, "application/connect+proto"),
            (STREAM, "application/json"),
            (STREAM, "application/proto"),
            (STREAM, "application/grpc"),
            (VERIFY, "application/json; charset=latin1"),
        ] {
            let raw = wire.call(method).without("content-type").with("content-type", media).raw(Bytes::new()).await;
            assert_eq!(raw.status, 415, "{method} as {media}");
            assert!(raw.headers.contains_key("accept-post"));
        }
        let plain = wire.call(VERIFY).without("content-type").raw(wire.call(VERIFY).written(&world.question())).await;
        assert_eq!(plain.status, 415);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_is_exactly_what_the_call_takes() {
    let (server, world, wires) = served().await;
    for wire in &wires {
        let call = wire.call(VERIFY);
        let question = call.written(&world.question());
        if wire.codec == Codec::Json {
            let twice = [&question[..], &question].concat();
            assert_eq!(call.bytes(twice).await.code(), Code::InvalidArgument);
            assert_eq!(wire.call(VERIFY).bytes("").await.code(), Code::InvalidArgument);
        }
        let framed = frame(&wire.call(STREAM).written(&world.questions()[0]));
        for (broken, code) in [
            (framed[..framed.len() - 1].to_vec(), Code::InvalidArgument),
            (framed[..3].to_vec(), Code::InvalidArgument),
            ([&[2], &framed[1..]].concat(), Code::InvalidArgument),
            ([&[1], &framed[1..]].concat(), Code::Internal),
        ] {
            let answer = wire.call(STREAM).bytes(broken).await;
            assert_eq!((answer.code(), answer.messages.len()), (code, 0));
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stream_of_both_works_over_http_1_too() {
    let (server, world, wires) = served().await;
    let wire = wires.iter().find(|wire| wire.version == 1).unwrap();
    let mut call = wire.call(STREAM).open();
    for question in world.questions() {
        call.send(question).await;
    }
    call.close();
    let answer: Vec<Value> = call.answer().await.all().to_vec();
    assert_eq!(answer.len(), 3);
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_is_not_read_to_its_end_ends_a_connection_of_http_1() {
    let (server, world, wires) = served().await;
    for wire in wires.iter().filter(|wire| wire.version == 1) {
        let call = wire.call(VERIFY);
        // At most the 128 KiB of a call are read, and 4 MiB are thrown away. What is left fits in the buffers of the
        // sockets: a client that cannot write to its end may not read the answer.
        let (question, large) = (call.written(&world.question()), vec![b' '; (4 * 1024 + 256) * 1024]);
        for (call, body, closes) in [
            (wire.call(VERIFY), question.clone(), false),
            (wire.call(VERIFY).with("content-encoding", "gzip"), question, false),
            (wire.call(VERIFY), large.into(), true),
        ] {
            let answer = call.bytes(body).await;
            assert_eq!(answer.header("connection"), closes.then_some("close"), "{:?}", answer.error);
        }
        wire.call(WATCH).message(json!({ "after": { "revision": "999999999" } })).await.error.unwrap();
    }
    server.stop().await;
}
