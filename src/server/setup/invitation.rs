//! What a new client needs to call. All of it is read from the files, so that it is right after they were edited.

use std::path::Path;

use super::{CLIENTS, CONFIG, SetupError, bad_list, files};
use crate::auth::clients::Clients;
use crate::auth::method;
use crate::server::config::{Config, Flags};

const CLIENT: &str = "[[client]]";
const VERIFY: &str = "/ms.dmh.credential.v1.VerificationService/VerifyCredential";

/// How a client calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Where the server of the configuration is reached from this machine.
    pub endpoint: String,
    /// Whether its role may verify credentials.
    pub may_verify: bool,
}

/// How a client on the list calls.
pub fn invitation(directory: &Path, client: &str) -> Result<Invitation, SetupError> {
    let path = directory.join(CLIENTS);
    let clients = Clients::read(&files::read(&path)?).map_err(|mistakes| bad_list(&path, mistakes))?;
    let Some(role) = clients.role_of(client) else {
        return Err(SetupError::NotOnList { path, client: client.to_owned() });
    };
    let may_verify = method(VERIFY).is_some_and(|verify| verify.right(role).is_some());
    Ok(Invitation { endpoint: endpoint(directory)?, may_verify })
}

/// Where the server of the configuration is reached from this machine, by a name in its certificate.
pub(super) fn endpoint(directory: &Path) -> Result<String, SetupError> {
    let config = Some(directory.join(CONFIG).display().to_string());
    let listen = Config::read_listen(&Flags { config, ..Flags::default() });
    let listen = listen
        .map_err(|mistakes| SetupError::BadConfig(mistakes.first().map(ToString::to_string).unwrap_or_default()))?;
    let is_local = listen.ip().is_loopback() || listen.ip().is_unspecified();
    Ok(if is_local { format!("https://localhost:{}", listen.port()) } else { format!("https://{listen}") })
}

/// The row of the client that was let in last, as the list has it.
pub fn last_row(directory: &Path) -> Result<String, SetupError> {
    let list = files::read(&directory.join(CLIENTS))?;
    Ok(list.rfind(CLIENT).map_or("", |at| list[at..].trim_end()).to_owned())
}

/// The lines that say where the server listens and which registry it serves, as the configuration has them.
pub fn address_and_pin(directory: &Path) -> Result<String, SetupError> {
    let config = files::read(&directory.join(CONFIG))?;
    let keys = ["listen = ", "registry = "];
    let lines = config.lines().filter(|line| keys.iter().any(|key| line.starts_with(key)));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}
