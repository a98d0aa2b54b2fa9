//! What a failed command prints.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use tonic::Status;
use tonic_types::StatusExt;

use crate::domain::id::CredentialNumber;
use crate::proto::google::rpc::Code;

/// The transport's message for a response that is not from a gRPC server.
const NOT_GRPC: &str = "grpc-status header missing";

/// The transport's message for a response whose body is JSON: its first byte, `{`, is no compression flag.
const JSON: &str = "invalid compression flag: 123";

/// The transport's messages for a connection that broke.
const BROKEN: [&str; 3] = ["h2 protocol error", "error reading a body", "transport error"];

/// RPCs that messages of the server name, and the commands that call them.
const COMMANDS: [(&str, &str); 1] = [("ReportEmploymentEnd", "`report end`")];

/// The exit codes of failed commands. A shell also shows 130 for a command that the signal itself ended.
const FAILED: u8 = 1;
const USAGE: u8 = 2;
const INTERRUPTED: u8 = 130;

/// A command that failed. The first line is the failure itself; the others add details.
#[derive(Debug)]
pub struct Failure {
    lines: Vec<String>,
    exit_code: u8,
    /// Another attempt would fail in the same way.
    is_lasting: bool,
}

impl Failure {
    /// A failure with its error and the chain of causes.
    pub fn of(what: impl fmt::Display, error: &(dyn Error + 'static)) -> Failure {
        let mut line = format!("{what}: {error}");
        let mut last = error.to_string();
        for reason in reasons(error).skip(1) {
            // Transports repeat the message of their cause.
            if !last.contains(&reason.to_string()) {
                last = reason.to_string();
                line.push_str(": ");
                line.push_str(&last);
            }
        }
        Failure::said(vec![line])
    }

    /// A usage error: the command was given something invalid.
    pub fn usage(lines: Vec<String>) -> Failure {
        Failure { lines, exit_code: USAGE, is_lasting: true }
    }

    /// Marks the failure as a usage error, if `is_usage`.
    pub fn with_usage(self, is_usage: bool) -> Failure {
        Failure { exit_code: if is_usage { USAGE } else { FAILED }, ..self }
    }

    /// A failure with these lines.
    pub fn said(lines: Vec<String>) -> Failure {
        Failure { lines, exit_code: FAILED, is_lasting: false }
    }

    /// A failure with these lines that another attempt would not change.
    pub fn lasting(lines: Vec<String>) -> Failure {
        Failure { is_lasting: true, ..Failure::said(lines) }
    }

    /// A person interrupted the command, or the system ended it.
    pub fn interrupted(line: &str) -> Failure {
        Failure { exit_code: INTERRUPTED, ..Failure::said(vec![line.to_owned()]) }
    }

    /// Whether this is a usage error.
    pub fn is_usage(&self) -> bool {
        self.exit_code == USAGE
    }

    /// Whether another attempt would fail in the same way.
    pub fn is_lasting(&self) -> bool {
        self.is_lasting || self.is_usage()
    }

    /// A failure status from the server: the message, and the reason for programs. INVALID_ARGUMENT counts as a usage
    /// error.
    pub fn answered(status: &Status) -> Failure {
        let details = status.get_error_details();
        let code = Code::try_from(status.code() as i32).unwrap_or(Code::Unknown).as_str_name();
        // The reason is more specific than the code.
        let reason = details.error_info().map_or(code, |info| info.reason.as_str());
        let is_of_transport = details.error_info().is_none();
        let is_broken = is_of_transport && BROKEN.iter().any(|words| status.message().contains(words));
        let is_json = is_of_transport && status.message().contains(JSON);
        let message = if is_json {
            "the port answers with JSON, not gRPC".to_owned()
        } else if is_broken {
            "the connection to the server broke before the answer was complete".to_owned()
        } else {
            with_commands(status.message())
        };
        let message = if message.is_empty() { "the server gave no reason".to_owned() } else { message };
        // This code says nothing that the words do not say.
        let has_code = details.error_info().is_some() || status.code() != tonic::Code::Unknown;
        let mut lines = vec![if has_code { format!("{message} ({reason})") } else { message.clone() }];
        let mut add = |about: &str, description: &str| {
            let description = with_commands(description);
            // Details that the message already contains are not repeated.
            if !message.contains(&description) {
                lines.push(format!("{about}: {description}"));
            }
        };
        if let Some(request) = details.bad_request() {
            request.field_violations.iter().for_each(|v| add(&v.field, &v.description));
        }
        if let Some(precondition) = details.precondition_failure() {
            precondition.violations.iter().for_each(|v| add(&v.subject, &v.description));
        }
        if let Some(resource) = details.resource_info().filter(|_| status.code() == tonic::Code::NotFound) {
            lines.extend(mistyped(&resource.resource_type, &resource.resource_name));
        }
        if is_of_transport && message.contains(NOT_GRPC) {
            lines.push("the server there is not a registry: is this the right port?".to_owned());
        }
        if is_json {
            lines.push("is it the HTTP port? Use the gRPC port, or the ops port for `healthcheck`".to_owned());
        }
        if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
            lines.push(format!("try again in {} s", delay.as_secs_f64()));
        }
        Failure::said(lines).with_usage(status.code() == tonic::Code::InvalidArgument)
    }

    /// A failure status of a call about a provider. One that is not on file is a typing error in the command.
    pub fn about_provider(status: &Status) -> Failure {
        let details = status.get_error_details();
        let unknown = details.resource_info().filter(|resource| resource.resource_type == "provider");
        let violations = details.bad_request().map_or(&[][..], |request| &request.field_violations);
        if violations.iter().any(|it| it.field.ends_with("provider_id") && it.description.starts_with("required")) {
            let remedy = "name the provider with --provider ID, or as `provider` in the profile (see --profile)";
            return Failure::answered(status).with_remedy(remedy);
        }
        let Some(provider) = unknown else { return Failure::answered(status) };
        let line = format!("no provider `{}` is on file (NOT_FOUND)", provider.resource_name);
        Failure::usage(vec![line, "check --provider, or `provider` and `as` in the profile".to_owned()])
    }

    /// The failure itself, and the details.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// 2 for a usage error, 130 for an interruption, 1 for any other failure.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit_code)
    }

    /// Adds a line that says what to do.
    #[must_use]
    pub fn with_remedy(mut self, remedy: &str) -> Failure {
        self.lines.push(remedy.to_owned());
        self
    }
}

/// An error and the chain of its causes.
pub fn reasons<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&reason| reason.source())
}

/// A message of the server with commands in place of RPCs.
fn with_commands(message: &str) -> String {
    COMMANDS.iter().fold(message.to_owned(), |message, (rpc, name)| message.replace(rpc, name))
}

/// What to do about a number of a credential that cannot exist.
fn mistyped(kind: &str, number: &str) -> Option<String> {
    let cannot_exist = kind == "credential" && number.parse::<CredentialNumber>().is_err();
    cannot_exist.then(|| {
        "that number cannot exist: look for a typing error (the last letter checks the others); if it is the number of an \
         earlier certificate, `verify --prior-number` shows the number of today"
            .to_owned()
    })
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
    fn nothing_is_printed_twice() {
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
    fn a_broken_connection_is_told_in_plain_words() {
        let status = Status::unknown("h2 protocol error: error reading a body from connection");
        let expected = "error: the connection to the server broke before the answer was complete\n";
        assert_eq!(Failure::answered(&status).to_string(), expected);
    }

    #[test]
    fn the_http_port_is_told_from_the_grpc_port() {
        let status = Status::internal(
            "protocol error: received message with invalid compression flag: 123 (valid flags are 0 and 1) while \
             receiving response with status: 200 OK",
        );
        let expected = "error: the port answers with JSON, not gRPC (INTERNAL)\n  \
                        is it the HTTP port? Use the gRPC port, or the ops port for `healthcheck`\n";
        assert_eq!(Failure::answered(&status).to_string(), expected);
    }

    #[test]
    fn a_number_that_cannot_exist_is_told_from_one_that_is_not_on_file() {
        let said = |number: &str| {
            let mut details = ErrorDetails::new();
            details.set_resource_info("credential", number, "", "not on file, or you may not see it");
            let status = Status::with_error_details(tonic::Code::NotFound, "no such credential", details);
            Failure::answered(&status).to_string()
        };
        assert!(!said("CPS-28MS-MN2K-Z").contains("cannot exist"));
        for number in ["CPS-28MS-MN2K-Y", "MS-00417"] {
            assert!(said(number).contains("that number cannot exist: look for a typing error"), "{}", said(number));
            assert!(said(number).contains("`verify --prior-number` shows"), "every role may ask by prior number");
        }
    }

    #[test]
    fn a_refusal_shows_the_message_the_reason_and_every_violation() {
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
        assert!(failure.is_usage(), "an invalid argument is a usage error");
        let gone = Failure::answered(&Status::unavailable(""));
        assert_eq!(
            (gone.to_string().as_str(), gone.is_usage()),
            ("error: the server gave no reason (UNAVAILABLE)\n", false)
        );
    }
}
