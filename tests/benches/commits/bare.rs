//! The minimum cost of durability: one thread that appends and syncs.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::measured::Run;

/// The approximate length of a record's frame.
const BYTES: usize = 300;

pub fn run(path: &Path, duration: Duration) -> Run {
    let mut file = File::create(path).unwrap();
    let mut latencies = Vec::new();
    let began = Instant::now();
    while began.elapsed() < duration {
        let asked = Instant::now();
        file.write_all(&[7; BYTES]).unwrap();
        file.sync_data().unwrap();
        latencies.push(asked.elapsed());
    }
    Run { latencies, elapsed: began.elapsed() }
}
