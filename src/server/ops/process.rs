//! The process, as Linux reports it in `/proc`. What cannot be read is absent.

use std::fs;

use crate::telemetry::metrics::{Readings, list};

/// The unit of the times in `/proc`: the kernel reports a hundredth of a second to programs on every platform.
const TICKS_PER_SECOND: f64 = 100.0;

/// Adds the metrics of the process.
pub(super) fn add(readings: &mut Readings) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let times = times(&stat);
    readings.add(&list::PROCESS_CPU, times.map(|(cpu, _)| cpu));
    let booted = fs::read_to_string("/proc/stat").ok().and_then(|stat| number_after(&stat, "btime "));
    let started = times.zip(booted).map(|((_, started), booted)| booted + started);
    readings.add(&list::PROCESS_START, started);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    readings.add(&list::PROCESS_MEMORY, number_after(&status, "VmRSS:").map(|kibibytes| kibibytes * 1024.0));
    readings.add(&list::PROCESS_FDS, fs::read_dir("/proc/self/fd").ok().map(Iterator::count));
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    readings.add(&list::PROCESS_MAX_FDS, number_after(&limits, "Max open files"));
}

/// The CPU time of a process, and its start since the boot, in seconds.
fn times(stat: &str) -> Option<(f64, f64)> {
    // The name of the program may contain blanks and brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND, ticks(19)? / TICKS_PER_SECOND))
}

/// The first number after a word.
fn number_after(text: &str, word: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(word)?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 1234 1 1";
        assert_eq!(times(stat), Some((3.0, 12.34)));
    }
}
