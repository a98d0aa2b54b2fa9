//! The information that a new client needs to call. It is read from the files, so that it is correct after they were
//! edited.

use std::path::Path;

use super::{CLIENTS, CONFIG, SetupError, files, quoted, read_list};
use crate::auth::method;
use crate::server::config::{Config, Flags};

const CLIENT: &str = "[[client]]";
const VERIFY: &str = "/ms.dmh.credential.v1.VerificationService/VerifyCredential";
const STREAM_BACKUP: &str = "/ms.dmh.credential.v1.OperationsService/StreamBackup";

/// How a client calls the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The address of the configured server, as seen from this machine.
    pub endpoint: String,
    /// What the client's role may call.
    pub call: FirstCall,
}

/// A call to try new credentials with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstCall {
    /// It may verify credentials.
    Verify,
    /// It may list providers.
    ListProviders,
    /// It may take backups.
    Backup,
}

/// Returns how a client of the list calls the server.
pub fn invitation(directory: &Path, client: &str) -> Result<Invitation, SetupError> {
    let path = directory.join(CLIENTS);
    let clients = read_list(&path)?;
    let Some(role) = clients.role_of(client) else {
        return Err(SetupError::NotOnList { path, client: client.to_owned() });
    };
    let may = |path| method(path).is_some_and(|method| method.right(role).is_some());
    let call = if may(VERIFY) {
        FirstCall::Verify
    } else if may(STREAM_BACKUP) {
        FirstCall::Backup
    } else {
        FirstCall::ListProviders
    };
    Ok(Invitation { endpoint: endpoint(directory)?, call })
}

/// Returns the address of the configured server as seen from this machine, with a name from its certificate.
pub(super) fn endpoint(directory: &Path) -> Result<String, SetupError> {
    let config = Some(directory.join(CONFIG).display().to_string());
    let listen = Config::read_listen(&Flags { config, ..Flags::default() });
    let listen = listen
        .map_err(|mistakes| SetupError::BadConfig(mistakes.first().map(ToString::to_string).unwrap_or_default()))?;
    let is_local = listen.ip().is_loopback() || listen.ip().is_unspecified();
    Ok(if is_local { format!("https://localhost:{}", listen.port()) } else { format!("https://{listen}") })
}

/// Returns the row of a client that `init` added. Another one may have been added since.
pub fn row_of(directory: &Path, client: &str) -> Result<String, SetupError> {
    let list = files::read(&directory.join(CLIENTS))?;
    let name = format!("name = {}", quoted(client));
    let row = list.split(CLIENT).skip(1).find(|row| row.lines().any(|line| line == name));
    Ok(row.map(|row| format!("{CLIENT}{}", row.trim_end())).unwrap_or_default())
}

/// Returns the lines of the configuration with the server's address and the id of its registry.
pub fn address_and_pin(directory: &Path) -> Result<String, SetupError> {
    let config = files::read(&directory.join(CONFIG))?;
    let keys = ["listen = ", "registry = "];
    let lines = config.lines().filter(|line| keys.iter().any(|key| line.starts_with(key)));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}
