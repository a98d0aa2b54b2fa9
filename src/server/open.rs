//! Opening the registry, and going on after a loss if the operator said so.

use super::ServeError;
use super::config::Config;
use crate::domain::day::Day;
use crate::registry::clock;
use crate::registry::{OpenError, Opened, Options, Registry};
use crate::store::StoreOptions;
use crate::store::backup::{Accepted, accept_loss};
use crate::store::index::Progress;
use crate::store::log::LogOptions;

/// Opens the registry of a configuration on a thread that may block.
pub(super) async fn open(config: &Config) -> Result<Opened, ServeError> {
    let config = config.clone();
    let opened = tokio::task::spawn_blocking(move || open_or_accept(&config));
    opened.await.map_err(|_| ServeError::Broken)?
}

fn open_or_accept(config: &Config) -> Result<Opened, ServeError> {
    let options = Options {
        data_dir: config.data_dir.clone(),
        rules_dir: config.rules_dir.clone(),
        today: config.today,
        // A development server opens whatever day it is told, or finds.
        open_days_through: if config.dev { Some(Day::FOREVER) } else { config.open_days_through },
        store: StoreOptions {
            log: LogOptions {
                reserve_bytes: config.disk_reserve_bytes.0,
                reserve_percent: config.disk_reserve_percent.0,
                ..LogOptions::default()
            },
            ..StoreOptions::default()
        },
    };
    let refused = match (Registry::open(options.clone(), &mut tell), config.accept_loss_after) {
        (Ok(opened), None) => return Ok(opened),
        (Ok(opened), Some(_)) => {
            tracing::warn!("nothing is lost: --accept-loss-after did nothing, and should be taken away");
            return Ok(opened);
        }
        (Err(refused), None) => return Err(refused.into()),
        (Err(refused), Some(after)) => (refused, after),
    };
    let (OpenError::Store(shown), after) = &refused else { return Err(refused.0.into()) };
    if !shown.is_a_loss() {
        return Err(refused.0.into());
    }
    tracing::error!(error = shown as &dyn std::error::Error, "records were lost");
    let Accepted { forked_after, epoch, set_aside } = accept_loss(&config.data_dir, *after, clock::now())?;
    tracing::warn!(after = forked_after.0, %epoch, set_aside = %set_aside.display(), "the loss is accepted");
    Ok(Registry::open(options, &mut tell)?)
}

fn tell(progress: Progress) {
    let from_the_beginning = progress.from_the_beginning;
    tracing::info!(folded = progress.folded.0, head = progress.head.0, from_the_beginning, "folding the log");
}
