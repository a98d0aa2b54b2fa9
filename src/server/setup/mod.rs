//! What a production start needs, made in one step: the registry, a configuration, an authority, the server's certificate, the list of
//! clients and the first of them. Nothing that is there is overwritten.

mod authority;
mod files;
mod invitation;
mod revocation;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use self::authority::{Authority, Pair, Subject};
use self::files::Readers;
pub use self::invitation::{Invitation, address_and_pin, invitation, last_row};
pub use self::revocation::{Serial, revoke};
use crate::auth::clients::{Clients, Mistake, NotRevoked};
use crate::auth::token::Digest;
use crate::registry::{OpenError, Options, Registry, clock};
use crate::store::{IdentityError, OpenMode, StoreOptions, registry_id};

/// The first client: everything else can be recorded by it and by those whom it lets in.
pub const FIRST_CLIENT: &str = "registrar";

const CONFIG: &str = "config.toml";
const CLIENTS: &str = "clients.toml";
const CA: &str = "ca";
const SERVER: &str = "server";

/// What a registry is set up with.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The names and addresses at which clients reach the server, beside this machine's own.
    pub hosts: Vec<String>,
    /// Where the server listens.
    pub listen: String,
    /// Where it serves health.
    pub ops_listen: String,
    /// Where the record is kept; in the directory itself, if it is not said.
    pub data_dir: Option<PathBuf>,
    /// The id of a registry that is kept on another machine; none: a registry is made here.
    pub registry: Option<Uuid>,
    /// How long certificates are valid.
    pub days: u32,
}

/// A client to be let in.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// Its name.
    pub name: String,
    /// The role that it plays, as the list names it.
    pub role: String,
    /// The provider that it is the HR system of.
    pub provider_id: Option<String>,
    /// Whether it shows a token instead of a certificate.
    pub shows_token: bool,
    /// How long its certificate is valid.
    pub days: u32,
}

/// What a client shows, and where it was written.
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

/// Nothing more was made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// It is there: nothing is overwritten.
    #[error("{path} is there already, and nothing is overwritten")]
    AlreadyThere {
        /// What is.
        path: PathBuf,
    },
    /// The disk refused.
    #[error("{path} cannot be written or read")]
    Disk {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The registry could not be made.
    #[error("the registry could not be made")]
    Create(#[from] OpenError),
    /// The registry that is there already cannot be read.
    #[error("the registry in the data directory cannot be read")]
    Identity(#[from] IdentityError),
    /// No certificate could be made.
    #[error("no certificate could be made")]
    Certificate(#[from] rcgen::Error),
    /// What is to be renewed or revoked is no certificate of its kind.
    #[error("{path} is not a certificate that can be renewed or revoked")]
    NotACertificate {
        /// Which.
        path: PathBuf,
    },
    /// No random bytes could be had.
    #[error("the machine gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// The configuration cannot be used.
    #[error("{0}")]
    BadConfig(String),
    /// The client's files would be those of something else.
    #[error(
        "`{0}` cannot be the name of a client here: `{CA}` and `{SERVER}` are files of the authority and the server, and a name begins with a letter or a digit"
    )]
    ReservedName(String),
    /// What is to be renewed or revoked is of no client.
    #[error("{path} has no client `{client}`: --client NAME --role ROLE adds one")]
    NotOnList {
        /// The list.
        path: PathBuf,
        /// The client.
        client: String,
    },
    /// The client has no certificate to revoke.
    #[error("{path} {reason}")]
    NotRevoked {
        /// The list.
        path: PathBuf,
        /// Why not.
        reason: NotRevoked,
    },
    /// The list of clients cannot be used, or could not with the client on it.
    #[error("{path}:{mistake}")]
    BadList {
        /// The list.
        path: PathBuf,
        /// What would be wrong.
        mistake: String,
    },
}

impl SetupError {
    /// Whether the data directory that was named holds a registry whose log is not there.
    pub fn is_wrong_place(&self) -> bool {
        matches!(self, SetupError::Identity(IdentityError::DataDir(refused)) if refused.is_wrong_place())
    }
}

/// Sets up a registry in a directory.
pub fn set_up(directory: &Path, setup: &Setup) -> Result<Credentials, SetupError> {
    files::make_directory(directory)?;
    let directory = absolute(directory)?;
    let names = [CONFIG.to_owned(), CLIENTS.to_owned()].into_iter();
    let pairs = [CA, SERVER, FIRST_CLIENT].map(|name| [format!("{name}.crt"), format!("{name}.key")]);
    // Asked before anything is made, so that a refusal leaves nothing behind.
    if let Some(name) = names.chain(pairs.into_iter().flatten()).find(|name| directory.join(name).exists()) {
        return Err(SetupError::AlreadyThere { path: directory.join(name) });
    }
    let data_dir = absolute_path(setup.data_dir.as_deref().unwrap_or(&directory.join("data")))?;
    let registry = match setup.registry {
        Some(elsewhere) => elsewhere,
        None => find_or_create(&data_dir)?,
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
        shows_token: false,
        days: setup.days,
    };
    let credentials = let_in(&directory, &registrar, &authority)?;
    // Last: with it everything is there.
    files::write_new(&directory.join(CONFIG), &configuration(&directory, setup, &data_dir, registry), Readers::Anyone)?;
    Ok(credentials)
}

/// Makes a registry in an empty data directory, and returns its id: what a configuration pins.
pub fn create(data_dir: &Path) -> Result<Uuid, OpenError> {
    Registry::create(Options {
        data_dir: data_dir.to_owned(),
        registry: None,
        rules_dir: None,
        today: None,
        open_days_through: None,
        store: StoreOptions { mode: OpenMode::New("create"), ..StoreOptions::default() },
    })
}

/// The registry that is there, such as a restored one, or else a new one.
fn find_or_create(data_dir: &Path) -> Result<Uuid, SetupError> {
    match registry_id(data_dir) {
        Err(IdentityError::DataDir(none)) if none.is_no_registry() => Ok(create(data_dir)?),
        found => Ok(found?),
    }
}

/// Lets another client in.
pub fn add_client(directory: &Path, client: &NewClient) -> Result<Credentials, SetupError> {
    let directory = absolute(directory)?;
    refuse_reserved(&client.name)?;
    // A configuration that cannot be used is refused before anything is made.
    invitation::endpoint(&directory)?;
    if client.shows_token {
        return give_token(&directory, client);
    }
    let_in(&directory, client, &authority(&directory)?)
}

/// Gives the server another certificate, with another key, for the same names. A running server takes it by itself.
pub fn renew_server(directory: &Path, days: u32) -> Result<Credentials, SetupError> {
    let directory = absolute(directory)?;
    let path = directory.join(format!("{SERVER}.crt"));
    let hosts = authority::hosts_of(&files::read(&path)?).ok_or(SetupError::NotACertificate { path })?;
    let pair = authority(&directory)?.sign(&Subject::Server { hosts: &hosts }, clock::now(), days)?;
    replace_pair(&directory, SERVER, &pair)
}

/// Gives a client another certificate, with another key. Its row stays.
pub fn renew_client(directory: &Path, name: &str, days: u32) -> Result<Credentials, SetupError> {
    let directory = absolute(directory)?;
    refuse_reserved(name)?;
    // What is not there is not renewed.
    invitation(&directory, name)?;
    files::read(&directory.join(format!("{name}.crt")))?;
    let uri = uri_of(name);
    let pair = authority(&directory)?.sign(&Subject::Client { name, uri: &uri }, clock::now(), days)?;
    replace_pair(&directory, name, &pair)
}

/// Refuses a client whose files would be others than its own. What else a name may hold, the list says.
fn refuse_reserved(client: &str) -> Result<(), SetupError> {
    let is_reserved = [CA, SERVER].iter().any(|reserved| client.eq_ignore_ascii_case(reserved));
    let begins_well = client.starts_with(|first: char| first.is_ascii_alphanumeric());
    if is_reserved || !begins_well { Err(SetupError::ReservedName(client.to_owned())) } else { Ok(()) }
}

/// The authority of a directory.
fn authority(directory: &Path) -> Result<Authority, SetupError> {
    let file = |kind: &str| files::read(&directory.join(format!("{CA}.{kind}")));
    Ok(Authority::read(&Pair { certificate: file("crt")?, key: file("key")? })?)
}

fn uri_of(client: &str) -> String {
    format!("urn:cpss:client:{client}")
}

fn absolute(directory: &Path) -> Result<PathBuf, SetupError> {
    directory.canonicalize().map_err(|source| SetupError::Disk { path: directory.to_owned(), source })
}

/// A path that names the same whatever directory the server is started in.
fn absolute_path(path: &Path) -> Result<PathBuf, SetupError> {
    std::path::absolute(path).map_err(|source| SetupError::Disk { path: path.to_owned(), source })
}

/// Where the server is reached: this machine, the address that it listens on, and what was said.
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
    files::write_new(&certificate, &pair.certificate, Readers::Anyone)?;
    Ok(Credentials::Certificate { certificate, key })
}

/// Between the two a reader finds a key and a certificate that are no pair, and takes neither.
fn replace_pair(directory: &Path, name: &str, pair: &Pair) -> Result<Credentials, SetupError> {
    let (certificate, key) = (directory.join(format!("{name}.crt")), directory.join(format!("{name}.key")));
    files::replace(&key, &pair.key, Readers::Owner)?;
    files::replace(&certificate, &pair.certificate, Readers::Anyone)?;
    Ok(Credentials::Certificate { certificate, key })
}

/// Signs a client's certificate, and writes the client down.
fn let_in(directory: &Path, client: &NewClient, authority: &Authority) -> Result<Credentials, SetupError> {
    let uri = uri_of(&client.name);
    let list = list_with(directory, client, "san_uri", &uri)?;
    let pair = authority.sign(&Subject::Client { name: &client.name, uri: &uri }, clock::now(), client.days)?;
    let credentials = write_pair(directory, &client.name, &pair)?;
    files::replace(&directory.join(CLIENTS), &list, Readers::Anyone)?;
    Ok(credentials)
}

/// Makes a client's token, and writes the client down with its digest.
fn give_token(directory: &Path, client: &NewClient) -> Result<Credentials, SetupError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(SetupError::Random)?;
    let token = format!("cpss_{}", random.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let list = list_with(directory, client, "token_sha256", &Digest::of(&token).to_hex())?;
    let path = directory.join(format!("{}.token", client.name));
    files::write_new(&path, &format!("{token}\n"), Readers::Owner)?;
    files::replace(&directory.join(CLIENTS), &list, Readers::Anyone)?;
    Ok(Credentials::Token { token: path })
}

/// The list with another client on it, which has to hold before anything is made for the client.
fn list_with(directory: &Path, client: &NewClient, shows: &str, what: &str) -> Result<String, SetupError> {
    let path = directory.join(CLIENTS);
    let mut list = files::read(&path)?;
    let provider = client.provider_id.iter().map(|id| format!("provider_id = {}\n", quoted(id)));
    list.push_str(&format!(
        "\n[[client]]\nname = {}\n{shows} = {}\nrole = {}\n{}",
        quoted(&client.name),
        quoted(what),
        quoted(&client.role),
        provider.collect::<String>()
    ));
    match Clients::read(&list) {
        Ok(_) => Ok(list),
        Err(mistakes) => Err(bad_list(&path, mistakes)),
    }
}

fn bad_list(path: &Path, mistakes: Vec<Mistake>) -> SetupError {
    let mistake = mistakes.into_iter().next().map(|mistake| mistake.to_string()).unwrap_or_default();
    SetupError::BadList { path: path.to_owned(), mistake }
}

/// A text as TOML quotes it, which is how JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

const CLIENTS_HEAD: &str = "\
# Who may call: one row for each client, taken whole or not at all, at once when this file changes or on SIGHUP.
# A client that is taken off is refused at its next call.
#
# name          stands in the log and in the record
# san_uri       a URI among its certificate's subject alternative names; or
# token_sha256  the SHA-256 of its token: printf %s \"$TOKEN\" | sha256sum
# role          registrar, certifier, provider, payer, auditor
# provider_id   of a provider
# revoked       serial numbers of its certificates that are refused: cpss-registry init DIR --revoke NAME
";

fn configuration(directory: &Path, setup: &Setup, data_dir: &Path, registry: Uuid) -> String {
    let path = |name: &str| quoted(&directory.join(name).display().to_string());
    let data_dir = quoted(&data_dir.display().to_string());
    format!(
        "# Configuration of `cpss-registry serve --config FILE`; `cpss-registry config` shows what is in effect.\n\
         listen = {}\nops_listen = {}\ntls_cert = {}\ntls_key = {}\nclient_ca = {}\nclients = {}\n\
         data_dir = {data_dir}\nregistry = \"{registry}\"\n",
        quoted(&setup.listen),
        quoted(&setup.ops_listen),
        path("server.crt"),
        path("server.key"),
        path("ca.crt"),
        path(CLIENTS),
    )
}
