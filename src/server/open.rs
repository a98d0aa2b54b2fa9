//! Opens the registry: loads sample data on a new development server, and continues after a loss that the operator
//! accepts.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::config::{Config, LogAccess};
use super::replica;
use super::{ServeError, sample};
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::registry::clock;
use crate::registry::{OpenError, Opened, Options, Registry, SEMANTICS_VERSION};
use crate::store::backup::{Accepted, accept_loss};
use crate::store::incident::Incident;
use crate::store::index::Progress;
use crate::store::log::LogOptions;
use crate::store::{LogPlace, OpenMode, StoreOptions, Unfinished};

/// The pause before a registry is opened again that waits for the shared log, or for other replicas.
const WAITING: Duration = Duration::from_secs(2);

/// Opens the registry of a configuration. A development server creates one if there is none. A registry that cannot be
/// created completely is removed. A replica without a record waits until the shared log has one for it.
pub(super) async fn open(config: &Config) -> Result<Opened, ServeError> {
    let access = config.log_access().map_err(|unusable| ServeError::Log(unusable.to_string()))?;
    if let Some(access) = &access {
        // With a copy of the log the replica starts, even if the database cannot be asked.
        replica::require_joined(access).await?;
    }
    // Where the log is shared, other replicas must be asked first.
    let (waiting, mut adopts_semantics) = (Incident::new(), config.adopt_semantics && access.is_none());
    let (opened, unfinished) = loop {
        let (blocking, runtime) = (config.clone(), Handle::current());
        let how = options(config, access.as_ref(), &runtime, adopts_semantics);
        let opened = tokio::task::spawn_blocking(move || open_or_accept(&blocking, &how));
        match (opened.await.map_err(|_| ServeError::Broken)?, &access) {
            // The log is shared, or it would be filled.
            (Err(ServeError::Open(error @ OpenError::NotFilled { .. })), Some(access)) => {
                wait_for_log(access, &error, &waiting).await?;
            }
            (Err(ServeError::Open(error @ OpenError::OlderSemantics { .. })), Some(access)) => {
                adopts_semantics = may_adopt_semantics(config.adopt_semantics, access, error, &waiting).await?;
                if !adopts_semantics {
                    tokio::time::sleep(WAITING).await;
                }
            }
            (opened, _) => break opened?,
        }
    };
    warn_unless_pinned(config, &opened.registry);
    let Some(unfinished) = unfinished else { return Ok(opened) };
    if !config.no_sample
        && config.dev
        && let Err(source) = sample::load(&opened.registry).await
    {
        let today = opened.registry.head().today;
        close(opened).await;
        return Err(ServeError::Sample { today, source });
    }
    unfinished.finish().map_err(OpenError::from)?;
    Ok(opened)
}

/// Waits until the database can be asked, for a replica that knows nothing without it. Fails if the database refuses
/// the replica: somebody must act.
async fn wait_for_log(access: &LogAccess, not_filled: &OpenError, waiting: &Incident) -> Result<(), ServeError> {
    while let Some(why) = replica::require_joined(access).await? {
        log_waiting(waiting, &why.cause_text(), &why);
        if why.is_denial() {
            return Err(why.into());
        }
        tokio::time::sleep(WAITING).await;
    }
    log_waiting(waiting, &not_filled.to_string(), not_filled);
    tokio::time::sleep(WAITING).await;
    Ok(())
}

fn log_waiting(waiting: &Incident, cause: &str, error: &(dyn Error + 'static)) {
    if let Some(times) = waiting.occurred_for(cause) {
        tracing::warn!(event = "waiting_for_log", times, error, "waiting for the shared log");
    }
}

/// Adopts the semantics of this release in the database, and returns true, if the operator has agreed to them and every
/// replica that runs is of this release. Returns false if that is not so yet, or if the database is not reached. If the
/// operator has not agreed, neither in the configuration (`agreed`) nor with `adopt-semantics`, returns the error.
async fn may_adopt_semantics(
    agreed: bool,
    access: &LogAccess,
    error: OpenError,
    waiting: &Incident,
) -> Result<bool, OpenError> {
    if !agreed {
        match replica::adopted_semantics(access).await {
            Ok(adopted) if adopted < SEMANTICS_VERSION => return Err(error),
            Ok(_) => {}
            // Not known yet. The next question would adopt them, if only this one failed.
            Err(unreached) => {
                log_waiting(waiting, &unreached.cause_text(), &unreached);
                return Ok(false);
            }
        }
    }
    let replicas = match replica::adopt_semantics(access).await {
        Ok(none) if none.is_empty() => return Ok(true),
        Ok(earlier) => earlier.join(", "),
        // If the database is not reached, it is not known which replicas run.
        Err(unreached) => unreached.cause_text(),
    };
    if let Some(times) = waiting.occurred_for(&replicas) {
        let error = &error as &dyn Error;
        let replicas = replicas.as_str();
        tracing::warn!(
            event = "waiting_for_replicas",
            times,
            replicas,
            error,
            "waiting for replicas of an earlier release to stop"
        );
    }
    Ok(false)
}

/// Ends the writer and closes the store.
async fn close(opened: Opened) {
    let Opened { registry, writer } = opened;
    registry.close().await;
    drop(registry);
    // The result does not matter: the new registry is removed.
    drop(tokio::task::spawn_blocking(move || writer.join()).await);
}

/// Warns if the configuration does not pin the registry. Without the pin, an empty disk in its place is noticed, but
/// another registry's disk is not.
fn warn_unless_pinned(config: &Config, registry: &Registry) {
    if let (None, false, Some(id)) = (config.registry, config.dev, registry.id()) {
        tracing::warn!(
            event = "registry_not_pinned",
            "the configuration does not pin the registry: add the line  registry = \"{id}\""
        );
    }
}

fn options(config: &Config, access: Option<&LogAccess>, runtime: &Handle, adopts_semantics: bool) -> Options {
    let place =
        access.map_or(LogPlace::File, |access| LogPlace::Shared(Arc::new(access.clone().driven_by(runtime.clone()))));
    let mode = match &place {
        LogPlace::File if !config.dev => OpenMode::Existing,
        LogPlace::File => OpenMode::ExistingOrNew("serve --dev"),
        LogPlace::Shared(_) => OpenMode::ExistingOrNew("serve"),
    };
    Options {
        data_dir: config.data_dir.clone(),
        registry: config.registry,
        begins_shared_log: false,
        adopts_semantics,
        rules_dir: config.rules_dir.clone(),
        today: config.today,
        // A development server opens any day.
        open_days_through: if config.dev { Some(Day::FOREVER) } else { config.open_days_through },
        store: StoreOptions {
            mode,
            place,
            replaces_lost_key: config.new_request_key,
            signing_keys: config.log_signing_keys.clone(),
            log: log_options(config),
            ..StoreOptions::default()
        },
    }
}

/// How the log of a configuration uses the disk.
pub(super) fn log_options(config: &Config) -> LogOptions {
    LogOptions {
        reserve_bytes: config.disk_reserve_bytes.0,
        reserve_percent: config.disk_reserve_percent.0,
        ..LogOptions::default()
    }
}

fn open_or_accept(config: &Config, options: &Options) -> Result<(Opened, Option<Unfinished>), ServeError> {
    let opened = Registry::begin(options.clone(), &mut log_progress);
    if let Err(OpenError::Store(shown)) = &opened
        && shown.is_a_loss()
    {
        tracing::error!(event = "records_lost", error = shown as &dyn Error, "records were lost");
    }
    let Some(after) = config.accept_loss_after else { return Ok(opened?) };
    match opened {
        Ok((opened, unfinished)) => {
            warn_of_no_effect(after, &opened.registry);
            Ok((opened, unfinished))
        }
        Err(OpenError::Store(lost)) if lost.is_a_loss() => {
            let Accepted { forked_after, epoch, set_aside } = accept_loss(&config.data_dir, after, clock::now())?;
            tracing::warn!(event = "loss_accepted", after = forked_after.0, %epoch, set_aside = %set_aside.display(), "the loss is accepted");
            Ok(Registry::begin(options.clone(), &mut log_progress)?)
        }
        Err(refused) => Err(refused.into()),
    }
}

fn warn_of_no_effect(after: Revision, registry: &Registry) {
    let why = match registry.epoch_after(after) {
        Some(epoch) => format!("the record already continues after revision {after} in the epoch {epoch}"),
        None => "nothing is lost".to_owned(),
    };
    tracing::warn!(event = "accept_loss_has_no_effect", "--accept-loss-after has no effect, remove it: {why}");
}

fn log_progress(progress: Progress) {
    let from_the_beginning = progress.from_the_beginning;
    tracing::info!(
        event = "folding_log",
        folded = progress.folded.0,
        head = progress.head.0,
        from_the_beginning,
        "folding the log"
    );
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::TcpListener;
    use uuid::Uuid;

    use super::*;
    use crate::store::log::postgresql::{Durability, Settings};

    #[tokio::test]
    async fn a_replica_that_cannot_ask_whether_the_operator_agreed_does_not_try_to_adopt() {
        // A database that ends every connection, and counts them.
        let database = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgresql://r@{}/registry?sslmode=disable", database.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let served = tokio::spawn(async move {
            while let Ok((connection, _)) = database.accept().await {
                counted.fetch_add(1, Ordering::AcqRel);
                drop(connection);
            }
        });
        let patience = Duration::from_secs(60);
        let settings = Settings::parse(&url, None, None, "one", Durability::Standby, patience).unwrap();
        let access = LogAccess { settings, registry: Uuid::nil(), request_key: [0; 32] };
        let may_adopt = async |agreed: bool| {
            let error = OpenError::OlderSemantics { known: SEMANTICS_VERSION - 1, version: SEMANTICS_VERSION };
            let waits = matches!(may_adopt_semantics(agreed, &access, error, &Incident::new()).await, Ok(false));
            (waits, asked.swap(0, Ordering::AcqRel))
        };
        assert_eq!(may_adopt(false).await, (true, 1), "the question whether the operator agreed, and no other");
        assert_eq!(may_adopt(true).await, (true, 1), "the operator agreed in the configuration");
        served.abort();
    }
}
