//! `adopt-semantics`: lets a release with newer rules of evaluation answer from a shared log.

use std::path::PathBuf;

use serde::Serialize;

use super::failure::Failure;
use super::{Outcome, print, print_json};
use crate::server::setup::{Adoption, SetupError, adopt_semantics};

/// Adopt the rules of evaluation of this release in the database of a shared log
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct AdoptSemantics {
    /// The configuration of a replica
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry adopt-semantics --config /etc/cpss-registry/config.toml

Replicas of an earlier release must be stopped first: the answer is no (exit code 3) while one runs. A replica of this
release adopts by itself once none runs, so the command is needed only to find out which ones run. The first replica
that starts then records the adoption.";

#[derive(Serialize)]
struct Report {
    semantics_version: u32,
    adopted: bool,
    replicas_of_an_earlier_release: Vec<String>,
}

impl AdoptSemantics {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let cannot = |error: SetupError| Failure::of("cannot adopt", &error).with_usage(error.is_usage());
        let Adoption { version, earlier } = adopt_semantics(&self.config).map_err(cannot)?;
        let adopted = earlier.is_empty();
        if self.json {
            let report = Report { semantics_version: version, adopted, replicas_of_an_earlier_release: earlier };
            print_json(&report)?;
        } else if adopted {
            print(&format!("the shared log is answered by version {version} of the rules of evaluation\n"))?;
        } else {
            print(&format!("not adopted: stop the replicas of an earlier release: {}\n", earlier.join(", ")))?;
        }
        Ok(if adopted { Outcome::Done } else { Outcome::No })
    }
}
