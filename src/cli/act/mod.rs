//! `act`: what the registrar records about people and credentials, and the certifier about providers. Each act is shown
//! and confirmed first.

mod amend;
mod credential;
mod issue;
mod person;
mod provider;
mod transfer;

use clap::Subcommand;

use super::Outcome;
use super::dates::read_date;
use super::failure::Failure;
use super::recording::{Confirmation, Recording};
use crate::proto::google::r#type::Date;
use crate::proto::v1::import_row::Command;

pub use self::provider::read_facility_type;

/// Record an act of the registrar or the certifier: issue, renew, suspend, …; each is shown and confirmed first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE, subcommand_required = true, arg_required_else_help = true)]
pub struct Act {
    #[command(subcommand)]
    kind: Kind,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry act suspend CPS-28MS-MN2K-Z --basis ce-audit --first-day $(date +%F) --dry-run

Every act first asks the registry what it would change, shows that, and asks for confirmation. A line that is run again
is a retry: it is recorded once.";

/// The flags of every act.
#[derive(Clone, Debug, clap::Args)]
struct Acting {
    /// Record without asking for confirmation; with --dry-run or --affected nothing is recorded
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    recording: Recording,
}

impl Acting {
    fn record(&self, command: &Command) -> Result<Outcome, Failure> {
        let confirmation = if self.yes { Confirmation::NotNeeded } else { Confirmation::Asked };
        self.recording.record(command, confirmation)
    }

    fn note(&self) -> String {
        self.recording.note.clone()
    }
}

/// The days of an act that has effect for a time.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Days {
    /// The first day, such as 2026-03-02 or 3/2/2026
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    first_day: Date,
    /// The last day [default: until it is ended]
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    last_day: Option<Date>,
}

#[derive(Debug, Subcommand)]
enum Kind {
    Register(person::Register),
    Issue(issue::Issue),
    Renew(credential::Renew),
    Grant(credential::Grant),
    Suspend(credential::Suspend),
    Limit(credential::Limit),
    Inactive(credential::Inactive),
    /// Revoke a credential as discipline
    #[command(after_help = "Example:\n  cpss-registry act revoke CPS-28MS-MN2K-Z --effective-from $(date +%F) --yes")]
    Revoke(credential::Dated),
    /// Record that the holder surrendered the credential
    #[command(
        after_help = "Example:\n  cpss-registry act surrender CPS-28MS-MN2K-Z --effective-from $(date +%F) --yes"
    )]
    Surrender(credential::Dated),
    /// Record that the holder relinquished the credential
    #[command(
        after_help = "Example:\n  cpss-registry act relinquish CPS-28MS-MN2K-Z --effective-from $(date +%F) --yes"
    )]
    Relinquish(credential::Dated),
    /// Record that the holder retired
    #[command(after_help = "Example:\n  cpss-registry act retire CPS-28MS-MN2K-Z --effective-from $(date +%F) --yes")]
    Retire(credential::Dated),
    /// Reinstate a credential that was lost; its holder must have a job by then
    #[command(after_help = credential::REINSTATE)]
    Reinstate(credential::Dated),
    PriorNumber(credential::PriorNumber),
    Name(person::Name),
    Death(person::Death),
    Transfer(transfer::Transfer),
    Provider(provider::OnProvider),
    End(amend::End),
    Retract(amend::Retract),
}

impl Act {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.kind {
            Kind::Register(act) => act.run(),
            Kind::Issue(act) => act.run(),
            Kind::Renew(act) => act.run(),
            Kind::Grant(act) => act.run(),
            Kind::Suspend(act) => act.run(),
            Kind::Limit(act) => act.run(),
            Kind::Inactive(act) => act.run(),
            Kind::Revoke(act) => act.revoke(),
            Kind::Surrender(act) => act.surrender(),
            Kind::Relinquish(act) => act.relinquish(),
            Kind::Retire(act) => act.retire(),
            Kind::Reinstate(act) => act.reinstate(),
            Kind::PriorNumber(act) => act.run(),
            Kind::Name(act) => act.run(),
            Kind::Death(act) => act.run(),
            Kind::Transfer(act) => act.run(),
            Kind::Provider(act) => act.run(),
            Kind::End(act) => act.run(),
            Kind::Retract(act) => act.run(),
        }
    }
}
