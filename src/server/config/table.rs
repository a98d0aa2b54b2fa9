//! The table of the configuration: one row per key of the file and per flag of `serve`.
//!
//! A row has the documentation, the name, the type with its [`Value`], the default, and the flag with the name of its
//! value, and the value that it has alone (`or`). The first paragraph of the documentation is the flag's `--help`. The
//! whole documentation goes into the example file. `with --dev` gives the default of a development server. `Set` and
//! `Unset` give the value that the example file shows for a key without a default, in effect or as a comment.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use super::Setting;
use super::derive::{configuration, name};
use super::key::{Example, Key, summary};
use super::log_values::{DatabaseUrl, LogEngine, ReplicaId, RollCall};
use super::reading::Reading;
use super::value::{Bytes, Form, HttpOrigins, Percent, Share, Value};
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::store::backup::Recipients;
use crate::store::log::LogOptions;
use crate::store::log::postgresql::Durability;
use crate::telemetry::log::{Format, Levels};

configuration! {
    keys {
        /// The address of the gRPC port; port 0 picks a free one
        listen: SocketAddr = loopback(50051), flag "listen" "ADDR";

        /// The address of the ops port: health and metrics
        ///
        /// It serves grpc.health.v1, /livez, /readyz, /metrics and /status, in plaintext and without personal data.
        /// Keep it off any network that clients reach.
        ops_listen: SocketAddr = loopback(9090), flag "ops-listen" "ADDR";

        /// The address of the HTTP port, which serves the contract as JSON; port 0 picks a free one
        ///
        /// It speaks HTTP/1.1 and HTTP/2, with the certificates and the clients of the gRPC port. Unset: there is no
        /// such port.
        http_listen: Option<SocketAddr> = None, with --dev Some(loopback(8080)), flag "http-listen" "ADDR",
            Unset "127.0.0.1:8443";

        /// The web pages of other origins that may call the HTTP port from a browser, separated by spaces
        ///
        /// Unset: none, only pages of the server itself.
        http_origins: HttpOrigins = HttpOrigins::default(), flag "http-origins" "ORIGINS",
            Unset "https://portal.example.gov";

        /// The server's certificate, followed by the chain to its authority (PEM)
        ///
        /// The server speaks TLS 1.2 and 1.3.
        tls_cert: Option<PathBuf> = None, flag "tls-cert" "FILE", Set "/etc/cpss-registry/server.crt";

        /// The private key of the certificate (PEM)
        tls_key: Option<PathBuf> = None, flag "tls-key" "FILE", Set "/etc/cpss-registry/server.key";

        /// The authorities that sign client certificates (PEM)
        ///
        /// Unset: clients can only use tokens.
        client_ca: Option<PathBuf> = None, flag "client-ca" "FILE", Set "/etc/cpss-registry/ca.crt";

        /// The list of clients (TOML)
        ///
        /// It has one entry per client. `cpss-registry init` writes it, the certificates and a configuration. The
        /// server reloads all four files when one of them changes and on SIGHUP. If they are not consistent, it keeps
        /// the old ones in use. The log reports either result.
        clients: Option<PathBuf> = None, flag "clients" "FILE", Set "/etc/cpss-registry/clients.toml";

        /// Deliver the webhooks that the list of clients names
        ///
        /// Where replicas share a log, say `false` in all but one. A replica that does not deliver notes where it would
        /// have begun, so that it delivers everything since if it must take over.
        deliver_webhooks: bool = true, flag "deliver-webhooks" "TRUE|FALSE";

        /// The data directory, which contains the record
        ///
        /// log/ is the record; index/ can be rebuilt from it. The directory must be on a local disk that honors fsync.
        /// Only one process at a time can use it.
        data_dir: PathBuf = "/var/lib/cpss-registry".into(), with --dev "./data".into(), flag "data-dir" "DIR";

        /// The id of the registry, as printed by `create` and `init`; any other registry is refused
        ///
        /// The id survives restores and accepted losses. A data directory without a registry is always refused. Unset:
        /// any registry is accepted, with a warning.
        registry: Option<Uuid> = None, flag "registry" "UUID", Unset "3f2a91c0-5d1e-4c8a-9b57-6f0e2d4c8a11";

        /// Load the rule sets (*.toml) in this directory in addition to the built-in ones
        ///
        /// Unset: only the built-in ones.
        rules_dir: Option<PathBuf> = None, flag "rules" "DIR", Unset "/etc/cpss-registry/rules";

        /// Refuse writes while fewer bytes than this are free on the disk of the data directory
        ///
        /// Writers then get STORE_FULL, and the health of their services is NOT_SERVING. Reads are still answered.
        /// Writes resume when space is available again. The minimum is 67108864 bytes, because opening copies a segment
        /// of the log.
        disk_reserve_bytes: Bytes = Bytes(LogOptions::default().reserve_bytes), flag "disk-reserve-bytes" "BYTES";

        /// Refuse writes while less than this percentage of the disk is free
        ///
        /// The larger of the two reserves applies.
        disk_reserve_percent: Percent = Percent(LogOptions::default().reserve_percent),
            flag "disk-reserve-percent" "PERCENT";

        /// After SIGTERM, wait this many seconds for calls in progress
        ///
        /// Calls that are left are cut off. The service manager must wait longer than this: TimeoutStopSec in the
        /// systemd unit, terminationGracePeriodSeconds in Kubernetes.
        drain_seconds: Duration = Duration::from_secs(20), flag "drain-seconds" "SECONDS";

        /// Start although this release answers by newer rules of evaluation than the record
        ///
        /// Such a start writes a record, and from then on an earlier release refuses the registry: a backup of the
        /// earlier release is the only way back. Without the key, the start ends with exit code 2 and changes nothing.
        /// Where replicas share a log, those of the earlier release answer meanwhile. Remove the key afterwards.
        adopt_semantics: bool = false, flag "adopt-semantics" "TRUE|FALSE" or "true";

        /// Report the process as stuck after this many seconds in which a thread does not move while work waits for it
        ///
        /// `/livez` then fails, and systemd's watchdog hears nothing more, so that the process is started again.
        /// Waiting for a disk or a database does not count. At least 3 seconds.
        stuck_after_seconds: Duration = Duration::from_secs(600), flag "stuck-after-seconds" "SECONDS";

        /// Permit opening days up to this date, however far after the last record
        ///
        /// Needed for days more than 7 days after the last record: after a long stop, or on a machine whose clock was
        /// wrong. Until it is set, writes are refused with CALENDAR_HELD. Opened days cannot be undone: check the clock
        /// first, and remove the key afterwards.
        open_days_through: Option<Day> = None, flag "open-days-through" "DATE", Unset "2026-03-02";

        /// Encrypt backups that are fetched over the network to these keys of age, separated by spaces
        ///
        /// `age-keygen` makes a pair of keys. Only the public key, which begins with age1, belongs here: keep the
        /// private key off the server. Unset: OperationsService streams no backup.
        backup_recipients: Recipients = Recipients::default(), flag "backup-recipients" "KEYS",
            Unset "age1wthrzslylnqfuk7xcdynx6kc82nallv3pg9stpq50fjswh3pnu9q9r7vy9";

        /// Write the audit of reads (who asked about whom) to this file; unset: audit/reads.jsonl in the data directory
        ///
        /// The audit has one line of JSON per question, and never contains a name or a date of birth. It must be a
        /// regular file. It is opened, written and synced at start and by `config --check`. While it cannot be written,
        /// questions about people are refused with AUDIT_UNAVAILABLE.
        audit_file: Option<PathBuf> = None, flag "audit-file" "FILE", Unset "/var/log/cpss-registry/reads.jsonl";

        /// Start a new audit file at this size, and at least once a day
        ///
        /// A closed file is packed to an eighth of its size or less. `cpss-registry audit` reads packed files.
        audit_file_mib: NonZeroU32 = const { NonZeroU32::new(64).unwrap() }, flag "audit-file-mib" "MIB";

        /// Keep each line of the audit for this many days
        ///
        /// A file is removed only when its last line is that old. Set this to the retention period that the law
        /// requires for such records.
        audit_keep_days: NonZeroU32 = const { NonZeroU32::new(400).unwrap() }, flag "audit-keep-days" "DAYS";

        /// The audit's share of the disk, in bytes; unset: half of what was free at the first start
        ///
        /// The first start stores that half in `FILE.share` next to the audit. From 95 % on, clients that have used
        /// more than an equal part of the rest are refused with AUDIT_UNAVAILABLE. At 99.5 %, all questions and dry
        /// runs are refused, but no writes. The minimum is four times `audit_file_mib`.
        audit_max_bytes: Option<Share> = None, flag "audit-max-bytes" "BYTES", Unset "50000000000";

        /// The sustained rate limit of one client, in calls per second
        ///
        /// A call above it is refused with TOO_FAST and the time to wait.
        calls_per_second: Option<NonZeroU32> = NonZeroU32::new(10_000), with --dev None,
            flag "calls-per-second" "COUNT";

        /// The number of calls that one client may make at once after a pause
        calls_burst: Option<NonZeroU32> = NonZeroU32::new(20_000), with --dev None, flag "calls-burst" "COUNT";

        /// The sustained rate limit of one client, in questions per second
        ///
        /// Each item of a batch or a stream, each row of a staff list, and each other call is one question. A batch
        /// above the limit is refused with TOO_FAST and the time to wait. A stream waits.
        questions_per_second: Option<NonZeroU32> = NonZeroU32::new(500_000), with --dev None,
            flag "questions-per-second" "COUNT";

        /// The number of questions that one client may ask at once after a pause; at least 1000
        questions_burst: Option<NonZeroU32> = NonZeroU32::new(2_000_000), with --dev None,
            flag "questions-burst" "COUNT";

        /// The number of questions per hour, at once or spread, that one provider may ask about people who are not
        /// found
        ///
        /// A question above it is refused with TOO_MANY_MISSES and the time to wait. All clients of one provider share
        /// the limit. Questions about its own staff are not counted. `misses_per_hour` in the entry of a client
        /// overrides it. A restart begins at zero.
        provider_misses_per_hour: Option<NonZeroU32> = NonZeroU32::new(200), with --dev None,
            flag "provider-misses-per-hour" "COUNT";

        /// The number of questions per hour, at once or spread, that one payer may ask by names or prior numbers that
        /// are not found
        ///
        /// Questions by credential number without a name are not counted. `misses_per_hour` in the entry of a client
        /// overrides it. A restart begins at zero.
        payer_misses_per_hour: Option<NonZeroU32> = NonZeroU32::new(5_000), with --dev None,
            flag "payer-misses-per-hour" "COUNT";

        /// The maximum number of connections of one client
        ///
        /// A further one is refused with TOO_MANY.
        connections_per_client: Option<NonZeroU32> = NonZeroU32::new(64), with --dev None,
            flag "connections-per-client" "COUNT";

        /// The maximum number of concurrent streams of one client: questions, imports, watches
        ///
        /// A further one is refused with TOO_MANY. A batch and a page count as a stream until their responses are read.
        streams_per_client: Option<NonZeroU32> = NonZeroU32::new(64), with --dev None,
            flag "streams-per-client" "COUNT";

        /// The maximum duration of a call in seconds, even if its caller allows more
        ///
        /// A call that takes longer is refused with DEADLINE_EXCEEDED. A stream must start within this time, and then
        /// continues.
        longest_call_seconds: Option<Duration> = Some(Duration::from_secs(60)), with --dev None,
            flag "longest-call-seconds" "SECONDS";

        /// Ask the client of a connection to open a new one when it is this many seconds old; 0: never
        ///
        /// A tenth more or less, so that not all clients connect again at once. Behind a load balancer, clients so
        /// spread over new replicas. Calls and streams that have begun go on; until they end, the old connection counts
        /// among `connections_per_client`.
        max_connection_age_seconds: Duration = Duration::from_secs(1800), flag "max-connection-age-seconds" "SECONDS";

        /// End watches of changes and of health this many seconds after their connection became too old
        ///
        /// They end with DRAINING, and their clients continue them on a new connection.
        max_connection_age_grace_seconds: Duration = Duration::from_secs(60),
            flag "max-connection-age-grace-seconds" "SECONDS";

        /// The format of the lines on standard error: `text`, or `json`, one object a line
        ///
        /// The access log has the same format. SIGHUP makes the server read this key and `log_level` again.
        log_format: Format = Format::Text, flag "log-format" "FORMAT";

        /// The least severe level that is logged on standard error: `off`, `error`, `warn`, `info` or `debug`
        ///
        /// Levels of single targets follow after commas: `info,access=off` leaves out the access log, and
        /// `warn,access=info` leaves out what else is not a warning.
        log_level: Levels = Levels::default(), flag "log-level" "LEVEL";

        /// Where the log is: `file`, in the data directory, or `postgresql`, in a database that several replicas share
        ///
        /// With `postgresql`, `cpss-registry init --log-url` writes this table, and the data directory has a copy of
        /// the log. The key `registry` is then required: a replica with an empty data directory is filled from the log
        /// of that registry. deploy/docs/postgresql.md says what the database must offer.
        log_engine in "log.engine": LogEngine = LogEngine::File, flag "log-engine" "ENGINE";

        /// The database with the log, without a password
        ///
        /// Every node of the database that may become its primary is named.
        log_url in "log.url": Option<DatabaseUrl> = None, flag "log-url" "URL",
            Unset "postgresql://cpss@db1.example.org,db2.example.org/cpss";

        /// The file with the password for the database
        ///
        /// Everything in it counts except a line break at the end. Unset: no password.
        log_password_file in "log.password_file": Option<PathBuf> = None, flag "log-password-file" "FILE",
            Unset "/etc/cpss-registry/log.password";

        /// The authorities that sign the certificates of the database (PEM)
        ///
        /// Unset: only a database on this machine can be used.
        log_ca in "log.ca": Option<PathBuf> = None, flag "log-ca" "FILE", Unset "/etc/cpss-registry/log-ca.crt";

        /// The file of the key that identifies repeated requests, the same for all replicas
        ///
        /// `init` makes it. It is a secret: with it and the database, anyone can find out which requests were made.
        log_request_key in "log.request_key": Option<PathBuf> = None, flag "log-request-key" "FILE",
            Unset "/etc/cpss-registry/request.key";

        /// The directory with the keys that sign answers, receipts, and checkpoints, the same for all replicas
        ///
        /// `init` makes it. A replica copies the files at its start and on SIGHUP. Unset: it signs nothing.
        log_signing_keys in "log.signing_keys": Option<PathBuf> = None, flag "log-signing-keys" "DIR",
            Unset "/etc/cpss-registry/signing-keys";

        /// The name of this replica, which no other one has; unset: the name of this machine up to the first dot
        ///
        /// It has letters, digits, `-` and `_`, at most 63. `cpss-registry join` adds it to the database.
        log_replica_id in "log.replica_id": Option<ReplicaId> = None, flag "log-replica-id" "NAME", Unset "replica-1";

        /// What makes a record durable: `standby`, a synchronous standby of the database, or `storage`, the disks of
        /// the database, which are replicated
        ///
        /// With `standby`, a database without a synchronous standby is refused.
        log_durability in "log.durability": Durability = Durability::Standby, flag "log-durability" "WHAT";

        /// Wait this many seconds for an answer of the database
        ///
        /// After that the connection counts as lost, and the replica connects again.
        log_patience_seconds in "log.patience_seconds": Duration = Duration::from_secs(10),
            flag "log-patience-seconds" "SECONDS";

        /// Answer questions for this many seconds after the database was last reached
        ///
        /// Such answers may lack what other replicas recorded since. After that, questions without `known_at` are
        /// refused with REPLICA_STALE until the database is reached; questions about a known revision are always
        /// answered. At least 5 seconds.
        log_serve_stale_for_seconds in "log.serve_stale_for_seconds": Duration = Duration::from_secs(60),
            flag "log-serve-stale-for-seconds" "SECONDS";

        /// Wait for replicas that are not heard from after a start or a restore of the database: `wait`, for ever, or a
        /// time such as `10s`
        ///
        /// Until then nothing is recorded. After that time, records that only such a replica knows may be replaced by
        /// others, if the database was restored. A replica that is heard from and knows more is always waited for.
        log_roll_call in "log.roll_call": RollCall = RollCall(None), flag "log-roll-call" "TIME";
    }
    flags {
        /// Continue after a loss: give up everything in the log after this revision, the last readable one; keep the
        /// damaged files aside; and start a new epoch. Without a loss, and once it is recorded, the flag has no effect
        accept_loss_after: Revision, flag "accept-loss-after" "REVISION";

        /// With --dev: the civil date, in place of the clock's
        today: Day, flag "today" "DATE";
    }
    switches {
        /// Continue with a new key although keys/request.key is lost: repeats of earlier requests are no longer
        /// recognized
        new_request_key, flag "new-request-key";

        /// Development mode: no setup needed; loopback only, no TLS, sample data in a new data directory
        dev, flag "dev";

        /// With --dev: load no sample data into a new data directory
        no_sample, flag "no-sample";
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
