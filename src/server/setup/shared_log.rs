//! Begins a registry in a log that several replicas share, and lets further replicas join.
//!
//! The request key is written first. A database whose registry has the digest of this key was set up from this
//! directory, so a setup that was interrupted goes on there. Any other registry is left alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::time::timeout;
use uuid::Uuid;

use super::{SetupError, absolute_path, files, quoted};
use crate::registry::{Options, Registry, SEMANTICS_VERSION, clock};
use crate::server::config::log::request_key;
use crate::server::config::{Config, Flags, LogAccess, in_one_line};
use crate::server::replica::{self, ReplicaError};
use crate::store::log::postgresql::schema::{self, Joined, RegistryRow, SchemaError};
use crate::store::log::postgresql::{Link, Settings};
use crate::store::signing_keys::{self, RotationError};
use crate::store::{Key, LogPlace, OpenMode, StoreOptions, request_key_id};

/// The key file in the directory of a setup.
pub(super) const REQUEST_KEY: &str = "request.key";

/// The directory of the signing keys in the directory of a setup.
pub(super) const SIGNING_KEYS: &str = "signing-keys";

/// The flag that names the file with the password of the role that installed the schema.
pub(super) const OWNER_PASSWORD_PLACE: &str = "--log-owner-password-file";

/// The options of a setup whose log is in a database.
#[derive(Clone, Debug, Default)]
pub struct SharedLogSetup {
    /// The database, as a replica reaches it.
    pub url: String,
    /// The file with its password.
    pub password_file: Option<PathBuf>,
    /// The database, as a role reaches it that may install the schema. `None`: the same.
    pub owner_url: Option<String>,
    /// The file with the password of that role.
    pub owner_password_file: Option<PathBuf>,
    /// The authorities that sign the certificates of the database.
    pub ca: Option<PathBuf>,
    /// The name of the first replica. `None`: the name of this machine.
    pub replica_id: Option<String>,
    /// What makes a record durable. `None`: a synchronous standby.
    pub durability: Option<String>,
}

impl SharedLogSetup {
    /// Makes the paths of files absolute.
    pub(super) fn absolute(&self) -> Result<SharedLogSetup, SetupError> {
        let absolute = |path: &Option<PathBuf>| path.as_deref().map(absolute_path).transpose();
        let (password_file, ca) = (absolute(&self.password_file)?, absolute(&self.ca)?);
        Ok(SharedLogSetup { password_file, ca, ..self.clone() })
    }

    /// The settings of a replica, and those of the role that installs the schema.
    pub(super) fn both_settings(&self) -> Result<(Settings, Option<Settings>), SetupError> {
        let owner = self.owner_url.as_deref().map(|url| self.settings(url, self.owner_password_file.as_deref()));
        let mut owner = owner.transpose()?;
        if let Some(owner) = &mut owner {
            owner.password_place = OWNER_PASSWORD_PLACE;
        }
        Ok((self.settings(&self.url, self.password_file.as_deref())?, owner))
    }

    fn settings(&self, url: &str, password_file: Option<&Path>) -> Result<Settings, SetupError> {
        let text = |path: &Path| path.display().to_string();
        let flags = Flags {
            log_url: Some(url.to_owned()),
            log_password_file: password_file.map(text),
            log_ca: self.ca.as_deref().map(text),
            log_replica_id: self.replica_id.clone(),
            log_durability: self.durability.clone(),
            ..Flags::default()
        };
        Config::read_log_settings(&flags).map_err(|mistakes| SetupError::BadLog(in_one_line(&mistakes)))
    }

    /// The table `log` of the configuration.
    pub(super) fn table(&self, directory: &Path) -> String {
        let text = |path: &Path| quoted(&path.display().to_string());
        let mut lines = vec![
            ("engine", Some(quoted("postgresql"))),
            ("url", Some(quoted(&self.url))),
            ("password_file", self.password_file.as_deref().map(text)),
            ("ca", self.ca.as_deref().map(text)),
            ("request_key", Some(text(&directory.join(REQUEST_KEY)))),
            ("signing_keys", Some(text(&directory.join(SIGNING_KEYS)))),
            ("replica_id", self.replica_id.as_deref().map(quoted)),
            ("durability", self.durability.as_deref().map(quoted)),
        ];
        lines.retain(|(_, value)| value.is_some());
        let lines = lines.into_iter().map(|(key, value)| format!("{key} = {}\n", value.unwrap_or_default()));
        format!("\n[log]\n{}", lines.collect::<String>())
    }
}

/// Begins a registry in the database, with its first replica here, or goes on where a setup in the same directory was
/// interrupted. Returns the id of the registry.
pub(super) fn begin(directory: &Path, data_dir: &Path, setup: &SharedLogSetup) -> Result<Uuid, SetupError> {
    let (settings, owner) = setup.both_settings()?;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(SetupError::Runtime)?;
    let path = directory.join(REQUEST_KEY);
    let (registry, request_key) = runtime.block_on(install(&settings, owner.as_ref(), &path, None))?;
    let keys = directory.join(SIGNING_KEYS);
    signing_keys::make_missing(&keys, clock::now()).map_err(RotationError::from)?;
    let access = LogAccess { settings, registry, request_key };
    let shared = Arc::new(access.driven_by(runtime.handle().clone()));
    let store = StoreOptions {
        mode: OpenMode::ExistingOrNew("init"),
        place: LogPlace::Shared(shared),
        signing_keys: Some(keys),
        ..StoreOptions::default()
    };
    Ok(Registry::create(Options {
        data_dir: data_dir.to_owned(),
        registry: Some(registry),
        begins_shared_log: true,
        adopts_semantics: false,
        rules_dir: None,
        today: None,
        open_days_through: None,
        store,
    })?)
}

/// Installs the schema, and joins as the first replica. Returns the id of the registry and its request key. `copied`:
/// the registry whose log is copied from a data directory. The database then stays closed until the log has moved.
pub(super) async fn install(
    settings: &Settings,
    owner: Option<&Settings>,
    path: &Path,
    copied: Option<Uuid>,
) -> Result<(Uuid, Key), SetupError> {
    let link = connect(settings).await?;
    let mut installer = connect(owner.unwrap_or(settings)).await?;
    let installing = async {
        let found = schema::read_registry(&installer.client).await.map_err(ReplicaError::from)?;
        let key = if path.exists() { Some(request_key(path).map_err(SetupError::BadConfig)?) } else { None };
        let is_ours = |row: &RegistryRow| copied.is_none_or(|registry| row.registry == registry);
        let (registry, key) = match (found, key) {
            (Some(row), Some(key)) if is_ours(&row) && row.request_key_id == request_key_id(&key) => {
                (row.registry, key)
            }
            (Some(row), _) => return Err(SetupError::HoldsRegistry { registry: row.registry, key: path.to_owned() }),
            (None, Some(key)) => (copied.unwrap_or_else(Uuid::new_v4), key),
            (None, None) => (copied.unwrap_or_else(Uuid::new_v4), make_key(path)?),
        };
        let id = request_key_id(&key);
        let installed = match copied {
            None => schema::install(&mut installer.client, registry, &id).await,
            Some(_) => schema::install_to_fill(&mut installer.client, registry, &id).await,
        };
        installed.map_err(|error| match error {
            SchemaError::Rights { .. } if owner.is_none() => SetupError::NoOwner,
            error => ReplicaError::from(error).into(),
        })?;
        if owner.is_some() {
            grant(&link, &installer).await.map_err(ReplicaError::from)?;
        }
        let joined = schema::join(&link.client, &settings.replica, SEMANTICS_VERSION).await;
        joined.map_err(ReplicaError::from)?;
        // A new log is answered by this release from its first record on.
        schema::adopt(&link.client, SEMANTICS_VERSION).await.map_err(ReplicaError::from)?;
        Ok((registry, key))
    };
    let patience = settings.patience;
    timeout(patience, installing).await.unwrap_or(Err(ReplicaError::TimedOut(patience).into()))
}

async fn connect(settings: &Settings) -> Result<Link, SetupError> {
    Ok(settings.connect(clock::now).await.map_err(ReplicaError::from)?)
}

fn make_key(path: &Path) -> Result<Key, SetupError> {
    let mut key = Key::default();
    getrandom::fill(&mut key).map_err(SetupError::Random)?;
    files::write_new(path, key, files::Readers::Owner)?;
    Ok(key)
}

/// Gives the role of a replica's session the rights of a replica, unless it has them.
async fn grant(link: &Link, installer: &Link) -> Result<(), tokio_postgres::Error> {
    let rights = "SELECT pg_has_role('cpss_replica', 'MEMBER'), format('GRANT cpss_replica TO %I', session_user)";
    let row = link.client.query_one(rights, &[]).await?;
    let (has_them, grant): (bool, String) = (row.try_get(0)?, row.try_get(1)?);
    if has_them { Ok(()) } else { installer.client.batch_execute(&grant).await }
}

/// Adds a replica with the configuration of a file to its database. Returns its name, and whether it is new. A given
/// name is written to the file.
pub fn join(path: &Path, replica_id: Option<&str>) -> Result<(String, bool), SetupError> {
    let access = access(path, Flags { log_replica_id: replica_id.map(str::to_owned), ..Flags::default() })?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(SetupError::Runtime)?;
    let joined = runtime.block_on(replica::join(&access))?;
    if let Some(name) = replica_id {
        let content = with_replica_id(&files::read(path)?, name);
        files::replace(path, &content, files::Readers::Anyone)?;
    }
    Ok((access.settings.replica, joined == Joined::Added))
}

/// Reads how the database of the configuration in a file is reached. The flags replace its values.
pub(super) fn access(path: &Path, flags: Flags) -> Result<LogAccess, SetupError> {
    let shown = path.display().to_string();
    let flags = Flags { config: Some(shown.clone()), ..flags };
    let access = read_config(&flags)?.log_access().map_err(|unusable| SetupError::BadConfig(unusable.to_string()))?;
    access.ok_or_else(|| {
        SetupError::BadConfig(format!("{shown}: log.engine is \"file\": a log in the data directory is not shared"))
    })
}

pub(super) fn read_config(flags: &Flags) -> Result<Config, SetupError> {
    Config::read(flags).map_err(|mistakes| SetupError::BadConfig(in_one_line(&mistakes)))
}

/// Sets the name of the replica in the text of a configuration whose table `log` has a header.
fn with_replica_id(content: &str, name: &str) -> String {
    let line = format!("replica_id = {}", quoted(name));
    let mut lines: Vec<&str> = content.lines().collect();
    let is_name = |line: &&str| line.split('=').next().is_some_and(|key| key.trim() == "replica_id");
    match lines.iter().position(is_name) {
        Some(at) => lines[at] = &line,
        None => {
            let header = lines.iter().position(|line| line.trim() == "[log]");
            lines.insert(header.map_or(lines.len(), |at| at + 1), &line);
        }
    }
    format!("{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_replica_is_set_once() {
        let first = "listen = \"127.0.0.1:1\"\n\n[log] \nengine = \"postgresql\"\n";
        let named = with_replica_id(first, "b");
        assert_eq!(named, "listen = \"127.0.0.1:1\"\n\n[log] \nreplica_id = \"b\"\nengine = \"postgresql\"\n");
        assert_eq!(with_replica_id(&named, "c"), named.replace("\"b\"", "\"c\""));
    }

    #[test]
    fn the_table_says_what_was_asked_for_and_where_the_key_is() {
        let setup = SharedLogSetup {
            url: "postgresql://cpss@127.0.0.1/cpss".to_owned(),
            password_file: Some("/etc/p".into()),
            ..SharedLogSetup::default()
        };
        let table = "\n[log]\nengine = \"postgresql\"\nurl = \"postgresql://cpss@127.0.0.1/cpss\"\n\
                     password_file = \"/etc/p\"\nrequest_key = \"/etc/r/request.key\"\n\
                     signing_keys = \"/etc/r/signing-keys\"\n";
        assert_eq!(setup.table(Path::new("/etc/r")), table);
    }
}
