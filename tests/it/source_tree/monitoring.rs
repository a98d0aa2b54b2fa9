//! The list of metrics in the code, the page about them, the alerts, and the runbook agree, in both directions.

use std::collections::BTreeSet;

use cpss_registry::telemetry::metrics::list::{Kind, LIST, Metric};

use crate::harness::markdown::Document;
use crate::harness::read;

/// Labels that Prometheus adds.
const ADDED: [&str; 2] = ["instance", "job"];

/// The parts of a section of the runbook.
const PARTS: [&str; 4] = ["**Meaning.**", "**Users see.**", "**Do.**", "**Over when.**"];

/// The row of the page for a metric.
fn row(metric: &Metric) -> String {
    let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{}`: {}", label.name, label.values)).collect();
    let labels = if labels.is_empty() { "–".to_owned() } else { labels.join("; ") };
    let kind = format!("{:?}", metric.kind).to_lowercase();
    format!("| `{}` | {kind} | {labels} | {} |", metric.name, metric.help)
}

#[test]
fn the_page_lists_every_metric_as_the_code_declares_it_and_no_other() {
    let page = Document::named("deploy/docs/metrics.md");
    let listed: Vec<&str> = page.section("## List").lines().filter(|line| line.starts_with("| `")).collect();
    let declared: Vec<String> = LIST.iter().map(|metric| row(metric)).collect();
    assert_eq!(listed, declared, "\n{}\n", declared.join("\n"));
}

/// An alert of the rules.
struct Alert {
    name: String,
    expression: String,
    runbook: String,
    text: String,
}

fn alerts() -> Vec<Alert> {
    let rules = read("deploy/alerts.yaml");
    let alerts: Vec<Alert> = rules.split("- alert: ").skip(1).map(alert).collect();
    assert!(alerts.len() > 10, "the alerts were not found");
    alerts
}

fn alert(text: &str) -> Alert {
    let name = text.lines().next().unwrap().to_owned();
    let value = |key: &str| {
        let found = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("{name} has no {key}")).trim_matches('"').to_owned()
    };
    Alert { expression: value("expr"), runbook: value("runbook_url"), text: text.to_owned(), name }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// The metrics in an expression, each with the text behind it.
fn metrics_in(expression: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(begin) = rest.find(is_word) {
        let word = &rest[begin..];
        let end = word.find(|letter: char| !is_word(letter)).unwrap_or(word.len());
        if word.starts_with("cpss_") || word.starts_with("process_") {
            found.push((&word[..end], &word[end..]));
        }
        rest = &word[end..];
    }
    found
}

/// The metric of a series, whose name may have the suffix of a histogram.
fn metric_of(series: &str) -> Option<&'static Metric> {
    let is_of = |metric: &&&Metric| {
        let suffix = series.strip_prefix(metric.name);
        let suffixes: &[&str] = if metric.kind == Kind::Histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
        suffix.is_some_and(|suffix| suffixes.contains(&suffix))
    };
    LIST.iter().find(is_of).copied()
}

/// What an alert names that the code lacks.
fn unknown(alert: &Alert) -> BTreeSet<String> {
    let mut unknown = BTreeSet::new();
    let mut labels: BTreeSet<&str> = ADDED.into();
    let metrics = metrics_in(&alert.expression);
    for (series, behind) in &metrics {
        let Some(metric) = metric_of(series) else {
            unknown.insert((*series).to_owned());
            continue;
        };
        let own: BTreeSet<&str> = metric.labels.iter().map(|label| label.name).collect();
        if let Some(matchers) = behind.strip_prefix('{').and_then(|behind| behind.split('}').next()) {
            let names = matchers.split(',').map(|matcher| matcher.split(['=', '!']).next().unwrap().trim());
            unknown.extend(names.filter(|name| !own.contains(name)).map(|name| format!("{series}{{{name}}}")));
        }
        labels.extend(own);
    }
    let grouped = alert.expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    let shown = alert.text.split("$labels.").skip(1).filter_map(|rest| rest.split(|letter| !is_word(letter)).next());
    let named = grouped.flat_map(|names| names.split(',').map(str::trim)).chain(shown);
    unknown.extend(named.filter(|name| !labels.contains(name)).map(str::to_owned));
    if metrics.is_empty() {
        unknown.insert("no metric".to_owned());
    }
    unknown
}

#[test]
fn the_alerts_name_only_metrics_and_labels_of_the_code() {
    for alert in alerts() {
        assert!(unknown(&alert).is_empty(), "{}: {:?}", alert.name, unknown(&alert));
    }
}

#[test]
fn an_unknown_metric_or_label_in_an_alert_is_found() {
    let of = |expression: &str, shown: &str| {
        let text = format!("A\nexpr: {expression}\nsummary: {{{{ $labels.{shown} }}}}\nrunbook_url: x");
        unknown(&alert(&text)).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(of("cpss_answers == 0", "instance"), [""; 0]);
    assert_eq!(of("cpss_made_up > 0", "instance"), ["cpss_made_up"]);
    assert_eq!(of("cpss_commit_seconds > 0", "instance"), ["cpss_commit_seconds"], "it has no such series");
    assert_eq!(of("rate(cpss_commit_seconds_sum[5m]) > 0", "instance"), [""; 0]);
    assert_eq!(of("cpss_writes_off{why=\"disk\"} == 1", "instance"), ["cpss_writes_off{why}"]);
    assert_eq!(of("max by (client) (cpss_answers) == 0", "instance"), ["client"]);
    assert_eq!(of("cpss_answers == 0", "cause"), ["cause"]);
    assert_eq!(of("vector(1)", "instance"), ["no metric"]);
}

#[test]
fn every_alert_has_its_section_of_the_runbook_and_every_section_its_alert() {
    let runbook = Document::named("deploy/docs/runbook.md");
    let sections: Vec<&str> = runbook.text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let alerts = alerts();
    assert_eq!(sections, alerts.iter().map(|alert| &alert.name[..]).collect::<Vec<_>>());
    for alert in &alerts {
        let section = runbook.section(&format!("## {}", alert.name));
        let missing: Vec<_> = PARTS.iter().filter(|part| !section.contains(**part)).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", alert.name);
        let anchor = format!("deploy/docs/runbook.md#{}", alert.name.to_lowercase());
        assert_eq!(alert.runbook, anchor, "{}", alert.name);
    }
}

#[test]
fn the_pages_name_only_metrics_of_the_code() {
    for page in ["deploy/docs/metrics.md", "deploy/docs/runbook.md", "deploy/README.md"] {
        let spans = Document::named(page).spans();
        let is_metric =
            |span: &&String| span.starts_with("cpss_") && !span.starts_with("cpss_re") && span.chars().all(is_word);
        let unknown: Vec<_> =
            spans.iter().filter(is_metric).filter(|span| LIST.iter().all(|metric| metric.name != **span)).collect();
        assert!(unknown.is_empty(), "{page}: {unknown:?}");
    }
}
