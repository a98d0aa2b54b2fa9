//! Reads the list of clients from its file.

use std::path::Path;

use super::Mistake;
use crate::auth::clients::Clients;
use crate::server::file_modes::writable_by_others;

/// Reads the list of clients, which must name at least one. Returns every mistake in it.
pub fn read(path: &Path) -> Result<Clients, Vec<Mistake>> {
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
    let clients = Clients::read(&content).map_err(|mistakes| {
        let placed = |mistake: crate::auth::clients::Mistake| Mistake {
            place: format!("{file}:{}", mistake.line),
            message: mistake.message,
        };
        mistakes.into_iter().map(placed).collect::<Vec<_>>()
    })?;
    // A file that was cut off by mistake would lock everyone out, and no probe would show it.
    if clients.count() == 0 {
        return Err(mistake(
            "names no client, so every call would be refused: restore it, or run `cpss-registry init DIR --client …`"
                .to_owned(),
        ));
    }
    Ok(clients)
}
