//! SIGHUP: the settings of the log, the certificates, the list of clients, and the signing keys are read again. The
//! service manager learns the outcome.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Mutex, oneshot};

use super::config::{Config, Flags};
use super::listener::{Loaded, ReloadRequests};
use super::logging;
use super::supervision::Supervision;
use super::vital::{AbortOnDrop, restarted};
use crate::registry::Registry;

/// Reloads on SIGHUP.
pub(super) struct Reload {
    flags: Flags,
    hangup: Signal,
    supervision: Supervision,
    /// Where a reload of the files is requested. `None` on a development server, which has none.
    files: Option<ReloadRequests>,
    /// The registry, once it is open. Its signing keys are read at the opening.
    registry: Arc<ArcSwapOption<Registry>>,
}

impl Reload {
    /// Reloads whenever SIGHUP comes from now on, until the returned task is dropped.
    pub(super) fn begin(
        config: &Config,
        supervision: &Supervision,
        files: Option<ReloadRequests>,
        registry: &Arc<ArcSwapOption<Registry>>,
    ) -> std::io::Result<AbortOnDrop> {
        let hangup = signal(SignalKind::hangup())?;
        let (flags, supervision) = (config.flags.clone(), supervision.clone());
        let reload = Reload { flags, hangup, supervision, files, registry: Arc::clone(registry) };
        Ok(AbortOnDrop::spawn(reload.keep()))
    }

    async fn keep(self) {
        let reload = Mutex::new(self);
        restarted("reload", || async { reload.lock().await.keep_up().await }).await;
    }

    async fn keep_up(&mut self) {
        while self.hangup.recv().await.is_some() {
            self.reload().await;
        }
    }

    async fn reload(&self) {
        let is_expected = self.supervision.reload_begins();
        let mut rejected = Vec::new();
        if !logging::reload(&self.flags) {
            rejected.push("settings of the log");
        }
        if !self.reload_keys().await {
            rejected.push("signing keys");
        }
        if !is_expected {
            return self.reload_files_later();
        }
        let Loaded { certificates, clients } = self.reload_files().await;
        if !certificates {
            rejected.push("certificates");
        }
        if !clients {
            rejected.push("list of clients");
        }
        self.supervision.reload_ended(&outcome(&rejected));
    }

    /// While the server opens its registry, which may take long, requests a reload for when it accepts calls. One
    /// request is enough.
    fn reload_files_later(&self) {
        if let Some(files) = &self.files {
            drop(files.try_send(oneshot::channel().0));
        }
    }

    /// Reads the signing keys again. Returns false if those that were read before stay in use.
    async fn reload_keys(&self) -> bool {
        let Some(keys) = self.registry.load().as_ref().map(|registry| Arc::clone(registry.signing_keys())) else {
            return true;
        };
        let reloaded = tokio::task::spawn_blocking(move || keys.reload()).await;
        match reloaded {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(event = "signing_keys_not_loaded", error, "the signing keys were not loaded");
                false
            }
            Err(_) => false,
        }
    }

    async fn reload_files(&self) -> Loaded {
        let Some(files) = &self.files else { return Loaded { certificates: true, clients: true } };
        let (reply, loaded) = oneshot::channel();
        // If nobody answers, the server ends or the task that reloads panicked.
        drop(files.send(reply).await);
        loaded.await.unwrap_or_default()
    }
}

/// The outcome in words.
fn outcome(rejected: &[&str]) -> String {
    match rejected {
        [] => "loaded".to_owned(),
        parts => format!("rejected: {}; the old ones stay in use, the log says why", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;
    use crate::server::ops::Ops;

    #[tokio::test]
    async fn while_the_registry_is_opened_a_reload_of_the_files_is_left_for_later_and_the_next_is_heard() {
        let flags = Flags { dev: true, ..Flags::default() };
        let (supervision, _watching) = Supervision::begin(&Ops::new(&Config::read(&flags).unwrap()));
        let (files, mut requested) = mpsc::channel(1);
        let hangup = signal(SignalKind::hangup()).unwrap();
        // The settings of the log, which all tests share, stay as they are: these flags have a mistake.
        let flags = Flags { config: Some("/nonexistent/config.toml".to_owned()), ..Flags::default() };
        let reload = Reload { flags, hangup, supervision, files: Some(files), registry: Arc::default() };
        for _ in 0..3 {
            tokio::time::timeout(Duration::from_secs(60), reload.reload()).await.expect("it does not wait");
        }
        assert!(requested.try_recv().is_ok(), "the files are read once the server accepts calls");
        assert!(requested.try_recv().is_err(), "once is enough");
    }

    #[test]
    fn the_outcome_names_what_was_rejected() {
        assert_eq!(outcome(&[]), "loaded");
        let expected = "rejected: certificates, list of clients; the old ones stay in use, the log says why";
        assert_eq!(outcome(&["certificates", "list of clients"]), expected);
    }
}
