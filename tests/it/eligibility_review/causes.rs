//! Reviews whose cause is a record about a provider that the claim does not name, or that never employed the holder.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::FactKind;

use super::{change, claim, reviewed};
use crate::harness::requests::{date, end_job, end_period, new_request_id, register_provider};
use crate::harness::{TODAY, TestServer};

/// A record about an earlier employer can leave a gap, and so flip the answer about a claim of a later one.
#[tokio::test]
async fn an_earlier_employer_can_be_the_cause() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let [west, east] =
        [registry.qualified_provider("Example West").await, registry.qualified_provider("Example East").await];
    let person = registry.credentialed("Ada", "Example-Tester", &[&west]).await;
    registry.report(end_job(&person.jobs[0], "2025-01-31")).await;
    registry.job(&person.specialist_id, &east.provider_id, "2025-02-01").await;
    let relied_on = registry.head().await;
    let closed = registry.report(end_period(&west.qualification, "2024-12-31", "Closed")).await;
    let found = reviewed(&registry, claim(&person.number, &east), relied_on).await;
    assert_eq!(change(&found), (true, true, Some(closed.revision), vec![FactKind::PeriodEnded]));
    server.stop().await;
}

/// A record about the provider of a claim can flip the answer although it never employed the holder.
#[tokio::test]
async fn a_provider_that_never_employed_the_holder_can_be_the_cause() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let west = registry.qualified_provider("Example West").await;
    let person = registry.credentialed("Ada", "Example-Tester", &[&west]).await;
    let identifier = v1::Identifier { kind: v1::IdentifierKind::MedicaidId.into(), value: "M-1".to_owned() };
    let other = v1::RegisterProviderRequest { identifiers: vec![identifier], ..register_provider("Example North") };
    let other = registry.report(other).await.provider.unwrap().provider_id;
    let begun = v1::ImportRow {
        request_id: new_request_id(),
        command: Some(v1::import_row::Command::RecordsBegin(v1::RecordsBegin { first_day: Some(date(TODAY)) })),
        ..Default::default()
    };
    let rows = tokio_stream::once(v1::ImportRecordsRequest { row: Some(begun) });
    registry.record().import_records(rows).await.unwrap().into_inner().message().await.unwrap();
    let relied_on = registry.head().await;
    let closed = v1::SuspendPeerServiceRequest {
        request_id: new_request_id(),
        provider_id: other.clone(),
        first_day: Some(date("2026-02-02")),
        ..Default::default()
    };
    let closed = registry.report(closed).await;
    use v1::eligibility_item::BillingProvider;
    for provider in [BillingProvider::MedicaidId("M-1".to_owned()), BillingProvider::ProviderId(other)] {
        let claim = v1::EligibilityItem { billing_provider: Some(provider), ..claim(&person.number, &west) };
        let found = reviewed(&registry, claim, relied_on).await;
        let then = found.then.as_ref().unwrap();
        assert_eq!((then.verdict(), then.eligible), (v1::Verdict::Undetermined, false), "before the records");
        let kinds = vec![FactKind::PeerServiceSuspended];
        assert_eq!(change(&found), (true, false, Some(closed.revision), kinds));
    }
    server.stop().await;
}
