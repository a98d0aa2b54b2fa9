//! Starts the deliveries of webhooks beside the listeners.

use std::sync::Arc;

use tokio::sync::watch;

use super::config::Config;
use super::vital::{AbortOnDrop, restarted};
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
    let head = move || {
        let head = registry.head();
        let epoch = head.history.epoch_of(head.revision).map(|epoch| epoch.id.to_string());
        Position { epoch: epoch.unwrap_or_default(), revision: head.revision.0 }
    };
    let sender = Sender {
        surface: surface.clone(),
        head: Arc::new(head),
        now: clock::now,
        directory: config.data_dir.join("webhooks"),
        delivers: config.deliver_webhooks,
        board: board.clone(),
    };
    AbortOnDrop::spawn(restarted("webhooks", move || webhooks::keep(list.clone(), sender.clone())))
}
