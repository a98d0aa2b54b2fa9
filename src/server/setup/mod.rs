//! Sets up a production server in one step: the registry, a configuration, a certificate authority, the server's
//! certificate, the list of clients, and the first client. Existing files are never overwritten.

mod authority;
mod error;
mod files;
mod from_file;
mod invitation;
mod issued;
mod listed;
mod lock;
mod releases;
mod replicas;
mod revocation;
mod rotation;
mod shared_log;
mod signing_keys;
#[cfg(test)]
mod tests;
mod tokens;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use self::authority::{Authority, Pair, Subject};
pub use self::error::SetupError;
use self::files::Readers;
pub use self::from_file::prepare_move;
pub use self::invitation::{FirstCall, Invitation, address_and_pin, invitation, row_of};
pub use self::issued::{Signer, certificate_expiry};
pub use self::listed::{ClientState, ListedClient, list_clients};
pub use self::releases::{Adoption, adopt_semantics, upgrade};
pub use self::replicas::{OwnerAccess, ReplicaRow, forget, redact, replicas};
pub use self::revocation::{Serial, revoke};
pub use self::rotation::{Rotation, begin_rotation, finish_rotation};
pub use self::shared_log::{SharedLogSetup, join};
pub use self::signing_keys::{KeyStep, RotatedKeys, public_keys, rotate_keys, rotate_keys_in};
use crate::auth::clients::Clients;
use crate::registry::{OpenError, Options, Registry, clock};
use crate::store::{IdentityError, OpenMode, StoreOptions, registry_id};

/// The first client. It can record everything that a registrar may record.
pub const FIRST_CLIENT: &str = "registrar";

/// The address of the HTTP port that a configuration proposes.
const HTTP_LISTEN: &str = "0.0.0.0:8443";

const CONFIG: &str = "config.toml";
const CLIENTS: &str = "clients.toml";
const CA: &str = "ca";
const SERVER: &str = "server";

/// The options of a setup.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The names and addresses at which clients reach the server, in addition to this machine's own.
    pub hosts: Vec<String>,
    /// The address of the gRPC port.
    pub listen: String,
    /// The address of the ops port.
    pub ops_listen: String,
    /// The data directory. None: a directory in the configuration directory.
    pub data_dir: Option<PathBuf>,
    /// The id of a registry on another machine. None: a registry is created here.
    pub registry: Option<Uuid>,
    /// The log, if several replicas share it. None: the log is in the data directory.
    pub log: Option<SharedLogSetup>,
    /// How long certificates are valid, in days.
    pub days: u32,
}

/// A client to be added.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// Its name.
    pub name: String,
    /// Its role, as named in the list.
    pub role: String,
    /// The provider whose HR system it is.
    pub provider_id: Option<String>,
    /// True if it uses a token instead of a certificate.
    pub uses_token: bool,
    /// How long its certificate or token is valid, in days.
    pub days: u32,
}

/// The client's certificate or token, with its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A certificate.
    Certificate {
        /// The certificate's file.
        certificate: PathBuf,
        /// Its key's.
        key: PathBuf,
    },
    /// A token.
    Token {
        /// Its file.
        token: PathBuf,
    },
}

impl Credentials {
    fn files(&self) -> Vec<&Path> {
        match self {
            Credentials::Certificate { certificate, key } => vec![certificate, key],
            Credentials::Token { token } => vec![token],
        }
    }
}

/// Sets up a registry in a directory.
pub fn set_up(directory: &Path, setup: &Setup) -> Result<Credentials, SetupError> {
    files::make_directory(directory)?;
    let directory = absolute(directory)?;
    let _lock = lock::take(&directory)?;
    let names = [CONFIG.to_owned(), CLIENTS.to_owned()].into_iter();
    let pairs = [CA, SERVER, FIRST_CLIENT].map(|name| [format!("{name}.crt"), format!("{name}.key")]);
    // Checked first, so that a refusal leaves nothing behind.
    if let Some(name) = names.chain(pairs.into_iter().flatten()).find(|name| directory.join(name).exists()) {
        return Err(SetupError::AlreadyThere { path: directory.join(name) });
    }
    let data_dir = absolute_path(setup.data_dir.as_deref().unwrap_or(&directory.join("data")))?;
    let log = setup.log.as_ref().map(SharedLogSetup::absolute).transpose()?;
    let registry = match (&log, setup.registry) {
        (Some(log), _) => shared_log::begin(&directory, &data_dir, log)?,
        (None, Some(elsewhere)) => elsewhere,
        (None, None) => find_or_create(&data_dir)?,
    };
    let now = clock::now();
    let (authority, pair) = Authority::make(now)?;
    write_pair(&directory, CA, &pair)?;
    let hosts = hosts(setup);
    write_pair(&directory, SERVER, &authority.sign(&Subject::Server { hosts: &hosts }, now, setup.days)?)?;
    files::write_new(&directory.join(CLIENTS), CLIENTS_HEAD, Readers::Anyone)?;
    let registrar = NewClient {
        name: FIRST_CLIENT.to_owned(),
        role: "registrar".to_owned(),
        provider_id: None,
        uses_token: false,
        days: setup.days,
    };
    let credentials = add_with_certificate(&directory, &registrar, &authority)?;
    // Written last: once the configuration exists, the setup is complete.
    let mut content = configuration(&directory, setup, &data_dir, registry);
    content += &log.map_or_else(String::new, |log| log.table(&directory));
    files::write_new(&directory.join(CONFIG), &content, Readers::Anyone)?;
    Ok(credentials)
}

/// Creates a registry in an empty data directory. Returns its id, which a configuration pins.
pub fn create(data_dir: &Path) -> Result<Uuid, OpenError> {
    Registry::create(Options {
        data_dir: data_dir.to_owned(),
        registry: None,
        begins_shared_log: false,
        adopts_semantics: false,
        rules_dir: None,
        today: None,
        open_days_through: None,
        store: StoreOptions { mode: OpenMode::New("create"), ..StoreOptions::default() },
    })
}

/// Returns the existing registry, such as a restored one, or else creates one.
fn find_or_create(data_dir: &Path) -> Result<Uuid, SetupError> {
    match registry_id(data_dir) {
        Err(IdentityError::DataDir(none)) if none.is_no_registry() => Ok(create(data_dir)?),
        found => Ok(found?),
    }
}

/// Adds a client.
pub fn add_client(directory: &Path, client: &NewClient) -> Result<Credentials, SetupError> {
    let directory = absolute(directory)?;
    refuse_reserved(&client.name)?;
    let _lock = lock::take(&directory)?;
    // An invalid configuration is refused before anything is created.
    invitation::endpoint(&directory)?;
    let added = match client.uses_token {
        true => tokens::add(&directory, client),
        false => add_with_certificate(&directory, client, &authority(&directory)?),
    };
    added.map_err(|error| match error {
        // The list has no such client, or the list would have been refused.
        SetupError::AlreadyThere { path } => SetupError::FileOfClient { path },
        error => error,
    })
}

/// Renews the server's certificate for the same names, with a new key. A running server loads it automatically.
pub fn renew_server(directory: &Path, days: u32) -> Result<Credentials, SetupError> {
    let directory = absolute(directory)?;
    let _lock = lock::take(&directory)?;
    let path = directory.join(format!("{SERVER}.crt"));
    let hosts = authority::hosts_of(&files::read(&path)?).ok_or(SetupError::NotACertificate { path })?;
    let pair = authority(&directory)?.sign(&Subject::Server { hosts: &hosts }, clock::now(), days)?;
    replace_pair(&directory, SERVER, &pair)
}

/// Renews a client's certificate, with a new key; or its token. A running server refuses the old token as soon as it
/// has loaded the list.
pub fn renew_client(directory: &Path, name: &str, days: u32) -> Result<Credentials, SetupError> {
    let directory = absolute(directory)?;
    refuse_reserved(name)?;
    let _lock = lock::take(&directory)?;
    // The client must be on the list and have a certificate.
    invitation(&directory, name)?;
    if let Some(credentials) = tokens::renew(&directory, name, days)? {
        return Ok(credentials);
    }
    files::read(&directory.join(format!("{name}.crt")))?;
    let uri = uri_of(name);
    let pair = authority(&directory)?.sign(&Subject::Client { name, uri: &uri }, clock::now(), days)?;
    replace_pair(&directory, name, &pair)
}

/// Refuses a name whose files would be those of something else. The list checks all other rules for names.
fn refuse_reserved(client: &str) -> Result<(), SetupError> {
    let is_reserved = [CA, SERVER].iter().any(|reserved| client.eq_ignore_ascii_case(reserved));
    let begins_well = client.starts_with(|first: char| first.is_ascii_alphanumeric());
    if is_reserved || !begins_well { Err(SetupError::ReservedName(client.to_owned())) } else { Ok(()) }
}

/// Loads the authority of a directory.
fn authority(directory: &Path) -> Result<Authority, SetupError> {
    let key = directory.join(format!("{CA}.key"));
    if !key.try_exists().map_err(|source| SetupError::Disk { path: key.clone(), source })? {
        return Err(SetupError::NoAuthorityKey { path: key });
    }
    let authority = Authority::read(&rotation::authorities(directory)?, &files::read(&key)?)?;
    authority.ok_or(SetupError::KeyOfNoAuthority { path: key })
}

fn uri_of(client: &str) -> String {
    format!("urn:cpss:client:{client}")
}

fn absolute(directory: &Path) -> Result<PathBuf, SetupError> {
    directory.canonicalize().map_err(|source| SetupError::Disk { path: directory.to_owned(), source })
}

/// Makes a path absolute, so that it does not depend on the directory in which the server is started.
fn absolute_path(path: &Path) -> Result<PathBuf, SetupError> {
    std::path::absolute(path).map_err(|source| SetupError::Disk { path: path.to_owned(), source })
}

/// The names and addresses of the server: this machine's, the listening address, and the given ones.
fn hosts(setup: &Setup) -> Vec<String> {
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), own.trim().to_owned()];
    let listen = setup.listen.parse().ok().map(|listen: SocketAddr| listen.ip());
    hosts.extend(listen.filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string()));
    hosts.extend_from_slice(&setup.hosts);
    let mut kept = Vec::new();
    hosts.into_iter().filter(|host| !host.is_empty()).for_each(|host| {
        if !kept.contains(&host) {
            kept.push(host);
        }
    });
    kept
}

fn write_pair(directory: &Path, name: &str, pair: &Pair) -> Result<Credentials, SetupError> {
    let (certificate, key) = (directory.join(format!("{name}.crt")), directory.join(format!("{name}.key")));
    files::write_new(&key, &pair.key, Readers::Owner)?;
    let written = files::write_new(&certificate, &pair.certificate, Readers::Anyone);
    written.inspect_err(|_| files::remove(&key))?;
    Ok(Credentials::Certificate { certificate, key })
}

/// Between the two writes, a reader finds a key and a certificate that do not match, and rejects both.
fn replace_pair(directory: &Path, name: &str, pair: &Pair) -> Result<Credentials, SetupError> {
    let (certificate, key) = (directory.join(format!("{name}.crt")), directory.join(format!("{name}.key")));
    files::replace(&key, &pair.key, Readers::Owner)?;
    files::replace(&certificate, &pair.certificate, Readers::Anyone)?;
    Ok(Credentials::Certificate { certificate, key })
}

/// Signs a client's certificate, and adds the client to the list.
fn add_with_certificate(
    directory: &Path,
    client: &NewClient,
    authority: &Authority,
) -> Result<Credentials, SetupError> {
    let uri = uri_of(&client.name);
    let list = with_client(directory, client, &format!("san_uri = {}", quoted(&uri)))?;
    let pair = authority.sign(&Subject::Client { name: &client.name, uri: &uri }, clock::now(), client.days)?;
    let credentials = write_pair(directory, &client.name, &pair)?;
    enter(directory, &list, credentials)
}

/// Writes the list with a new client. Removes the client's new files if the list was not written.
fn enter(directory: &Path, list: &str, credentials: Credentials) -> Result<Credentials, SetupError> {
    let path = directory.join(CLIENTS);
    let written = files::replace(&path, list, Readers::Anyone);
    // The list is in its place if only making it durable failed.
    if written.is_err() && !files::read(&path).is_ok_and(|found| found == list) {
        credentials.files().into_iter().for_each(files::remove);
    }
    written.map(|()| credentials)
}

/// Returns the list with another client, whose row has the lines `shows`. The new list must be valid before anything is
/// created.
fn with_client(directory: &Path, client: &NewClient, shows: &str) -> Result<String, SetupError> {
    let path = directory.join(CLIENTS);
    let mut list = files::read(&path)?;
    check_list(&path, &list)?;
    let provider = client.provider_id.iter().map(|id| format!("provider_id = {}\n", quoted(id)));
    list.push_str(&format!(
        "\n[[client]]\nname = {}\n{shows}\nrole = {}\n{}",
        quoted(&client.name),
        quoted(&client.role),
        provider.collect::<String>()
    ));
    match Clients::read(&list) {
        Ok(_) => Ok(list),
        Err(mistakes) => {
            let mistake = mistakes.into_iter().next().map(|mistake| mistake.message).unwrap_or_default();
            Err(SetupError::BadClient { path, mistake })
        }
    }
}

/// Reads the list of clients in a file.
fn read_list(path: &Path) -> Result<Clients, SetupError> {
    check_list(path, &files::read(path)?)
}

/// Reads a list of clients that is in a file, or will be.
fn check_list(path: &Path, list: &str) -> Result<Clients, SetupError> {
    Clients::read(list).map_err(|mistakes| {
        let mistake = mistakes.first().map(ToString::to_string).unwrap_or_default();
        SetupError::BadList { path: path.to_owned(), mistake }
    })
}

/// Quotes a text for TOML, whose strings are like those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

const CLIENTS_HEAD: &str = "\
# The clients that may call, one entry each. The file is loaded when it changes and on SIGHUP, completely or not at all.
# A client that is removed is refused at its next call.
#
# name          appears in the log and in the record
# san_uri       a URI among its certificate's subject alternative names; or
# token_sha256  the SHA-256 of its token: printf %s \"$TOKEN\" | sha256sum
# role          registrar, certifier, provider, payer, auditor, operator
# provider_id   for the role provider
# expires       when its token expires
# revoked       serial numbers of revoked certificates: cpss-registry init DIR --revoke NAME
";

fn configuration(directory: &Path, setup: &Setup, data_dir: &Path, registry: Uuid) -> String {
    let path = |name: &str| quoted(&directory.join(name).display().to_string());
    let data_dir = quoted(&data_dir.display().to_string());
    format!(
        "# Configuration of `cpss-registry serve --config FILE`; `cpss-registry config` shows the values in effect.\n\
         listen = {}\n\
         # The contract as JSON over HTTP, with the same certificates and clients. This line opens the port:\n\
         # http_listen = {}\n\
         ops_listen = {}\ntls_cert = {}\ntls_key = {}\nclient_ca = {}\nclients = {}\n\
         data_dir = {data_dir}\nregistry = \"{registry}\"\n",
        quoted(&setup.listen),
        quoted(HTTP_LISTEN),
        quoted(&setup.ops_listen),
        path("server.crt"),
        path("server.key"),
        path("ca.crt"),
        path(CLIENTS),
    )
}
