//! `act issue`: a credential for an application.

use std::path::PathBuf;

use super::Acting;
use crate::cli::Outcome;
use crate::cli::evaluate::read_application;
use crate::cli::failure::Failure;
use crate::proto::v1::IssueCredentialRequest;
use crate::proto::v1::import_row::Command;

/// Issue a credential for an application, as `evaluate` judges it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Issue {
    /// The application, as a JSON file; `evaluate --help` shows one
    #[arg(value_name = "FILE.json")]
    file: PathBuf,
    /// The decision about criteria that are undetermined; required if there are any
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    decision: String,
    #[command(flatten)]
    acting: Acting,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry evaluate application.json
  cpss-registry act issue application.json --dry-run
  cpss-registry act issue application.json --yes";

impl Issue {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let application = read_application(&self.file)?;
        let request = IssueCredentialRequest {
            note: self.acting.note(),
            specialist_id: application.specialist_id,
            application: application.application,
            effective_from: application.effective_from,
            designations: application.designations,
            decision_note: self.decision,
            ..IssueCredentialRequest::default()
        };
        self.acting.record(&Command::IssueCredential(request))
    }
}
