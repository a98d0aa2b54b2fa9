//! The operations guide quotes errors as the program prints them. The page of events has every event of the log.

use std::collections::{BTreeMap, BTreeSet};

use super::source_tree;
use crate::harness::markdown::Document;

fn guide() -> Document {
    Document::named("deploy/README.md")
}

/// The events in the code, each with the levels at which it is logged.
fn logged() -> BTreeMap<String, BTreeSet<String>> {
    let mut events = BTreeMap::<_, BTreeSet<_>>::new();
    for source in source_tree().iter().filter(|source| !source.path.contains("/tests")) {
        for level in ["error", "warn", "info", "debug"] {
            let macro_name = format!("tracing::{level}!(");
            let lines = source.text.split(&macro_name).skip(1);
            for event in lines.filter_map(|line| line.split_once("event = \"")?.1.split('"').next()) {
                events.entry(event.to_owned()).or_default().insert(level.to_owned());
            }
        }
    }
    events
}

#[test]
fn the_page_of_events_lists_every_event_with_its_levels_and_no_other() {
    let page = Document::named("deploy/docs/events.md");
    let rows = page.section("## Events").lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.trim_end_matches(" |").split(" | ").collect()).collect();
    let mut listed = BTreeMap::new();
    for row in &rows {
        let [event, levels, meaning, remedy] = row[..] else { panic!("{row:?}") };
        assert!(!meaning.is_empty() && remedy.ends_with('.'), "{row:?}");
        let levels: BTreeSet<String> = levels.split(", ").map(str::to_owned).collect();
        let event = event.trim_end_matches('`').to_owned();
        assert!(listed.insert(event, levels).is_none(), "two rows: {row:?}");
    }
    assert!(listed.len() > 90, "{listed:?}");
    assert_eq!(listed, logged());
    assert!(
        listed.keys().is_sorted_by_key(|event| rows.iter().position(|row| row[0].starts_with(&format!("{event}`"))))
    );
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
