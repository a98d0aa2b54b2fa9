//! A registry in this process for one caller: it has no ports, and what is recorded in it stays in its directory. It is
//! for rehearsals. The calls take the same way as those of a listener.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tonic::body::Body;
use tower::Service;

use super::config::Config;
use super::ops::Ops;
use super::vital::Vital;
use super::{ServeError, close, open, operations};
use crate::auth::Identities;
use crate::auth::quotas::Quotas;
use crate::registry::{Opened, Registry, WriterFailed, clock};
use crate::store::Store;
use crate::store::backup::{BackupError, Cut, restore};
use crate::store::progress::OnStep;
use crate::surface::{Admission, LimitsLayer, Surface};
use crate::telemetry::access::{AccessLog, AccessThread};
use crate::telemetry::audit::{Audit, AuditThread};
use crate::telemetry::metrics::Metrics;

/// A registry in this process.
pub struct Scratch {
    registry: Registry,
    writer: tokio::task::JoinHandle<std::thread::Result<Result<Store, WriterFailed>>>,
    threads: (AuditThread, AccessThread),
    surface: Surface,
    /// While this is held, calls go on.
    _draining: watch::Sender<bool>,
}

/// Calls a registry in this process, as registrar and certifier.
#[derive(Clone)]
pub struct ScratchCaller(Surface);

/// Fills an empty directory from a backup, for a scratch registry on top of it.
pub fn restored(backup: &Path, data_dir: &Path, on_step: &mut OnStep<'_>) -> Result<(), BackupError> {
    restore(backup, data_dir, Cut::Nowhere, clock::now(), on_step).map(drop)
}

impl Scratch {
    /// Opens the registry of a configuration for development, or creates it.
    pub async fn begin(config: &Config) -> Result<Scratch, ServeError> {
        let Opened { registry, writer } = open::open(config).await?;
        let writer = tokio::task::spawn_blocking(move || writer.join());
        let vital = Vital::new();
        let (audit, audit_thread) = Audit::start(config.audit(), clock::now, || {}, vital.part("audit"))?;
        let access = AccessLog::start(std::io::sink(), clock::now, vital.part("access log"));
        let (access, access_thread) = access.map_err(ServeError::Access)?;
        let (identities, quotas, draining) = (Identities::Dev, Quotas::default(), watch::Sender::new(false));
        let metrics = Arc::<Metrics>::default();
        let known = (identities.clone(), quotas.clone());
        let operations = operations(config, Ops::new(config).checks());
        let admission = Admission::new(registry.clone(), operations, known, metrics, access, None);
        let limits = LimitsLayer::new(quotas, identities, draining.subscribe());
        let surface = Surface::new(&audit, &admission, &limits);
        Ok(Scratch { registry, writer, threads: (audit_thread, access_thread), surface, _draining: draining })
    }

    /// Calls the registry.
    pub fn caller(&self) -> ScratchCaller {
        ScratchCaller(self.surface.clone())
    }

    /// Closes the registry. Every caller must be dropped before.
    pub async fn end(self) -> Result<(), ServeError> {
        let Scratch { registry, writer, threads: (audit, access), surface, .. } = self;
        drop(surface);
        registry.close().await;
        drop(registry);
        let ended = writer.await;
        drop(tokio::task::spawn_blocking(move || (audit.close(), access.close())).await);
        close(ended.map_err(|_| ServeError::Broken)?.map_err(|_| ServeError::Broken)??);
        Ok(())
    }
}

impl Service<http::Request<Body>> for ScratchCaller {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.answer(request, None))
    }
}
