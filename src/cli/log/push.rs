//! `log push`: brings back what a restored database lost.

use serde::Serialize;

use super::super::data_dir_args::SharedLogArgs;
use super::super::failure::Failure;
use super::super::progress::Progress;
use super::super::{Outcome, print, print_aside, print_json};
use crate::server::restored::{Replica, RestoredError};

/// Append to a restored database the records that it lost and that a replica still has
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Push {
    #[command(flatten)]
    place: SharedLogArgs,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry log push --config /etc/cpss-registry/config.toml

Run it on the replica that has most. The replica may be running. The database must be the beginning of the replica's
copy, and nobody must have written to it since it was restored: then the records get the revisions that they had. If it
is interrupted, run it again.

It also copies the log of one machine to a database that `init --from-file` has prepared, while the service runs.";

#[derive(Serialize)]
struct Report {
    head_before: u64,
    head: u64,
    pushed: u64,
}

impl Push {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let failed = |error: RestoredError| Failure::of("the push did not end", &error).with_usage(error.is_usage());
        let mut replica = Replica::open(&self.place.flags()).map_err(failed)?;
        let plan = replica.plan_push().map_err(failed)?;
        let (before, until) = (plan.head.revision.0, plan.until.0);
        let mut head = plan.head.revision.0;
        if until > before {
            print_aside(&format!(
                "the database ends with revision {before}, and this replica has the records up to {until}\n"
            ));
            self.place.require_confirmed(&format!("Push revisions {} to {until}?", before + 1))?;
            let mut progress = Progress::new();
            head = replica.push(&plan, &mut |step| progress.show(step)).map_err(failed)?.revision.0;
        }
        let report = Report { head_before: before, head, pushed: head - before };
        if self.place.json {
            print_json(&report)?;
        } else if report.pushed == 0 {
            print(&format!("nothing to push: the database has every record of this replica, up to {until}\n"))?;
        } else {
            print(&format!("pushed revisions {} to {head}\n", before + 1))?;
        }
        Ok(Outcome::Done)
    }
}
