//! The checks of a running server, declared once: what each means, and where their results come from. The ops port
//! shows the results, and the reference page is checked against this list.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

macro_rules! checks {
    ($($id:ident = $name:literal $passes:literal;)*) => {
        /// A check.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Check {
            $(#[doc = $passes] $id,)*
        }

        impl Check {
            /// Every check, in the order in which they are shown.
            pub const ALL: &[Check] = &[$(Check::$id),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Check::$id => $name,)*
                }
            }

            /// What is so while it passes.
            pub fn passes(self) -> &'static str {
                match self {
                    $(Check::$id => $passes,)*
                }
            }
        }
    };
}

checks! {
    Open = "open" "The registry is open";
    Liveness = "liveness" "No thread is stuck while work waits for it";
    Questions = "questions" "Questions about people are answered";
    Writes = "writes" "Commands are recorded";
    Calendar = "calendar" "The clock and the last record permit the next civil day to be opened";
    Index = "index" "The index can be read";
    Scrub = "scrub" "The last scrub of the log found no damage";
    DataDisk = "data_disk" "The disk with the data has more free space than its reserve";
    AuditDisk = "audit_disk" "The disk with the audit has room for another file, and the audit's share lasts for two weeks";
    AuditQueue = "audit_queue" "No line of the audit has waited to be written for more than 5 seconds";
    Certificates = "certificates" "No certificate of the server, its authority, or a client expires within two weeks";
    LogHead = "log_head" "Every record of the log was known within the last 5 seconds";
    LogStandby = "log_standby" "What a shared log acknowledges is durable";
    Log = "log" "A shared log takes writes";
    Drain = "drain" "The server is not ending";
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The check.
    pub check: Check,
    /// Why it fails, in words without any name of a client or a person. `None` if it passes.
    pub failure: Option<String>,
}

/// The state of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// True if questions are answered. A failed check does not always prevent that.
    pub is_ready: bool,
    /// The result of every check, in the order of [`Check::ALL`].
    pub checks: Vec<Checked>,
}

/// Runs the checks. Clones run the same ones.
#[derive(Clone)]
pub struct Checks(Arc<dyn Fn() -> Status + Send + Sync>);

impl Checks {
    /// Creates checks that `run` runs.
    pub fn new(run: impl Fn() -> Status + Send + Sync + 'static) -> Checks {
        Checks(Arc::new(run))
    }

    /// Runs every check. It may block on a disk.
    pub fn run(&self) -> Status {
        (self.0)()
    }
}

impl Debug for Checks {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Checks")
    }
}

impl Status {
    /// One line for each check: its name, and `ok` or why it fails.
    pub fn text(&self) -> String {
        let line = |checked: &Checked| match &checked.failure {
            None => format!("{}: ok\n", checked.check.name()),
            Some(why) => format!("{}: failed: {}\n", checked.check.name(), why.replace('\n', " ")),
        };
        self.checks.iter().map(line).collect()
    }

    /// The same as JSON: `ready`, and `checks`, each with `name`, `ok`, and, if it fails, `reason`.
    pub fn json(&self) -> serde_json::Value {
        let check = |checked: &Checked| match &checked.failure {
            None => serde_json::json!({ "name": checked.check.name(), "ok": true }),
            Some(why) => serde_json::json!({ "name": checked.check.name(), "ok": false, "reason": why }),
        };
        serde_json::json!({ "ready": self.is_ready, "checks": self.checks.iter().map(check).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_has_its_reason_in_one_line() {
        let failed = Checked { check: Check::Writes, failure: Some("a disk\nis full".to_owned()) };
        let status = Status { is_ready: true, checks: vec![Checked { check: Check::Open, failure: None }, failed] };
        assert_eq!(status.text(), "open: ok\nwrites: failed: a disk is full\n");
        let expected = r#"{"checks":[{"name":"open","ok":true},{"name":"writes","ok":false,"reason":"a disk\nis full"}],"ready":true}"#;
        assert_eq!(status.json().to_string(), expected);
    }
}
