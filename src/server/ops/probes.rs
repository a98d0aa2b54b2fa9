//! The probes: whether the process lives, whether questions are answered, and the checks behind that.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, StatusCode, Uri};

use super::{Ops, share_used_up};
use crate::registry::{Registry, Rung};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// A response: its status, its type, and its body.
pub(super) type Response = (StatusCode, [(HeaderName, &'static str); 1], String);

fn response(is_ok: bool, kind: &'static str, body: String) -> Response {
    let status = if is_ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CONTENT_TYPE, kind)], body)
}

impl Ops {
    /// `/livez`: 200, unless a thread is stuck; then 503.
    pub(super) fn livez(&self) -> Response {
        match self.stuck() {
            None => response(true, TEXT, "ok\n".to_owned()),
            Some(why) => response(false, TEXT, format!("stuck: {why}\n")),
        }
    }

    /// Which thread is stuck, if one is.
    pub(super) fn stuck(&self) -> Option<String> {
        let part = self.liveness.stuck()?;
        let seconds = self.liveness.limit().as_secs();
        Some(format!("the thread `{part}` has not moved for {seconds} s while work waits for it"))
    }

    /// `/readyz`: 200 if questions are answered, else 503. With the query `verbose` it has the result of every check,
    /// as text, or as JSON if the request accepts that.
    pub(super) async fn readyz(&self, uri: &Uri, headers: &HeaderMap) -> Response {
        let is_verbose = uri.query().is_some_and(|query| query.split('&').any(|part| is_named(part, "verbose")));
        if !is_verbose {
            return self.ready();
        }
        let checks = self.checks();
        // Reading the disk may block.
        let Ok(status) = tokio::task::spawn_blocking(move || checks.run()).await else {
            return response(false, TEXT, "the checks failed\n".to_owned());
        };
        let mut accepts = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
        if accepts.any(|accept| accept.contains(JSON)) {
            return response(status.is_ready, JSON, format!("{}\n", status.json()));
        }
        let first = if status.is_ready { "ok" } else { "not ready" };
        response(status.is_ready, TEXT, format!("{first}\n{}", status.text()))
    }

    fn ready(&self) -> Response {
        let of_log = self.registry.load().as_ref().map_or(String::new(), |registry| state_of_log(registry));
        if self.health.serving().questions {
            let of_audit = self.running.get().and_then(|running| share_used_up(&running.audit.usage()));
            let of_audit = of_audit.map_or(String::new(), |why| format!("{why}\n"));
            response(true, TEXT, format!("ok\n{of_audit}{of_log}"))
        } else {
            response(false, TEXT, format!("not ready\n{of_log}"))
        }
    }
}

/// True if a part of a query has this name, with or without a value.
fn is_named(part: &str, name: &str) -> bool {
    part.split('=').next() == Some(name)
}

/// What is wrong with a log that is shared, in words. Empty if nothing is.
fn state_of_log(registry: &Registry) -> String {
    let rung = Some(registry.rung()).filter(|rung| matches!(rung, Rung::Late(_) | Rung::Stale(_)));
    let rung = rung.map(|rung| format!("{rung}\n"));
    let trouble = registry.log_report().and_then(|report| report.trouble);
    let trouble = trouble.map(|trouble| format!("writes are refused: {trouble}\n"));
    format!("{}{}", rung.unwrap_or_default(), trouble.unwrap_or_default())
}
