//! SIGHUP: the settings of the log, the certificates, and the list of clients are read again. The service manager learns
//! the outcome.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Mutex, oneshot};

use super::config::{Config, Flags};
use super::listener::{Loaded, ReloadRequests};
use super::logging;
use super::supervision::Supervision;
use super::vital::{AbortOnDrop, restarted};

/// Reloads on SIGHUP.
pub(super) struct Reload {
    flags: Flags,
    hangup: Signal,
    supervision: Supervision,
    /// Where a reload of the files is requested. `None` on a development server, which has none.
    files: Option<ReloadRequests>,
}

impl Reload {
    /// Reloads whenever SIGHUP comes from now on, until the returned task is dropped.
    pub(super) fn begin(
        config: &Config,
        supervision: &Supervision,
        files: Option<ReloadRequests>,
    ) -> std::io::Result<AbortOnDrop> {
        let hangup = signal(SignalKind::hangup())?;
        let reload = Reload { flags: config.flags.clone(), hangup, supervision: supervision.clone(), files };
        Ok(AbortOnDrop::spawn(reload.keep()))
    }

    async fn keep(self) {
        let reload = Mutex::new(self);
        restarted("reload", || async { reload.lock().await.keep_up().await }).await;
    }

    async fn keep_up(&mut self) {
        while self.hangup.recv().await.is_some() {
            let is_expected = self.supervision.reload_begins();
            let mut rejected = Vec::new();
            if !logging::reload(&self.flags) {
                rejected.push("settings of the log");
            }
            // While the server opens its registry, this waits until it accepts calls.
            let Loaded { certificates, clients } = self.reload_files().await;
            if !certificates {
                rejected.push("certificates");
            }
            if !clients {
                rejected.push("list of clients");
            }
            if is_expected {
                self.supervision.reload_ended(&outcome(&rejected));
            }
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
    use super::*;

    #[test]
    fn the_outcome_names_what_was_rejected() {
        assert_eq!(outcome(&[]), "loaded");
        let expected = "rejected: certificates, list of clients; the old ones stay in use, the log says why";
        assert_eq!(outcome(&["certificates", "list of clients"]), expected);
    }
}
