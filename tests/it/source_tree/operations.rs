//! The operations guide has every metric, every alert, and every event that is logged as a warning or an error. It
//! quotes errors as the program prints them.

use std::collections::BTreeSet;
use std::time::Duration;

use cpss_registry::telemetry::metrics::{Metrics, State};

use super::source_tree;
use crate::harness::markdown::Document;
use crate::harness::read;

fn guide() -> Document {
    Document::named("deploy/README.md")
}

#[test]
fn the_operations_guide_lists_every_metric_and_no_other() {
    let metrics = Metrics::default();
    // A family without a series is not on the page.
    metrics.called(None, "OK", Duration::ZERO);
    metrics.missed("medicaid", "NOT_FOUND");
    metrics.miss_refused("medicaid");
    let page = metrics.text(State::default());
    let names = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let metrics: BTreeSet<String> =
        names.map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() }).collect();
    assert_eq!(guide().first_cells("## Metrics"), metrics);
}

#[test]
fn the_operations_guide_lists_every_alert_and_no_other() {
    let rules = read("deploy/alerts.yaml");
    let alerts: BTreeSet<String> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned).collect();
    assert_eq!(guide().first_cells("## Alerts"), alerts);
}

#[test]
fn the_operations_guide_lists_every_event_that_an_operator_may_have_to_act_on() {
    let mut events = BTreeSet::new();
    for source in source_tree().iter().filter(|source| !source.path.contains("/tests")) {
        for level in ["tracing::error!", "tracing::warn!"] {
            let lines = source.text.split(level).skip(1);
            let named = lines.filter_map(|line| line.split_once("event = \"")?.1.split('"').next());
            events.extend(named.map(str::to_owned));
        }
    }
    assert_eq!(guide().first_cells("### Log events"), events);
}

#[test]
fn the_refusals_at_start_are_quoted_as_the_program_prints_them() {
    let guide = guide();
    let sections = ["### After lost records", "## Refusals at start"].map(|heading| guide.section(heading));
    let lines = sections.iter().flat_map(|section| section.lines());
    let cells = lines.filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let quotes: Vec<&str> = cells.flat_map(|cell| cell.trim_end_matches('`').split("` or `")).collect();
    assert!(quotes.len() > 10, "{quotes:?}");
    let sources: String = source_tree().iter().map(|source| &source.text[..]).collect();
    // A string that goes on in the next line ends with a backslash.
    let joined: String = sources.split("\\\n").map(|line| line.trim_start_matches(' ')).collect();
    for quote in quotes {
        let missing: Vec<&str> =
            quote.split('…').map(str::trim).filter(|part| part.len() > 2 && !joined.contains(part)).collect();
        assert!(missing.is_empty(), "`{quote}` is quoted, and nothing prints {missing:?}");
    }
}
