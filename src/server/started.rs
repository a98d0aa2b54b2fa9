//! The line that says what started: the program, the registry, the ports, and the limits. It contains no secret.

use std::net::SocketAddr;

use super::config::Config;
use super::listener::certificates::Expiries;
use crate::registry::Registry;

/// The keys of the configuration that limit something.
const LIMITS: [&str; 17] = [
    "disk_reserve_bytes",
    "disk_reserve_percent",
    "drain_seconds",
    "stuck_after_seconds",
    "audit_file_mib",
    "audit_keep_days",
    "audit_max_bytes",
    "calls_per_second",
    "calls_burst",
    "questions_per_second",
    "questions_burst",
    "provider_misses_per_hour",
    "payer_misses_per_hour",
    "connections_per_client",
    "streams_per_client",
    "longest_call_seconds",
    "max_connection_age_seconds",
];

/// The addresses on which the server listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) grpc: SocketAddr,
    pub(super) http: Option<SocketAddr>,
    pub(super) ops: SocketAddr,
}

/// Logs what started.
pub(super) fn log(config: &Config, registry: &Registry, ports: Ports, expiries: Option<Expiries>) {
    let head = registry.head();
    let epoch = head.history.epoch_of(head.revision).map(|epoch| epoch.id);
    let client_ca = expiries.and_then(|expiries| expiries.client_ca);
    tracing::info!(
        event = "started",
        version = env!("CARGO_PKG_VERSION"),
        commit = super::build::commit(),
        semantics_version = head.history.semantics_version(),
        epoch = epoch.map(tracing::field::display),
        head_revision = head.revision.0,
        open_day = %head.today,
        listen = %ports.grpc,
        http_listen = ports.http.map(tracing::field::display),
        ops_listen = %ports.ops,
        data_dir = %config.data_dir.display(),
        is_dev = config.dev,
        limits = limits(config),
        certificate_expires = expiries.map(|expiries| tracing::field::display(expiries.server)),
        client_ca_expires = client_ca.map(|(first, _)| tracing::field::display(first)),
        "the service started"
    );
}

/// The limits as `KEY=VALUE`, and `-` for one that is not set.
fn limits(config: &Config) -> String {
    let limits = config.settings().iter().filter(|setting| LIMITS.contains(&setting.key));
    let limits = limits.map(|setting| format!("{}={}", setting.key, setting.value.as_deref().unwrap_or("-")));
    limits.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::Flags;

    #[test]
    fn every_limit_is_a_key() {
        let config = Config::read(&Flags { dev: true, ..Flags::default() }).unwrap();
        let shown = limits(&config);
        for key in LIMITS {
            assert!(shown.split(' ').any(|limit| limit.starts_with(&format!("{key}="))), "{key}: {shown}");
        }
        assert_eq!(shown.split(' ').count(), LIMITS.len(), "{shown}");
    }
}
