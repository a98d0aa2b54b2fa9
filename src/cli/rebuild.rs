//! `rebuild`: builds the index again from the log.

use serde::Serialize;

use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::progress::Progress;
use super::{Outcome, print, print_json};
use crate::store::{StoreOptions, rebuild};

/// Delete the index of a registry that is not running and build it again from the log; no record is changed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cpss-registry rebuild --data-dir /var/lib/cpss-registry")]
pub struct Rebuild {
    #[command(flatten)]
    place: DataDirArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    data_dir: String,
    head: u64,
}

impl Rebuild {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let data_dir = self.place.data_dir()?;
        let mut progress = Progress::new();
        let head = rebuild(&data_dir, &StoreOptions::default(), &mut |step| progress.show(step));
        let head =
            head.map_err(|error| Failure::of("the index was not rebuilt", &error).with_usage(error.is_wrong_place()))?;
        let head = head.0;
        drop(progress);
        let report = Report { data_dir: data_dir.display().to_string(), head };
        if self.json {
            print_json(&report)?;
        } else {
            print(&format!("rebuilt the index of {} from revisions 1 to {head}\n", report.data_dir))?;
        }
        Ok(Outcome::Done)
    }
}
