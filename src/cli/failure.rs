//! What people are told when a command fails.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use tonic::Status;
use tonic_types::StatusExt;

use crate::proto::google::rpc::Code;

/// A command that failed, in words: one line each, the first of them the failure itself.
#[derive(Debug)]
pub struct Failure {
    lines: Vec<String>,
    is_usage: bool,
}

impl Failure {
    /// Something failed, for this reason and the reasons behind it.
    pub fn of(what: impl fmt::Display, error: &dyn Error) -> Failure {
        let mut line = format!("{what}: {error}");
        let mut told = error.to_string();
        let mut source = error.source();
        while let Some(reason) = source {
            // Transports repeat the reason below them.
            if !told.contains(&reason.to_string()) {
                told = reason.to_string();
                line.push_str(": ");
                line.push_str(&told);
            }
            source = reason.source();
        }
        Failure { lines: vec![line], is_usage: false }
    }

    /// The command was given what it cannot do, for these reasons.
    pub fn usage(lines: Vec<String>) -> Failure {
        Failure { lines, is_usage: true }
    }

    /// The same, if the command was given what it cannot do.
    pub fn with_usage(self, is_usage: bool) -> Failure {
        Failure { is_usage, ..self }
    }

    /// Something failed, in these words.
    pub fn said(lines: Vec<String>) -> Failure {
        Failure { lines, is_usage: false }
    }

    /// Whether the command was given what it cannot do.
    pub fn is_usage(&self) -> bool {
        self.is_usage
    }

    /// The server refused or failed.
    pub fn answered(status: &Status) -> Failure {
        let details = status.get_error_details();
        let code = Code::try_from(status.code() as i32).unwrap_or(Code::Unknown).as_str_name();
        let reason = details.error_info().map_or(String::new(), |info| format!(" {}", info.reason));
        let message = if status.message().is_empty() { String::new() } else { format!(": {}", status.message()) };
        let mut lines = vec![format!("{code}{reason}{message}")];
        if let Some(request) = details.bad_request() {
            lines.extend(request.field_violations.iter().map(|v| format!("{}: {}", v.field, v.description)));
        }
        if let Some(precondition) = details.precondition_failure() {
            lines.extend(precondition.violations.iter().map(|v| format!("{}: {}", v.subject, v.description)));
        }
        if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
            lines.push(format!("try again in {} s", delay.as_secs_f64()));
        }
        Failure { lines, is_usage: false }
    }

    /// 2 for wrong usage, 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_usage { 2 } else { 1 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines.iter().enumerate() {
            writeln!(f, "{}{line}", if at == 0 { "error: " } else { "  " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn a_refusal_is_told_with_code_reason_and_every_violation() {
        let mut details = ErrorDetails::new();
        details
            .set_error_info("INVALID_FIELDS", "credential.dmh.ms.gov", [])
            .add_bad_request_violation("item.as_of", "incomplete")
            .add_bad_request_violation("item.provider_id", "too long");
        let status = Status::with_error_details(tonic::Code::InvalidArgument, "2 fields are wrong", details);
        assert_eq!(
            Failure::answered(&status).to_string(),
            "error: INVALID_ARGUMENT INVALID_FIELDS: 2 fields are wrong\n  item.as_of: incomplete\n  \
             item.provider_id: too long\n"
        );
    }
}
