//! The table `log`: whether its keys agree, and the files that it names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::runtime::Handle;
use uuid::Uuid;

use super::log_values::{LogEngine, ReplicaId};
use super::reading::Reading;
use super::secret::secret;
use super::{Config, Flags, Mistake, with_source};
use crate::registry::clock;
use crate::store::log::postgresql::{Password, Settings, SettingsError, SharedLog};
use crate::store::{Key, signing_keys};

/// The maximum length of a password in bytes.
const LONGEST_PASSWORD: usize = 4096;

/// The maximum length of a private key in bytes.
const LONGEST_PRIVATE_KEY: usize = 4096;

/// A replica reaches the database every second. A pause of this length is nothing unusual.
const LEAST_STALE: Duration = Duration::from_secs(5);

/// A log that several replicas share, and how this replica reaches it.
#[derive(Clone)]
pub struct LogAccess {
    /// Where the database is.
    pub settings: Settings,
    /// The registry that the log must belong to.
    pub registry: Uuid,
    /// The key that all replicas have.
    pub request_key: Key,
}

impl LogAccess {
    /// The log, with connections that the present runtime drives.
    pub fn here(&self) -> SharedLog {
        self.clone().driven_by(Handle::current())
    }

    /// The log, with connections that this runtime drives.
    pub fn driven_by(self, runtime: Handle) -> SharedLog {
        let LogAccess { settings, registry, request_key } = self;
        SharedLog { settings, registry, request_key, runtime, now: clock::now }
    }
}

/// A value of the table `log` that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub struct Unusable {
    key: &'static str,
    message: String,
}

impl Reading {
    /// Checks that the keys of the table `log` agree with each other and with other keys, and reads the files that they
    /// name.
    pub(super) fn check_log(&mut self, config: &Config) {
        if config.log_engine == LogEngine::File {
            let given = [
                ("log.url", config.log_url.is_some()),
                ("log.password_file", config.log_password_file.is_some()),
                ("log.ca", config.log_ca.is_some()),
                ("log.request_key", config.log_request_key.is_some()),
                ("log.signing_keys", config.log_signing_keys.is_some()),
                ("log.replica_id", config.log_replica_id.is_some()),
            ];
            for (key, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                self.mistake(self.place_of(key), "only with log.engine = \"postgresql\"");
            }
            return;
        }
        let engine = self.place_of("log.engine");
        if config.dev {
            self.mistake(engine, "postgresql is not allowed with --dev, which keeps its log in the data directory");
            return;
        }
        self.refuse_remedies_of_a_single_log(config);
        let needed = [
            (config.log_url.is_some(), "log.url, the database with the log"),
            (config.log_request_key.is_some(), "log.request_key, the file that `init` made for all replicas"),
            (
                config.registry.is_some(),
                "registry, the id that `init` wrote: the log of no other one fills this replica",
            ),
        ];
        for (_, what) in needed.into_iter().filter(|(is_given, _)| !is_given) {
            self.mistake(&*engine, format!("postgresql requires {what}"));
        }
        if config.log_patience_seconds.is_zero() {
            self.mistake(self.place_of("log.patience_seconds"), "at least 1 second is needed");
        }
        if config.log_serve_stale_for_seconds < LEAST_STALE {
            self.mistake(
                self.place_of("log.serve_stale_for_seconds"),
                format!("at least {} seconds are needed", LEAST_STALE.as_secs()),
            );
        }
        if let Err(Unusable { key, message }) = config.log_access() {
            self.mistake(self.place_of(key), message);
        }
    }

    /// Refuses what helps against damage of a log that nobody else has.
    fn refuse_remedies_of_a_single_log(&mut self, config: &Config) {
        if config.accept_loss_after.is_some() {
            let message = "not with log.engine = \"postgresql\": remove a damaged data directory, and the replica is \
                           filled from the log again; for what the database lost, use `cpss-registry log push` or \
                           `cpss-registry accept-loss`";
            self.mistake("--accept-loss-after", message);
        }
        if config.new_request_key {
            let message = "not with log.engine = \"postgresql\": copy log.request_key from another replica";
            self.mistake("--new-request-key", message);
        }
    }
}

impl Config {
    /// How this replica reaches a log that it shares. `None` if its log is in the data directory. Reads the files that
    /// the configuration names.
    pub fn log_access(&self) -> Result<Option<LogAccess>, Unusable> {
        let (Some(settings), Some(path), Some(registry)) = (self.log_settings()?, &self.log_request_key, self.registry)
        else {
            return Ok(None);
        };
        let request_key = request_key(path).map_err(|message| Unusable { key: "log.request_key", message })?;
        let keys = self.log_signing_keys.as_deref().map_or(Ok(()), check_signing_keys);
        keys.map_err(|message| Unusable { key: "log.signing_keys", message })?;
        Ok(Some(LogAccess { settings, registry, request_key }))
    }

    /// Reads where the database is from flags alone, before there is a registry in it. Returns every mistake.
    pub fn read_log_settings(flags: &Flags) -> Result<Settings, Vec<Mistake>> {
        let mut reading = Reading::of_file(flags.config.as_deref())?;
        let config = Config::take(&mut reading, flags);
        match config.log_settings() {
            Ok(Some(settings)) if reading.mistakes.is_empty() => return Ok(settings),
            Ok(Some(_)) => {}
            Ok(None) => reading.mistake("log.url", "required"),
            Err(Unusable { key, message }) => reading.mistake(reading.place_of(key), message),
        }
        Err(reading.mistakes)
    }

    /// The name of this replica. Returns what is wrong if no replica can have the name of this machine.
    pub fn replica_id(&self) -> Result<ReplicaId, String> {
        self.log_replica_id.clone().map_or_else(ReplicaId::of_this_machine, Ok)
    }

    fn log_settings(&self) -> Result<Option<Settings>, Unusable> {
        let Some(url) = &self.log_url else { return Ok(None) };
        let unusable = |key| move |message| Unusable { key, message };
        let replica = self.replica_id().map_err(unusable("log.replica_id"))?;
        let password = self.log_password_file.clone().map(password_of).transpose();
        let password = password.map_err(unusable("log.password_file"))?;
        let (ca, patience) = (self.log_ca.as_deref(), self.log_patience_seconds);
        let settings = Settings::parse(&url.0, password, ca, &replica.0, self.log_durability, patience);
        let mut settings = settings.map_err(|error| {
            use SettingsError::{Malformed, NoHost, PasswordInUrl};
            let is_of_url = matches!(error, Malformed | NoHost | PasswordInUrl) || self.log_ca.is_none();
            unusable(if is_of_url { "log.url" } else { "log.ca" })(with_source(&error))
        })?;
        settings.roll_call = self.log_roll_call.0;
        Ok(Some(settings))
    }
}

/// Reads a request key. Returns what is wrong if the file cannot be used.
pub fn request_key(path: &Path) -> Result<Key, String> {
    let bytes = secret(path, size_of::<Key>())?;
    bytes.try_into().map_err(|_| format!("{} is not a request key: it is not 32 bytes long", path.display()))
}

/// Returns what is wrong if a directory has no keys that sign, or everyone on the machine can read one.
fn check_signing_keys(directory: &Path) -> Result<(), String> {
    signing_keys::read_complete(directory).map_err(|error| with_source(&error))?;
    for private in signing_keys::private_files(directory).map_err(|error| with_source(&error))? {
        secret(&private, LONGEST_PRIVATE_KEY)?;
    }
    Ok(())
}

/// The password in a file, which is read for each connection. Returns what is wrong if the file cannot be used now.
fn password_of(path: PathBuf) -> Result<Password, String> {
    password(&path)?;
    Ok(Password::read_by(move || password(&path)))
}

/// Reads a password. Returns what is wrong if the file cannot be used.
pub fn password(path: &Path) -> Result<String, String> {
    let bytes = secret(path, LONGEST_PASSWORD)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not a text in UTF-8", path.display()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() { Err(format!("{} contains no password", path.display())) } else { Ok(password.to_owned()) }
}
