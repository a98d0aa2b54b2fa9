//! Reading the list of clients from its file.

use std::path::Path;

use super::Mistake;
use crate::auth::clients::Clients;

/// The list of a file, or every mistake in it.
pub fn read(path: &Path) -> Result<Clients, Vec<Mistake>> {
    let file = path.display();
    let content = std::fs::read_to_string(path)
        .map_err(|error| vec![Mistake { place: file.to_string(), message: format!("cannot be read: {error}") }])?;
    Clients::read(&content).map_err(|mistakes| {
        let placed = |mistake: crate::auth::clients::Mistake| Mistake {
            place: format!("{file}:{}", mistake.line),
            message: mistake.message,
        };
        mistakes.into_iter().map(placed).collect()
    })
}
