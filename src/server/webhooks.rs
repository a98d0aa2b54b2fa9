//! Starts the deliveries of webhooks beside the listeners.

use std::sync::Arc;

use tokio::sync::watch;

use super::config::Config;
use super::vital::{AbortOnDrop, restarted};
use crate::domain::id::Revision;
use crate::registry::{Registry, clock};
use crate::surface::Surface;
use crate::webhooks::board::Board;
use crate::webhooks::{self, Position, Sender, Webhooks};

/// Makes the deliveries that the list asks for, until the returned task is dropped.
pub(super) fn start(
    config: &Config,
    list: watch::Receiver<Webhooks>,
    surface: &Surface,
    registry: &Registry,
    board: &Board,
) -> AbortOnDrop {
    let registry = registry.clone();
    let position = move |revision: Option<u64>| {
        let revision = revision.map_or_else(|| registry.head().revision, Revision);
        Position { epoch: registry.epoch_of(revision).to_string(), revision: revision.0 }
    };
    let sender = Sender {
        surface: surface.clone(),
        position: Arc::new(position),
        now: clock::now,
        directory: config.data_dir.join("webhooks"),
        delivers: config.deliver_webhooks,
        board: board.clone(),
    };
    AbortOnDrop::spawn(restarted("webhooks", move || webhooks::keep(list.clone(), sender.clone())))
}
