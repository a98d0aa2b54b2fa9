//! Many people, many watchers, and some that do not read.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use tokio::task::JoinSet;
use tonic::transport::Endpoint;

use super::{Watcher, list};
use crate::harness::requests::change_name;
use crate::harness::scenes::Qualified;
use crate::harness::{Client, TODAY, TestServer};

/// The number of people reported at the same time.
const AT_ONCE: usize = 200;

/// Registers people with jobs and credentials, many at once. Returns the number of one of them.
pub async fn employ(registry: &Client, employer: &Qualified, people: usize) -> String {
    let mut tasks = JoinSet::new();
    for clerk in 0..AT_ONCE.min(people) {
        let registry = registry.clone();
        let employer = Qualified { provider_id: employer.provider_id.clone(), qualification: String::new() };
        tasks.spawn(async move {
            let mut last = String::new();
            for at in (clerk..people).step_by(AT_ONCE) {
                last = registry.credentialed("Casimir", &format!("Example-{at}"), &[&employer]).await.specialist_id;
            }
            last
        });
    }
    tasks.join_all().await.pop().expect("somebody")
}

/// The median time of consecutive reports.
async fn median(registry: &Client, specialist_id: &str, reports: usize) -> Duration {
    let mut times = Vec::new();
    for at in 0..reports {
        let began = Instant::now();
        registry.report(change_name(specialist_id, "Casimir", &format!("Example-N{at}"))).await;
        times.push(began.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

/// A watcher from the beginning that reads only the first message, on a connection whose window holds only a part of
/// the history.
async fn stalled_reader(address: SocketAddr) -> Watcher {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let narrow = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let mut client = v1::change_service_client::ChangeServiceClient::new(narrow.connect().await.unwrap());
    let stream = client.watch_changes(v1::WatchChangesRequest::default()).await.unwrap().into_inner();
    let mut watcher = Watcher { stream };
    assert_eq!(watcher.message().await.revision, 1);
    watcher
}

#[tokio::test]
async fn a_slow_reader_slows_neither_the_writer_nor_other_readers() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Big Black Example Residential Center").await;
    let somebody = employ(&registry, &employer, 500).await;
    let alone = median(&registry, &somebody, 40).await;

    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(stalled_reader(server.address()).await);
    }
    let reader = Client::connect(server.address());
    let mut live = Watcher::after(&reader, registry.head().await).await;
    let beside_them = median(&registry, &somebody, 40).await;
    println!("a report takes {alone:?} alone and {beside_them:?} with {} watchers that do not read", stalled.len());
    assert!(beside_them < alone * 5 + Duration::from_millis(20), "{alone:?} alone, {beside_them:?} beside them");
    let head = registry.head().await;
    let behind = tokio::time::timeout(Duration::from_secs(5), async { while live.message().await.revision < head {} });
    behind.await.expect("a reading watcher is at the head");

    // A stalled watcher continues where it stopped, up to the head.
    let mut slow = stalled.pop().unwrap();
    for revision in 2..=head {
        assert_eq!(slow.message().await.revision, revision);
    }
    drop((stalled, live, slow));
    server.stop().await;
}

#[tokio::test]
async fn all_of_two_hundred_watchers_see_the_next_record() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Pearl River Example Mental Health Center").await;
    let person = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let head = registry.head().await;
    let mut watchers = Vec::new();
    for connection in 0..4 {
        let client = Client::connect(server.address());
        for at in 0..50 {
            // Feeds of everyone, of a provider, and of a credential.
            let mut question = list(head);
            match (connection + at) % 3 {
                0 => {}
                1 => question.provider_id.clone_from(&employer.provider_id),
                _ => question.credential_numbers.push(person.number.clone()),
            }
            let mut watcher = Watcher::of(&client, question).await;
            assert_eq!(watcher.caught_up().await.1.head_revision, head);
            watchers.push(watcher);
        }
    }
    let ended = registry.report(crate::harness::requests::end_job(&person.jobs[0], "2026-02-25")).await;
    let began = Instant::now();
    for watcher in &mut watchers {
        let message = watcher.message().await;
        assert_eq!((message.revision, message.last_part), (ended.revision, true));
        assert_eq!(message.changes, ended.changes);
    }
    println!("{} watchers were reached within {:?}", watchers.len(), began.elapsed());
    drop((watchers, registry));
    server.stop().await;
}
