//! Forms of the answer beside the protocol's: JSON lines, and server-sent events.

use cpss_registry::proto::v1;
use cpss_registry::server::config::Flags;
use serde_json::{Value, json};

use super::answer::Raw;
use super::suites::{STREAM, VERIFY, WATCH, World, served};
use super::wire::Wire;
use crate::harness::over_http::Codec;
use crate::harness::{TODAY, TestServer};

const BATCH: &str = "VerificationService/BatchVerifyCredentials";
const REGISTER_PROVIDER: &str = "ProviderService/RegisterProvider";
const JSON_LINES: &str = "application/x-ndjson";

async fn served_as_json() -> (TestServer, World, Vec<Wire>) {
    let (server, world, mut wires) = served().await;
    wires.retain(|wire| wire.codec == Codec::Json);
    (server, world, wires)
}

fn text(raw: &Raw) -> String {
    assert_eq!(raw.status, 200, "{:?}", raw.body);
    String::from_utf8(raw.body.to_vec()).unwrap()
}

fn values(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[tokio::test]
async fn a_batch_has_one_result_in_a_line_as_it_stands_in_the_whole_answer() {
    let (server, world, wires) = served_as_json().await;
    let item = world.question()["item"].clone();
    let batch = json!({ "items": [item.clone(), { "credentialNumber": "CPS-0000-0000-0" }, {}, item] }).to_string();
    for wire in &wires {
        let whole = text(&wire.call(BATCH).raw(batch.clone()).await);
        let raw = wire.call(BATCH).with("accept", JSON_LINES).raw(batch.clone()).await;
        assert_eq!(raw.headers["content-type"], JSON_LINES);
        let lines = text(&raw);
        let results: Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(values(&lines), *results["results"].as_array().unwrap());
        assert_eq!(lines.lines().count(), 4);
        assert!(lines.lines().all(|line| whole.contains(line)), "the order of the fields is the same: {lines}");
        // A single answer is one line.
        let single = wire.call(VERIFY).with("accept", JSON_LINES).raw(world.question().to_string()).await;
        assert_eq!(text(&single).lines().count(), 1);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stream_takes_and_gives_a_message_in_a_line_and_an_error_is_the_last() {
    let (server, world, wires) = served_as_json().await;
    let asked =
        |last: &str| format!("{}\n{}\n\n{}\r\n{last}", json!({ "options": {} }), world.question(), world.question());
    for wire in &wires {
        let call =
            || wire.call(STREAM).without("content-type").with("content-type", JSON_LINES).with("accept", JSON_LINES);
        let answered = values(&text(&call().raw(asked("")).await));
        assert_eq!(answered.len(), 3, "{answered:?}");
        assert!(answered[0]["pinned"]["revision"].is_string() && answered[1] == answered[2], "{answered:?}");
        let broken = values(&text(&call().raw(asked("{\"item\":{\"asOf\":\"soon\"}}")).await));
        let error = &broken.last().unwrap()["error"];
        assert_eq!((error["code"].as_str(), broken.len()), (Some("invalid_argument"), 4), "{broken:?}");
        assert!(error["message"].as_str().unwrap().contains("item.as_of"), "{error}");
    }
    server.stop().await;
}

/// The fields of each event.
fn events(text: &str) -> Vec<Vec<(&str, &str)>> {
    let blocks = text.split("\n\n").filter(|block| !block.is_empty());
    blocks.map(|block| block.lines().map(|line| line.split_once(": ").unwrap()).collect()).collect()
}

/// The ids of the events that have one.
fn ids(events: &[Vec<(&str, &str)>]) -> Vec<String> {
    let ids = events.iter().flatten().filter(|(name, _)| *name == "id");
    ids.map(|(_, id)| (*id).to_owned()).collect()
}

/// Watches events up to this revision. The watch ends at its deadline, so that it can be read as a whole. A busy
/// machine gets more time.
async fn watched(wire: &Wire, head: u64, name: &str, value: &str) -> Raw {
    let head = format!("/{head}");
    for millis in ["1000", "5000", "25000"] {
        let call = wire.call(WATCH).without("content-type").with("content-type", "application/json");
        let call = call.with("accept", "text/event-stream").with("connect-timeout-ms", millis).with(name, value);
        let raw = call.raw("{}").await;
        if ids(&events(&text(&raw))).last().is_some_and(|last| last.ends_with(&head)) {
            return raw;
        }
    }
    panic!("the events do not reach revision {head}");
}

#[tokio::test]
async fn events_have_the_position_after_a_record_and_go_on_behind_it() {
    let (server, _world, wires) = served_as_json().await;
    let head = server.client().head().await;
    for wire in &wires {
        let raw = watched(wire, head, "x-none", "").await;
        assert_eq!(raw.headers["content-type"], "text/event-stream");
        let all = text(&raw);
        let all = events(&all);
        let known = ids(&all);
        assert!(known.len() > 2, "{all:?}");
        for event in &all {
            let field = |name: &str| event.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
            let data: Value = serde_json::from_str(field("data").unwrap()).unwrap();
            let is_last = data["message"]["lastPart"] == true;
            assert_eq!(field("id").is_some(), is_last, "{event:?}");
            assert!(["change", "error"].contains(&field("event").unwrap()), "{event:?}");
        }
        let rest = text(&watched(wire, head, "last-event-id", &known[1]).await);
        assert_eq!(ids(&events(&rest)), known[2..]);
        let call = wire.call(WATCH).without("content-type").with("content-type", "application/json");
        let refused = call.with("accept", "text/event-stream").with("last-event-id", "yesterday").raw("{}").await;
        assert_eq!(refused.status, 400);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stream_as_json_is_refused_with_the_header_that_is_missing() {
    let (server, _world, wires) = served_as_json().await;
    for wire in &wires {
        for media in ["application/json", JSON_LINES] {
            let call = || wire.call(WATCH).without("content-type").with("content-type", media);
            let refused = call().raw("{}").await;
            let text = String::from_utf8(refused.body.to_vec()).unwrap();
            assert_eq!(refused.status, 415, "{text}");
            assert!(
                text.contains("Accept: application/x-ndjson") && text.contains("Accept: text/event-stream"),
                "{media}: {text}"
            );
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_question_of_which_nothing_is_known_is_refused() {
    let (server, world, wires) = served_as_json().await;
    let item = world.question()["item"].clone();
    for wire in &wires {
        let refused = wire.call(BATCH).message(json!({ "itemz": [item] })).await;
        assert_eq!(refused.refusal(), (tonic::Code::InvalidArgument, "INVALID_ARGUMENT".to_owned()));
        let error = refused.error.unwrap().to_string();
        assert!(error.contains("itemz: the contract has no such field; did you mean items?"), "{error}");
        let answered = wire.call(BATCH).raw(json!({ "items": [item], "itemz": 1 }).to_string()).await;
        assert_eq!((answered.status, answered.headers["x-unknown-fields"].to_str().unwrap()), (200, "itemz"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_command_with_an_unknown_field_is_refused_even_if_the_rest_is_known() {
    let (server, _world, wires) = served_as_json().await;
    for wire in &wires {
        let command = json!({ "providerId": "some-provider", "colour": 1 });
        let refused = wire.call(REGISTER_PROVIDER).message(command).await;
        assert_eq!(refused.refusal(), (tonic::Code::InvalidArgument, "INVALID_ARGUMENT".to_owned()));
        let error = refused.error.unwrap().to_string();
        assert!(error.contains("colour: the contract has no such field"), "{error}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_refusal_that_ends_soon_says_when_to_ask_again() {
    let flags = Flags { streams_per_client: Some("1".to_owned()), ..Flags::default() };
    let server = TestServer::start_as(tempfile::tempdir().unwrap(), TODAY, flags).await;
    let client = server.client();
    let _watch = client.change().watch_changes(v1::WatchChangesRequest::default()).await.unwrap();
    for wire in Wire::all(server.http()).into_iter().filter(|wire| wire.codec == Codec::Json) {
        let batch = json!({ "items": [{}] }).to_string();
        let refused = wire.call(BATCH).raw(batch).await;
        assert_eq!((refused.status, refused.headers["retry-after"].to_str().unwrap()), (429, "1"));
        let refused = wire.call(VERIFY).raw(" ".repeat(200_000)).await;
        assert_eq!((refused.status, refused.headers.get("retry-after")), (429, None), "it never ends");
    }
    server.stop().await;
}
