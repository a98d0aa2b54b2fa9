//! Where the database is, and how this replica connects to it.

use std::fmt::{self, Debug, Formatter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::nodes::{self, Node};
use super::password::Password;

/// How long a server may leave data unacknowledged before the connection counts as lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(3);

/// An idle connection is probed after this time, this often, until it counts as lost.
const IDLE: Duration = Duration::from_secs(10);
const PROBE: Duration = Duration::from_secs(2);
const PROBES: u32 = 3;

/// How long one address of a node may take to accept a connection, unless the URL says otherwise.
const CONNECT: Duration = Duration::from_secs(3);

/// What names the file with the password, unless the settings are those of another role.
const PASSWORD_PLACE: &str = "log.password_file";

/// What makes a commit durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A synchronous standby has it.
    #[default]
    Standby,
    /// The storage of the server replicates it.
    Storage,
}

/// The settings of a replica. Their debug output contains no secret.
#[derive(Clone)]
pub struct Settings {
    /// In the order of the URL. There is at least one.
    pub(super) nodes: Vec<Node>,
    /// `None` without TLS.
    pub(super) tls: Option<MakeRustlsConnect>,
    /// `None` if the URL is enough.
    pub(super) password: Option<Password>,
    /// The setting or the flag that names the file with the password.
    pub password_place: &'static str,
    /// The id of this replica in the database.
    pub replica: String,
    /// What makes a commit durable.
    pub durability: Durability,
    /// How long a statement may take before the session is given up.
    pub patience: Duration,
    /// How long a database that was started or restored waits for replicas that are not heard from. `None`: for ever.
    pub roll_call: Option<Duration>,
}

impl Settings {
    /// Reads the URL of the database, which names all its nodes, and the certificates that sign theirs.
    pub fn parse(
        url: &str,
        password: Option<Password>,
        ca: Option<&Path>,
        replica: &str,
        durability: Durability,
        patience: Duration,
    ) -> Result<Settings, SettingsError> {
        let config = config_of(url)?;
        let tls = match ca {
            Some(path) => Some(MakeRustlsConnect::new(trusting(path)?)),
            None => require_local(&config).map(|()| None)?,
        };
        let mut nodes = nodes::of(&config).ok_or(SettingsError::Malformed)?;
        let connect = config.get_connect_timeout().copied().unwrap_or(CONNECT);
        for Node { config, .. } in &mut nodes {
            config
                .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable })
                .application_name(format!("cpss-registry/{replica}"))
                .connect_timeout(connect.min(patience))
                .tcp_user_timeout(UNACKNOWLEDGED)
                .keepalives(true)
                .keepalives_idle(IDLE)
                .keepalives_interval(PROBE)
                .keepalives_retries(PROBES);
        }
        let (replica, password_place) = (replica.to_owned(), PASSWORD_PLACE);
        Ok(Settings { nodes, tls, password, password_place, replica, durability, patience, roll_call: None })
    }
}

impl Debug for Settings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("nodes", &self.nodes.iter().map(|node| &*node.name).collect::<Vec<_>>())
            .field("database", &self.nodes.first().and_then(|node| node.config.get_dbname()))
            .field("user", &self.nodes.first().and_then(|node| node.config.get_user()))
            .field("tls", &self.tls.is_some())
            .field("replica", &self.replica)
            .field("durability", &self.durability)
            .field("patience", &self.patience)
            .field("roll_call", &self.roll_call)
            .finish_non_exhaustive()
    }
}

/// Why settings are refused. No text contains a part of the URL that could be a password.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The URL contains a password.
    #[error("the URL of the database contains a password: put the password into a file and name it as password_file")]
    PasswordInUrl,
    /// The URL is malformed.
    #[error(
        "the URL of the database cannot be read: write it as \
         postgresql://USER@HOST:PORT,HOST:PORT/DATABASE, with special characters percent-encoded"
    )]
    Malformed,
    /// The URL names no host.
    #[error("the URL of the database names no host: name each node of the database")]
    NoHost,
    /// The connection would not be encrypted.
    #[error(
        "the connection to {host} would not be encrypted: name the certificates that sign those of the database as ca"
    )]
    NoCa {
        /// The host.
        host: String,
    },
    /// The file of certificates cannot be read.
    #[error("the certificates {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: tokio_rustls::rustls::pki_types::pem::Error,
    },
    /// The file contains no certificate.
    #[error("{} contains no certificate: it must contain those that sign the certificates of the database", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate is unusable.
    #[error("a certificate in {} cannot be used", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: tokio_rustls::rustls::Error,
    },
}

fn config_of(url: &str) -> Result<Config, SettingsError> {
    let rest = url.strip_prefix("postgresql://").or_else(|| url.strip_prefix("postgres://"));
    let rest = rest.ok_or(SettingsError::Malformed)?;
    // A password may contain any character, so look for one before anything is parsed.
    if rest.rsplit_once('@').is_some_and(|(credentials, _)| credentials.contains(':')) {
        return Err(SettingsError::PasswordInUrl);
    }
    let config: Config = url.parse().map_err(|_| SettingsError::Malformed)?;
    if config.get_password().is_some() {
        return Err(SettingsError::PasswordInUrl);
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(SettingsError::NoHost);
    }
    Ok(config)
}

impl Settings {
    /// What operators call the database: its name, and its nodes. Contains no secret.
    pub fn database(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|node| &*node.name).collect();
        let first = self.nodes.first().map(|node| &node.config);
        let name = first.and_then(|config| config.get_dbname().or(config.get_user())).unwrap_or_default();
        format!("{name} on {}", nodes.join(","))
    }
}

/// Refuses a connection without encryption to a node that is not on this machine.
fn require_local(config: &Config) -> Result<(), SettingsError> {
    let addresses = config.get_hostaddrs();
    let names = config.get_hosts().iter().filter_map(|host| match host {
        Host::Tcp(name) if addresses.is_empty() => Some(name.clone()),
        Host::Tcp(_) | Host::Unix(_) => None,
    });
    let mut hosts = names.chain(addresses.iter().map(ToString::to_string));
    let is_local = |host: &String| match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    };
    hosts.find(|host| !is_local(host)).map_or(Ok(()), |host| Err(SettingsError::NoCa { host }))
}

/// Returns a client that accepts servers with a certificate that one of the given ones signs.
fn trusting(path: &Path) -> Result<ClientConfig, SettingsError> {
    let unreadable = |source| SettingsError::Unreadable { path: path.to_owned(), source };
    let bad = |source| SettingsError::BadCertificate { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        roots.add(certificate.map_err(unreadable)?).map_err(bad)?;
    }
    if roots.is_empty() {
        return Err(SettingsError::NoCertificate(path.to_owned()));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(bad)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::TargetSessionAttrs;

    use super::*;

    fn parse(url: &str, ca: Option<&Path>) -> Result<Settings, SettingsError> {
        let password = Some(Password::read_by(|| Ok("opensesame".to_owned())));
        Settings::parse(url, password, ca, "east-1", Durability::Standby, Duration::from_secs(10))
    }

    #[test]
    fn a_url_names_every_node() {
        let settings = parse("postgresql://cpss@127.0.0.1:5433,localhost:5434/registry", None).unwrap();
        assert_eq!(settings.nodes.len(), 2);
        assert_eq!(settings.database(), "registry on 127.0.0.1:5433,localhost:5434");
        for (node, (name, port)) in settings.nodes.iter().zip([("127.0.0.1:5433", 5433), ("localhost:5434", 5434)]) {
            let config = &node.config;
            assert_eq!((&*node.name, config.get_hosts().len(), config.get_hostaddrs().len()), (name, 1, 0));
            assert_eq!(config.get_ports(), [port]);
            assert_eq!((config.get_user(), config.get_dbname()), (Some("cpss"), Some("registry")));
            assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
            assert_eq!(config.get_application_name(), Some("cpss-registry/east-1"));
            assert_eq!(config.get_password(), None, "it is read for each connection");
        }
        assert!(!format!("{settings:?}").contains("opensesame"), "{settings:?}");
    }

    #[test]
    fn a_node_is_named_as_in_the_url() {
        for (hosts, names) in [
            ("db1.example.org,db2.example.org:5433", &["db1.example.org:5432", "db2.example.org:5433"][..]),
            ("[::1]:5433", &["[::1]:5433"]),
            ("%2Frun%2Fpostgresql", &["/run/postgresql:5432"]),
            ("db1/r?hostaddr=127.0.0.1", &["db1:5432"]),
        ] {
            let nodes = nodes::of(&config_of(&format!("postgresql://{hosts}")).unwrap()).unwrap();
            assert_eq!(nodes.iter().map(|node| &*node.name).collect::<Vec<_>>(), names);
        }
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_repeated() {
        for url in [
            "postgresql://cpss:opensesame@127.0.0.1/registry",
            "postgresql://cpss:open/sesame@127.0.0.1/registry",
            "postgresql://cpss:open?sesame=@127.0.0.1/registry",
            "postgresql://cpss@127.0.0.1/registry?password=opensesame",
        ] {
            let refused = parse(url, None).unwrap_err();
            assert!(matches!(refused, SettingsError::PasswordInUrl), "{refused:?}");
            assert!(!format!("{refused} {refused:?}").contains("sesame"), "{refused:?}");
        }
    }

    #[test]
    fn a_bad_url_is_refused() {
        for url in [
            "",
            "127.0.0.1",
            "host=127.0.0.1",
            "postgresql://127.0.0.1:x/r",
            "postgresql://127.0.0.1/r?a=1",
            "postgresql://127.0.0.1,127.0.0.2/r?hostaddr=127.0.0.1",
            "postgresql://127.0.0.1:1,127.0.0.2:2,::1/r",
        ] {
            assert!(matches!(parse(url, None), Err(SettingsError::Malformed)), "{url}");
        }
        assert!(matches!(parse("postgresql:///registry", None), Err(SettingsError::NoHost)));
    }

    #[test]
    fn without_certificates_only_this_machine_is_reached() {
        for url in ["postgresql://[::1]/r", "postgresql://localhost/r", "postgresql://%2Frun%2Fpostgresql/r"] {
            assert!(parse(url, None).unwrap().tls.is_none(), "{url}");
        }
        for (url, far) in [
            ("postgresql://localhost,db2.example.org/r", "db2.example.org"),
            ("postgresql://localhost/r?hostaddr=192.0.2.7", "192.0.2.7"),
        ] {
            assert!(matches!(parse(url, None), Err(SettingsError::NoCa { host }) if host == far), "{url}");
        }
    }

    #[test]
    fn the_certificates_must_be_some() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let url = "postgresql://db1.example.org/r";
        assert!(matches!(parse(url, Some(&path)), Err(SettingsError::Unreadable { .. })));
        std::fs::write(&path, "").unwrap();
        assert!(matches!(parse(url, Some(&path)), Err(SettingsError::NoCertificate(_))));
        let made = rcgen::generate_simple_self_signed(["db1.example.org".to_owned()]).unwrap();
        std::fs::write(&path, made.cert.pem()).unwrap();
        let settings = parse(url, Some(&path)).unwrap();
        assert!(settings.tls.is_some() && settings.nodes[0].config.get_ssl_mode() == SslMode::Require);
    }
}
