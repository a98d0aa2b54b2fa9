//! A record wakes only the watchers that it concerns.

use std::collections::HashSet;

use cpss_registry::domain::day::{Day, Period};
use cpss_registry::registry::Registry;
use cpss_registry::registry::feed::{View, Watcher};
use cpss_registry::store::StoreOptions;
use futures_util::future::poll_immediate;

use crate::harness::{TODAY, TestServer, library};

/// Which of the watchers are woken by a record about a credential. The watcher of everything is woken last.
async fn woken(registry: &Registry, watchers: &[&Watcher], everything: &Watcher, number: &str) -> Vec<bool> {
    let today: Day = TODAY.parse().unwrap();
    let days = Period::from_inclusive(today, Some(today));
    registry.submit(library::inactive(number.parse().unwrap(), days)).await.unwrap();
    everything.due().await;
    let mut woken = Vec::new();
    for watcher in watchers {
        woken.push(poll_immediate(watcher.due()).await.is_some());
    }
    woken
}

#[tokio::test]
async fn a_record_wakes_only_the_watchers_it_concerns() {
    let server = TestServer::start(TODAY).await;
    let client = server.client();
    let (north, south) =
        (client.qualified_provider("North Example").await, client.qualified_provider("South Example").await);
    let one = client.credentialed("Odalys", "Abernathy-Example", &[&north]).await;
    let other = client.credentialed("Casimir", "Example", &[&south]).await;
    let data = server.stop().await;
    let opened = library::open(data.path(), TODAY, StoreOptions::default());
    let registry = opened.registry.clone();
    let waking = tokio::spawn({
        let registry = registry.clone();
        async move { registry.wake_watchers().await }
    });
    // It waits for records published from now on.
    tokio::task::yield_now().await;
    let of_credential =
        |number: &str| View { credentials: Some(HashSet::from([number.parse().unwrap()])), ..View::default() };
    let of_provider = |id: &str| View { provider: Some(id.parse().unwrap()), ..View::default() };
    let views = [
        of_credential(&one.number),
        of_credential(&other.number),
        of_provider(&north.provider_id),
        of_provider(&south.provider_id),
    ];
    let watchers = views.map(|view| registry.watcher(&view));
    let everything = registry.watcher(&View::default());
    let all: Vec<&Watcher> = watchers.iter().collect();
    assert_eq!(woken(&registry, &all, &everything, &one.number).await, [true, false, true, false]);
    assert_eq!(woken(&registry, &all, &everything, &other.number).await, [false, true, false, true]);
    waking.abort();
    waking.await.ok();
    drop((watchers, everything, registry));
    library::close(opened).await;
}
