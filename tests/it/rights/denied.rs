//! A call that the caller may not make is in the audit before it is refused, whatever it is.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_row::Command;
use cpss_registry::proto::v1::preview_impact_request::Subject;
use prost::Message as _;
use prost::bytes::Bytes;
use serde_json::Value;
use tonic::Code;

use super::fixture::{Fixture, call};
use crate::harness::raw::methods;
use crate::harness::requests::{end_job, start_job};

/// The lines of a client.
fn lines(fixture: &Fixture, client: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(fixture.server.data_dir().join("audit/reads.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["client"] == format!("dev:{client}")).collect()
}

#[tokio::test]
async fn a_method_that_a_role_may_not_call_has_a_line_for_each_attempt() {
    let fixture = Fixture::built().await;
    let (mut denied, mut wrong) = (0, Vec::new());
    for (method, _) in methods() {
        for caller in ["registrar", "certifier", "provider:north", "payer", "auditor", "operator"] {
            let before = lines(&fixture, caller).len();
            let listener = fixture.server.bytes_listener().with("x-dev-caller", caller);
            let answer = listener.answer(&method, call(&method, &fixture.north, "north")).await;
            if answer.is_err_and(|status| status.code() == Code::PermissionDenied) {
                denied += 1;
                let lines = lines(&fixture, caller).split_off(before);
                let is_right = |line: &Value| line["method"] == method.as_str() && line["verdict"] == "REFUSED";
                if lines.len() != 1 || !is_right(&lines[0]) || !lines[0]["number"].is_null() {
                    wrong.push(format!("{method} as {caller}: {lines:?}"));
                }
            }
        }
    }
    fixture.server.stop().await;
    assert!(denied > 50 && wrong.is_empty(), "{denied} calls were refused; {}", wrong.join("\n"));
}

#[tokio::test]
async fn another_provider_and_a_command_of_another_role_have_a_line() {
    let fixture = Fixture::built().await;
    let client = "provider:north";
    let listener = fixture.server.bytes_listener().with("x-dev-caller", client);
    let preview = |command: Command| {
        let row = v1::ImportRow { command: Some(command), ..Default::default() };
        v1::PreviewImpactRequest { subject: Some(Subject::Command(row)), ..Default::default() }.encode_to_vec()
    };
    let start = start_job(&fixture.north.specialist_id, "south", "2026-02-20");
    let of_south = v1::ListEmploymentsRequest { provider_id: "south".to_owned(), ..Default::default() };
    let changes = v1::ListChangesRequest { provider_id: "south".to_owned(), ..Default::default() };
    let options = v1::RosterOptions { provider_id: "south".to_owned(), ..Default::default() };
    let roster = v1::ReconcileRosterRequest { kind: Some(v1::reconcile_roster_request::Kind::Options(options)) };
    let suspension = v1::SuspendCredentialRequest::default();
    for (method, message) in [
        ("EmploymentService/ReportEmploymentStart", start.encode_to_vec()),
        ("EmploymentService/ListEmployments", of_south.encode_to_vec()),
        ("EmploymentService/ReconcileRoster", roster.encode_to_vec()),
        ("ChangeService/ListChanges", changes.encode_to_vec()),
        ("RecordService/PreviewImpact", preview(Command::ReportEmploymentStart(start.clone()))),
        ("RecordService/PreviewImpact", preview(Command::SuspendCredential(suspension))),
    ] {
        let before = lines(&fixture, client).len();
        let refused = listener.answer(method, vec![Bytes::from(message)]).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{method}");
        let lines = lines(&fixture, client).split_off(before);
        let last = lines.last().unwrap();
        assert_eq!((&last["method"], &last["verdict"]), (&method.into(), &"REFUSED".into()), "{lines:?}");
    }
    // What the caller may do has no such line.
    let end = end_job(&fixture.north.employment_id, "2026-02-20").encode_to_vec();
    let before = lines(&fixture, client).len();
    listener.answer("EmploymentService/ReportEmploymentEnd", vec![Bytes::from(end)]).await.unwrap();
    assert!(lines(&fixture, client)[before..].iter().all(|line| line["verdict"] != "REFUSED"));
    fixture.server.stop().await;
}
