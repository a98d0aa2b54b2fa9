//! Large calls, calls that may last, and that a stream that always has one more item delays no other task.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::{auth, proto};
use prost::Message as _;

#[test]
fn the_large_calls_are_streams_batches_pages_and_what_reads_every_credential() {
    let large = auth::methods().filter(|method| method.is_large);
    let mut large: Vec<_> = large.map(|method| format!("{}/{}", method.service, method.name)).collect();
    large.sort_unstable();
    let expected = [
        "ChangeService/ListChanges",
        "ChangeService/WatchChanges",
        "CredentialService/ListCredentials",
        "EmploymentService/ListEmployments",
        "EmploymentService/ReconcileRoster",
        "ProviderService/GetProgramStatistics",
        "ProviderService/ListProviders",
        "RecordService/ImportRecords",
        "RecordService/ListFacts",
        "RecordService/ListReads",
        "RecordService/ListReviewItems",
        "VerificationService/BatchCheckBillingEligibility",
        "VerificationService/BatchVerifyCredentials",
        "VerificationService/StreamCheckBillingEligibility",
        "VerificationService/StreamVerifyCredentials",
    ];
    assert_eq!(large, expected);
}

#[test]
fn the_calls_that_may_last_are_those_that_stream() {
    let descriptors = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    for row in auth::methods() {
        let services = descriptors.file.iter().flat_map(|file| &file.service);
        let mut methods = services.filter(|service| service.name() == row.service).flat_map(|service| &service.method);
        let described = methods.find(|method| method.name() == row.name).unwrap();
        assert_eq!(row.streams, described.client_streaming() || described.server_streaming(), "{row:?}");
    }
}

/// How many items are taken, all of them there from the beginning, before a task gets its turn that is ready, too.
async fn taken_first(items: impl Stream<Item = u32>) -> u32 {
    let had_its_turn = Arc::new(AtomicBool::new(false));
    let other = tokio::spawn({
        let had_its_turn = Arc::clone(&had_its_turn);
        async move { had_its_turn.store(true, Ordering::Relaxed) }
    });
    tokio::pin!(items);
    let mut taken = 0;
    while !had_its_turn.load(Ordering::Relaxed) && items.next().await.is_some() {
        taken += 1;
    }
    other.await.unwrap();
    taken
}

#[tokio::test]
async fn a_long_stream_lets_others_go_first() {
    let items = || futures_util::stream::iter(0..1_000_000);
    assert_eq!(taken_first(items()).await, 1_000_000, "by itself it keeps everyone waiting");
    let taken = taken_first(fair(items())).await;
    assert!(taken < 1000, "{taken}");
}
