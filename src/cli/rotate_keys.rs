//! `rotate-keys`: replaces the key that signs answers and receipts, or checkpoints, in two steps.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::{Outcome, print, print_json};
use crate::proof::keys::{PublicKey, Purpose};
use crate::server::setup::{KeyStep, RotatedKeys, rotate_keys, rotate_keys_in};

/// Replace the key that signs answers and receipts
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct RotateKeys {
    /// The step
    #[arg(value_enum)]
    step: Step,
    /// Replace the key that signs the checkpoints of the transparency log instead
    #[arg(long)]
    checkpoints: bool,
    /// The directory of the keys that all replicas of a shared log have, in place of a data directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["data_dir", "config"])]
    keys: Option<PathBuf>,
    #[command(flatten)]
    place: DataDirArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A step of the rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Make the next key and publish it; the present one still signs
    Begin,
    /// Let the next key sign, and retire the one before: remove its private half, and keep its public half
    Finish,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry rotate-keys begin --data-dir /var/lib/cpss-registry
  cpss-registry rotate-keys finish --data-dir /var/lib/cpss-registry

After each step, send SIGHUP to the server or restart it (`systemctl reload cpss-registry`). Between the steps, wait until
everybody who keeps a copy of the public keys has the new one. If a key was stolen, do both steps at once.

Old public keys are kept for ever, in keys/ of the data directory and in /.well-known/jwks.json. So what an old key signed is
verified as before; what is dated more than 24 hours after `finish` is not. The checkpoints between the steps announce
the next key of checkpoints to witnesses.

Replicas of a shared log have the same keys: rotate them with --keys in the directory that log.signing_keys names, copy it to
every replica after each step, and reload each.";

#[derive(Serialize)]
struct Report<'a> {
    purpose: &'a str,
    next: &'a str,
    retired: Option<&'a str>,
    retired_at: Option<i64>,
}

impl RotateKeys {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let purpose = if self.checkpoints { Purpose::Checkpoints } else { Purpose::Answers };
        let step = match self.step {
            Step::Begin => KeyStep::Begin,
            Step::Finish => KeyStep::Finish,
        };
        let rotated = match &self.keys {
            Some(directory) => rotate_keys_in(directory, purpose, step),
            None => rotate_keys(&self.place.data_dir()?, purpose, step),
        };
        let RotatedKeys { next, retired } = rotated.map_err(|error| Failure::of("cannot rotate", &error))?;
        let report = Report {
            purpose: purpose.name(),
            next: next.kid(),
            retired: retired.as_ref().map(PublicKey::kid),
            retired_at: retired.as_ref().and_then(|key| key.retired_at),
        };
        if self.json {
            print_json(&report)?;
        } else if let Some(retired) = &retired {
            print(&format!(
                "the key {} signs {} from the next SIGHUP or start on\nthe key {} is retired: its private half is \
                 removed, and what it signed stays valid\n",
                next.kid(),
                purpose.name(),
                retired.kid()
            ))?;
        } else {
            print(&format!(
                "the key {} is made; it is published from the next SIGHUP or start on, and signs {} after `rotate-keys \
                 finish`\n",
                next.kid(),
                purpose.name()
            ))?;
        }
        Ok(Outcome::Done)
    }
}
