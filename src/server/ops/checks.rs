//! Runs the checks of the server.

use jiff::Timestamp;

use super::{DataDisk, Ops, Running, share_used_up};
use crate::registry::{Cause, LogReport, Registry, Report, Rung, clock};
use crate::server::listener::EXPIRES_SOON;
use crate::store::disk::{Disk as _, RealDisk};
use crate::telemetry::checks::{Check, Checked, Checks, Status};

/// How long a line of the audit may wait to be written.
const AUDIT_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// What the checks are run against.
struct State<'a> {
    ops: &'a Ops,
    registry: Option<&'a Registry>,
    report: Option<Report>,
    log: Option<LogReport>,
    running: Option<&'a Running>,
}

impl Ops {
    /// The checks of this server.
    pub(in crate::server) fn checks(&self) -> Checks {
        let ops = self.clone();
        Checks::new(move || ops.status())
    }

    /// What works, in words: whether questions are answered and commands are recorded, and why not. It takes no lock
    /// that a worker holds, since a stuck worker may hold it for good.
    pub(in crate::server) fn summary(&self) -> String {
        let registry = self.registry.load_full();
        let state = self.state(registry.as_deref());
        let questions = state.questions().map_or("ready".to_owned(), |why| format!("not ready: {why}"));
        let writes = state.writes().map_or(String::new(), |why| format!("; writes are refused: {why}"));
        format!("{questions}{writes}")
    }

    /// The state for the checks of questions and of writes. The others need the reports of the registry, too.
    fn state<'a>(&'a self, registry: Option<&'a Registry>) -> State<'a> {
        State { ops: self, registry, report: None, log: None, running: self.running.get() }
    }

    /// Runs every check.
    fn status(&self) -> Status {
        let registry = self.registry.load_full();
        let state = State {
            report: registry.as_deref().map(Registry::report),
            log: registry.as_deref().and_then(Registry::log_report),
            ..self.state(registry.as_deref())
        };
        let checks = Check::ALL.iter().map(|check| Checked { check: *check, failure: state.failure(*check) });
        Status { is_ready: self.health.serving().questions, checks: checks.collect() }
    }
}

impl State<'_> {
    /// Why a check fails. `None` if it passes.
    fn failure(&self, check: Check) -> Option<String> {
        match check {
            Check::Open => self.registry.is_none().then(|| self.not_open()),
            Check::Liveness => self.ops.stuck(),
            Check::Questions => self.questions(),
            Check::Writes => self.writes(),
            Check::Calendar => self.of_report(|report| report.calendar_held.map(|held| held.to_string())),
            Check::Index => {
                self.of_report(|report| (!report.index_works).then(|| "the next start rebuilds the index".to_owned()))
            }
            Check::Scrub => self.of_report(|report| {
                report.scrub.is_damaged.then(|| "the log is damaged, or a part of it cannot be read".to_owned())
            }),
            Check::DataDisk => self.data_disk(),
            Check::AuditDisk => self.audit_disk(),
            Check::AuditQueue => self.audit_queue(),
            Check::Certificates => self.certificates(clock::now()),
            Check::LogHead => self.log_head(),
            Check::LogStandby => self.trouble(|cause| matches!(cause, Cause::DurabilityReduced { .. })),
            Check::Log => self.trouble(|_| true),
            Check::Drain => self.ops.is_draining().then(|| "the server is ending".to_owned()),
        }
    }

    /// Why checks of the registry fail before it is open, and after it was closed.
    fn not_open(&self) -> String {
        let why = if self.ops.is_draining() { "the registry is closed" } else { "the registry is not open" };
        why.to_owned()
    }

    /// The result of a check of an open registry.
    fn of_report(&self, failure: impl FnOnce(&Report) -> Option<String>) -> Option<String> {
        self.report.as_ref().map_or_else(|| Some(self.not_open()), failure)
    }

    fn questions(&self) -> Option<String> {
        if self.ops.health.serving().questions {
            return None;
        }
        let Some(registry) = self.registry else { return Some(self.not_open()) };
        let rung = registry.rung();
        let why = if self.ops.is_draining() {
            "the server is ending".to_owned()
        } else if !rung.answers() {
            rung.to_string()
        } else if self.running.is_some_and(|running| !*running.audit.watch().borrow()) {
            "the audit of reads cannot be written".to_owned()
        } else {
            "the state was not checked yet".to_owned()
        };
        Some(why)
    }

    fn writes(&self) -> Option<String> {
        if self.ops.health.serving().writes {
            return None;
        }
        if self.registry.is_none() {
            return Some(self.not_open());
        }
        if self.ops.is_draining() {
            return Some("the server is ending".to_owned());
        }
        let why = self.ops.writes_off.load_full();
        Some(why.map_or("the state was not checked yet".to_owned(), |why| format!("{}: {why}", why.name())))
    }

    fn data_disk(&self) -> Option<String> {
        match self.ops.disks.data() {
            Err(error) => Some(format!("its free space cannot be read: {error}")),
            Ok(DataDisk { free, reserve }) => {
                (free < reserve).then(|| format!("{free} bytes are free, and the reserve is {reserve} bytes"))
            }
        }
    }

    fn audit_disk(&self) -> Option<String> {
        let Some(running) = self.running else { return Some(self.not_open()) };
        let file = self.ops.disks.audit_file_bytes;
        match RealDisk.space(&self.ops.disks.audit_dir) {
            Err(error) => return Some(format!("its free space cannot be read: {error}")),
            Ok(space) if space.available < file => {
                return Some(format!("{} bytes are free, and a file may have {file} bytes", space.available));
            }
            Ok(_) => {}
        }
        share_used_up(&running.audit.usage())
    }

    fn audit_queue(&self) -> Option<String> {
        let Some(running) = self.running else { return Some(self.not_open()) };
        let backlog = running.audit.backlog();
        let (entries, oldest) = (backlog.entries, backlog.oldest.as_secs());
        (backlog.oldest > AUDIT_WAIT).then(|| format!("{entries} lines wait, the oldest for {oldest} s"))
    }

    fn certificates(&self, now: Timestamp) -> Option<String> {
        let expiries = &self.ops.expiries;
        let certificates = [
            ("the certificate of the server", expiries.server()),
            ("the last authority of client certificates", expiries.authorities().map(|(_, last)| last)),
            ("a certificate of a client", expiries.client(now)),
        ];
        let soon = certificates.into_iter().filter_map(|(whose, expires)| {
            let expires = expires.filter(|expires| expires.duration_since(now) < EXPIRES_SOON)?;
            let verb = if expires <= now { "expired" } else { "expires" };
            Some(format!("{whose} {verb} at {expires}"))
        });
        let soon: Vec<_> = soon.collect();
        (!soon.is_empty()).then(|| soon.join("; "))
    }

    fn log_head(&self) -> Option<String> {
        let Some(registry) = self.registry else { return Some(self.not_open()) };
        let rung = registry.rung();
        (rung != Rung::Current).then(|| rung.to_string())
    }

    /// What is wrong with a shared log, if it is one of these causes.
    fn trouble(&self, is_one: impl FnOnce(&Cause) -> bool) -> Option<String> {
        if self.registry.is_none() {
            return Some(self.not_open());
        }
        let trouble = self.log.as_ref()?.trouble.as_ref()?;
        is_one(&trouble.cause).then(|| trouble.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::*;
    use crate::registry::{Opened, Options};
    use crate::server::config::{Config, Flags};

    #[test]
    fn what_works_is_known_while_a_worker_is_stuck_with_the_watchers() {
        let ops = Ops::new(&Config::read(&Flags { dev: true, ..Flags::default() }).unwrap());
        let directory = tempfile::tempdir().unwrap();
        let options = Options::of_a_test(directory.path(), None);
        let Opened { registry, .. } = Registry::open(options, &mut |_| {}).unwrap();
        let registry = Arc::new(registry);
        ops.registry.store(Some(Arc::clone(&registry)));
        let _stuck = registry.lock_watchers();
        let (answer, answered) = mpsc::channel();
        std::thread::spawn(move || answer.send(ops.summary()));
        let summary = answered.recv_timeout(Duration::from_secs(60)).expect("it waits for no worker");
        assert!(summary.starts_with("not ready: the state was not checked yet"), "{summary}");
    }
}
