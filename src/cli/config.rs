//! `config`: prints the effective configuration of `serve`, and the source of each value.

use serde::Serialize;
use std::collections::BTreeMap;

use super::failure::Failure;
use super::{Outcome, print, print_json};
use crate::server::config::{Config, Flags, Mistake, example};

/// Print the effective configuration of `serve`, each value with its source
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct ShowConfig {
    #[command(flatten)]
    flags: Flags,
    /// Only validate; like serve, this opens, writes and syncs the audit file
    #[arg(long)]
    check: bool,
    /// Print an example configuration file instead, with an explanation and the default of every key
    #[arg(long, conflicts_with_all = ["check", "json"])]
    example: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry config --check --config /etc/cpss-registry/config.toml
  cpss-registry config --example";

#[derive(Serialize)]
struct Shown<'a> {
    value: Option<&'a str>,
    from: String,
}

#[derive(Serialize)]
struct Checked {
    valid: bool,
    mistakes: Vec<Wrong>,
}

#[derive(Serialize)]
struct Wrong {
    place: String,
    message: String,
}

impl ShowConfig {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if self.example {
            print(&example())?;
            return Ok(Outcome::Done);
        }
        match Config::read(&self.flags) {
            Ok(config) if self.check => match config.check_audit() {
                Ok(()) => self.print_check(Vec::new())?,
                Err(mistake) => return self.refuse(vec![mistake]),
            },
            Ok(config) if self.json => {
                let settings = config.settings().iter();
                let shown = settings.map(|setting| {
                    let from = setting.origin.to_string();
                    (setting.key, Shown { value: setting.value.as_deref(), from })
                });
                print_json(&shown.collect::<BTreeMap<_, _>>())?;
            }
            Ok(config) => print(&table(&config))?,
            Err(mistakes) => return self.refuse(mistakes),
        }
        Ok(Outcome::Done)
    }

    fn refuse(&self, mistakes: Vec<Mistake>) -> Result<Outcome, Failure> {
        let refused = refused(&mistakes);
        if self.json {
            self.print_check(mistakes)?;
        }
        Err(refused)
    }

    fn print_check(&self, mistakes: Vec<Mistake>) -> Result<(), Failure> {
        if !self.json {
            return print("the configuration is valid\n");
        }
        let valid = mistakes.is_empty();
        let wrong = |mistake: Mistake| Wrong { place: mistake.place, message: mistake.message };
        print_json(&Checked { valid, mistakes: mistakes.into_iter().map(wrong).collect() })
    }
}

/// The failure for a configuration with mistakes.
pub(super) fn refused(mistakes: &[Mistake]) -> Failure {
    let count = mistakes.len();
    let head = format!("the configuration has {count} mistake{}", if count == 1 { "" } else { "s" });
    Failure::usage(std::iter::once(head).chain(mistakes.iter().map(ToString::to_string)).collect())
}

/// One line per value, in columns.
fn table(config: &Config) -> String {
    let rows = config.settings().iter().map(|s| (s.key, s.value.as_deref().unwrap_or("-"), s.origin.to_string()));
    let rows: Vec<_> = rows.collect();
    let keys = rows.iter().map(|(key, ..)| key.len()).max().unwrap_or(0);
    let values = rows.iter().map(|(_, value, _)| value.len()).max().unwrap_or(0);
    rows.iter().map(|(key, value, origin)| format!("{key:keys$}  {value:values$}  {origin}\n")).collect()
}
