//! The output: medians, and ratios of medians.

use std::time::Duration;

use super::load::Run;

/// One measurement.
struct Measured {
    items_a_second: f64,
    cpu_an_item: f64,
    quantiles: [Duration; 3],
}

impl Measured {
    fn of(run: &Run, items: usize, cpu: Duration) -> Measured {
        let items_in_all = (run.calls * items) as f64;
        Measured {
            items_a_second: run.rate() * items as f64,
            cpu_an_item: cpu.as_secs_f64() * 1e6 / items_in_all,
            quantiles: [0.5, 0.99, 0.999].map(|part| run.quantile(part)),
        }
    }
}

/// The cases in order, each with the runs of the echo server and of the registry.
#[derive(Default)]
pub struct Table {
    cases: Vec<(String, [Vec<Measured>; 2])>,
}

impl Table {
    /// Adds a run of the echo server (0) or the registry (1) with `items` questions per call.
    pub fn add(&mut self, name: &str, server: usize, run: &Run, cpu: Duration, items: usize) {
        let measured = Measured::of(run, items, cpu);
        if !self.cases.iter().any(|(case, _)| case == name) {
            self.cases.push((name.to_owned(), [Vec::new(), Vec::new()]));
        }
        if let Some((_, runs)) = self.cases.iter_mut().find(|(case, _)| case == name) {
            runs[server].push(measured);
        }
    }

    pub fn print(&self) {
        println!(
            "| case | echo/s | registry/s | ratio | CPU µs, echo | registry | p50 / p99 / p99.9 µs, echo | registry |"
        );
        println!("| --- | --: | --: | --: | --: | --: | --: | --: |");
        for (name, [echo, registry]) in &self.cases {
            let cpu = |runs: &[Measured]| median(runs.iter().map(|run| run.cpu_an_item));
            println!(
                "| {name} | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} | {} | {} |",
                rate(echo),
                rate(registry),
                rate(registry) / rate(echo),
                cpu(echo),
                cpu(registry),
                latencies(echo),
                latencies(registry)
            );
        }
    }
}

fn latencies(runs: &[Measured]) -> String {
    let quantile = |at: usize| median(runs.iter().map(|run| run.quantiles[at].as_secs_f64() * 1e6));
    format!("{:.0} / {:.0} / {:.0}", quantile(0), quantile(1), quantile(2))
}

/// Latencies without a comparison, in order.
#[derive(Default)]
pub struct Latencies {
    rows: Vec<(String, Vec<Measured>)>,
}

impl Latencies {
    /// Adds a run.
    pub fn add(&mut self, name: &str, run: &Run) {
        let measured = Measured::of(run, 1, Duration::ZERO);
        match self.rows.iter_mut().find(|(row, _)| row == name) {
            Some((_, runs)) => runs.push(measured),
            None => self.rows.push((name.to_owned(), vec![measured])),
        }
    }

    pub fn print(&self) {
        println!("\n| | a second | p50 / p99 / p99.9 µs | p99, least to most |\n| --- | --: | --: | --: |");
        for (name, runs) in &self.rows {
            let mut most: Vec<Duration> = runs.iter().map(|run| run.quantiles[1]).collect();
            most.sort_unstable();
            let [least, .., most] = most.as_slice() else {
                println!("| {name} | {:.0} | {} | |", rate(runs), latencies(runs));
                continue;
            };
            let [least, most] = [least.as_micros(), most.as_micros()];
            println!("| {name} | {:.0} | {} | {least} to {most} |", rate(runs), latencies(runs));
        }
    }
}

fn rate(runs: &[Measured]) -> f64 {
    median(runs.iter().map(|run| run.items_a_second))
}

/// The median.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
