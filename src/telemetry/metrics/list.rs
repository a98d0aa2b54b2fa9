//! Every metric, declared once. The page of a server, the reference page, and the alerts are checked against this list.
//!
//! A label has few values, and no label contains anything about a person on file. [`Label::values`] says which values
//! it has, and why there are few.

use prometheus_client::registry::Unit;

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A count that only grows, from 0 at the start of the process.
    Counter,
    /// A value that rises and falls.
    Gauge,
    /// The distribution of measured values.
    Histogram,
    /// A fact, in its labels. The value is 1.
    Info,
}

/// A label of a metric.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: &'static str,
}

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name in queries. The series of a histogram have a suffix after it.
    pub name: &'static str,
    /// What it measures.
    pub kind: Kind,
    /// Its labels, in order.
    pub labels: &'static [&'static Label],
    /// What it means.
    pub help: &'static str,
}

impl Metric {
    /// Its unit, which is the end of its name. None: a number, a state, or the size that the name says.
    pub fn unit(&self) -> Option<Unit> {
        let name = self.family();
        [Unit::Seconds, Unit::Bytes].into_iter().find(|unit| name.ends_with(&format!("_{}", unit.as_str())))
    }

    /// The name of its family in the text format: without the suffix of its kind.
    pub fn family(&self) -> &'static str {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }

    /// The name of its family without the unit, to which the encoder adds the unit.
    pub(super) fn without_unit(&self) -> &'static str {
        let unit = self.unit().map_or(String::new(), |unit| format!("_{}", unit.as_str()));
        self.family().strip_suffix(&unit).unwrap_or(self.family())
    }
}

macro_rules! labels {
    ($($id:ident = $name:literal: $values:literal;)*) => {
        $(static $id: Label = Label { name: $name, values: $values };)*
    };
}

macro_rules! metrics {
    ($($id:ident = $kind:ident $name:literal [$($label:ident),*] $help:literal;)*) => {
        $(#[doc = $help] pub static $id: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: &[$(&$label),*], help: $help };)*

        /// Every metric, in the order of the page.
        pub static LIST: &[&Metric] = &[$(&$id),*];
    };
}

labels! {
    SERVICE = "service": "the services of the contract, and `other`";
    METHOD = "method": "the methods of the contract, and `other`";
    CODE = "code": "the gRPC codes";
    CLIENT = "client": "the clients of the list";
    MISS = "kind": "the kinds of misses";
    REASON = "reason": "the reasons of refusals in the list of this metric, and `other`";
    COMMIT_CAUSE = "cause": "`disk_full`, `disk_error`, `index`, `shared_log`, `in_doubt`, `busy`, `fatal`";
    OFF_CAUSE = "cause": "`starting`, `disk`, `calendar`, `scrub`, `index`, `log`, `draining`";
    LOG_CAUSE = "cause": "`unreachable`, `not_opened`, `diverged`, `clock_skewed`, `durability_reduced`, `damaged`, `disk`";
    THREAD = "thread": "`writer`, `worker`";
    HANDSHAKE_CAUSE = "cause": "`tls`, `disconnected`, `timeout`, `displaced`";
    VOLUME = "volume": "`data`, `audit`";
    CONNECTION = "kind": "`known`, `unknown`";
    CERTIFICATE = "certificate": "`server`, `authority`, `last_authority`, `client`";
    RELOADED = "files": "`certificates`, `clients`";
    OUTCOME = "outcome": "`loaded`, `rejected`";
    SPAN_OUTCOME = "outcome": "`exported`, `dropped`";
    DELIVERY = "outcome": "`delivered`, `failed`";
    EPOCH = "epoch": "one: the epoch of the head";
    VERSION = "version": "one: the version of the program";
    COMMIT = "commit": "one: the commit that the program was built from, or `unknown`";
    SEMANTICS = "semantics_version": "one: the semantics version of the program";
}

metrics! {
    CALLS = Counter "cpss_calls_total" [SERVICE, METHOD, CODE] "Calls, by method and gRPC code";
    CALL_SECONDS = Histogram "cpss_call_seconds" [SERVICE, METHOD] "Duration of calls until they were answered, and of streams until they ended";
    CALLS_IN_FLIGHT = Gauge "cpss_calls_in_flight" [] "Calls in progress, streams included";
    STREAMS_OPEN = Gauge "cpss_streams_open" [] "Streaming calls of the contract in progress";
    REFUSALS = Counter "cpss_refusals_total" [REASON] "Calls refused because of a limit or the state of the registry";
    MISSES = Counter "cpss_misses_total" [CLIENT, MISS] "Answers that a person is not on file";
    MISSES_REFUSED = Counter "cpss_misses_refused_total" [CLIENT] "Questions refused because their client had too many misses";
    ANSWERS = Gauge "cpss_answers" [] "1 if questions are answered, else 0";
    WRITES = Gauge "cpss_writes" [] "1 if writes are accepted, else 0";
    WRITES_OFF = Gauge "cpss_writes_off" [OFF_CAUSE] "1 if writes are refused for this cause, else 0";
    THREAD_STUCK = Gauge "cpss_thread_stuck" [THREAD] "1 if such a thread has not moved for stuck_after_seconds while work waits for it, else 0";
    WRITER_QUEUE = Gauge "cpss_writer_queue_messages" [] "Messages that wait for the writer";
    WRITER_QUEUE_LIMIT = Gauge "cpss_writer_queue_limit_messages" [] "Messages that may wait for the writer";
    COMMIT_RECORDS = Histogram "cpss_commit_records" [] "Records in one commit";
    COMMIT_SECONDS = Histogram "cpss_commit_seconds" [] "Time from a decided batch to its publication: append, index, caches";
    LOG_APPEND_SECONDS = Histogram "cpss_log_append_seconds" [] "Time to make a batch durable in the log: write and sync, or the database";
    COMMITS_FAILED = Counter "cpss_commits_failed_total" [COMMIT_CAUSE] "Batches of commands that were not committed";
    HEAD_REVISION = Gauge "cpss_head_revision" [] "The last published revision";
    CHECKPOINT_REVISION = Gauge "cpss_checkpoint_revision" [] "The last revision in the latest signed checkpoint of the transparency log; 0: none is signed since the start";
    EPOCH_INFO = Info "cpss_epoch_info" [EPOCH] "The epoch of the head";
    OPEN_DAY = Gauge "cpss_open_day_timestamp_seconds" [] "The open civil day, as its midnight in UTC";
    OPEN_DAY_LAG = Gauge "cpss_open_day_lag_days" [] "Days by which the open day is behind the day of the clock";
    LOG_BYTES = Gauge "cpss_log_bytes" [] "The size of the log on disk";
    LOG_HEAD_CONFIRMED_AGE = Gauge "cpss_log_head_confirmed_age_seconds" [] "Time since every record of the shared log was last known; +Inf: never since the start";
    LOG_TROUBLE = Gauge "cpss_log_trouble" [LOG_CAUSE] "1 if the shared log takes no writes for this cause, else 0";
    LOG_CLOCK_OFFSET = Gauge "cpss_log_clock_offset_seconds" [] "How far the clock of this machine is ahead of the clock of the shared log";
    LOG_LAG = Gauge "cpss_log_lag_revisions" [] "Records of the shared log that are not known here yet";
    LOG_APPENDS_LOST = Counter "cpss_log_appends_lost_total" [] "Appends to the shared log that were too late, because another replica was first";
    LOG_DOUBTS = Counter "cpss_log_doubts_total" [] "Appends to the shared log whose outcome was not known at first";
    INDEX = Gauge "cpss_index" [] "1 if the index can be read; 0: the next start rebuilds it";
    INDEX_LAG = Gauge "cpss_index_lag_revisions" [] "Records that no base of the index contains: a start after a kill reads them again";
    TIMELINES_CACHED = Gauge "cpss_timelines_cached" [] "Timelines in memory";
    TIMELINES_COMPLETE = Gauge "cpss_timelines_complete" [] "1 once every timeline is in memory, else 0";
    SCRUB_PASS_BYTES = Gauge "cpss_scrub_pass_bytes" [] "Bytes of records that the present or last pass of the scrub has read";
    SCRUB_LAST_SUCCESS = Gauge "cpss_scrub_last_success_timestamp_seconds" [] "When the scrub last read every closed segment of the log without an error, since the start";
    SCRUB_DAMAGE = Gauge "cpss_scrub_damage" [] "1 if the last completed scrub found damage, else 0";
    DISK_FREE = Gauge "cpss_disk_free_bytes" [VOLUME] "Free space of the disk with the data, and of the disk with the audit";
    DISK_RESERVE = Gauge "cpss_disk_reserve_bytes" [VOLUME] "Free space below which nothing is recorded; for the audit, what it may still write";
    CONNECTIONS_OPEN = Gauge "cpss_connections_open" [CONNECTION] "Open connections of the gRPC port and the HTTP port; known: a client of the list has called on it";
    CONNECTIONS_AGED = Counter "cpss_connections_aged_total" [] "Connections of the gRPC port and the HTTP port that ended because of their age";
    HANDSHAKES_FAILED = Counter "cpss_handshakes_failed_total" [HANDSHAKE_CAUSE] "TLS handshakes that failed";
    WATCHERS = Gauge "cpss_watchers" [] "Open watches of changes";
    WATCHER_LAG = Gauge "cpss_watcher_lag_revisions" [] "Records that the slowest watch has not sent yet";
    WEBHOOK_DELIVERIES = Counter "cpss_webhook_deliveries_total" [CLIENT, DELIVERY] "Posts to the receiver of a client that it confirmed, and attempts that failed";
    WEBHOOK_LAG = Gauge "cpss_webhook_lag_revisions" [CLIENT] "Records that the receiver of a client has not confirmed yet";
    WEBHOOK_FAILING = Gauge "cpss_webhook_failing" [CLIENT] "1 if nothing could be delivered to the receiver of a client for an hour, or it has said that it is gone, else 0";
    AUDIT_BYTES = Gauge "cpss_audit_bytes" [] "The size of the audit files";
    AUDIT_LIMIT_BYTES = Gauge "cpss_audit_limit_bytes" [] "The maximum size of the audit files";
    AUDIT_UNTIL_FULL = Gauge "cpss_audit_seconds_until_full" [] "Seconds until the audit has used up its share of the disk, at the rate of the last days; +Inf: never";
    AUDIT_LINES = Counter "cpss_audit_lines_total" [] "Lines written to the audit";
    AUDIT_QUEUE = Gauge "cpss_audit_queue_entries" [] "Entries that wait to be written to the audit";
    AUDIT_OLDEST = Gauge "cpss_audit_oldest_unwritten_seconds" [] "Age of the oldest entry that is not written yet; 0: none waits";
    AUDIT_FILES_REMOVED = Counter "cpss_audit_files_removed_total" [] "Audit files removed after their retention period";
    ACCESS_LINES_DROPPED = Counter "cpss_access_lines_dropped_total" [] "Lines left out of the access log because it could not keep up";
    SPANS = Counter "cpss_spans_total" [SPAN_OUTCOME] "Spans of traced calls that the collector took, and that were dropped";
    RELOADS = Counter "cpss_reloads_total" [RELOADED, OUTCOME] "Reloads of the certificates and of the list of clients";
    CERTIFICATE_EXPIRY = Gauge "cpss_certificate_expiry_timestamp_seconds" [CERTIFICATE] "When a certificate expires; of several, the first to expire; `last_authority` is the last of several authorities to expire";
    TOKEN_EXPIRY = Gauge "cpss_token_expiry_timestamp_seconds" [] "When the first token on the list of clients expires";
    BACKUP_LAST = Gauge "cpss_backup_last_timestamp_seconds" [] "When the last backup of this data directory was completed";
    BACKUP_REVISION = Gauge "cpss_backup_last_revision" [] "The last revision in that backup";
    SHIP_LAST = Gauge "cpss_ship_last_timestamp_seconds" [] "When a copy that follows the log last had every record";
    SHIP_LAG = Gauge "cpss_ship_lag_revisions" [] "Records that this copy does not have yet";
    BUILD_INFO = Info "cpss_build_info" [VERSION, COMMIT, SEMANTICS] "The program";
    PROCESS_CPU = Counter "process_cpu_seconds_total" [] "CPU time of the process, in user and in system mode";
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes" [] "Resident memory of the process";
    PROCESS_FDS = Gauge "process_open_fds" [] "Open file descriptors";
    PROCESS_MAX_FDS = Gauge "process_max_fds" [] "File descriptors that may be open";
    PROCESS_START = Gauge "process_start_time_seconds" [] "When the process started, in seconds since 1970";
}
