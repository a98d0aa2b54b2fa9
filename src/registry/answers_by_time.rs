//! Tests: answers by time stay the same across a restart, even if the clock was set back.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::clock::Clock;
use super::snapshot::KnownAt;
use super::{Opened, Options, PinError, Registry, SEMANTICS_VERSION};
use crate::domain::id::Revision;

fn noon() -> Timestamp {
    "2026-03-02T18:00:00Z".parse().unwrap()
}

/// Opens the registry of a data directory, with a clock that is `millis` milliseconds past noon.
fn open(directory: &Path, millis: i64) -> Opened {
    let clock = Clock::starting_at(after_noon(millis)).unwrap();
    Registry::open_by(clock, Options::of_a_test(directory, None), SEMANTICS_VERSION, &mut |_| {}).unwrap()
}

fn after_noon(millis: i64) -> Timestamp {
    noon() + SignedDuration::from_millis(millis)
}

async fn known_at(registry: &Registry, millis: i64) -> Result<Revision, PinError> {
    Ok(registry.pin(KnownAt::Time(None, after_noon(millis))).await?.revision)
}

/// Records something: opens the next day.
async fn record(registry: &Registry) -> Timestamp {
    let tomorrow = registry.head().today.next();
    registry.open_days(tomorrow).await.unwrap();
    registry.head().recorded_at
}

/// Ends a registry: with a clean shutdown, or like a kill.
async fn end(opened: Opened, in_order: bool) {
    let Opened { registry, writer, .. } = opened;
    if in_order {
        registry.close().await;
        drop(registry);
        writer.join().unwrap().unwrap().close().unwrap();
    } else {
        drop(registry);
        drop(writer.join().unwrap().unwrap());
    }
}

#[tokio::test]
async fn an_answer_by_time_survives_a_restart_with_a_clock_that_was_set_back() {
    for in_order in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let opened = open(directory.path(), 0);
        let head = opened.registry.head_revision();
        opened.registry.clock().set(after_noon(30_000));
        assert_eq!(known_at(&opened.registry, 30_000).await.unwrap(), head);
        end(opened, in_order).await;

        let opened = open(directory.path(), 20_000);
        assert_eq!(
            known_at(&opened.registry, 30_000).await.unwrap(),
            head,
            "an instant once answered for stays answered"
        );
        assert!(matches!(known_at(&opened.registry, 40_000).await, Err(PinError::InTheFuture)));
        let recorded_at = record(&opened.registry).await;
        assert!(recorded_at > after_noon(30_000), "{recorded_at}");
        assert!(recorded_at <= after_noon(31_001), "no later than necessary: {recorded_at}");
        assert_eq!(known_at(&opened.registry, 30_000).await.unwrap(), head);
        end(opened, true).await;
    }
}
