//! Certificates and the list of clients, taken anew on SIGHUP and when their files change. What does not hold together
//! is not taken, and the log says why; what was taken before stays. Connections live on.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::Tls;
use crate::auth::Identities;
use crate::registry::clock;
use crate::server::ServeError;
use crate::server::config::{Access, clients};
use crate::telemetry::metrics::Metrics;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// Who renews a certificate should have done so by now.
const EXPIRES_SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(14 * 24);

/// Keeps up with the files.
pub(in crate::server) struct Watch {
    files: Access,
    metrics: Arc<Metrics>,
    hangup: Signal,
    certificates: Seen,
    clients: Seen,
    /// What is in use of them.
    pub tls: Tls,
    pub identities: Identities,
}

/// What a file looked like: when it was written, its size, and which it is.
type Look = Option<(i64, i64, u64, u64)>;

/// Files that were looked at.
struct Seen {
    /// What they looked like when they were read.
    taken: Vec<Look>,
    last: Vec<Look>,
}

impl Seen {
    /// They are about to be read.
    fn taken(now: Vec<Look>) -> Seen {
        Seen { taken: now, last: Vec::new() }
    }

    /// Whether they are others than those that were read, and have been so since the last look: what is being written
    /// changes from one look to the next.
    fn is_settled(&mut self, now: Vec<Look>) -> bool {
        let settled = now != self.taken && now == self.last;
        self.last = now;
        settled
    }
}

impl Watch {
    /// Reads them for the first time. What changes from now on, and a SIGHUP from now on, is not missed, however long it
    /// takes until they are kept up with.
    pub(in crate::server) fn begin(files: &Access, metrics: &Arc<Metrics>) -> Result<Watch, ServeError> {
        let hangup = signal(SignalKind::hangup()).map_err(ServeError::Hangup)?;
        let certificates = Seen::taken(look(files.certificates.paths()));
        let read = files.certificates.read(clock::now())?;
        tell_expiry(read.expires, metrics);
        let clients = Seen::taken(look([files.clients.as_path()]));
        let first = |mistakes: Vec<_>| mistakes.into_iter().next().map_or(ServeError::Broken, ServeError::Clients);
        let identities = Identities::listed(clients::read(&files.clients).map_err(first)?);
        let tls = Arc::new(ArcSwap::new(read.tls));
        let (files, metrics) = (files.clone(), Arc::clone(metrics));
        Ok(Watch { files, metrics, hangup, certificates, clients, tls, identities })
    }

    /// Keeps up with them until it is dropped.
    pub(in crate::server) async fn keep(mut self) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = self.hangup.recv() => true,
                _ = period.tick() => false,
            };
            // Looked at before they are read, so that a change in between is seen at the next look.
            let now = look(self.files.certificates.paths());
            if self.certificates.is_settled(now.clone()) || asked {
                self.certificates.taken = now;
                self.take_certificates();
            }
            let now = look([self.files.clients.as_path()]);
            if self.clients.is_settled(now.clone()) || asked {
                self.clients.taken = now;
                self.take_clients();
            }
        }
    }

    fn take_certificates(&self) {
        match self.files.certificates.read(clock::now()) {
            Ok(certificates) => {
                self.tls.store(certificates.tls);
                tracing::info!(expires = %certificates.expires, "certificates taken");
                tell_expiry(certificates.expires, &self.metrics);
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "certificates not taken: those in use stay");
            }
        }
    }

    fn take_clients(&self) {
        match clients::read(&self.files.clients) {
            Ok(clients) => {
                tracing::info!(clients = clients.count(), "list of clients taken");
                self.identities.replace(clients);
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    tracing::error!(
                        %mistake,
                        "list of clients not taken: the one in use stays"
                    );
                }
            }
        }
    }
}

/// Tells when the certificate in use expires, and says so while there is time to do something about it.
fn tell_expiry(expires: jiff::Timestamp, metrics: &Metrics) {
    metrics.certificate_expires(expires.as_second());
    if expires.duration_since(clock::now()) < EXPIRES_SOON {
        tracing::warn!(%expires, "the server's certificate expires soon");
    }
}

fn look<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<Look> {
    let look = |path: &Path| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.mtime(), file.mtime_nsec(), file.size(), file.ino()))
    };
    paths.into_iter().map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_being_written_are_left_alone() {
        let look = |size| vec![Some((0, 0, size, 1))];
        let mut seen = Seen { taken: look(1), last: look(1) };
        let settled: Vec<_> = [1, 2, 3, 4, 4].into_iter().map(|size| seen.is_settled(look(size))).collect();
        assert_eq!(settled, [false, false, false, false, true]);
    }
}
