//! `check --log`: compares a replica with the database.

use serde::Serialize;

use super::failure::Failure;
use super::progress::Progress;
use super::{Outcome, print, print_json};
use crate::server::config::Flags;
use crate::server::restored::{Replica, RestoredError};

#[derive(Serialize)]
struct Report {
    fine: bool,
    /// The node of the database that answered.
    node: String,
    head: u64,
    replica_head: u64,
    last_shared: u64,
    /// The first revision whose frame in the database is damaged.
    damaged_at: Option<u64>,
    /// What is wrong there.
    damage: Option<&'static str>,
}

/// Compares the log of a replica with the database. Fails unless one is the beginning of the other, and the database
/// has everything.
pub(super) fn run(flags: &Flags, json: bool) -> Result<Outcome, Failure> {
    let failed =
        |error: RestoredError| Failure::of("the shared log could not be checked", &error).with_usage(error.is_usage());
    let mut replica = Replica::open(flags).map_err(failed)?;
    let mut progress = Progress::new();
    let compared = replica.compare(&mut |step| progress.show(step)).map_err(failed)?;
    drop(progress);
    let report = Report {
        fine: compared.damaged.is_none() && compared.last_shared == compared.ours,
        node: replica.node,
        head: compared.head.0,
        replica_head: compared.ours.0,
        last_shared: compared.last_shared.0,
        damaged_at: compared.damaged.map(|(revision, _)| revision.0),
        damage: compared.damaged.map(|(_, reason)| reason),
    };
    if json {
        print_json(&report)?;
    } else {
        print(&text(&report))?;
    }
    Ok(if report.fine { Outcome::Done } else { Outcome::Failed })
}

fn text(report: &Report) -> String {
    let Report { fine, node, head, replica_head, last_shared, damaged_at, damage } = report;
    let mut text = format!(
        "{}\n\n  database  {head} records, at {node}\n  replica   {replica_head} records\n  shared    up to revision {last_shared}\n",
        if *fine { "fine" } else { "NOT FINE" }
    );
    if let (Some(revision), Some(damage)) = (damaged_at, damage) {
        text.push_str(&format!("  revision {revision} in the database: {damage}\n"));
    }
    if last_shared < replica_head {
        let what = if last_shared == head { "lacks records that" } else { "has other records than" };
        text.push_str(&format!("  the database {what} the replica has after revision {last_shared}\n"));
    }
    text
}
