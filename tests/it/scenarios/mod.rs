//! The scenarios: expected answers in a language that a registrar can read, one file for each theme.
//!
//! A scenario begins with an empty registry on March 2, 2026, unless one of its lines is `today DATE`. It first plays
//! the lines of the file's `background:`, and then its own. Each line is one of the following:
//!
//! * A **command**, which must be accepted: `end job a on 2026-02-27`, `suspend Ada DISCIPLINARY from 2026-02-01`.
//!   `called NAME` names its fact, for `retract NAME` and `end NAME on DATE`. Some facts have a name by default:
//!   `provider:north`, `person:Ada`, `job:a`, `credential:Ada`, and `credential:Ada/1` for its first designation.
//! * `changes: …`, `foreseen: …`, `people: N`: the complete response to the last command; `... | one of them` for a
//!   part.
//! * A **question** and its complete answer: `verify Ada as of 2026-02-28 -> CONFIRMED CURRENT; REPORTING_WINDOW_OPEN`.
//! * `on DATE`: the day begins; `restart`: the server restarts; `remember NAME`: for `known at NAME`.
//!
//! A command or a question may have the prefixes `refused REASON FIELDS:` (it must be refused), `as provider:north:`
//! (the caller), `import:` (as a row of an import), `would:` (with `validate_only`), and `again:` (sent before with
//! this `request`). The following is checked for every line without being written. A command is first sent with
//! `validate_only` and must then make the same changes; sent again, it gets the same response and changes nothing. A
//! refusal is the same with `validate_only`, and changes nothing. At the end of the scenario every answer is reproduced
//! byte for byte, in a single call and in a batch.

mod command;
mod disclosed;
mod expected_answers;
mod lists;
mod names;
mod question;
mod send;
mod text;
mod world;

use std::sync::Arc;

use tokio::task::JoinSet;

use self::world::{Way, World};

/// Defines a test for each file.
macro_rules! themes {
    ($($theme:ident,)*) => {
        /// The themes with a test.
        const THEMES: &[&str] = &[$(stringify!($theme)),*];

        $(
            #[tokio::test]
            async fn $theme() {
                run(stringify!($theme), include_str!(concat!(stringify!($theme), ".txt"))).await;
            }
        )*
    };
}

themes! {
    acts,
    billing,
    corrections,
    death,
    employment,
    issuance,
    limits,
    names,
    prior_numbers,
    providers,
    qualification,
    records,
    refusals,
    suspension,
    terms,
    time,
}

/// Plays all scenarios of a file over gRPC and over HTTP, and reports every failed line.
async fn run(theme: &'static str, file: &str) {
    let mut playing = JoinSet::new();
    let (mut lines, mut failures, scenarios) = (0, Vec::new(), text::scenarios(file));
    assert!(!scenarios.is_empty(), "{theme}.txt has no scenario");
    // All at once: each has its own registry, which waits for its disk.
    for scenario in scenarios {
        lines += scenario.lines.len();
        let scenario = Arc::new(scenario);
        for way in Way::ALL {
            let scenario = Arc::clone(&scenario);
            playing.spawn(async move { (World::play(way, theme, &scenario.lines).await, way, scenario) });
        }
    }
    while let Some(played) = playing.join_next().await {
        let (failed, way, scenario) = played.expect("a panicking scenario prints its line");
        failures.extend(failed.into_iter().map(|failure| format!("{failure}\n    in: {} ({way:?})", scenario.title)));
    }
    failures.sort();
    println!("{theme}: {lines} lines");
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_theme_has_its_test() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/scenarios");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.filter_map(|name| name.strip_suffix(".txt").map(str::to_owned)).collect();
    files.sort();
    let mut themes = THEMES.to_vec();
    themes.sort_unstable();
    assert_eq!(files, themes);
}
