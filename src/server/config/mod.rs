//! The server's configuration: what a file and the command line say, checked as a whole.
//!
//! Raw configuration is [`Flags`] and a file's text; a [`Config`] is only ever made by [`Config::read`], which reports
//! every mistake at once. Flags win over the file, the file over the defaults, and each value remembers where it came
//! from. No environment variable plays a part.

pub mod clients;
mod limits;
mod reading;
mod value;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use self::reading::Reading;
use self::value::Count;
pub use self::value::{Bytes, Percent};
use super::listener::certificates::CertificateFiles;
use crate::auth::quotas::Limits;
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::registry::clock;
use crate::store::holds_registry;
use crate::store::log::LogOptions;
use crate::telemetry::audit::{self, Place};

/// Where the contract is served, unless something else is said.
const LISTEN_PORT: u16 = 50051;

/// What the command line says, not yet checked. Every key of the file has a flag.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Read the configuration from this file (TOML); flags win over it
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Serve the gRPC contract here; port 0 picks a free one [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Serve health here [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDR")]
    pub ops_listen: Option<String>,
    /// The server's certificate, with what leads from it to its authority (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// The key of the certificate (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<String>,
    /// The authorities whose certificates clients may show (PEM)
    #[arg(long, value_name = "FILE")]
    pub client_ca: Option<String>,
    /// The list of clients (TOML)
    #[arg(long, value_name = "FILE")]
    pub clients: Option<String>,
    /// Keep the record here [default: /var/lib/cpss-registry, with --dev ./data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// The id of the registry that has to be there, as `create` and `init` print it; another one is refused
    #[arg(long, value_name = "UUID")]
    pub registry: Option<String>,
    /// Adopt the rule sets (*.toml) of this directory beside the shipped ones
    #[arg(long, value_name = "DIR")]
    pub rules: Option<String>,
    /// Record nothing while less than this is free on the disk of the data directory [default: 536870912]
    #[arg(long, value_name = "BYTES")]
    pub disk_reserve_bytes: Option<String>,
    /// Nor while less than this part of it is free, in percent [default: 1]
    #[arg(long, value_name = "PERCENT")]
    pub disk_reserve_percent: Option<String>,
    /// Let calls in flight finish for so long after SIGTERM [default: 20]
    #[arg(long, value_name = "SECONDS")]
    pub drain_seconds: Option<String>,
    /// Permit opening days up to this one, however far past the last record
    #[arg(long, value_name = "DATE")]
    pub open_days_through: Option<String>,
    /// Go on after a loss: give up whatever the log held after this revision, the last that it can give, keep the damaged
    /// files aside, and begin a new epoch. Without a loss, and once it is recorded, it has no effect
    #[arg(long, value_name = "REVISION")]
    pub accept_loss_after: Option<String>,
    /// Go on though keys/request.key is lost, with a new one: requests recorded before are not known again
    #[arg(long)]
    pub new_request_key: bool,
    /// Write down here who asks about whom [default: DATA_DIR/audit/reads.jsonl]
    #[arg(long, value_name = "FILE")]
    pub audit_file: Option<String>,
    /// Begin the next file of that audit at this size [default: 64]
    #[arg(long, value_name = "MIB")]
    pub audit_file_mib: Option<String>,
    /// Keep so many of them [default: 64]
    #[arg(long, value_name = "COUNT")]
    pub audit_files: Option<String>,
    /// Take so many calls in a second of one client, in the long run [default: 10000, with --dev any]
    #[arg(long, value_name = "COUNT")]
    pub calls_per_second: Option<String>,
    /// And so many at once, after it made none for a while [default: 20000, with --dev any]
    #[arg(long, value_name = "COUNT")]
    pub calls_burst: Option<String>,
    /// Keep so many connections of one client [default: 64, with --dev any]
    #[arg(long, value_name = "COUNT")]
    pub connections_per_client: Option<String>,
    /// Keep so many streams of one client: questions, imports, watchers [default: 64, with --dev any]
    #[arg(long, value_name = "COUNT")]
    pub streams_per_client: Option<String>,
    /// Answer a call within this time, whatever time its caller gives it [default: 60, with --dev any]
    #[arg(long, value_name = "SECONDS")]
    pub longest_call_seconds: Option<String>,
    /// Development: nothing to prepare; loopback only, no TLS, sample data into an empty data directory
    #[arg(long)]
    pub dev: bool,
    /// With --dev: the civil date, instead of the clock's
    #[arg(long, value_name = "DATE")]
    pub today: Option<String>,
    /// With --dev: leave an empty data directory empty
    #[arg(long)]
    pub no_sample: bool,
}

/// A configuration that the server can run with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the gRPC contract is served.
    pub listen: SocketAddr,
    /// Where health is served, in plaintext and without personal data.
    pub ops_listen: SocketAddr,
    /// Who may call, and how that is known. None on a development server, and only there.
    pub access: Option<Access>,
    /// Where the record is kept.
    pub data_dir: PathBuf,
    /// The id of the registry that has to be there; none: any.
    pub registry: Option<Uuid>,
    /// A directory of rule sets adopted beside the shipped ones. Its files were readable when this was checked.
    pub rules_dir: Option<PathBuf>,
    /// Nothing is recorded while less than this is free on the disk, in bytes,
    pub disk_reserve_bytes: Bytes,
    /// or less than this part of it.
    pub disk_reserve_percent: Percent,
    /// How long calls in flight may finish once the server is told to stop.
    pub drain: Duration,
    /// The last day that may be opened however far past the last record it is.
    pub open_days_through: Option<Day>,
    /// The last record that is left, if the log lost some and the operator goes on without them.
    pub accept_loss_after: Option<Revision>,
    /// Whether a lost key of the digests of requests is replaced by a new one.
    pub new_request_key: bool,
    /// Where reads of persons are written down.
    pub audit: Place,
    /// What one client may take. A development server lets its clients take what they like, unless it is told otherwise.
    pub limits: Limits,
    /// Whether this is a development server: only such a one listens without identities, and on loopback alone.
    pub dev: bool,
    /// The civil date, instead of the clock's. Of a development server only.
    pub today: Option<Day>,
    /// Whether an empty data directory stays empty. Of a development server only.
    pub no_sample: bool,
    settings: Vec<Setting>,
}

/// The files that say who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The server's certificate, and the authority of its clients'.
    pub certificates: CertificateFiles,
    /// The list of clients.
    pub clients: PathBuf,
}

/// A value in effect, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in the file.
    pub key: &'static str,
    /// The value; none when it is not set.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File(String),
    /// A flag, by its name.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "file {path}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// Something that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// A flag, or a file with its line.
    pub place: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl Config {
    /// The configuration that the flags, and the file that they name, make: or every mistake in them.
    pub fn read(flags: &Flags) -> Result<Config, Vec<Mistake>> {
        let mut reading = Reading::of_file(flags.config.as_deref())?;
        let data_dir = PathBuf::from(if flags.dev { "./data" } else { "/var/lib/cpss-registry" });
        let disk = LogOptions::default();
        // In the order in which they are shown.
        let listen = reading.take("listen", "--listen", &flags.listen, loopback(LISTEN_PORT));
        let ops_listen = reading.take("ops_listen", "--ops-listen", &flags.ops_listen, loopback(9090));
        let access = reading.take_access(flags);
        let data_dir = reading.take("data_dir", "--data-dir", &flags.data_dir, data_dir);
        let reads = data_dir.join("audit/reads.jsonl");
        let mut config = Config {
            listen,
            ops_listen,
            access,
            data_dir,
            registry: reading.take("registry", "--registry", &flags.registry, None),
            rules_dir: reading.take("rules_dir", "--rules", &flags.rules, None),
            disk_reserve_bytes: reading.take(
                "disk_reserve_bytes",
                "--disk-reserve-bytes",
                &flags.disk_reserve_bytes,
                Bytes(disk.reserve_bytes),
            ),
            disk_reserve_percent: reading.take(
                "disk_reserve_percent",
                "--disk-reserve-percent",
                &flags.disk_reserve_percent,
                Percent(disk.reserve_percent),
            ),
            drain: reading.take("drain_seconds", "--drain-seconds", &flags.drain_seconds, Duration::from_secs(20)),
            open_days_through: reading.take("open_days_through", "--open-days-through", &flags.open_days_through, None),
            accept_loss_after: reading.take("accept_loss_after", "--accept-loss-after", &flags.accept_loss_after, None),
            new_request_key: reading.take_switch("new_request_key", "--new-request-key", flags.new_request_key),
            audit: Place {
                path: reading.take("audit_file", "--audit-file", &flags.audit_file, None::<PathBuf>).unwrap_or(reads),
                file_bytes: reading
                    .take("audit_file_mib", "--audit-file-mib", &flags.audit_file_mib, Count(64))
                    .bytes_of_mib(),
                files: reading.take("audit_files", "--audit-files", &flags.audit_files, Count(64)).0,
            },
            limits: limits::take(&mut reading, flags),
            dev: reading.take_switch("dev", "--dev", flags.dev),
            today: reading.take("today", "--today", &flags.today, None),
            no_sample: reading.take_switch("no_sample", "--no-sample", flags.no_sample),
            settings: Vec::new(),
        };
        reading.check(&config);
        if reading.mistakes.is_empty() {
            config.settings = reading.settings;
            Ok(config)
        } else {
            Err(reading.mistakes)
        }
    }

    /// The data directory alone, for who works on it without serving: or every mistake in the file.
    pub fn read_data_dir(flags: &Flags) -> Result<PathBuf, Vec<Mistake>> {
        let default = PathBuf::from("/var/lib/cpss-registry");
        Config::read_one(flags, |reading| reading.take("data_dir", "--data-dir", &flags.data_dir, default))
    }

    /// Where the server listens, for clients that are told before it serves: or every mistake in the file.
    pub fn read_listen(flags: &Flags) -> Result<SocketAddr, Vec<Mistake>> {
        Config::read_one(flags, |reading| reading.take("listen", "--listen", &flags.listen, loopback(LISTEN_PORT)))
    }

    fn read_one<V>(flags: &Flags, take: impl FnOnce(&mut Reading) -> V) -> Result<V, Vec<Mistake>> {
        let mut reading = Reading::of_file(flags.config.as_deref())?;
        let value = take(&mut reading);
        if reading.mistakes.is_empty() { Ok(value) } else { Err(reading.mistakes) }
    }

    /// Proves that reads can be written down: opens the file, writes a line and syncs it. In a data directory without a
    /// registry nothing is made: the start refuses it, or proves it then.
    pub fn check_audit(&self) -> Result<(), Mistake> {
        if self.audit.path.starts_with(&self.data_dir) && !holds_registry(&self.data_dir) {
            return Ok(());
        }
        audit::check(&self.audit.path, clock::now()).map_err(|error| {
            let origin =
                self.settings.iter().find(|setting| setting.key == "audit_file").map(|setting| &setting.origin);
            let place = origin.map_or_else(String::new, |origin| format!(" ({origin})"));
            Mistake { place: format!("audit_file{place}"), message: reading::with_source(&error) }
        })
    }

    /// Every value in effect, with where it came from.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests;
