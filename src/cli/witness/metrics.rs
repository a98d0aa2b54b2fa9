//! What a witness reports to Prometheus.

use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// How long a connection may last.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was counted.
#[derive(Default)]
pub(super) struct Metrics {
    /// The checks that found nothing wrong, those that could not read the log, and those that refused a checkpoint.
    pub passed: AtomicU64,
    pub unreachable: AtomicU64,
    pub refused: AtomicU64,
    /// The size of the tree in the latest checkpoint that was found right.
    pub tree_size: AtomicU64,
    /// When the last check found nothing wrong, in seconds since 1970.
    pub last_success: AtomicI64,
    /// The epoch of that checkpoint.
    pub epoch: Mutex<String>,
}

impl Metrics {
    fn page(&self) -> String {
        let number = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let epoch = self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        format!(
            "# HELP cpss_witness_checks_total The checks of the log, by their result.\n\
             # TYPE cpss_witness_checks_total counter\n\
             cpss_witness_checks_total{{result=\"passed\"}} {}\n\
             cpss_witness_checks_total{{result=\"unreachable\"}} {}\n\
             cpss_witness_checks_total{{result=\"refused\"}} {}\n\
             # HELP cpss_witness_tree_size The size of the tree in the latest checkpoint that was found right.\n\
             # TYPE cpss_witness_tree_size gauge\n\
             cpss_witness_tree_size{{epoch=\"{epoch}\"}} {}\n\
             # HELP cpss_witness_last_success_timestamp_seconds When a check last found nothing wrong.\n\
             # TYPE cpss_witness_last_success_timestamp_seconds gauge\n\
             cpss_witness_last_success_timestamp_seconds {}\n",
            number(&self.passed),
            number(&self.unreachable),
            number(&self.refused),
            number(&self.tree_size),
            self.last_success.load(Ordering::Relaxed),
        )
    }

    /// Answers every request with the page, until it is dropped.
    pub async fn serve(self: Arc<Metrics>, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            let metrics = Arc::clone(&self);
            let answer = service_fn(move |_: Request<hyper::body::Incoming>| {
                let page = metrics.page();
                async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(page)))) }
            });
            // A connection that breaks concerns its scraper alone.
            tokio::spawn(timeout(PATIENCE, http1::Builder::new().serve_connection(TokioIo::new(stream), answer)));
        }
    }
}
