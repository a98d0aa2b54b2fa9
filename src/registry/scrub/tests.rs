//! What a scrub says of a disk that cannot read for a while, and of a segment that is bent meanwhile.

use std::path::Path;

use tokio::sync::mpsc;

use super::*;
use crate::domain::id::Revision;
use crate::store::disk::simulated::{Call, Fault, SimulatedDisk};
use crate::store::log::{FileLog, Log as _, LogOptions};

const PACE: Pace = Pace { bytes_per_second: u64::MAX, rest: Duration::ZERO, rest_after_refusal: Duration::ZERO };

#[tokio::test]
async fn a_scrub_goes_on_until_it_finds_damage() {
    let disk = SimulatedDisk::new(1);
    let options = LogOptions { segment_bytes: 1_000, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let mut log = FileLog::open(Arc::new(disk.clone()), Path::new("/log"), options).unwrap();
    for revision in 0..100 {
        log.append(Revision(revision), &[vec![7; 90]]).unwrap();
    }
    let (tell, mut told) = mpsc::unbounded_channel();
    disk.fail(&[Fault::Every(Call::Read, std::io::ErrorKind::Other, 0)]);
    let scrubber = Scrubber { log: log.reader() };
    let scrub =
        tokio::spawn(async move { scrubber.run(PACE, |scrubbed| tell.send(scrubbed).unwrap_or_default()).await });
    assert_eq!(told.recv().await, Some(Scrubbed::Unreadable));
    disk.fail(&[]);
    while told.recv().await != Some(Scrubbed::Whole) {}
    let (path, bytes) = disk.files().into_iter().nth(4).unwrap();
    let bent: Vec<_> = bytes.iter().map(|byte| byte ^ u8::from(*byte == 7)).collect();
    disk.put(&path, bent);
    while told.recv().await != Some(Scrubbed::Damaged) {}
    scrub.await.unwrap();
    assert_eq!(told.recv().await, None);
}
