//! What a failed command prints.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use tonic::Status;
use tonic_types::StatusExt;

use crate::proto::google::rpc::Code;

/// What the transport says of an answer that is none of a gRPC server.
const NOT_GRPC: &str = "grpc-status header missing";

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
        let mut last = error.to_string();
        let mut source = error.source();
        while let Some(reason) = source {
            // Transports repeat the reason below them.
            if !last.contains(&reason.to_string()) {
                last = reason.to_string();
                line.push_str(": ");
                line.push_str(&last);
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

    /// The server refused or failed: in words, then the reason that programs decide on. What it cannot read was given
    /// to the command.
    pub fn answered(status: &Status) -> Failure {
        let details = status.get_error_details();
        let code = Code::try_from(status.code() as i32).unwrap_or(Code::Unknown).as_str_name();
        // The reason says more than the code, and has it in it.
        let reason = details.error_info().map_or(code, |info| info.reason.as_str());
        let message = status.message();
        let mut lines = vec![if message.is_empty() { reason.to_owned() } else { format!("{message} ({reason})") }];
        let mut add = |about: &str, description: &str| {
            // A message that says as much is not said again.
            if !message.contains(description) {
                lines.push(format!("{about}: {description}"));
            }
        };
        if let Some(request) = details.bad_request() {
            request.field_violations.iter().for_each(|v| add(&v.field, &v.description));
        }
        if let Some(precondition) = details.precondition_failure() {
            precondition.violations.iter().for_each(|v| add(&v.subject, &v.description));
        }
        if details.error_info().is_none() && message.contains(NOT_GRPC) {
            lines.push("what answers there is no registry: is it the right port?".to_owned());
        }
        if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
            lines.push(format!("try again in {} s", delay.as_secs_f64()));
        }
        Failure { lines, is_usage: status.code() == tonic::Code::InvalidArgument }
    }

    /// 2 for wrong usage, 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_usage { 2 } else { 1 })
    }

    /// The same, with a line that says what to do.
    #[must_use]
    pub fn with_remedy(mut self, remedy: &str) -> Failure {
        self.lines.push(remedy.to_owned());
        self
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
    fn nothing_is_said_twice() {
        let mut details = ErrorDetails::new();
        details.set_error_info("NOT_FOUND", "credential.dmh.ms.gov", []);
        let status = Status::with_error_details(tonic::Code::NotFound, "no such credential", details);
        assert_eq!(Failure::answered(&status).to_string(), "error: no such credential (NOT_FOUND)\n");

        let mut details = ErrorDetails::new();
        details.set_error_info("HISTORY_CHANGED", "credential.dmh.ms.gov", []).add_precondition_failure_violation(
            "HISTORY_CHANGED",
            "epoch",
            "this epoch was left",
        );
        let status = Status::with_error_details(tonic::Code::FailedPrecondition, "this epoch was left", details);
        let printed = Failure::answered(&status).to_string();
        assert_eq!(printed, "error: this epoch was left (HISTORY_CHANGED)\n");
    }

    #[test]
    fn a_refusal_has_words_its_reason_and_every_violation() {
        let mut details = ErrorDetails::new();
        details
            .set_error_info("INVALID_FIELDS", "credential.dmh.ms.gov", [])
            .add_bad_request_violation("item.as_of", "incomplete")
            .add_bad_request_violation("item.provider_id", "too long");
        let status = Status::with_error_details(tonic::Code::InvalidArgument, "2 fields are wrong", details);
        let failure = Failure::answered(&status);
        assert_eq!(
            failure.to_string(),
            "error: 2 fields are wrong (INVALID_FIELDS)\n  item.as_of: incomplete\n  item.provider_id: too long\n"
        );
        assert!(failure.is_usage(), "the command was given what cannot be read");
        let gone = Failure::answered(&Status::unavailable(""));
        assert_eq!((gone.to_string().as_str(), gone.is_usage()), ("error: UNAVAILABLE\n", false));
    }
}
