//! The scenarios: what the registry must answer, in words that a registrar can read, one file for each theme.
//!
//! A scenario begins with an empty registry on 2 March 2026, unless a line of it says `today DATE`, and with the lines
//! of its file's `background:`, which follow one another as those of a scenario do. Each line is
//!
//! * a **command**, which has to be accepted: `end job a on 2026-02-27`, `suspend Ada DISCIPLINARY from 2026-02-01`.
//!   `called NAME` names its fact, for `retract NAME` and `end NAME on DATE`; some facts are named by themselves:
//!   `provider:north`, `person:Ada`, `job:a`, `credential:Ada`, and `credential:Ada/1` for its first designation.
//! * `changes: …`, `foreseen: …`, `people: N`: what the last command answered, in full; `... | one of them` in part.
//! * a **question** and its whole answer: `verify Ada as of 2026-02-28 -> CONFIRMED CURRENT; REPORTING_WINDOW_OPEN`.
//! * `on DATE`: the day begins; `restart`: the server stops and starts; `remember NAME`: for `known at NAME`.
//!
//! Before a command or a question may stand `refused REASON FIELDS:` (it has to be), `as provider:north:` (the caller),
//! `import:` (as a row of an import), `would:` (judged only), `again:` (sent before with this `request`). What is not
//! said in words holds for every line: a command is judged first and does what was foretold; sent again, it has the
//! same answer and changes nothing; a refusal is the same when it is judged only, and changes nothing; at the end of
//! the scenario every answer comes back byte for byte, asked alone and in a batch.

mod command;
mod disclosed;
mod expected_answers;
mod lists;
mod names;
mod question;
mod send;
mod text;
mod world;

use tokio::task::JoinSet;

use self::world::World;

/// Makes a test of each theme's file.
macro_rules! themes {
    ($($theme:ident,)*) => {
        /// The themes that have a test.
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
    providers,
    qualification,
    records,
    refusals,
    suspension,
    terms,
    time,
}

/// Plays the scenarios of a file, all of them, and tells every line that failed.
async fn run(theme: &'static str, file: &str) {
    let mut playing = JoinSet::new();
    let (mut lines, mut failures, scenarios) = (0, Vec::new(), text::scenarios(file));
    assert!(!scenarios.is_empty(), "{theme}.txt has no scenario");
    // At once: each has a registry of its own, which waits for its disk.
    for scenario in scenarios {
        lines += scenario.lines.len();
        playing.spawn(async move { (World::play(theme, &scenario.lines).await, scenario.title) });
    }
    while let Some(played) = playing.join_next().await {
        let (failed, title) = played.expect("a scenario that panicked says where");
        failures.extend(failed.into_iter().map(|failure| format!("{failure}\n    in: {title}")));
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
