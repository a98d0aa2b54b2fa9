//! `init`: everything that a production start needs, in one step; and another client for it.

use std::path::{Path, PathBuf};

use serde::Serialize;
use uuid::Uuid;

use super::failure::Failure;
use super::{Outcome, print, print_json};
use crate::server::setup::{self, Credentials, FIRST_CLIENT, NewClient, Setup};

/// Make a production start: the registry, configuration, certificates, list of clients; or let in another client
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Init {
    /// The directory to make, or to add a client to
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// A name or address at which clients reach the server, beside this machine's own; may be repeated
    #[arg(long, value_name = "HOST", conflicts_with = "client")]
    host: Vec<String>,
    /// Where the server will listen
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:50051", conflicts_with = "client")]
    listen: String,
    /// Where it will serve health
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090", conflicts_with = "client")]
    ops_listen: String,
    /// Where it will keep the record: a registry is made there, unless there is one [default: DIR/data]
    #[arg(long, value_name = "DIR", conflicts_with = "client")]
    data_dir: Option<PathBuf>,
    /// The id of a registry that is kept on another machine: no registry is made here
    #[arg(long, value_name = "UUID", conflicts_with_all = ["client", "data_dir"])]
    registry: Option<Uuid>,
    /// Let in a client of this name
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Its role: registrar, certifier, provider, payer, auditor
    #[arg(long, value_name = "ROLE", requires = "client")]
    role: Option<String>,
    /// The provider that it is the HR system of
    #[arg(long, value_name = "ID", requires = "client")]
    provider: Option<String>,
    /// Give it a token instead of a certificate
    #[arg(long, requires = "client")]
    token: bool,
    /// Renew the server's certificate, or the client's; a running server takes it by itself
    #[arg(long, conflicts_with_all = ["role", "host"])]
    renew: bool,
    /// How long certificates are valid
    #[arg(long, value_name = "DAYS", default_value_t = 397, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry init /etc/cpss-registry --host registry.example.org --data-dir /var/lib/cpss-registry
  cpss-registry init /etc/cpss-registry --client region-1-hr --role provider --provider region-1-cmhc
  cpss-registry init /etc/cpss-registry --client medicaid --role payer --token
  cpss-registry init /etc/cpss-registry --renew";

#[derive(Serialize)]
struct Made<'a> {
    directory: &'a Path,
    client: &'a str,
    certificate: Option<&'a Path>,
    key: Option<&'a Path>,
    token: Option<&'a Path>,
}

impl Init {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let credentials = match (&self.client, &self.role) {
            (None, _) if self.renew => setup::renew_server(&self.directory, self.days),
            (Some(client), _) if self.renew => setup::renew_client(&self.directory, client, self.days),
            (Some(client), Some(role)) => self.add(client, role),
            (Some(_), None) => return Err(Failure::usage(vec!["--client: say its --role, or --renew".to_owned()])),
            (None, _) => self.set_up(),
        };
        let credentials = credentials.map_err(|error| Failure::of("cannot set up", &error))?;
        if self.json {
            print_json(&self.made(&credentials))?;
        } else {
            print(&self.instructions(&credentials))?;
        }
        Ok(Outcome::Done)
    }

    fn add(&self, client: &str, role: &str) -> Result<Credentials, setup::SetupError> {
        let client = NewClient {
            name: client.to_owned(),
            role: role.to_owned(),
            provider_id: self.provider.clone(),
            shows_token: self.token,
            days: self.days,
        };
        setup::add_client(&self.directory, &client)
    }

    fn set_up(&self) -> Result<Credentials, setup::SetupError> {
        let setup = Setup {
            hosts: self.host.clone(),
            listen: self.listen.clone(),
            ops_listen: self.ops_listen.clone(),
            data_dir: self.data_dir.clone(),
            registry: self.registry,
            days: self.days,
        };
        setup::set_up(&self.directory, &setup)
    }

    fn made<'a>(&'a self, credentials: &'a Credentials) -> Made<'a> {
        let client = self.client.as_deref().unwrap_or(FIRST_CLIENT);
        let (certificate, key, token) = match credentials {
            Credentials::Certificate { certificate, key } => (Some(&**certificate), Some(&**key), None),
            Credentials::Token { token } => (None, None, Some(&**token)),
        };
        Made { directory: &self.directory, client, certificate, key, token }
    }

    /// What to do with what was made.
    fn instructions(&self, credentials: &Credentials) -> String {
        let directory = self.directory.display();
        let shown = match credentials {
            Credentials::Certificate { certificate, key } => {
                format!("--cert {} --key {}", certificate.display(), key.display())
            }
            Credentials::Token { token } => format!("--token-file {}", token.display()),
        };
        let port = self.listen.rsplit_once(':').map_or("50051", |(_, port)| port);
        let ask = format!(
            "  cpss-registry verify NUMBER --endpoint https://localhost:{port} --ca {directory}/ca.crt {shown}\n"
        );
        match &self.client {
            None if self.renew => {
                "The server's certificate is renewed. A running server takes it within two seconds, or on SIGHUP.\n"
                    .to_owned()
            }
            Some(name) if self.renew => format!("{name} has another certificate. Ask with it:\n{ask}"),
            Some(name) => format!(
                "{name} may call now: it is on {directory}/clients.toml, which a running server takes within two seconds.\n\n\
                 Ask as {name}, with what it alone should have:\n{ask}"
            ),
            None => format!(
                "{directory} holds a configuration, an authority, the server's certificate and the first client's. The \
                 configuration pins the registry (`registry`).\n\n\
                 Start the service:\n  cpss-registry serve --config {directory}/config.toml\n\
                 Ask it as the registrar:\n{ask}\
                 Let in another client (--token gives it a token instead of a certificate):\n  \
                 cpss-registry init {directory} --client region-1-hr --role provider --provider region-1-cmhc\n\n\
                 {directory}/ca.key signs clients: whoever has it can be anyone. Keep it off this machine between times.\n"
            ),
        }
    }
}
