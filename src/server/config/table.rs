//! The table of the configuration: one row for each key of the file and for each flag of `serve`.
//!
//! A row has the documentation, the name, the type with its [`Value`], the default, and the flag with the name of its
//! value. The first paragraph of the documentation is what `--help` says; all of it stands in the example file. `with
//! --dev` gives the default of a development server. `Set` and `Unset` give the value that the example file shows for a
//! key without a default, in effect or as a comment.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use super::Setting;
use super::derive::configuration;
use super::key::{Example, Key, summary};
use super::reading::Reading;
use super::value::{Bytes, Form, Percent, Share, Value};
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::store::log::LogOptions;

configuration! {
    keys {
        /// Serve the gRPC contract here; port 0 picks a free one
        listen: SocketAddr = loopback(50051), flag "listen" "ADDR";

        /// Serve health here
        ///
        /// Health is grpc.health.v1, in plaintext and without personal data, for probes. Keep it off any network that
        /// clients reach.
        ops_listen: SocketAddr = loopback(9090), flag "ops-listen" "ADDR";

        /// The server's certificate, followed by the chain to its authority (PEM)
        ///
        /// The server speaks TLS 1.2 and 1.3.
        tls_cert: Option<PathBuf> = None, flag "tls-cert" "FILE", Set "/etc/cpss-registry/server.crt";

        /// The key of the certificate (PEM)
        tls_key: Option<PathBuf> = None, flag "tls-key" "FILE", Set "/etc/cpss-registry/server.key";

        /// The authorities whose certificates clients may show (PEM)
        ///
        /// Unset: clients show tokens alone.
        client_ca: Option<PathBuf> = None, flag "client-ca" "FILE", Set "/etc/cpss-registry/ca.crt";

        /// The list of clients (TOML)
        ///
        /// It has one row for each client. `cpss-registry init` writes it, the certificates and a configuration. The server
        /// reads all four files again when one changes and on SIGHUP. It uses them if they fit together, and the log says
        /// so.
        clients: Option<PathBuf> = None, flag "clients" "FILE", Set "/etc/cpss-registry/clients.toml";

        /// Keep the record here
        ///
        /// log/ is the truth, index/ can be rebuilt from it. The directory is on a local disk that honors fsync, and one
        /// process at a time uses it.
        data_dir: PathBuf = "/var/lib/cpss-registry".into(), with --dev "./data".into(), flag "data-dir" "DIR";

        /// The id of the registry that must be there, as `create` and `init` print it; another one is refused
        ///
        /// The id stays the same over restores and accepted losses. A data directory that holds no registry is always
        /// refused. Unset: any registry, with a warning.
        registry: Option<Uuid> = None, flag "registry" "UUID", Unset "3f2a91c0-5d1e-4c8a-9b57-6f0e2d4c8a11";

        /// Adopt the rule sets (*.toml) of this directory beside the shipped ones
        ///
        /// Unset: only the shipped ones.
        rules_dir: Option<PathBuf> = None, flag "rules" "DIR", Unset "/etc/cpss-registry/rules";

        /// Record nothing while less than this is free on the disk of the data directory
        ///
        /// Writers then get STORE_FULL, and the health of their services is NOT_SERVING. Questions are answered. Writes go
        /// on by themselves once there is room. In bytes, 67108864 at least: opening copies a segment of the log.
        disk_reserve_bytes: Bytes = Bytes(LogOptions::default().reserve_bytes), flag "disk-reserve-bytes" "BYTES";

        /// Record nothing while less than this part of the disk is free, in percent
        ///
        /// The larger of the two reserves holds.
        disk_reserve_percent: Percent = Percent(LogOptions::default().reserve_percent),
            flag "disk-reserve-percent" "PERCENT";

        /// Let calls in flight finish for this long after SIGTERM
        ///
        /// Then they are cut off. The service manager must wait longer than this: TimeoutStopSec in the systemd unit,
        /// terminationGracePeriodSeconds in Kubernetes.
        drain_seconds: Duration = Duration::from_secs(20), flag "drain-seconds" "SECONDS";

        /// Permit opening days up to this one, however far past the last record
        ///
        /// It is needed for days more than 7 days past the last record: after a long stop, or on a machine whose clock was
        /// wrong. Until it is given, writes are refused with CALENDAR_HELD. It opens days for good: check the clock first,
        /// and remove the key afterwards.
        open_days_through: Option<Day> = None, flag "open-days-through" "DATE", Unset "2026-03-02";

        /// Write the audit of reads, who asks about whom, to this file; unset: audit/reads.jsonl in the data directory
        ///
        /// It has one line of JSON for each question, and never a name or a date of birth. It must be a regular file. It is
        /// opened, written and synced at start and by `config --check`. While it cannot be written, questions about people
        /// are refused (AUDIT_UNAVAILABLE).
        audit_file: Option<PathBuf> = None, flag "audit-file" "FILE", Unset "/var/log/cpss-registry/reads.jsonl";

        /// Begin the next file of the audit at this size, and at the latest after a day
        ///
        /// The closed file is packed to an eighth of its size or less. `cpss-registry audit` reads packed files.
        audit_file_mib: NonZeroU32 = const { NonZeroU32::new(64).unwrap() }, flag "audit-file-mib" "MIB";

        /// Keep each line of the audit for this many days
        ///
        /// No file is removed before its last line is that old. Set it to what the law on keeping such records requires.
        audit_keep_days: NonZeroU32 = const { NonZeroU32::new(400).unwrap() }, flag "audit-keep-days" "DAYS";

        /// Use this much of the disk for the audit, in bytes; unset: half of what was free at the first start
        ///
        /// The start writes that half to `FILE.share` beside the audit. From 95 % on, clients that have used more than an
        /// equal part of the rest are refused (AUDIT_UNAVAILABLE); at 100 % all questions and dry runs are, but no write.
        /// At least four times `audit_file_mib`.
        audit_max_bytes: Option<Share> = None, flag "audit-max-bytes" "BYTES", Unset "50000000000";

        /// Take this many calls a second from one client, in the long run
        ///
        /// A call beyond it is refused with TOO_FAST and the time to wait.
        calls_per_second: Option<NonZeroU32> = NonZeroU32::new(10_000), with --dev None,
            flag "calls-per-second" "COUNT";

        /// Take this many calls at once from one client that made none for a while
        calls_burst: Option<NonZeroU32> = NonZeroU32::new(20_000), with --dev None, flag "calls-burst" "COUNT";

        /// Answer this many questions a second of one client, in the long run
        ///
        /// Each item of a batch or a stream and each row of a staff list is a question, and so is any other call. A batch
        /// beyond it is refused with TOO_FAST and the time to wait; a stream waits.
        questions_per_second: Option<NonZeroU32> = NonZeroU32::new(500_000), with --dev None,
            flag "questions-per-second" "COUNT";

        /// Answer this many questions at once of one client that asked none for a while; 1000 at least
        questions_burst: Option<NonZeroU32> = NonZeroU32::new(2_000_000), with --dev None,
            flag "questions-burst" "COUNT";

        /// Let one provider ask this many times an hour about people who are not found, at once or spread
        ///
        /// What is over it is refused with TOO_MANY_MISSES and the time to wait. All clients of one provider share it. Questions
        /// about its own staff are not counted. `misses_per_hour` in the row of a client overrides it. Each process counts
        /// for itself.
        provider_misses_per_hour: Option<NonZeroU32> = NonZeroU32::new(200), with --dev None,
            flag "provider-misses-per-hour" "COUNT";

        /// Let one payer ask this many times an hour by names that are not found, at once or spread
        ///
        /// Questions by number without a name are not counted. `misses_per_hour` in the row of a client overrides it. Each
        /// process counts for itself.
        payer_misses_per_hour: Option<NonZeroU32> = NonZeroU32::new(5_000), with --dev None,
            flag "payer-misses-per-hour" "COUNT";

        /// Keep this many connections of one client
        ///
        /// One more is refused with TOO_MANY.
        connections_per_client: Option<NonZeroU32> = NonZeroU32::new(64), with --dev None,
            flag "connections-per-client" "COUNT";

        /// Keep this many streams of one client: questions, imports, watchers
        ///
        /// One more is refused with TOO_MANY. A batch and a page count as a stream does, until their answers were read.
        streams_per_client: Option<NonZeroU32> = NonZeroU32::new(64), with --dev None,
            flag "streams-per-client" "COUNT";

        /// Answer a call within this time, whatever time its caller gives it
        ///
        /// Otherwise it is refused with DEADLINE_EXCEEDED. A stream must only have begun by then, and goes on.
        longest_call_seconds: Option<Duration> = Some(Duration::from_secs(60)), with --dev None,
            flag "longest-call-seconds" "SECONDS";
    }
    flags {
        /// Go on after a loss: give up whatever the log held after this revision, the last that it can give, keep the
        /// damaged files aside, and begin a new epoch. Without a loss, and once it is recorded, it has no effect
        accept_loss_after: Revision, flag "accept-loss-after" "REVISION";

        /// With --dev: the civil date, instead of the clock's
        today: Day, flag "today" "DATE";
    }
    switches {
        /// Go on though keys/request.key is lost, with a new one: earlier requests are no longer recognized when repeated
        new_request_key, flag "new-request-key";

        /// Development: nothing to prepare; loopback only, no TLS, sample data into an empty data directory
        dev, flag "dev";

        /// With --dev: leave an empty data directory empty
        no_sample, flag "no-sample";
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
