//! The metrics of a running server: they are those of the list, and their values follow what happens.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use cpss_registry::proto::v1;
use cpss_registry::telemetry::metrics::list::{Kind, LIST};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::backup::json_of;
use super::harness::ops::{Metrics, metric};
use super::harness::requests::register_specialist;
use super::harness::{Client, NOT_ON_FILE, Process, TODAY, until};
use super::tls::tls_server::{TlsServer, client, question};

/// Metrics that have no series without what they are about: a token that expires, a log that replicas share, a miss, a
/// backup, a copy that follows the log, a collector of traces, and a webhook.
const ABSENT: [&str; 16] = [
    "cpss_token_expiry_timestamp_seconds",
    "cpss_log_head_confirmed_age_seconds",
    "cpss_log_trouble",
    "cpss_log_clock_offset_seconds",
    "cpss_log_lag_revisions",
    "cpss_log_appends_lost_total",
    "cpss_log_doubts_total",
    "cpss_misses_total",
    "cpss_misses_refused_total",
    "cpss_backup_last_timestamp_seconds",
    "cpss_ship_last_timestamp_seconds",
    "cpss_ship_lag_revisions",
    "cpss_spans_total",
    "cpss_webhook_deliveries_total",
    "cpss_webhook_lag_revisions",
    "cpss_webhook_failing",
];

/// Waits until a series has a value.
async fn becomes(ops: SocketAddr, series: &str, value: u64) {
    until(&format!("{series} to be {value}"), async || {
        metric(ops, series).await.is_some_and(|found| format!("{found:.0}") == value.to_string())
    })
    .await;
}

/// The names of the labels of a series, without the bound of a bucket.
fn labels(series: &str) -> BTreeSet<&str> {
    let inner = series.split_once('{').map_or("", |(_, labels)| labels.trim_end_matches('}'));
    let names = inner.split("\",").filter_map(|label| label.split_once("=\"")).map(|(name, _)| name);
    names.filter(|name| *name != "le").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_has_every_metric_of_the_list_and_no_other() {
    let place = TlsServer::start();
    place.client("registrar").await.ask(question()).await;
    let ops = place.process.ops();
    becomes(ops, "cpss_scrub_damage", 0).await;
    until("the scrub", async || metric(ops, "cpss_scrub_last_success_timestamp_seconds").await.is_some()).await;
    let Metrics { series, text } = Metrics::of(ops).await;
    let mut found = BTreeSet::new();
    for (name, kind) in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')) {
        let metric = LIST.iter().find(|metric| metric.family() == name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is not in the list"));
        assert_eq!(kind, format!("{:?}", metric.kind).to_lowercase(), "{name}");
        let own: BTreeSet<&str> = metric.labels.iter().map(|label| label.name).collect();
        let suffixes: &[&str] = if metric.kind == Kind::Histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
        let is_own = |series: &&String| {
            let name = series.split('{').next().unwrap();
            suffixes.iter().any(|suffix| name.strip_prefix(metric.name) == Some(*suffix))
        };
        let of_metric: Vec<&String> = series.keys().filter(is_own).collect();
        assert!(of_metric.iter().all(|series| labels(series) == own), "{name}: {of_metric:?}");
        if !of_metric.is_empty() {
            found.insert(metric.name);
        }
    }
    let missing: Vec<_> = LIST.iter().map(|metric| metric.name).filter(|name| !found.contains(name)).collect();
    let unexpected: Vec<_> =
        missing.iter().filter(|name| !ABSENT.contains(name) && **name != "cpss_backup_last_revision").collect();
    assert!(unexpected.is_empty(), "{unexpected:?}: {text}");
    assert!(!text.contains(NOT_ON_FILE) && !text.contains("registrar"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_questions_and_backups_move_their_metrics() {
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let ops = process.ops();
    let before = Metrics::of(ops).await;
    let registrar = registry.calling_as("registrar");
    for number in 0..5 {
        registrar.report(register_specialist("Ada", &format!("Example-Stone-{number}"))).await;
    }
    registrar.call(question()).await.unwrap();
    let after = Metrics::of(ops).await;
    let grown = |series: &str| after.count(series) - before.find(series).map_or(0, |_| before.count(series));
    assert_eq!(grown("cpss_head_revision"), 5);
    assert_eq!(grown("cpss_commit_records_sum"), 5);
    assert!((1..=5).contains(&grown("cpss_commit_records_count")));
    assert_eq!(grown("cpss_commit_seconds_count"), grown("cpss_commit_records_count"));
    assert_eq!(grown("cpss_log_append_seconds_count"), grown("cpss_commit_records_count"));
    assert!(after.value("cpss_commit_seconds_sum") >= after.value("cpss_log_append_seconds_sum"));
    assert!(after.value("cpss_log_append_seconds_sum") > 0.0);
    assert!(grown("cpss_audit_lines_total") >= 1);
    assert_eq!(after.count("cpss_audit_queue_entries"), 0);
    assert!(after.count("cpss_writer_queue_limit_messages") > 100);
    assert_eq!(after.count("cpss_open_day_lag_days"), 0);
    assert!(after.value("cpss_disk_free_bytes{volume=\"data\"}") > 0.0);
    assert!(after.value("process_resident_memory_bytes") > 1e6 && after.value("process_open_fds") > 3.0);
    assert!(after.value("process_max_fds") > after.value("process_open_fds"));
    assert!(after.value("process_start_time_seconds") > 1.6e9 && after.value("process_cpu_seconds_total") > 0.0);
    assert!(after.series.keys().any(|series| series.starts_with("cpss_epoch_info{epoch=\"")), "{}", after.text);

    assert_eq!(after.find("cpss_backup_last_revision"), None);
    let target = tempfile::tempdir().unwrap();
    json_of(&["backup", target.path().to_str().unwrap(), "--data-dir", data.path().to_str().unwrap()]);
    let backed_up = Metrics::of(ops).await;
    assert_eq!(backed_up.count("cpss_backup_last_revision"), after.count("cpss_head_revision"));
    // Both are rounded to seconds.
    let taken_at = backed_up.value("cpss_backup_last_timestamp_seconds");
    assert!(taken_at + 2.0 > after.value("process_start_time_seconds"), "{taken_at}");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_is_counted_while_it_is_open() {
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let ops = process.ops();
    let payer = registry.calling_as("payer");
    let mut changes = payer.change().watch_changes(v1::WatchChangesRequest::default()).await.unwrap().into_inner();
    changes.message().await.unwrap();
    for series in ["cpss_watchers", "cpss_streams_open", "cpss_calls_in_flight"] {
        assert_eq!(Metrics::of(ops).await.count(series), 1, "{series}");
    }
    assert_eq!(Metrics::of(ops).await.count("cpss_connections_open{kind=\"known\"}"), 1);
    drop(changes);
    for series in ["cpss_watchers", "cpss_streams_open", "cpss_calls_in_flight"] {
        becomes(ops, series, 0).await;
    }
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_the_cause_that_writes_are_off() {
    let data = tempfile::tempdir().unwrap();
    let (process, _) = Process::start(data.path(), TODAY);
    process.stop();
    let process = Process::spawn_with(data.path(), TODAY, &["--disk-reserve-bytes", "900000000000000"]);
    let registry = Client::connect(process.listening());
    let ops = process.ops();
    becomes(ops, "cpss_writes", 0).await;
    let before = Metrics::of(ops).await;
    let refused = registry.calling_as("registrar").call(register_specialist("Ada", "Example-Stone")).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::ResourceExhausted);
    let page = Metrics::of(ops).await;
    for cause in ["starting", "calendar", "scrub", "index", "log", "draining"] {
        assert_eq!(page.count(&format!("cpss_writes_off{{cause=\"{cause}\"}}")), 0, "{cause}");
    }
    assert_eq!(page.count("cpss_writes_off{cause=\"disk\"}"), 1);
    assert_eq!(page.count("cpss_disk_reserve_bytes{volume=\"data\"}"), 900_000_000_000_000);
    for series in ["cpss_commits_failed_total{cause=\"disk_full\"}", "cpss_refusals_total{reason=\"STORE_FULL\"}"] {
        assert!(page.count(series) > before.count(series), "{series}");
    }
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_handshakes_reloads_and_expiries_are_reported() {
    let place = TlsServer::start();
    let ops = place.process.ops();
    let expiry =
        |certificate: &str| format!("cpss_certificate_expiry_timestamp_seconds{{certificate=\"{certificate}\"}}");
    let begun = Metrics::of(ops).await;
    assert_eq!(begun.find(&expiry("client")), None);
    assert!(begun.value(&expiry("server")) > begun.value("process_start_time_seconds"));
    assert!(begun.value(&expiry("authority")) > begun.value("process_start_time_seconds"));
    assert_eq!(begun.value(&expiry("last_authority")), begun.value(&expiry("authority")));
    assert_eq!(begun.count("cpss_connections_open{kind=\"known\"}"), 0);

    let registrar = place.client("registrar").await;
    registrar.ask(question()).await;
    assert!(Metrics::of(ops).await.value(&expiry("client")) > begun.value("process_start_time_seconds"));
    assert_eq!(Metrics::of(ops).await.count("cpss_connections_open{kind=\"known\"}"), 1);
    drop(registrar);
    becomes(ops, "cpss_connections_open{kind=\"known\"}", 0).await;

    let mut silent = TcpStream::connect(place.process.listening()).await.unwrap();
    becomes(ops, "cpss_connections_open{kind=\"unknown\"}", 1).await;
    silent.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    becomes(ops, "cpss_handshakes_failed_total{cause=\"tls\"}", 1).await;
    drop(TcpStream::connect(place.process.listening()).await.unwrap());
    becomes(ops, "cpss_handshakes_failed_total{cause=\"disconnected\"}", 1).await;

    cpss_registry::server::setup::add_client(place.directory(), &client("auditor-2", "auditor")).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    let page = Metrics::of(ops).await;
    assert!(page.count("cpss_reloads_total{files=\"clients\",outcome=\"loaded\"}") >= 1);
    assert!(page.count("cpss_reloads_total{files=\"certificates\",outcome=\"loaded\"}") >= 1);
    std::fs::write(place.file("clients.toml"), "no list").unwrap();
    becomes(ops, "cpss_reloads_total{files=\"clients\",outcome=\"rejected\"}", 1).await;
}
