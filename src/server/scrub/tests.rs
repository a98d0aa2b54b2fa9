//! A damaged closed segment, and one that the disk cannot read for a while, under a registry that is open.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::Request;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus::{self, NotServing, Serving as IsServing};
use tonic_health::pb::health_server::Health as _;

use super::*;
use crate::grpc::health::Serving;
use crate::registry::{Opened, Options, Registry};
use crate::store::StoreOptions;
use crate::store::log::LogOptions;

const PACE: Pace = Pace { bytes_per_second: u64::MAX, rest: Duration::ZERO, rest_after_refusal: Duration::ZERO };

/// A registry whose log has several segments.
async fn registry(directory: &Path) -> Registry {
    let log = LogOptions { segment_bytes: 300, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let options = Options {
        data_dir: directory.to_owned(),
        rules_dir: None,
        today: Some("2026-01-01".parse().unwrap()),
        open_days_through: None,
        store: StoreOptions { log, ..StoreOptions::default() },
    };
    let Opened { registry, .. } = Registry::open(options, &mut |_| {}).unwrap();
    for _ in 0..20 {
        let tomorrow = registry.head().today.next();
        registry.open_days(tomorrow).await.unwrap();
    }
    registry
}

fn second_segment(directory: &Path) -> PathBuf {
    let mut segments: Vec<_> =
        fs::read_dir(directory.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some());
    segments.sort();
    assert!(segments.len() > 3);
    segments.swap_remove(1)
}

async fn status(health: &HealthBoard, service: &str) -> ServingStatus {
    let request = Request::new(HealthCheckRequest { service: service.to_owned() });
    health.service().check(request).await.unwrap().into_inner().status()
}

const QUESTIONS: &str = "ms.dmh.credential.v1.VerificationService";
const WRITES: &str = "ms.dmh.credential.v1.EmploymentService";

#[tokio::test]
async fn damage_in_a_closed_segment_stops_the_health_of_writes_and_not_of_questions() {
    let directory = tempfile::tempdir().unwrap();
    let registry = registry(directory.path()).await;
    let segment = second_segment(directory.path());
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&segment, bytes).unwrap();
    let health = HealthBoard::default();
    health.set(Serving { questions: true, writes: true });
    let _scrub = watch_over(registry.scrubber(), PACE, health.clone()).unwrap();
    while status(&health, WRITES).await != NotServing {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(status(&health, QUESTIONS).await, IsServing);
    assert_eq!(status(&health, "").await, IsServing);
    registry.pin_head().day_asked(None).unwrap();
    health.set(Serving { questions: true, writes: true });
    assert_eq!(status(&health, WRITES).await, NotServing, "nothing else makes it well");
}
