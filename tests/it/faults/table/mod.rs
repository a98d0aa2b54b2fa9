//! The table of faults: how an operator sees each. Every test makes one fault happen in the program, and looks for its
//! metric, its alert, its event, and its check. `deploy/docs/faults.md` has the same table.

mod disks;
mod load;
mod promql;
mod threads;
mod times;

use cpss_registry::registry::clock;
use tokio::net::TcpStream;

use self::promql::{Page, evaluate};
use crate::harness::markdown::Document;
use crate::harness::ops::{get, try_get};
use crate::harness::{Process, until};
use crate::source_tree::monitoring;

/// Stands for what a fault does not show.
const NOTHING: &str = "–";

/// A fault, and how it is seen.
struct Row {
    fault: &'static str,
    /// The series with its value, or only its name if the alert compares the value.
    metric: &'static str,
    alert: &'static str,
    event: &'static str,
    /// The checks of `/readyz?verbose` that fail, or another probe.
    probe: &'static str,
}

const fn row(
    fault: &'static str,
    metric: &'static str,
    alert: &'static str,
    event: &'static str,
    probe: &'static str,
) -> Row {
    Row { fault, metric, alert, event, probe }
}

const DOWN: &str = "no answer";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("the disk is full", "cpss_writes_off{cause=\"disk\"} 1", "CpssWritesRefused", "write_health_changed", "writes, data_disk"),
    row("the disk becomes read-only", NOTHING, "CpssDown", "serve_failed", DOWN),
    row("a sync fails", NOTHING, "CpssDown", "serve_failed", DOWN),
    row("a read of the log fails at the start", NOTHING, "CpssDown", "serve_failed", DOWN),
    row("a read of the log fails while serving", "cpss_scrub_damage 1", "CpssScrubDamage", "scrub_failed", "writes, scrub"),
    row("the scrub finds damage", "cpss_scrub_damage 1", "CpssScrubDamage", "scrub_failed", "writes, scrub"),
    row("a block of the index is damaged", "cpss_index 0", "CpssWritesRefused", "index_failed", "writes, index"),
    row("a segment of the log is damaged", NOTHING, "CpssDown", "records_lost", DOWN),
    row("the clock is ahead", "cpss_writes_off{cause=\"calendar\"} 1", "CpssWritesRefused", "writes_held", "writes, calendar"),
    row("the clock is behind", "cpss_writes_off{cause=\"calendar\"} 1", "CpssWritesRefused", "writes_held", "writes, calendar"),
    row("a certificate expires soon", "cpss_certificate_expiry_timestamp_seconds", "CpssCertificateExpires", "certificate_expires_soon", "certificates"),
    row("the audit blocks", "cpss_audit_oldest_unwritten_seconds", "CpssAuditQueueStalls", "audit_stalled", "questions, audit_queue"),
    row("a worker does not move", "cpss_thread_stuck{thread=\"worker\"} 1", "CpssThreadStuck", "thread_stuck", "liveness"),
    row("the writer does not move", "cpss_thread_stuck{thread=\"writer\"} 1", "CpssThreadStuck", "thread_stuck", "liveness"),
    row("the queue of the writer is full", "cpss_writer_queue_messages", "CpssWriterQueueFull", NOTHING, NOTHING),
    row("a watcher lags", "cpss_watcher_lag_revisions", "CpssWatcherLags", NOTHING, NOTHING),
    row("the process is killed", NOTHING, "CpssDown", NOTHING, DOWN),
    row("the last backup is too old", "cpss_backup_last_timestamp_seconds", "CpssBackupTooOld", NOTHING, NOTHING),
];

/// The row of the page for a fault.
fn line(row: &Row) -> String {
    let code = |text: &str| if [NOTHING, DOWN].contains(&text) { text.to_owned() } else { format!("`{text}`") };
    let alert = match row.alert {
        NOTHING => NOTHING.to_owned(),
        alert => format!("[{alert}](runbook.md#{})", alert.to_lowercase()),
    };
    let probe: Vec<_> = row.probe.split(", ").map(code).collect();
    format!("| {} | {} | {alert} | {} | {} |", row.fault, code(row.metric), code(row.event), probe.join(", "))
}

#[test]
fn the_page_has_the_table_of_the_faults() {
    let page = Document::named("deploy/docs/faults.md");
    let listed: Vec<&str> =
        page.text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")).skip(1).collect();
    let rows: Vec<String> = ROWS.iter().map(line).collect();
    assert_eq!(listed, rows, "\n{}\n", rows.join("\n"));
}

/// The seconds since 1970.
fn now() -> f64 {
    clock::now().as_duration().as_secs_f64()
}

/// The page of metrics of a program. Empty if nobody answers.
pub async fn page(process: &Process) -> Page {
    // The program may end in the midst of an answer.
    let text = try_get(process.ops(), "/metrics", "*/*").await.ok().map(|(_, text)| text);
    Page::read(text.as_deref(), now())
}

/// Waits until a fault is seen in every way that the table says, and prints its row. `before` is the page from
/// before the fault.
pub async fn seen(fault: &str, process: &Process, before: &Page) {
    let row = ROWS.iter().find(|row| row.fault == fault).unwrap();
    if row.alert != NOTHING {
        let expression = monitoring::expression(row.alert);
        let mut values = Vec::new();
        until(&format!("{fault}: the alert {}", row.alert), async || {
            values = evaluate(&expression, before, &page(process).await);
            !values.is_empty()
        })
        .await;
        println!("{fault}: {} fires: {expression} is {values:?}", row.alert);
    }
    if row.metric != NOTHING {
        let wanted = if row.metric.contains(' ') { format!("\n{}\n", row.metric) } else { format!("\n{}", row.metric) };
        until(&format!("{fault}: {wanted}"), async || get(process.ops(), "/metrics").await.1.contains(&wanted)).await;
    }
    if row.event != NOTHING {
        process.wait_for_log(&format!("event=\"{}\"", row.event));
    }
    match row.probe {
        NOTHING => {}
        DOWN => until(&format!("{fault}: no answer"), async || TcpStream::connect(process.ops()).await.is_err()).await,
        checks => {
            for check in checks.split(", ") {
                let failed = format!("\n{check}: failed: ");
                let fails = async || get(process.ops(), "/readyz?verbose").await.1.contains(&failed);
                until(&format!("{fault}: {failed}"), fails).await;
            }
        }
    }
    println!("{}", line(row));
}
