//! `init`: sets up everything that a production start needs, and adds clients.

mod rotation;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;
use uuid::Uuid;

use super::failure::Failure;
use super::{Outcome, print, print_json};
use crate::server::setup::{
    self, Credentials, FIRST_CLIENT, FirstCall, Invitation, NewClient, Serial, Setup, SetupError, SharedLogSetup,
};

/// Set up for production: the registry, configuration, certificates, list of clients; or add a client
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Init {
    /// The directory to create, or to add a client to
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// A name or address at which clients reach the server, in addition to those of this machine; may be repeated
    #[arg(long, value_name = "HOST", conflicts_with = "client")]
    host: Vec<String>,
    /// The address that the server will listen on
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:50051", conflicts_with = "client")]
    listen: SocketAddr,
    /// The address that the server will serve health checks on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090", conflicts_with = "client")]
    ops_listen: SocketAddr,
    /// The data directory of the server. A registry is created there unless it exists [default: DIR/data]
    #[arg(long, value_name = "DIR", conflicts_with = "client")]
    data_dir: Option<PathBuf>,
    /// The id of a registry on another machine: no registry is created here
    #[arg(long, value_name = "UUID", conflicts_with_all = ["client", "data_dir"])]
    registry: Option<Uuid>,
    #[command(flatten)]
    log: LogArgs,
    /// Add a client with this name
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// The client's role: registrar, certifier, provider, payer, auditor, operator
    #[arg(long, value_name = "ROLE", requires = "client")]
    role: Option<String>,
    /// The provider whose HR system the client is
    #[arg(long, value_name = "ID", requires = "client")]
    provider: Option<String>,
    /// Give the client a token instead of a certificate
    #[arg(long, requires = "client")]
    token: bool,
    /// Renew the certificate of the server, or the certificate or token of the client; a running server loads it by
    /// itself
    #[arg(long, conflicts_with_all = ["role", "host"])]
    renew: bool,
    /// Revoke the certificate of this client: the one in DIR/NAME.crt, so revoke first and renew afterwards
    #[arg(long, value_name = "NAME", conflicts_with_all = ["client", "renew", "host", "data_dir", "registry"])]
    revoke: Option<String>,
    /// Revoke the certificate with this serial number instead, as printed by `openssl x509 -noout -serial`
    #[arg(long, value_name = "HEX", requires = "revoke", value_parser = serial)]
    serial: Option<Serial>,
    /// Replace the authority: `begin` makes a second one, `finish` drops the first once nobody needs it
    #[arg(long, value_name = "STEP", conflicts_with_all = ["client", "renew", "revoke", "host", "data_dir", "registry"])]
    rotate_ca: Option<rotation::Step>,
    /// How long certificates and tokens are valid
    #[arg(long, value_name = "DAYS", default_value_t = 397, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The log in a database that several replicas share.
#[derive(Debug, Default, clap::Args)]
struct LogArgs {
    /// Begin the registry in this PostgreSQL database, which several replicas share; a URL without a password
    #[arg(long, value_name = "URL", conflicts_with_all = ["client", "registry", "renew", "revoke"])]
    log_url: Option<String>,
    /// The file with the password for the database
    #[arg(long, value_name = "FILE", requires = "log_url")]
    log_password_file: Option<PathBuf>,
    /// The authorities that sign the certificates of the database (PEM)
    #[arg(long, value_name = "FILE", requires = "log_url")]
    log_ca: Option<PathBuf>,
    /// The database, with a role that may create schemas and roles in it [default: the role of --log-url]
    #[arg(long, value_name = "URL", requires = "log_url")]
    log_owner_url: Option<String>,
    /// The file with the password of that role
    #[arg(long, value_name = "FILE", requires = "log_owner_url")]
    log_owner_password_file: Option<PathBuf>,
    /// The name of the first replica [default: the name of this machine up to the first dot]
    #[arg(long, value_name = "NAME", requires = "log_url")]
    log_replica_id: Option<String>,
    /// Prepare the database for the log of the registry in DIR, which goes on meanwhile: `log move` moves it there
    #[arg(long, requires = "log_url", conflicts_with_all = ["host", "data_dir"])]
    from_file: bool,
    /// What makes a record durable: a synchronous `standby`, or replicated `storage` [default: standby]
    #[arg(long, value_name = "WHAT", requires = "log_url")]
    log_durability: Option<String>,
}

impl LogArgs {
    fn setup(&self) -> Option<SharedLogSetup> {
        Some(SharedLogSetup {
            url: self.log_url.clone()?,
            password_file: self.log_password_file.clone(),
            owner_url: self.log_owner_url.clone(),
            owner_password_file: self.log_owner_password_file.clone(),
            ca: self.log_ca.clone(),
            replica_id: self.log_replica_id.clone(),
            durability: self.log_durability.clone(),
        })
    }
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry init /etc/cpss-registry --host registry.example.org --data-dir /var/lib/cpss-registry
  cpss-registry init /etc/cpss-registry --client region-1-hr --role provider --provider region-1-cmhc
  cpss-registry init /etc/cpss-registry --client medicaid --role payer --token
  cpss-registry init /etc/cpss-registry --renew
  cpss-registry init /etc/cpss-registry --revoke region-1-hr
  cpss-registry init /etc/cpss-registry --rotate-ca begin

With --log-url the log is in a PostgreSQL database, and further machines share it with `cpss-registry join`:
deploy/docs/postgresql.md.";

fn serial(text: &str) -> Result<Serial, &'static str> {
    Serial::from_hex(text).ok_or("not the serial number of a certificate: hexadecimal digits")
}

#[derive(Serialize)]
struct Revoked<'a> {
    directory: &'a Path,
    client: &'a str,
    revoked: String,
}

#[derive(Serialize)]
struct Prepared<'a> {
    directory: &'a Path,
    config: &'a Path,
}

#[derive(Serialize)]
struct Made<'a> {
    directory: &'a Path,
    endpoint: Option<&'a str>,
    client: Option<&'a str>,
    certificate: Option<&'a Path>,
    key: Option<&'a Path>,
    token: Option<&'a Path>,
}

impl Init {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if let Some(client) = &self.revoke {
            return self.revoke(client);
        }
        if let Some(step) = self.rotate_ca {
            return rotation::run(&self.directory, step, self.json);
        }
        if let Some(setup) = self.log.setup().filter(|_| self.log.from_file) {
            return self.prepare_move(&setup);
        }
        let credentials = match (&self.client, &self.role) {
            (None, _) if self.renew => setup::renew_server(&self.directory, self.days),
            (Some(client), _) if self.renew => setup::renew_client(&self.directory, client, self.days),
            (Some(client), Some(role)) => self.add(client, role),
            (Some(_), None) => return Err(Failure::usage(vec!["--client: needs --role or --renew".to_owned()])),
            (None, _) => self.set_up(),
        };
        let cannot = |error: SetupError| Failure::of("cannot set up", &error).with_usage(error.is_usage());
        let credentials = credentials.map_err(cannot)?;
        let invitation = self.invited().map(|client| setup::invitation(&self.directory, client));
        let invitation = invitation.transpose().map_err(cannot)?;
        if self.json {
            print_json(&self.made(&credentials, invitation.as_ref()))?;
        } else {
            print(&self.instructions(&credentials, invitation.as_ref()).map_err(cannot)?)?;
        }
        Ok(Outcome::Done)
    }

    /// Prepares the database for the log of an existing registry.
    fn prepare_move(&self, setup: &SharedLogSetup) -> Result<Outcome, Failure> {
        let cannot = |error: SetupError| Failure::of("cannot set up", &error).with_usage(error.is_usage());
        let config = setup::prepare_move(&self.directory, setup).map_err(cannot)?;
        if self.json {
            print_json(&Prepared { directory: &self.directory, config: &config })?;
        } else {
            let config = config.display();
            print(&format!(
                "The database is ready, and {config} is the configuration for the time after the move. The service goes \
                 on meanwhile. Copy the records that it has:\n  cpss-registry log push --config {config}\n\
                 Then stop the service, move the log, and start the service with the new configuration:\n  \
                 cpss-registry log move --config {config}\n  cpss-registry serve --config {config}\n"
            ))?;
        }
        Ok(Outcome::Done)
    }

    fn revoke(&self, client: &str) -> Result<Outcome, Failure> {
        let revoked = setup::revoke(&self.directory, client, self.serial.as_ref());
        let revoked =
            revoked.map_err(|error| Failure::of("cannot revoke", &error).with_usage(error.is_usage()))?.to_string();
        let directory = &self.directory;
        if self.json {
            print_json(&Revoked { directory, client, revoked })?;
        } else {
            let directory = directory.display();
            print(&format!(
                "The certificate {revoked} of {client} is revoked. A running server reads {directory}/clients.toml \
                 within two seconds, or on SIGHUP, and then refuses the certificate, also on open connections.\n\
                 Give {client} a new one:\n  cpss-registry init {directory} --client {client} --renew\n"
            ))?;
        }
        Ok(Outcome::Done)
    }

    /// The client that gets credentials. `None`: the server gets them.
    fn invited(&self) -> Option<&str> {
        self.client.as_deref().or_else(|| (!self.renew).then_some(FIRST_CLIENT))
    }

    fn add(&self, client: &str, role: &str) -> Result<Credentials, SetupError> {
        let client = NewClient {
            name: client.to_owned(),
            role: role.to_owned(),
            provider_id: self.provider.clone(),
            uses_token: self.token,
            days: self.days,
        };
        setup::add_client(&self.directory, &client)
    }

    fn set_up(&self) -> Result<Credentials, SetupError> {
        let setup = Setup {
            hosts: self.host.clone(),
            listen: self.listen.to_string(),
            ops_listen: self.ops_listen.to_string(),
            data_dir: self.data_dir.clone(),
            registry: self.registry,
            log: self.log.setup(),
            days: self.days,
        };
        setup::set_up(&self.directory, &setup)
    }

    fn made<'a>(&'a self, credentials: &'a Credentials, invitation: Option<&'a Invitation>) -> Made<'a> {
        let (certificate, key, token) = match credentials {
            Credentials::Certificate { certificate, key } => (Some(&**certificate), Some(&**key), None),
            Credentials::Token { token } => (None, None, Some(&**token)),
        };
        let endpoint = invitation.map(|invitation| &*invitation.endpoint);
        Made { directory: &self.directory, endpoint, client: self.invited(), certificate, key, token }
    }

    /// Instructions for using what was created.
    fn instructions(&self, credentials: &Credentials, invitation: Option<&Invitation>) -> Result<String, SetupError> {
        let directory = self.directory.display();
        let Some(invitation) = invitation else {
            let text =
                "The server's certificate is renewed. A running server loads it within two seconds, or on SIGHUP.\n";
            return Ok(text.to_owned());
        };
        let call = self.first_call(credentials, invitation);
        Ok(match &self.client {
            Some(name) if self.renew => {
                let what = match credentials {
                    Credentials::Certificate { .. } => "certificate",
                    Credentials::Token { .. } => "token, and a running server soon refuses the earlier one",
                };
                format!("{name} has a new {what}. Call with it:\n{call}")
            }
            Some(name) => format!(
                "{name} may call once a running server has read {directory}/clients.toml, within two seconds. \
                 The entry is:\n{}\n{}\
                 Call {} as {name}, with files that must be kept secret:\n{call}",
                indented(&setup::row_of(&self.directory, name)?),
                self.provider.as_deref().map(own_provider).unwrap_or_default(),
                invitation.endpoint
            ),
            None => format!(
                "{directory} contains a configuration, an authority, and certificates of the server and the first \
                 client.\n\n\
                 {directory}/config.toml sets the address and the registry:\n{}\n\
                 Start the service:\n  cpss-registry serve --config {directory}/config.toml\n\
                 Call it as the registrar:\n{call}\
                 Add another client (--token gives it a token instead of a certificate):\n  \
                 cpss-registry init {directory} --client region-1-hr --role provider --provider region-1-cmhc\n\n\
                 {directory}/ca.key signs client certificates: anyone who has it can create one for any client. Keep it \
                 off this machine when not in use.\n",
                indented(&setup::address_and_pin(&self.directory)?)
            ),
        })
    }

    /// A command that the client's role may run, to try the new credentials.
    fn first_call(&self, credentials: &Credentials, Invitation { endpoint, call }: &Invitation) -> String {
        let ca = format!("{}/ca.crt", self.directory.display());
        let command = match call {
            FirstCall::Verify => Some(format!("cpss-registry verify NUMBER --endpoint {endpoint} --ca {ca}")),
            FirstCall::Backup => Some(format!("cpss-registry backup backup.tar.age --endpoint {endpoint} --ca {ca}")),
            FirstCall::ListProviders => None,
        };
        let buf = format!("buf curl --protocol grpc --cacert {ca}");
        let list = format!("{endpoint}/ms.dmh.credential.v1.ProviderService/ListProviders");
        match (credentials, command) {
            (Credentials::Certificate { certificate, key }, command) => {
                let shown = format!("--cert {} --key {}", certificate.display(), key.display());
                command.map_or(format!("  {buf} {shown} {list}\n"), |command| format!("  {command} {shown}\n"))
            }
            (Credentials::Token { token }, Some(command)) => format!("  {command} --token-file {}\n", token.display()),
            // Every user of the machine can read a command line, but not a pipe.
            (Credentials::Token { token }, None) => {
                let header = format!("printf 'authorization: Bearer %s\\n' \"$(cat {})\"", token.display());
                format!("  {header} | {buf} --header @- --reflect-header '*' {list}\n")
            }
        }
    }
}

/// What a client of a provider may do. The registry is not asked: another process may be serving it.
fn own_provider(id: &str) -> String {
    format!(
        "It sees and reports the staff of the provider {id}. Until the registry has a provider with this id, its lists \
         are empty and its reports are refused. `cpss-registry providers {id}` shows whether it has one.\n"
    )
}

fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("  {line}\n")).collect()
}
