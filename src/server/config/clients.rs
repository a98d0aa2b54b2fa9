//! Reads the list of clients from its file.

use std::path::Path;

use super::Mistake;
use crate::auth::clients::Clients;
use crate::server::file_modes::others_may_write;

/// Reads the list of clients. Returns every mistake in it.
pub fn read(path: &Path) -> Result<Clients, Vec<Mistake>> {
    let file = path.display();
    let mistake = |message| vec![Mistake { place: file.to_string(), message }];
    let unreadable = |error| mistake(format!("cannot be read: {error}"));
    if others_may_write(path).map_err(unreadable)? {
        return Err(mistake("everyone on this machine can add a client to it: run chmod o-w on it".to_owned()));
    }
    let content = std::fs::read_to_string(path).map_err(unreadable)?;
    Clients::read(&content).map_err(|mistakes| {
        let placed = |mistake: crate::auth::clients::Mistake| Mistake {
            place: format!("{file}:{}", mistake.line),
            message: mistake.message,
        };
        mistakes.into_iter().map(placed).collect()
    })
}
