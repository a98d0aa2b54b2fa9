//! Reads the list of clients from its file.

use std::path::Path;
use std::sync::Arc;

use super::{Mistake, webhooks};
use crate::auth::clients::{self, Clients};
use crate::server::file_modes::writable_by_others;
use crate::webhooks::Webhooks;

/// The list of clients, with what the files of its webhooks hold.
#[derive(Debug)]
pub struct List {
    /// The clients.
    pub clients: Clients,
    /// Where the changes of some of them are posted.
    pub(crate) webhooks: Webhooks,
}

/// Reads the list of clients, which must name at least one. Returns every mistake in it.
pub fn read(path: &Path) -> Result<List, Vec<Mistake>> {
    let file = path.display();
    let mistake = |message| vec![Mistake { place: file.to_string(), message }];
    let unreadable = |error| mistake(format!("cannot be read: {error}"));
    if let Some(open) = writable_by_others(path).map_err(unreadable)? {
        let open = open.display();
        return Err(mistake(format!(
            "everyone on this machine can add a client to it: check every row, run chmod o-w {open}, then start again, or \
             send SIGHUP to a running server"
        )));
    }
    let content = std::fs::read_to_string(path).map_err(unreadable)?;
    let placed = |mistakes: Vec<clients::Mistake>| {
        let placed =
            |mistake: clients::Mistake| Mistake { place: format!("{file}:{}", mistake.line), message: mistake.message };
        mistakes.into_iter().map(placed).collect::<Vec<_>>()
    };
    let clients = Clients::read(&content).map_err(placed)?;
    // A file that was cut off by mistake would lock everyone out, and no probe would show it.
    if clients.count() == 0 {
        return Err(mistake(
            "names no client, so every call would be refused: restore it, or run `cpss-registry init DIR --client …`"
                .to_owned(),
        ));
    }
    let webhooks = webhooks::read(&clients, path.parent().unwrap_or(Path::new("."))).map_err(placed)?;
    Ok(List { clients, webhooks: Arc::from(webhooks) })
}
