//! `/status`: the state of the server as a page for a person. It has no script, and no name of a client or a person.

use std::fmt::Write as _;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::{DataDisk, Ops};
use crate::domain::id::Revision;
use crate::http::escaped;
use crate::registry::{LogReport, Registry, Report, clock};
use crate::server::build::commit;
use crate::store::backup::BackupNote;
use crate::telemetry::checks::Checked;

/// What a browser may do with the page: show its style.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Where an operator finds the description of every check, and what to do if it fails.
const PROBES_PAGE: &str = "see the page “Probes” of the operator's documents, under the name of the check";

/// What tells an operator that a backup or a copy is too old, since no check does.
const COPIES_ALERTS: &str = "no check fails; the alerts CpssBackupTooOld and CpssShipBehind fire";

/// A response: its headers and its body.
type Page = (StatusCode, [(HeaderName, &'static str); 5], String);

fn page(media: &'static str, body: String) -> Page {
    let headers = [
        (CONTENT_TYPE, media),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::OK, headers, body)
}

/// A table of names and values. A value that is not there has no row.
struct Facts(String);

impl Facts {
    fn new() -> Facts {
        Facts(String::new())
    }

    fn add(&mut self, name: &str, value: Option<String>) {
        let Some(value) = value else { return };
        // Writing to a string never fails.
        write!(self.0, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", escaped(&value)).unwrap_or_default();
    }

    fn section(self, id: &str, heading: &str) -> String {
        let Facts(rows) = self;
        if rows.is_empty() {
            return String::new();
        }
        format!(
            "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{heading}</h2><table class=\"facts\">{rows}</table></section>"
        )
    }
}

impl Ops {
    /// The routes of `/status` and of its style.
    pub(super) fn status_routes(self) -> Router {
        let style = || async { page("text/css; charset=utf-8", include_str!("status.css").to_owned()) };
        Router::new().route("/status", get(move || self.clone().status_page())).route("/status.css", get(style))
    }

    /// What works, why the rest does not, and the figures that an operator asks for first. Always 200: a probe asks
    /// `/readyz`.
    async fn status_page(self) -> Page {
        // The checks and the figures read disks.
        let body = tokio::task::spawn_blocking(move || self.status_document(clock::now())).await;
        page("text/html; charset=utf-8", body.unwrap_or_else(|_| document("The checks failed", "failed", "")))
    }

    fn status_document(&self, now: Timestamp) -> String {
        let status = self.checks().run();
        let failed = status.checks.iter().filter(|checked| checked.failure.is_some()).count();
        let (title, kind) = match (status.is_ready, failed) {
            (true, 0) => ("All checks pass".to_owned(), "ok"),
            (true, 1) => ("Questions are answered. 1 check fails".to_owned(), "part"),
            (true, failed) => (format!("Questions are answered. {failed} checks fail"), "part"),
            (false, _) => ("Questions are not answered".to_owned(), "failed"),
        };
        let registry = self.registry.load_full();
        let report = registry.as_deref().map(Registry::report);
        let log = registry.as_deref().and_then(Registry::log_report);
        let mut body = checks_table(&status.checks);
        body.push_str(&record(report.as_ref()));
        body.push_str(&log.map(|log| shared_log(&log)).unwrap_or_default());
        body.push_str(&self.disks_and_copies(report.as_ref(), now));
        body.push_str(&self.certificates(now));
        body.push_str(&software(now));
        document(&title, kind, &body)
    }

    fn disks_and_copies(&self, report: Option<&Report>, now: Timestamp) -> String {
        let mut facts = Facts::new();
        if let Ok(DataDisk { free, reserve }) = self.disks.data() {
            facts.add(
                "Free on the disk of the data",
                Some(format!("{}, of which {} stay free", size(free), size(reserve))),
            );
        }
        if let Some(running) = self.running.get() {
            let usage = running.audit.usage();
            facts.add("Audit of reads", Some(format!("{} of {}", size(usage.used()), size(usage.limit()))));
        }
        let head = report.map(|report| report.head);
        let copied = |note: BackupNote| copied(&note, head, now);
        let backup = BackupNote::read(&self.disks.data_dir).map_or("none is known".to_owned(), copied);
        facts.add("Last backup", Some(backup));
        facts.add("Copy that follows the log", BackupNote::read_shipped(&self.disks.data_dir).map(copied));
        facts.add("If a backup or a copy is too old", Some(COPIES_ALERTS.to_owned()));
        facts.section("disks", "Disks and copies")
    }

    fn certificates(&self, now: Timestamp) -> String {
        let expiries = &self.expiries;
        let authorities = expiries.authorities();
        let mut facts = Facts::new();
        let first = authorities.map(|(first, _)| first);
        let last = authorities.map(|(_, last)| last).filter(|last| Some(*last) != first);
        for (whose, expires) in [
            ("Certificate of the server", expiries.server()),
            ("Authority of client certificates", first),
            ("Last authority of client certificates", last),
            ("Certificate of a client, the first to expire", expiries.client(now)),
            ("Token, the first to expire", expiries.token()),
        ] {
            facts.add(whose, expires.map(|expires| until(expires, now)));
        }
        facts.section("certificates", "Certificates")
    }
}

fn checks_table(checks: &[Checked]) -> String {
    let mut rows = String::new();
    for Checked { check, failure } in checks {
        let (kind, state) = if failure.is_none() { ("ok", "passes") } else { ("failed", "fails") };
        let cause = failure.as_ref().map_or(String::new(), |why| format!("<p class=\"cause\">{}</p>", escaped(why)));
        // Writing to a string never fails.
        write!(
            rows,
            "<tr class=\"{kind}\"><th scope=\"row\"><code>{}</code></th><td>{}{cause}</td><td class=\"state\">{state}</td></tr>",
            check.name(),
            escaped(check.passes()),
        )
        .unwrap_or_default();
    }
    format!(
        "<section aria-labelledby=\"checks\"><h2 id=\"checks\">Checks</h2><table><thead><tr><th scope=\"col\">Check</th>\
         <th scope=\"col\">Passes while</th><th scope=\"col\">State</th></tr></thead><tbody>{rows}</tbody></table>\
         <p class=\"aside\">What to do if one fails: {PROBES_PAGE}.</p></section>"
    )
}

fn record(report: Option<&Report>) -> String {
    let Some(report) = report else { return String::new() };
    let mut facts = Facts::new();
    facts.add("Head", Some(format!("revision {}", report.head.0)));
    facts.add("Epoch", report.epoch.map(|epoch| epoch.to_string()));
    facts.add("Latest signed checkpoint", Some(signed(report.checkpoint)));
    facts.add("Open day", Some(report.open_day.to_string()));
    let (waiting, places) = report.queue;
    facts.add("Commands that wait", Some(format!("{waiting} of {places}")));
    facts.add("Records not in a base of the index", Some(report.index_lag.to_string()));
    let scrubbed = report.scrub.last_success.map_or("no pass since the start".to_owned(), |at| at.to_string());
    facts.add("Last good scrub", Some(scrubbed));
    facts.section("record", "Record")
}

/// The revision of the latest signed checkpoint, in words.
fn signed(checkpoint: Revision) -> String {
    if checkpoint == Revision::ZERO { "none".to_owned() } else { format!("revision {}", checkpoint.0) }
}

/// What a copy of the log has, in words, and what it lacks if the head is known.
fn copied(note: &BackupNote, head: Option<Revision>, now: Timestamp) -> String {
    let has = format!("{}, up to revision {}", ago(note.taken_at, now), note.head.0);
    match head {
        Some(head) => format!("{has}; {} records since", head.0.saturating_sub(note.head.0)),
        None => has,
    }
}

fn shared_log(log: &LogReport) -> String {
    let mut facts = Facts::new();
    let age = log.age.map_or("never since the start".to_owned(), |age| format!("{} ago", span(age)));
    facts.add("Every record was known", Some(age));
    facts.add("Records that this replica lacks", Some(log.lag.to_string()));
    facts.add("Clock against the log", log.clock_ahead.map(|ahead| format!("{:+.3} s", ahead.as_secs_f64())));
    facts.add("Why the log takes no writes", log.trouble.as_ref().map(ToString::to_string));
    facts.section("log", "Shared log, as this replica sees it")
}

fn software(now: Timestamp) -> String {
    let mut facts = Facts::new();
    facts.add("Version", Some(format!("{}, commit {}", env!("CARGO_PKG_VERSION"), commit().unwrap_or("unknown"))));
    facts.add("This page was made", Some(now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()));
    facts.section("software", "Software")
}

fn document(title: &str, kind: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}. CPSS registry</title><link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"/status.css\"></head><body><main><p class=\"brand\">CPSS registry, status of this \
         server</p><h1 class=\"{kind}\">{title}.</h1><p><a href=\"/status\">Look again</a></p>{body}</main></body></html>\n"
    )
}

/// When something was, in words.
fn ago(then: Timestamp, now: Timestamp) -> String {
    let passed = now.duration_since(then).max(SignedDuration::ZERO);
    format!("{} ago", span(passed.unsigned_abs()))
}

/// When something ends, in words.
fn until(expires: Timestamp, now: Timestamp) -> String {
    let left = expires.duration_since(now);
    let day = expires.strftime("%Y-%m-%d %H:%M UTC");
    if left.is_negative() { format!("expired on {day}") } else { format!("{day}, in {}", span(left.unsigned_abs())) }
}

/// A span of time in its two greatest units.
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (1, hours, _) => format!("1 day {hours} h"),
        (days, hours, _) => format!("{days} days {hours} h"),
    }
}

/// A number of bytes, with one decimal of the greatest unit.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let step = (bytes.max(1).ilog2() / 10).min(4);
    if step == 0 {
        return format!("{bytes} bytes");
    }
    let unit = 1u64 << (10 * step);
    let tenths = u128::from(bytes) * 10 / u128::from(unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[step as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_are_in_words() {
        for (seconds, words) in [
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3_600, "1 h 0 min"),
            (86_399, "23 h 59 min"),
            (90_000, "1 day 1 h"),
            (14 * 86_400, "14 days 0 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
        for (bytes, words) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_600 * 1024, "1.5 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn what_has_passed_and_what_is_to_come_are_told_apart() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let then: Timestamp = "2026-02-27T23:00:00Z".parse().unwrap();
        assert_eq!(ago(then, now), "1 day 1 h ago");
        assert_eq!(ago(now, then), "0 s ago");
        assert_eq!(until(now, then), "2026-03-01 00:00 UTC, in 1 day 1 h");
        assert_eq!(until(then, now), "expired on 2026-02-27 23:00 UTC");
    }

    #[test]
    fn what_is_not_known_is_not_shown_as_nothing() {
        assert_eq!(signed(Revision::ZERO), "none");
        assert_eq!(signed(Revision(7)), "revision 7");
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let note = BackupNote { taken_at: now, head: Revision(5) };
        assert_eq!(copied(&note, None, now), "0 s ago, up to revision 5");
        assert_eq!(copied(&note, Some(Revision(7)), now), "0 s ago, up to revision 5; 2 records since");
    }

    #[test]
    fn a_cause_becomes_no_markup() {
        let failure = Some("<script>alert(1)</script> & \"more\"".to_owned());
        let check = crate::telemetry::checks::Check::Writes;
        let table = checks_table(&[Checked { check, failure }]);
        assert!(table.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;"), "{table}");
    }
}
