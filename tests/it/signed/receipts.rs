//! Signed receipts of reports.

use cpss_registry::domain::id::Revision;
use cpss_registry::proof::jws::{RECEIPT, Statement};
use cpss_registry::proto::v1;
use cpss_registry::store::{StoreOptions, record};
use serde_json::{Map, Value, json};

use super::{checked, has_none_of};
use crate::harness::library::open_store;
use crate::harness::requests::{BORN, end_job, register_specialist, start_job};
use crate::harness::scenes::HIRED;
use crate::harness::{TODAY, TestServer};

/// The claims, without the time of signing.
fn lasting(statement: Statement) -> Map<String, Value> {
    let mut claims = statement.claims;
    assert!(claims.remove("iat").is_some());
    claims
}

#[tokio::test]
async fn a_receipt_says_that_a_report_was_recorded_when_by_whom_and_with_which_digest() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let provider = registry.qualified_provider("Example Center").await.provider_id;
    let person = registry.specialist("Xanthippe", "Example-Quillfeather").await;
    let employer = registry.calling_as(&format!("provider:{provider}"));
    let job = registry.job(&person, &provider, HIRED).await;

    let ended = v1::ReportEmploymentEndRequest { receipt: true, ..end_job(&job, "2026-02-27") };
    let response = employer.report(ended.clone()).await;
    let statement = checked(&registry, &response.signed_receipt).await;
    has_none_of(&statement, &["xanthippe", "quillfeather", BORN]);
    assert_eq!(statement.typ, RECEIPT);
    let claims = lasting(statement);
    assert_eq!(claims["aud"], json!(format!("dev:provider:{provider}")));
    assert_eq!(claims["method"], "EmploymentService/ReportEmploymentEnd");
    assert_eq!(claims["request_id"], json!(ended.request_id));
    let recorded = &claims["recorded"];
    assert_eq!((&recorded["epoch"], &recorded["revision"]), (&json!(response.epoch), &json!(response.revision)));
    assert_eq!(recorded["client"], json!(format!("dev:provider:{provider}")));
    let about = &claims["about"];
    assert_eq!((&about["employment_id"], &about["last_day"]), (&json!(job), &json!("2026-02-27")));
    assert_eq!(about["fact_id"], json!(response.fact_id));

    // Sent again, with and without the wish for a receipt.
    let again = employer.report(ended.clone()).await;
    assert_eq!(lasting(checked(&registry, &again.signed_receipt).await), claims);
    let plain = employer.report(v1::ReportEmploymentEndRequest { receipt: false, ..ended }).await;
    assert_eq!(plain, v1::ReportEmploymentEndResponse { signed_receipt: String::new(), ..response.clone() });

    // The digest is that of the record on disk.
    let (digest, revision) = (claims["recorded"]["digest"].as_str().unwrap().to_owned(), response.revision);
    let data = server.stop().await;
    let store = open_store(data.path(), &StoreOptions::default());
    let (_, bytes) = store.log_reader().read(Revision(revision), Revision(revision)).next().unwrap().unwrap();
    let expected: String = record::digest(&bytes).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, expected);
}

#[tokio::test]
async fn what_is_not_recorded_has_no_receipt() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let request = v1::RegisterSpecialistRequest { receipt: true, ..register_specialist("Odalys", "Example-Stone") };
    let validated = registry.validate(request.clone()).await;
    assert_eq!(validated.signed_receipt, "");
    let recorded = registry.report(request).await;
    let claims = checked(&registry, &recorded.signed_receipt).await.claims;
    assert_eq!(claims["about"]["specialist_id"], json!(recorded.specialist.unwrap().specialist_id));
    assert_eq!(claims["recorded"]["client"], claims["aud"]);
    // A refusal is a status, which has no receipt, and nothing is recorded.
    let head = recorded.revision;
    registry
        .refusal(v1::ReportEmploymentStartRequest { receipt: true, ..start_job("SP-0000-0000-0", "x", HIRED) })
        .await;
    let next = registry.report(register_specialist("Bea", "Example-Stone")).await;
    assert_eq!(next.revision, head + 1);
}
