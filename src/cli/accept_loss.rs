//! `accept-loss`: gives up what a restored database lost.

use serde::Serialize;

use super::data_dir_args::SharedLogArgs;
use super::failure::Failure;
use super::{Outcome, print, print_aside, print_json};
use crate::domain::id::Revision;
use crate::server::restored::{Replica, RestoredError};

/// Continue without the records that a restored database lost: begins a new epoch, and keeps the lost records aside
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct AcceptLoss {
    /// The last record that this replica shares with the database, as its log and its health say
    #[arg(long, value_name = "REVISION")]
    after: u64,
    #[command(flatten)]
    place: SharedLogArgs,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry accept-loss --after 1800 --config /etc/cpss-registry/config.toml

First try to bring the records back: cpss-registry log push. Run this on the replica that shares least with the database;
it may be running. Every replica must have been heard from since the restore, or be forgotten: one of them may have what
is given up. Then each replica sets aside what it has after that revision, and reads the log again. Clients with a
position after it get HISTORY_CHANGED, with that revision.";

#[derive(Serialize)]
struct Report {
    forked_after: u64,
    epoch: String,
    revision: u64,
    given_up_through: u64,
}

impl AcceptLoss {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let failed = |error: RestoredError| Failure::of("no loss was accepted", &error).with_usage(error.is_usage());
        let after = Revision(self.after);
        let mut replica = Replica::open(&self.place.flags()).map_err(failed)?;
        let loss = replica.find_loss().map_err(failed)?;
        loss.require_last(after).map_err(|error| failed(error.into()))?;
        print_aside(&format!(
            "this replica knows the records up to {}, and the database ends with revision {}. Up to {after} they are the \
             same\n",
            loss.ours, loss.head.tip.revision
        ));
        self.place.require_confirmed(&format!("Give up what this replica has after revision {after}?"))?;
        let begun = replica.accept_loss(&loss, after).map_err(failed)?;
        let report = Report {
            forked_after: after.0,
            epoch: begun.epoch.to_string(),
            revision: begun.revision.0,
            given_up_through: loss.ours.0,
        };
        if self.place.json {
            print_json(&report)?;
        } else {
            print(&format!(
                "the loss is accepted: the epoch {} begins in revision {}, after revision {after}\n",
                report.epoch, report.revision
            ))?;
        }
        Ok(Outcome::Done)
    }
}
