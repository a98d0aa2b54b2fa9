//! The lists of metrics and of checks in the code, the pages about them, the alerts, their cases, the runbook, and the
//! dashboard agree, in both directions.

use std::collections::BTreeSet;

use cpss_registry::telemetry::checks::Check;
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

#[test]
fn the_page_lists_every_check_as_the_code_declares_it_and_no_other() {
    let page = Document::named("deploy/docs/probes.md");
    let rows: Vec<&str> = page.section("## Checks").lines().filter(|line| line.starts_with("| `")).collect();
    let declared: Vec<String> =
        Check::ALL.iter().map(|check| format!("| `{}` | {} | ", check.name(), check.passes())).collect();
    let beginnings: Vec<&str> = rows.iter().map(|row| &row[..row.rfind(" | ").unwrap() + 3]).collect();
    assert_eq!(beginnings, declared, "\n{}\n", declared.join("\n"));
}

/// An alert, or a recorded series.
struct Rule {
    name: String,
    expression: String,
    text: String,
}

/// The alerts, and the recorded series.
struct Rules {
    alerts: Vec<Rule>,
    records: Vec<Rule>,
}

fn rules() -> Rules {
    let text = read("deploy/alerts.yaml");
    let named = |kind: &str| {
        let blocks = text.split("\n      - ").filter_map(|block| block.strip_prefix(kind));
        blocks.map(rule).collect::<Vec<_>>()
    };
    let rules = Rules { alerts: named("alert: "), records: named("record: ") };
    assert!(rules.alerts.len() > 10 && rules.records.len() > 10, "the rules were not found");
    rules
}

/// The expression of an alert.
pub fn expression(alert: &str) -> String {
    let found = rules().alerts.into_iter().find(|rule| rule.name == alert);
    found.unwrap_or_else(|| panic!("there is no alert {alert}")).expression
}

/// The rule of a block. A value may go on in lines that are indented further.
fn rule(text: &str) -> Rule {
    let name = text.lines().next().unwrap().to_owned();
    let expression = text.split_once("        expr: ").unwrap_or_else(|| panic!("{name} has no expr")).1;
    let (first, rest) = expression.split_once('\n').unwrap_or((expression, ""));
    let continued = rest.lines().take_while(|line| line.starts_with("          ")).map(str::trim);
    let expression = std::iter::once(first.trim_start_matches(">-")).chain(continued).collect::<Vec<_>>().join(" ");
    Rule { expression, text: text.to_owned(), name }
}

/// The address of the section of the runbook.
fn runbook_url(alert: &Rule) -> &str {
    let url = alert.text.lines().find_map(|line| line.trim().strip_prefix("runbook_url: "));
    url.unwrap_or_else(|| panic!("{} has no runbook_url", alert.name)).trim_matches('"')
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
}

/// True if a word of an expression is a metric: one of the code, a recorded one, or that of Prometheus about a scrape.
fn is_metric(word: &str) -> bool {
    word == "up" || ["cpss_", "process_", "job:"].iter().any(|prefix| word.starts_with(prefix))
}

/// The metrics in an expression, each with the text behind it.
fn metrics_in(expression: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(begin) = rest.find(|letter: char| is_word(letter) || letter == '"') {
        let word = &rest[begin..];
        if let Some(quoted) = word.strip_prefix('"') {
            rest = quoted.split_once('"').unwrap_or_else(|| panic!("{expression}: a quote is open")).1;
            continue;
        }
        let end = word.find(|letter: char| !is_word(letter)).unwrap_or(word.len());
        if is_metric(&word[..end]) {
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

/// The labels of a series beside those that Prometheus adds. None: there is no such series.
fn labels_of(series: &str, recorded: &BTreeSet<String>) -> Option<BTreeSet<&'static str>> {
    if series == "up" || recorded.contains(series) {
        return Some(BTreeSet::new());
    }
    let metric = metric_of(series)?;
    let bound = (series.ends_with("_bucket")).then_some("le");
    Some(metric.labels.iter().map(|label| label.name).chain(bound).collect())
}

/// What an expression names that the code and the recorded series lack, and the labels that it may name.
fn unknown_in(expression: &str, recorded: &BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<&'static str>) {
    let mut unknown = BTreeSet::new();
    let mut labels: BTreeSet<&str> = ADDED.into();
    let metrics = metrics_in(expression);
    for (series, behind) in &metrics {
        let Some(own) = labels_of(series, recorded) else {
            unknown.insert((*series).to_owned());
            continue;
        };
        if let Some(matchers) = behind.strip_prefix('{').and_then(|behind| behind.split('}').next()) {
            let names = matchers.split("\",").map(|matcher| matcher.split(['=', '!']).next().unwrap().trim());
            let is_unknown = |name: &&str| !own.contains(name) && !ADDED.contains(name);
            unknown.extend(names.filter(is_unknown).map(|name| format!("{series}{{{name}}}")));
        }
        labels.extend(own);
    }
    let grouped = expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    let named = grouped.flat_map(|names| names.split(',').map(str::trim));
    unknown.extend(named.filter(|name| !labels.contains(name)).map(str::to_owned));
    if metrics.is_empty() {
        unknown.insert("no metric".to_owned());
    }
    (unknown, labels)
}

/// What a rule names that the code and the recorded series lack.
fn unknown(rule: &Rule, recorded: &BTreeSet<String>) -> BTreeSet<String> {
    let (mut unknown, labels) = unknown_in(&rule.expression, recorded);
    let is_end = |letter: char| !is_word(letter);
    let shown = rule.text.split("$labels.").skip(1).filter_map(|rest| rest.split(is_end).next());
    unknown.extend(shown.filter(|name| !labels.contains(name)).map(str::to_owned));
    unknown
}

fn names(rules: &[Rule]) -> BTreeSet<String> {
    rules.iter().map(|rule| rule.name.clone()).collect()
}

#[test]
fn the_rules_name_only_metrics_and_labels_of_the_code() {
    let Rules { alerts, records } = rules();
    let recorded = names(&records);
    for rule in alerts.iter().chain(&records) {
        let unknown = unknown(rule, &recorded);
        assert!(unknown.is_empty(), "{}: {unknown:?}", rule.name);
    }
}

#[test]
fn every_recorded_series_is_used() {
    let Rules { alerts, records } = rules();
    let all = || alerts.iter().chain(&records);
    let is_used = |name: &str| {
        all().any(|rule| rule.name != name && metrics_in(&rule.expression).iter().any(|(series, _)| *series == name))
    };
    let unused: Vec<_> = records.iter().map(|record| &record.name).filter(|name| !is_used(name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn an_unknown_metric_or_label_in_a_rule_is_found() {
    let recorded = BTreeSet::from(["job:cpss_a:ratio5m".to_owned()]);
    let of = |expression: &str, shown: &str| {
        let text = format!("A\n        expr: {expression}\n        summary: {{{{ $labels.{shown} }}}}");
        unknown(&rule(&text), &recorded).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(of("cpss_answers == 0", "instance"), [""; 0]);
    assert_eq!(of("up == 0", "instance"), [""; 0]);
    assert_eq!(of("job:cpss_a:ratio5m > 0", "job"), [""; 0]);
    assert_eq!(of("job:cpss_b:ratio5m > 0", "job"), ["job:cpss_b:ratio5m"]);
    assert_eq!(of(">-\n          cpss_answers\n          + cpss_made_up", "instance"), ["cpss_made_up"]);
    assert_eq!(of("cpss_made_up > 0", "instance"), ["cpss_made_up"]);
    assert_eq!(of("cpss_commit_seconds > 0", "instance"), ["cpss_commit_seconds"], "it has no such series");
    assert_eq!(of("rate(cpss_commit_seconds_sum[5m]) > 0", "instance"), [""; 0]);
    assert_eq!(of("cpss_commit_seconds_bucket{le=\"1\"} > 0", "instance"), [""; 0]);
    assert_eq!(of("cpss_writes_off{why=\"disk\"} == 1", "instance"), ["cpss_writes_off{why}"]);
    assert_eq!(of("cpss_writes_off{job=\"a\",why=\"disk\"} == 1", "instance"), ["cpss_writes_off{why}"]);
    assert_eq!(of("max by (client) (cpss_answers) == 0", "instance"), ["client"]);
    assert_eq!(of("cpss_answers == 0", "cause"), ["cause"]);
    assert_eq!(of("vector(1)", "instance"), ["no metric"]);
}

/// The cases of the alerts, each from its name on. The first one is about a healthy service.
const CASES: &str = "tests/alerts/rules.yaml";

#[test]
fn every_alert_fires_in_a_case_and_none_in_the_first_one_which_has_all_that_they_look_at() {
    let text = read(CASES);
    let cases: Vec<&str> = text.split("\n  - name: ").skip(1).collect();
    let (healthy, broken) = cases.split_first().unwrap();
    assert!(healthy.starts_with("healthy\n") && !healthy.contains("alertname"), "{healthy}");
    let Rules { alerts, records } = rules();
    for alert in &alerts {
        let fires = format!("{{alertname=\"{}\"", alert.name);
        assert!(broken.iter().any(|case| case.contains(&fires)), "no case of {CASES} makes {} fire", alert.name);
    }
    let of = |rule: &Rule| metrics_in(&rule.expression).iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
    let looked_at: BTreeSet<String> = alerts.iter().chain(&records).flat_map(of).collect();
    let is_absent = |name: &&String| !name.starts_with("job:") && !healthy.contains(&format!("'{name}{{"));
    let absent: Vec<_> = looked_at.iter().filter(is_absent).collect();
    assert!(absent.is_empty(), "the healthy case of {CASES} lacks {absent:?}");
}

#[test]
fn every_alert_has_its_section_of_the_runbook_and_every_section_its_alert() {
    let runbook = Document::named("deploy/docs/runbook.md");
    let sections: Vec<&str> = runbook.text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let Rules { alerts, .. } = rules();
    assert_eq!(sections, alerts.iter().map(|alert| &alert.name[..]).collect::<Vec<_>>());
    for alert in &alerts {
        let section = runbook.section(&format!("## {}", alert.name));
        let missing: Vec<_> = PARTS.iter().filter(|part| !section.contains(**part)).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", alert.name);
        let anchor = format!("deploy/docs/runbook.md#{}", alert.name.to_lowercase());
        assert_eq!(runbook_url(alert), anchor, "{}", alert.name);
    }
}

#[test]
fn the_pages_name_only_metrics_of_the_code() {
    for page in ["deploy/docs/metrics.md", "deploy/docs/slo.md", "deploy/docs/runbook.md", "deploy/README.md"] {
        let spans = Document::named(page).spans();
        let is_metric =
            |span: &&String| span.starts_with("cpss_") && !span.starts_with("cpss_re") && span.chars().all(is_word);
        let unknown: Vec<_> =
            spans.iter().filter(is_metric).filter(|span| LIST.iter().all(|metric| metric.name != **span)).collect();
        assert!(unknown.is_empty(), "{page}: {unknown:?}");
    }
}

const DASHBOARD: &str = "deploy/grafana/cpss-registry.json";

/// The expressions of the dashboard, each with the title of its panel.
fn shown() -> Vec<(String, String)> {
    let dashboard: serde_json::Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| Some((panel, panel["targets"].as_array()?)));
    targets
        .flat_map(|(panel, targets)| targets.iter().map(|target| (text(&panel["title"]), text(&target["expr"]))))
        .collect()
}

#[test]
fn the_dashboard_shows_every_metric_and_names_only_those_and_their_labels() {
    let recorded = names(&rules().records);
    let shown = shown();
    for (panel, expression) in &shown {
        let (unknown, _) = unknown_in(expression, &recorded);
        assert!(unknown.is_empty(), "{DASHBOARD}, {panel}: {unknown:?}");
    }
    let all: BTreeSet<&str> = shown.iter().flat_map(|(_, expression)| metrics_in(expression)).map(|(s, _)| s).collect();
    let is_shown =
        |metric: &&&Metric| all.iter().any(|series| metric_of(series).is_some_and(|of| of.name == metric.name));
    let missing: Vec<_> = LIST.iter().filter(|metric| !is_shown(metric)).map(|metric| metric.name).collect();
    assert!(missing.is_empty(), "no panel of {DASHBOARD} shows {missing:?}");
}
