//! The scenarios: what the registry must answer, told in words that a registrar can read, one file for each theme.
//!
//! A scenario begins with an empty registry on 2 March 2026, unless a line of it says `today DATE`, and with the lines of
//! its file's `background:`, which follow one another as those of a scenario do. Each line is
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
//! said in words holds for every line: a command is judged first and does what was foretold; sent again, it has the same
//! answer and changes nothing; a refusal changes nothing; every answer comes back byte for byte at the scenario's end.

mod command;
mod lists;
mod names;
mod question;
mod send;
mod text;
mod told;
mod world;

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
    employment,
    limits,
    qualification,
    suspension,
}

/// Plays the scenarios of a file, all of them, and tells every line that failed.
async fn run(theme: &str, file: &str) {
    let mut failures = Vec::new();
    let (mut lines, scenarios) = (0, text::scenarios(file));
    assert!(!scenarios.is_empty(), "{theme}.txt has no scenario");
    for scenario in scenarios {
        lines += scenario.lines.len();
        let failed = World::play(theme, &scenario.lines).await;
        failures.extend(failed.into_iter().map(|failure| format!("{}: {failure}", scenario.title)));
    }
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
