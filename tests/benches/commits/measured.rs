//! Measurements and comparisons.

use std::time::Duration;

/// One subject with one number of writers in one round.
pub struct Run {
    /// The latency of each response.
    pub latencies: Vec<Duration>,
    pub elapsed: Duration,
}

impl Run {
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// All rounds of one subject with one number of writers.
pub struct Measured {
    subject: &'static str,
    writers: usize,
    runs: Vec<Run>,
}

impl Measured {
    pub fn add(all: &mut Vec<Measured>, subject: &'static str, writers: usize, run: Run) {
        match all.iter_mut().find(|one| (one.subject, one.writers) == (subject, writers)) {
            Some(one) => one.runs.push(run),
            None => all.push(Measured { subject, writers, runs: vec![run] }),
        }
    }

    /// The median rate of the rounds, with minimum and maximum.
    fn rate(&self) -> (f64, f64, f64) {
        let mut rates: Vec<f64> = self.runs.iter().map(Run::rate).collect();
        rates.sort_by(f64::total_cmp);
        (rates[rates.len() / 2], rates[0], rates[rates.len() - 1])
    }

    /// The latency in microseconds at this per mille, over all rounds.
    fn latency(&self, per_mille: usize) -> f64 {
        let mut all: Vec<Duration> = self.runs.iter().flat_map(|run| run.latencies.iter().copied()).collect();
        all.sort_unstable();
        all[(all.len() * per_mille / 1000).min(all.len() - 1)].as_secs_f64() * 1e6
    }
}

/// Prints a line for each measurement, and the ratios that have a target.
pub fn report(all: &[Measured]) {
    println!(
        "{:<12} {:>7} {:>12} {:>22} {:>10} {:>10} {:>10}",
        "", "writers", "commits/s", "(least-most)", "p50 us", "p99 us", "p99.9 us"
    );
    for one in all {
        let (rate, least, most) = one.rate();
        println!(
            "{:<12} {:>7} {:>12.0} {:>22} {:>10.0} {:>10.0} {:>10.0}",
            one.subject,
            one.writers,
            rate,
            format!("({least:.0}-{most:.0})"),
            one.latency(500),
            one.latency(990),
            one.latency(999)
        );
    }
    let of = |subject, writers| all.iter().find(|one| (one.subject, one.writers) == (subject, writers));
    if let (Some(ours), Some(bare)) = (of("registry", 1), of("bare append", 1)) {
        println!("registry p50, 1 writer / bare append p50: {:.2} (mark: 1.5)", ours.latency(500) / bare.latency(500));
    }
    if let Some(ours) = of("registry", 64) {
        println!("registry, 64 writers: {:.0} commits/s (mark: 20000)", ours.rate().0);
    }
    for one in all.iter().filter(|one| one.subject == "etcd") {
        if let Some(ours) = of("registry", one.writers) {
            println!("registry / etcd, {} writers: {:.2}", one.writers, ours.rate().0 / one.rate().0);
        }
    }
}
