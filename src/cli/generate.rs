//! `generate`: creates a registry of synthetic people, of any size, for tests and measurements.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use jiff::civil::Date;
use serde::Serialize;

use super::failure::Failure;
use super::progress::Progress;
use super::{Outcome, print, print_json};
use crate::server::generate::{Credential, Options, Summary, generate};

/// Create a registry of synthetic people in an empty data directory. The same options always give the same registry
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  cpss-registry generate --data-dir ./data --specialists 10000 --through 2026-11-20
  cpss-registry serve --dev --no-sample --data-dir ./data --today 2026-11-20")]
pub struct Generate {
    /// The data directory; it must be empty or not exist
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The number of people
    #[arg(long, value_name = "N")]
    specialists: u32,
    /// The number of providers [default: one per 100 people, and at least 5]
    #[arg(long, value_name = "N")]
    providers: Option<u32>,
    /// The seed of the random numbers: the same seed gives the same registry, byte for byte
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// The last day of the history
    #[arg(long, value_name = "DATE")]
    through: Date,
    /// The length of the history in years
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u8).range(1..=50))]
    years: u8,
    /// Write every credential number to this file, one line each: number,provider,date; the last two are a question
    /// that is CONFIRMED
    #[arg(long, value_name = "FILE")]
    numbers: Option<PathBuf>,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    registry: String,
    records: u64,
    facts: u64,
    specialists: u64,
    credentials: u64,
    providers: u32,
    refused: u64,
    seed: u64,
    through: String,
    seconds: f64,
    records_per_second: f64,
}

impl Generate {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut numbers = self.open_numbers()?;
        let options = self.options()?;
        let began = Instant::now();
        let mut progress = Progress::new();
        let list = &mut |credential: Credential| {
            let Some(file) = &mut numbers else { return Ok(()) };
            match credential.confirmed {
                Some((provider, day)) => writeln!(file, "{},{provider},{day}", credential.number),
                None => writeln!(file, "{},,", credential.number),
            }
        };
        let made = generate(&options, &mut |step| progress.show(step), list);
        drop(progress);
        let made = made.map_err(|error| Failure::of("cannot generate", &error))?;
        if let Some(file) = &mut numbers {
            file.flush().map_err(|error| Failure::of("cannot write the numbers", &error))?;
        }
        self.print(made, options.providers, began)?;
        Ok(Outcome::Done)
    }

    fn open_numbers(&self) -> Result<Option<BufWriter<File>>, Failure> {
        let Some(path) = &self.numbers else { return Ok(None) };
        let file =
            File::create(path).map_err(|error| Failure::of(format!("cannot write {}", path.display()), &error))?;
        Ok(Some(BufWriter::new(file)))
    }

    fn options(&self) -> Result<Options, Failure> {
        let years = jiff::Span::new().years(self.years);
        let begins_on =
            self.through.checked_sub(years).map_err(|error| Failure::of("cannot go back that far", &error))?;
        if begins_on.year() < 1950 || self.through.year() > 2199 {
            return Err(Failure::usage(vec!["--through and --years must stay within 1950 to 2199".to_owned()]));
        }
        Ok(Options {
            data_dir: self.data_dir.clone(),
            specialists: self.specialists,
            providers: self.providers.unwrap_or(self.specialists / 100).max(5),
            seed: self.seed,
            begins_on: begins_on.into(),
            through: self.through.into(),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate is shown to whole records")]
    fn print(&self, made: Summary, providers: u32, began: Instant) -> Result<(), Failure> {
        let seconds = began.elapsed().as_secs_f64();
        let Summary { registry, records, facts, specialists, credentials, refused } = made;
        let rate = records as f64 / seconds;
        if self.json {
            let (seed, through) = (self.seed, self.through.to_string());
            return print_json(&Made {
                registry: registry.to_string(),
                records,
                facts,
                specialists,
                credentials,
                providers,
                refused,
                seed,
                through,
                seconds,
                records_per_second: rate,
            });
        }
        print(&format!(
            "registry = \"{registry}\"\n{records} records with {facts} facts, {specialists} people, {credentials} credentials, {providers} \
             providers, through {}\n{seconds:.1} s, {rate:.0} records per second; {refused} reports were refused\n",
            self.through
        ))
    }
}
