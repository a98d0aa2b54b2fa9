//! Forms of the answer beside the protocol's: JSON lines, and server-sent events.

use serde_json::{Value, json};

use super::answer::Raw;
use super::suites::{STREAM, VERIFY, WATCH, World};
use super::wire::Wire;
use crate::harness::over_http::Codec;
use crate::harness::{TODAY, TestServer};

const BATCH: &str = "VerificationService/BatchVerifyCredentials";
const JSON_LINES: &str = "application/x-ndjson";

async fn served() -> (TestServer, World, Vec<Wire>) {
    let server = TestServer::start(TODAY).await;
    let world = World::built(&server.client()).await;
    let wires = Wire::all(server.http()).into_iter().filter(|wire| wire.codec == Codec::Json).collect();
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
    let (server, world, wires) = served().await;
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
    let (server, world, wires) = served().await;
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

#[tokio::test]
async fn events_have_the_position_after_a_record_and_go_on_behind_it() {
    let (server, _world, wires) = served().await;
    for wire in &wires {
        let watch = |name: &str, value: &str| {
            let call = wire.call(WATCH).without("content-type").with("content-type", "application/json");
            // The watch ends at the deadline, so that it can be read as a whole.
            call.with("accept", "text/event-stream").with("connect-timeout-ms", "1000").with(name, value).raw("{}")
        };
        let raw = watch("x-none", "").await;
        assert_eq!(raw.headers["content-type"], "text/event-stream");
        let all = text(&raw);
        let all = events(&all);
        let ids = |events: &[Vec<(&str, &str)>]| -> Vec<String> {
            let ids = events.iter().flatten().filter(|(name, _)| *name == "id");
            ids.map(|(_, id)| (*id).to_owned()).collect()
        };
        let known = ids(&all);
        assert!(known.len() > 2, "{all:?}");
        for event in &all {
            let field = |name: &str| event.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
            let data: Value = serde_json::from_str(field("data").unwrap()).unwrap();
            let is_last = data["message"]["lastPart"] == true;
            assert_eq!(field("id").is_some(), is_last, "{event:?}");
            assert!(["change", "error"].contains(&field("event").unwrap()), "{event:?}");
        }
        let rest = text(&watch("last-event-id", &known[1]).await);
        assert_eq!(ids(&events(&rest)), known[2..]);
        assert_eq!(watch("last-event-id", "yesterday").await.status, 400);
    }
    server.stop().await;
}
