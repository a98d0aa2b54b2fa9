//! Reloads the certificates and the list of clients, on request and when their files change. Files that are not
//! consistent are rejected and logged, and the old ones stay in use. Connections stay open.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use super::Tls;
use super::authorities::AuthorityRoll;
use super::certificates::Expiries;
use super::expiries::{CertificateExpiries, EXPIRES_SOON};
use crate::auth::Identities;
use crate::registry::clock;
use crate::server::ServeError;
use crate::server::config::clients::List;
use crate::server::config::{Access, clients};
use crate::server::vital::restarted;
use crate::telemetry::metrics::{Metrics, Reloaded};
use crate::webhooks::Webhooks;

/// The interval at which the files are checked.
const PERIOD: Duration = Duration::from_secs(1);

/// The interval at which the expiry is checked.
const EXPIRY_CHECK_PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// What a reload loaded; what it did not load was rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct Loaded {
    pub certificates: bool,
    pub clients: bool,
}

/// Where a reload is requested, with the place for its outcome.
pub(in crate::server) type ReloadRequests = mpsc::Sender<oneshot::Sender<Loaded>>;

/// Watches the files.
pub(in crate::server) struct Watch {
    files: Access,
    metrics: Arc<Metrics>,
    reported: CertificateExpiries,
    roll: AuthorityRoll,
    certificate_checks: Daily,
    token_checks: Daily,
    requested: mpsc::Receiver<oneshot::Sender<Loaded>>,
    /// Where a reload is requested.
    pub requests: ReloadRequests,
    certificates: FileState,
    clients: FileState,
    /// When the certificates in use expire.
    pub expiries: Expiries,
    /// The current TLS configuration and list of clients.
    pub tls: Tls,
    pub identities: Identities,
    /// The webhooks of that list.
    pub webhooks: watch::Sender<Webhooks>,
}

/// A file's metadata: modification time (seconds, nanoseconds), size, and inode. None if the file is missing.
type FileMetadata = Option<(i64, i64, u64, u64)>;

/// The observed state of a group of files.
struct FileState {
    /// The metadata when the files were last read.
    loaded: Vec<FileMetadata>,
    last: Vec<FileMetadata>,
}

impl FileState {
    /// The state of files that are about to be read.
    fn loaded(now: Vec<FileMetadata>) -> FileState {
        FileState { loaded: now, last: Vec::new() }
    }

    /// True if the files differ from those that were read, and did not change since the previous check. A file that is
    /// being written changes between two checks.
    fn is_stable(&mut self, now: Vec<FileMetadata>) -> bool {
        let is_stable = now != self.loaded && now == self.last;
        self.last = now;
        is_stable
    }
}

impl Watch {
    /// Reads the files for the first time. A change or a request after this call is not missed, however long it takes
    /// until [`Watch::keep`] runs.
    pub(in crate::server) fn begin(
        files: &Access,
        metrics: &Arc<Metrics>,
        reported: &CertificateExpiries,
    ) -> Result<Watch, ServeError> {
        let (requests, requested) = mpsc::channel(1);
        let certificates = FileState::loaded(look(files.certificates.paths()));
        let mut roll = AuthorityRoll::default();
        let mut read = files.certificates.read(clock::now())?;
        roll.recall(&mut read.authorities);
        reported.loaded(read.expiries);
        let clients = FileState::loaded(look([files.clients.as_path()]));
        let first = |mistakes: Vec<_>| mistakes.into_iter().next().map_or(ServeError::Broken, ServeError::Clients);
        let list = clients::read(&files.clients).map_err(first)?;
        let (identities, webhooks) = (Identities::listed(list.clients), watch::Sender::new(list.webhooks));
        identities.expire(clock::now());
        reported.listed(first_expiry(&identities));
        let (files, metrics) = (files.clone(), Arc::clone(metrics));
        let (expiries, reported) = (read.expiries, reported.clone());
        let tls = Arc::new(ArcSwap::from_pointee(read));
        Ok(Watch {
            files,
            metrics,
            reported,
            roll,
            certificate_checks: Daily::default(),
            token_checks: Daily::default(),
            requested,
            requests,
            certificates,
            clients,
            expiries,
            tls,
            identities,
            webhooks,
        })
    }

    /// Reloads the files when needed. Runs until it is dropped, and restarts after a panic.
    pub(in crate::server) async fn keep(self) {
        let watch = Mutex::new(self);
        restarted("certificates and clients", || async { watch.lock().await.keep_up().await }).await;
    }

    async fn keep_up(&mut self) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let request = tokio::select! {
                request = self.requested.recv() => request,
                _ = period.tick() => None,
            };
            let (is_requested, mut loaded) = (request.is_some(), Loaded::default());
            // The metadata are read before the files, so that a change in between is noticed at the next check.
            let now = look(self.files.certificates.paths());
            if self.certificates.is_stable(now.clone()) || is_requested {
                self.certificates.loaded = now;
                loaded.certificates = self.load_certificates();
            }
            let now = look([self.files.clients.as_path()]);
            if self.clients.is_stable(now.clone()) || is_requested {
                self.clients.loaded = now;
                loaded.clients = self.load_clients();
            }
            let now = clock::now();
            if self.certificate_checks.is_due(now) {
                warn_of_certificate(self.expiries.server, now);
            }
            self.identities.expire(now);
            if self.token_checks.is_due(now) {
                self.identities
                    .token_expiries()
                    .iter()
                    .for_each(|(client, expires)| warn_of_token(client, *expires, now));
            }
            // Who requested it may be gone.
            request.map(|reply| reply.send(loaded).ok());
        }
    }

    /// Returns false if they were rejected.
    fn load_certificates(&mut self) -> bool {
        let read = self.files.certificates.read(clock::now());
        let is_loaded = read.is_ok();
        self.metrics.reloaded(Reloaded::Certificates, is_loaded);
        match read {
            Ok(mut certificates) => {
                self.roll.recall(&mut certificates.authorities);
                let certificates = Arc::new(certificates);
                let expires = certificates.expiries.server;
                self.tls.store(Arc::clone(&certificates));
                // After that: a handshake that began with the earlier ones goes by what is trusted now.
                self.roll.trust_only(&certificates.authorities);
                tracing::info!(event = "certificates_loaded", %expires, "loaded the certificates");
                self.reported.loaded(certificates.expiries);
                self.expiries = certificates.expiries;
                self.certificate_checks = Daily::default();
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(
                    event = "certificates_rejected",
                    error,
                    "rejected the new certificates: the old ones stay in use"
                );
            }
        }
        is_loaded
    }

    /// Returns false if it was rejected.
    fn load_clients(&mut self) -> bool {
        match clients::read(&self.files.clients) {
            Ok(List { clients, webhooks }) => {
                let count = clients.count();
                clients.expire(clock::now());
                let replaced = self.identities.replace(clients);
                let is_loaded = replaced.is_ok();
                self.metrics.reloaded(Reloaded::Clients, is_loaded);
                match replaced {
                    Ok(()) => {
                        self.reported.listed(first_expiry(&self.identities));
                        self.token_checks = Daily::default();
                        self.webhooks.send_replace(webhooks);
                        tracing::info!(event = "clients_loaded", clients = count, "loaded the list of clients");
                    }
                    Err(refused) => {
                        let refused = &refused as &dyn std::error::Error;
                        tracing::error!(
                            event = "clients_rejected",
                            refused,
                            "rejected the new list of clients: the old one stays in use"
                        );
                    }
                }
                is_loaded
            }
            Err(mistakes) => {
                self.metrics.reloaded(Reloaded::Clients, false);
                for mistake in mistakes {
                    tracing::error!(event = "clients_rejected", %mistake,
                        "rejected the new list of clients: the old one stays in use"
                    );
                }
                false
            }
        }
    }
}

/// When the first token on the list expires.
fn first_expiry(identities: &Identities) -> Option<Timestamp> {
    identities.token_expiries().into_iter().map(|(_, expires)| expires).min()
}

/// When expiries were last checked: at once after a load, and every day after that.
#[derive(Default)]
struct Daily {
    checked_at: Option<Timestamp>,
}

impl Daily {
    /// True if a check is due now, which is then noted.
    fn is_due(&mut self, now: Timestamp) -> bool {
        let is_due = self.checked_at.is_none_or(|at| now.duration_since(at).abs() >= EXPIRY_CHECK_PERIOD);
        if is_due {
            self.checked_at = Some(now);
        }
        is_due
    }
}

/// A warning about an expiry.
#[derive(Debug, PartialEq, Eq)]
enum ExpiryWarning {
    Soon,
    Already,
}

/// The warning about something that expires then.
fn warning(expires: Timestamp, now: Timestamp) -> Option<ExpiryWarning> {
    match expires.duration_since(now) {
        left if left <= SignedDuration::ZERO => Some(ExpiryWarning::Already),
        left if left < EXPIRES_SOON => Some(ExpiryWarning::Soon),
        _ => None,
    }
}

/// Warns of the expiry of the certificate of the server.
fn warn_of_certificate(expires: Timestamp, now: Timestamp) {
    match warning(expires, now) {
        Some(ExpiryWarning::Soon) => {
            tracing::warn!(event = "certificate_expires_soon", %expires, "the server certificate expires soon");
        }
        Some(ExpiryWarning::Already) => {
            tracing::error!(event = "certificate_expired", %expires, "the server certificate has expired: renew it");
        }
        None => {}
    }
}

/// Warns of the expiry of the token of a client.
fn warn_of_token(client: &str, expires: Timestamp, now: Timestamp) {
    match warning(expires, now) {
        Some(ExpiryWarning::Soon) => {
            tracing::warn!(event = "token_expires_soon", client, %expires, "the token of a client expires soon");
        }
        Some(ExpiryWarning::Already) => {
            tracing::warn!(event = "token_expired", client, %expires, "the token of a client has expired");
        }
        None => {}
    }
}

fn look<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<FileMetadata> {
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
    fn files_that_are_being_written_are_not_read() {
        let look = |size| vec![Some((0, 0, size, 1))];
        let mut state = FileState { loaded: look(1), last: look(1) };
        let is_stable: Vec<_> = [1, 2, 3, 4, 4].into_iter().map(|size| state.is_stable(look(size))).collect();
        assert_eq!(is_stable, [false, false, false, false, true]);
    }

    #[test]
    fn the_expiry_is_checked_when_a_certificate_is_loaded_and_every_day() {
        let hours = |hours: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let look = |checks: &mut Daily, expires: Timestamp, now: Timestamp| {
            checks.is_due(now).then(|| warning(expires, now)).flatten()
        };
        let (mut checks, expires) = (Daily::default(), hours(20 * 24));
        let warnings = (0..22 * 24).filter_map(|hour| Some((hour / 24, look(&mut checks, expires, hours(hour))?)));
        let warnings: Vec<_> = warnings.collect();
        let expected =
            (7..20).map(|day| (day, ExpiryWarning::Soon)).chain([20, 21].map(|day| (day, ExpiryWarning::Already)));
        assert_eq!(warnings, expected.collect::<Vec<_>>());
        assert_eq!(look(&mut Daily::default(), hours(24), hours(0)), Some(ExpiryWarning::Soon), "at once");
    }
}
