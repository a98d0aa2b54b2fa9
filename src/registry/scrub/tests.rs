//! What a scrub says of a disk that cannot read for a while, and of a segment that is bent meanwhile.

use std::path::Path;

use super::*;
use crate::domain::id::Revision;
use crate::store::disk::simulated::{Call, Fault, SimulatedDisk};
use crate::store::log::{FileLog, Log as _, LogOptions};

const PACE: Pace = Pace { bytes_per_second: u64::MAX, rest: Duration::ZERO, rest_after_refusal: Duration::ZERO };

#[test]
fn a_scrub_goes_on_until_it_finds_damage() {
    let disk = SimulatedDisk::new(1);
    let options = LogOptions { segment_bytes: 1_000, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let mut log = FileLog::open(Arc::new(disk.clone()), Path::new("/log"), options).unwrap();
    for revision in 0..100 {
        log.append(Revision(revision), &[vec![7; 90]]).unwrap();
    }
    let (tell, told) = mpsc::channel();
    disk.fail(&[Fault::Every(Call::Read, io::ErrorKind::Other, 0)]);
    let scrubber = Scrubber { log: log.reader() };
    let _scrub = scrubber.begin(PACE, move |scrubbed| tell.send(scrubbed).unwrap_or_default()).unwrap();
    assert_eq!(told.recv(), Ok(Scrubbed::Unreadable));
    disk.fail(&[]);
    while told.recv() != Ok(Scrubbed::Whole) {}
    let (path, bytes) = disk.files().into_iter().nth(4).unwrap();
    let bent: Vec<_> = bytes.iter().map(|byte| byte ^ u8::from(*byte == 7)).collect();
    disk.put(&path, bent);
    while told.recv() != Ok(Scrubbed::Damaged) {}
    assert_eq!(told.recv(), Err(mpsc::RecvError), "it has ended");
}

#[test]
fn a_scrub_that_is_dropped_ends() {
    let log = FileLog::open(Arc::new(SimulatedDisk::new(1)), Path::new("/log"), LogOptions::default()).unwrap();
    let (tell, told) = mpsc::channel();
    let pace = Pace { rest: Duration::from_secs(3600), ..PACE };
    let scrub = Scrubber { log: log.reader() }.begin(pace, move |scrubbed| tell.send(scrubbed).unwrap()).unwrap();
    assert_eq!(told.recv(), Ok(Scrubbed::Whole));
    drop(scrub);
    assert_eq!(told.recv(), Err(mpsc::RecvError));
}
