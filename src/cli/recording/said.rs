//! What a command says that its answer does not repeat: a person reads it before it is confirmed.

use super::send::{Receipt, Subject};
use crate::cli::display_text::{code, day, words};
use crate::proto::v1::import_row::Command;
use crate::proto::v1::{RevocationBasis, SuspensionBasis};

/// A label and a text.
pub type Line = (&'static str, String);

/// What a command says.
pub fn by(command: &Command, receipt: &Receipt) -> Vec<Line> {
    match command {
        Command::SuspendCredential(request) => {
            vec![("basis", words(&code(request.basis, SuspensionBasis::as_str_name, "SUSPENSION_BASIS_")))]
        }
        Command::RevokeCredential(request) => {
            vec![("basis", words(&code(request.basis, RevocationBasis::as_str_name, "REVOCATION_BASIS_")))]
        }
        Command::LimitCredential(request) => vec![("text", request.text.clone())],
        Command::RecordDeath(request) => vec![("died on", request.death_date.map(day).unwrap_or_default())],
        Command::EndPeriod(request) => {
            vec![("last day", request.last_day.map(day).unwrap_or_default()), ("reason", request.reason.clone())]
        }
        Command::RetractFact(request) => vec![("reason", request.reason.clone())],
        Command::TransferEmployments(request) => {
            let Some(Subject::Jobs(jobs)) = receipt.subject else { return Vec::new() };
            let (from, to) = (&request.from_provider_id, &request.to_provider_id);
            let last_day = request.last_day.map(day).unwrap_or_default();
            let text = format!(
                "no single retraction takes a transfer back: it records an end and a start for each of {jobs} jobs. To \
                 move the jobs back later: act transfer {to} {from}. To undo one job: act retract both of its facts, \
                 which history shows"
            );
            vec![("from", format!("{from}, last day {last_day}")), ("to", to.clone()), ("to undo", text)]
        }
        _ => Vec::new(),
    }
}
