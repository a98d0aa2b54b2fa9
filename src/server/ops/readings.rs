//! What is read when the metrics are requested, by topic.

use std::time::Instant;

use jiff::Timestamp;

use super::{DataDisk, Ops, Running, process};
use crate::registry::{Cause, CommitFailure, LogReport, Registry, Report, SEMANTICS_VERSION, WritesOff, clock};
use crate::server::build::commit;
use crate::server::liveness::{WORKER, WRITER};
use crate::store::backup::BackupNote;
use crate::store::disk::{Disk as _, RealDisk};
use crate::telemetry::metrics::{Readings, list};

/// The causes for which writes are refused. Each has a series from the start.
const CAUSES: [&str; 7] = ["starting", "disk", "calendar", "scrub", "index", "log", "draining"];

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

impl Ops {
    /// Reads everything that has a metric. It may block on the disk.
    pub(super) fn readings(&self) -> Readings {
        let mut readings = Readings::default();
        let registry = self.registry.load_full();
        let report = registry.as_ref().map(|registry| registry.report());
        let log = registry.as_ref().and_then(|registry| registry.log_report());
        self.add_service(&mut readings, registry.as_deref(), report.as_ref(), log.as_ref());
        if let Some(report) = &report {
            add_registry(&mut readings, report);
        }
        if let Some(log) = &log {
            add_shared_log(&mut readings, log);
        }
        self.add_disks(&mut readings);
        self.add_connections(&mut readings);
        self.add_webhooks(&mut readings, report.as_ref().map(|report| report.head.0));
        if let Some(running) = self.running.get() {
            add_running(&mut readings, running);
        }
        let backup = BackupNote::read(&self.disks.data_dir);
        readings.add(&list::BACKUP_LAST, backup.map(|backup| backup.taken_at.as_second()));
        readings.add(&list::BACKUP_REVISION, backup.map(|backup| backup.head.0));
        let shipped = BackupNote::read_shipped(&self.disks.data_dir);
        readings.add(&list::SHIP_LAST, shipped.map(|shipped| shipped.taken_at.as_second()));
        let behind = |shipped: BackupNote| report.as_ref().map(|report| report.head.0.saturating_sub(shipped.head.0));
        readings.add(&list::SHIP_LAG, shipped.and_then(behind));
        let (version, semantics) = (env!("CARGO_PKG_VERSION"), SEMANTICS_VERSION.to_string());
        readings.labeled(&list::BUILD_INFO, &[version, commit().unwrap_or("unknown"), &semantics], true);
        process::add(&mut readings);
        readings
    }

    /// What is served, and why writes are not.
    fn add_service(
        &self,
        readings: &mut Readings,
        registry: Option<&Registry>,
        report: Option<&Report>,
        log: Option<&LogReport>,
    ) {
        let serving = self.health.serving();
        readings.add(&list::ANSWERS, serving.questions);
        readings.add(&list::WRITES, serving.writes);
        readings.one_of(&list::THREAD_STUCK, &[WRITER, WORKER], self.liveness.stuck());
        let is_draining = self.is_draining();
        let is_refused_by_disk = matches!(self.writes_off.load().as_deref(), Some(WritesOff::Disk));
        for cause in CAUSES {
            let is_off = match cause {
                "starting" => registry.is_none() && !is_draining,
                "disk" => is_refused_by_disk || self.is_disk_full(),
                "calendar" => report.is_some_and(|report| report.calendar_held.is_some()),
                "scrub" => report.is_some_and(|report| report.scrub.is_damaged),
                "index" => report.is_some_and(|report| !report.index_works),
                "log" => log.is_some_and(|log| log.trouble.is_some()),
                _ => is_draining,
            };
            readings.labeled(&list::WRITES_OFF, &[cause], is_off);
        }
    }

    /// True if the disk of the data has less free space than its reserve.
    fn is_disk_full(&self) -> bool {
        self.disks.data().is_ok_and(|disk| disk.free < disk.reserve)
    }

    fn add_webhooks(&self, readings: &mut Readings, head: Option<u64>) {
        let now = Instant::now();
        for (client, state) in self.webhooks.states() {
            readings.labeled(&list::WEBHOOK_DELIVERIES, &[&client, "delivered"], state.delivered);
            readings.labeled(&list::WEBHOOK_DELIVERIES, &[&client, "failed"], state.failed);
            let lag = head.zip(state.revision).map(|(head, revision)| head.saturating_sub(revision));
            readings.labeled(&list::WEBHOOK_LAG, &[&client], lag);
            readings.labeled(&list::WEBHOOK_FAILING, &[&client], state.is_failing(now));
        }
    }

    fn add_disks(&self, readings: &mut Readings) {
        if let Ok(DataDisk { free, reserve }) = self.disks.data() {
            readings.labeled(&list::DISK_FREE, &["data"], free);
            readings.labeled(&list::DISK_RESERVE, &["data"], reserve);
        }
        if let (Ok(space), Some(running)) = (RealDisk.space(&self.disks.audit_dir), self.running.get()) {
            let usage = running.audit.usage();
            readings.labeled(&list::DISK_FREE, &["audit"], space.available);
            readings.labeled(&list::DISK_RESERVE, &["audit"], usage.limit().saturating_sub(usage.used()));
        }
        readings.add(&list::LOG_BYTES, self.log_bytes());
    }

    /// The size of the log in bytes. A segment that is removed during the count is skipped. `None` if there is no log.
    fn log_bytes(&self) -> Option<u64> {
        let segments = std::fs::read_dir(self.disks.data_dir.join("log")).ok()?;
        Some(segments.flatten().filter_map(|segment| segment.metadata().ok()).map(|file| file.len()).sum())
    }

    fn add_connections(&self, readings: &mut Readings) {
        readings.labeled(&list::CONNECTIONS_OPEN, &["known"], self.connections.known());
        readings.labeled(&list::CONNECTIONS_OPEN, &["unknown"], self.connections.unknown());
        readings.add(&list::CONNECTIONS_AGED, self.connections.aged());
        let authorities = self.expiries.authorities();
        let expiries = [
            ("server", self.expiries.server()),
            ("authority", authorities.map(|(first, _)| first)),
            ("last_authority", authorities.map(|(_, last)| last)),
            ("client", self.expiries.client(clock::now())),
        ];
        for (certificate, expires) in expiries {
            readings.labeled(&list::CERTIFICATE_EXPIRY, &[certificate], expires.map(Timestamp::as_second));
        }
        readings.add(&list::TOKEN_EXPIRY, self.expiries.token().map(Timestamp::as_second));
    }
}

/// What the registry reports about itself.
fn add_registry(readings: &mut Readings, report: &Report) {
    readings.add(&list::HEAD_REVISION, report.head.0);
    readings.add(&list::CHECKPOINT_REVISION, report.checkpoint.0);
    if let Some(epoch) = report.epoch {
        readings.labeled(&list::EPOCH_INFO, &[&epoch.to_string()], true);
    }
    readings.add(&list::OPEN_DAY, i64::from(report.open_day.number()) * SECONDS_PER_DAY);
    readings.add(&list::OPEN_DAY_LAG, i64::from(report.clock_day.number() - report.open_day.number()));
    let (waiting, places) = report.queue;
    readings.add(&list::WRITER_QUEUE, waiting);
    readings.add(&list::WRITER_QUEUE_LIMIT, places);
    let figures = &report.figures;
    readings.add(&list::COMMIT_RECORDS, figures.records.clone());
    readings.add(&list::COMMIT_SECONDS, figures.commit_seconds.clone());
    readings.add(&list::LOG_APPEND_SECONDS, figures.append_seconds.clone());
    for failure in CommitFailure::ALL {
        readings.labeled(&list::COMMITS_FAILED, &[failure.name()], figures.failures(failure));
    }
    readings.add(&list::INDEX, report.index_works);
    readings.add(&list::INDEX_LAG, report.index_lag);
    readings.add(&list::TIMELINES_CACHED, report.timelines);
    readings.add(&list::TIMELINES_COMPLETE, report.timelines_complete);
    readings.add(&list::SCRUB_PASS_BYTES, report.scrub.pass_bytes);
    readings.add(&list::SCRUB_LAST_SUCCESS, report.scrub.last_success.map(Timestamp::as_second));
    readings.add(&list::SCRUB_DAMAGE, report.scrub.is_damaged);
    readings.add(&list::WATCHERS, report.watchers);
    readings.add(&list::WATCHER_LAG, report.watcher_lag);
}

/// How the process stands with a log that several replicas share.
fn add_shared_log(readings: &mut Readings, log: &LogReport) {
    let age = log.age.map_or(f64::INFINITY, |age| age.as_secs_f64());
    readings.add(&list::LOG_HEAD_CONFIRMED_AGE, age);
    readings.one_of(&list::LOG_TROUBLE, &Cause::NAMES, log.trouble.as_ref().map(|trouble| trouble.cause.name()));
    readings.add(&list::LOG_CLOCK_OFFSET, log.clock_ahead.map(|ahead| ahead.as_secs_f64()));
    readings.add(&list::LOG_LAG, log.lag);
    readings.add(&list::LOG_APPENDS_LOST, log.readings.appends_lost);
    readings.add(&list::LOG_DOUBTS, log.readings.doubts);
}

/// The calls in progress, the audit, and the access log.
fn add_running(readings: &mut Readings, running: &Running) {
    readings.add(&list::CALLS_IN_FLIGHT, running.calls.count());
    let (usage, backlog) = (running.audit.usage(), running.audit.backlog());
    readings.add(&list::AUDIT_BYTES, usage.used());
    readings.add(&list::AUDIT_LIMIT_BYTES, usage.limit());
    let until_full = usage.seconds_until_full().map(|seconds| std::time::Duration::from_secs(seconds).as_secs_f64());
    readings.add(&list::AUDIT_UNTIL_FULL, until_full.unwrap_or(f64::INFINITY));
    readings.add(&list::AUDIT_LINES, usage.lines());
    readings.add(&list::AUDIT_FILES_REMOVED, usage.files_removed());
    readings.add(&list::AUDIT_QUEUE, backlog.entries);
    readings.add(&list::AUDIT_OLDEST, backlog.oldest.as_secs_f64());
    readings.add(&list::ACCESS_LINES_DROPPED, running.access.dropped());
    if let Some(traces) = &running.traces {
        readings.labeled(&list::SPANS, &["exported"], traces.exported());
        readings.labeled(&list::SPANS, &["dropped"], traces.dropped());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use jiff::SignedDuration;

    use super::*;
    use crate::domain::id::Revision;
    use crate::registry::Trouble;
    use crate::telemetry::metrics::Metrics;

    #[test]
    fn every_cause_of_trouble_with_the_log_has_a_series() {
        let why = || "a test".to_owned();
        let [ours, head, last_shared] = [Revision::ZERO; 3];
        for cause in [
            Cause::Unreachable { why: why() },
            Cause::NotOpened { waiting_for: Vec::new() },
            Cause::Lost { ours, head, last_shared },
            Cause::ClockSkewed { ahead: SignedDuration::ZERO },
            Cause::DurabilityReduced { why: why() },
            Cause::Damaged { why: why() },
            Cause::NotCopied { why: why() },
        ] {
            let mut readings = Readings::default();
            let name = cause.name();
            let trouble = Some(Arc::new(Trouble { cause, since: Instant::now() }));
            let report = LogReport { age: None, trouble, clock_ahead: None, lag: 3, readings: Default::default() };
            add_shared_log(&mut readings, &report);
            let page = Metrics::default().text(readings);
            assert!(page.contains(&format!("cpss_log_trouble{{cause=\"{name}\"}} 1")), "{page}");
            assert!(page.contains("cpss_log_head_confirmed_age_seconds inf"), "{page}");
            assert!(page.contains("cpss_log_lag_revisions 3"), "{page}");
        }
    }
}
