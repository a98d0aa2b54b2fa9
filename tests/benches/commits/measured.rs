//! Measurements and comparisons.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// One subject with one number of writers in one round.
pub struct Run {
    /// The latency of each response.
    pub latencies: Vec<Duration>,
    pub elapsed: Duration,
}

impl Run {
    /// Lets clients ask for a while. Each asks again as soon as it is answered.
    pub async fn of<A, F>(clients: impl IntoIterator<Item = A>, duration: Duration) -> Run
    where
        A: FnMut() -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let began = Instant::now();
        let asking = |mut ask: A| async move {
            let mut latencies = Vec::new();
            while began.elapsed() < duration {
                let asked = Instant::now();
                ask().await;
                latencies.push(asked.elapsed());
            }
            latencies
        };
        let clients = clients.into_iter().map(|ask| tokio::spawn(asking(ask))).collect();
        Run::gather(began, clients).await
    }

    /// Waits for clients, and gathers what each measured.
    pub async fn gather(began: Instant, clients: Vec<JoinHandle<Vec<Duration>>>) -> Run {
        let mut latencies = Vec::new();
        for client in clients {
            latencies.extend(client.await.unwrap());
        }
        Run { latencies, elapsed: began.elapsed() }
    }

    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency in microseconds at this per mille.
    pub fn latency(&self, per_mille: usize) -> f64 {
        percentile(self.latencies.clone(), per_mille)
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
    pub fn rate(&self) -> (f64, f64, f64) {
        let mut rates: Vec<f64> = self.runs.iter().map(Run::rate).collect();
        rates.sort_by(f64::total_cmp);
        (rates[rates.len() / 2], rates[0], rates[rates.len() - 1])
    }

    /// The latency in microseconds at this per mille, over all rounds.
    pub fn latency(&self, per_mille: usize) -> f64 {
        percentile(self.runs.iter().flat_map(|run| run.latencies.iter().copied()).collect(), per_mille)
    }
}

fn percentile(mut latencies: Vec<Duration>, per_mille: usize) -> f64 {
    latencies.sort_unstable();
    latencies[(latencies.len() * per_mille / 1000).min(latencies.len() - 1)].as_secs_f64() * 1e6
}

/// The measurement of a subject with a number of writers.
pub fn find<'a>(all: &'a [Measured], subject: &str, writers: usize) -> Option<&'a Measured> {
    all.iter().find(|one| (one.subject, one.writers) == (subject, writers))
}

/// Prints a line for each measurement.
pub fn table(all: &[Measured]) {
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
}
