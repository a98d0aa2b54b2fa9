//! Runs the checks of the server.

use jiff::{SignedDuration, Timestamp};

use super::{Ops, Running};
use crate::registry::{Cause, LogReport, Registry, Report, Rung, clock};
use crate::store::disk::{Disk as _, RealDisk};
use crate::telemetry::checks::{Check, Checked, Checks, Status};

/// How long a line of the audit may wait to be written.
const AUDIT_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// A certificate that expires sooner than this should be renewed.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Why checks of the registry fail before it is open, and after it was closed.
const NOT_OPEN: &str = "the registry is not open";

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

    /// What works, in words: whether questions are answered and commands are recorded, and why not.
    pub(in crate::server) fn summary(&self) -> String {
        let registry = self.registry.load_full();
        let state = self.state(registry.as_deref());
        let questions = state.questions().map_or("ready".to_owned(), |why| format!("not ready: {why}"));
        let writes = state.writes().map_or(String::new(), |why| format!("; writes are refused: {why}"));
        format!("{questions}{writes}")
    }

    fn state<'a>(&'a self, registry: Option<&'a Registry>) -> State<'a> {
        State {
            ops: self,
            registry,
            report: registry.map(Registry::report),
            log: registry.and_then(Registry::log_report),
            running: self.running.get(),
        }
    }

    /// Runs every check.
    fn status(&self) -> Status {
        let registry = self.registry.load_full();
        let state = self.state(registry.as_deref());
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
            Check::Drain => self.is_draining().then(|| "the server is ending".to_owned()),
        }
    }

    fn is_draining(&self) -> bool {
        self.running.is_some_and(|running| *running.draining.borrow())
    }

    fn not_open(&self) -> String {
        if self.is_draining() { "the registry is closed".to_owned() } else { NOT_OPEN.to_owned() }
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
        let why = if self.is_draining() {
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
        if self.is_draining() {
            return Some("the server is ending".to_owned());
        }
        let why = self.ops.writes_off.load_full();
        Some(why.map_or("the state was not checked yet".to_owned(), |why| format!("{}: {why}", why.name())))
    }

    fn data_disk(&self) -> Option<String> {
        match RealDisk.space(&self.ops.disks.data_dir) {
            Err(error) => Some(format!("its free space cannot be read: {error}")),
            Ok(space) => {
                let reserve = self.ops.disks.log.reserve(space.total);
                let free = space.available;
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
        let days = running.audit.usage().days_left();
        days.map(|days| format!("the audit's share of the disk will be used up in {days} days: raise audit_max_bytes"))
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
