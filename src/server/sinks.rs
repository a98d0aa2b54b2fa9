//! Where a server writes what it answers: the audit of reads, the access log, and traces.

use super::ServeError;
use super::config::Config;
use super::vital::Vital;
use crate::registry::clock;
use crate::store::priority::{BACKGROUND, lower_priority};
use crate::telemetry::access::{AccessLog, AccessThread};
use crate::telemetry::audit::{Audit, AuditThread};
use crate::telemetry::traces::{Traces, TracesThread};

/// What takes the lines and the spans.
pub(super) struct Sinks {
    pub audit: Audit,
    pub access: AccessLog,
    /// None: nobody asked for traces.
    pub traces: Option<Traces>,
}

/// The threads that write and send them.
pub(super) struct SinkThreads {
    audit: AuditThread,
    access: AccessThread,
    traces: Option<TracesThread>,
}

impl Sinks {
    /// Starts the threads.
    pub(super) fn start(config: &Config, vital: &Vital) -> Result<(Sinks, SinkThreads), ServeError> {
        let (traces, traces_thread) = Traces::start(clock::now)?.unzip();
        let (audit, audit_thread) =
            Audit::start(config.audit(), clock::now, || lower_priority(BACKGROUND), vital.part("audit"))?;
        let access = AccessLog::start(std::io::stderr(), clock::now, vital.part("access log"));
        let (access, access_thread) = access.map_err(ServeError::Access)?;
        let threads = SinkThreads { audit: audit_thread, access: access_thread, traces: traces_thread };
        Ok((Sinks { audit, access, traces }, threads))
    }
}

impl SinkThreads {
    /// Writes what is left, and ends. It blocks.
    pub(super) fn close(self) {
        self.audit.close();
        self.access.close();
        if let Some(traces) = self.traces {
            traces.close();
        }
    }
}
