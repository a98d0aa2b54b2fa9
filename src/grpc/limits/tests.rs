//! The list of streams, and that nobody waits for a stream that always has one more item.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::proto;
use prost::Message as _;

#[test]
fn the_streams_are_those_of_the_contract() {
    let descriptors = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    let mut streams = Vec::new();
    for file in &descriptors.file {
        for service in &file.service {
            let long = service.method.iter().filter(|method| method.client_streaming() || method.server_streaming());
            let path = |method: &prost_types::MethodDescriptorProto| {
                format!("/{}.{}/{}", file.package(), service.name(), method.name())
            };
            streams.extend(long.map(path));
        }
    }
    streams.sort();
    assert_eq!(streams, STREAMS);
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
