//! The guide to the tests has every setting, and names tests and benchmarks that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a setting begins with.
const PREFIX: &str = "CPSS_";

/// Where settings are read, and the extensions of the files that read them.
const READ_IN: [&str; 3] = ["src", "tests", ".ci"];
const EXTENSIONS: [Option<&str>; 4] = [Some("rs"), Some("sh"), Some("py"), None];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn guide() -> String {
    fs::read_to_string(root().join("tests/README.md")).unwrap()
}

/// The names of settings in a text.
fn settings(text: &str) -> BTreeSet<String> {
    let end = |rest: &str| rest.find(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
    let names = text.split(PREFIX).skip(1).map(|rest| &rest[..end(rest).unwrap_or(rest.len())]);
    names.filter(|name| !name.is_empty()).map(|name| format!("{PREFIX}{name}")).collect()
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            files(&path, found);
        } else if EXTENSIONS.contains(&extension) {
            found.push(path);
        }
    }
}

/// The settings that the code reads.
fn read_by_the_code() -> BTreeSet<String> {
    let mut paths = Vec::new();
    READ_IN.iter().for_each(|directory| files(&root().join(directory), &mut paths));
    paths.iter().filter_map(|path| fs::read_to_string(path).ok()).flat_map(|text| settings(&text)).collect()
}

/// The rows of the guide's table: each setting with the files that read it.
fn rows() -> BTreeMap<String, Vec<String>> {
    let guide = guide();
    let rows = guide.lines().filter(|line| line.starts_with("| `CPSS_"));
    let rows = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let spans = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    rows.filter(|cells| cells.len() == 4).map(|cells| (spans(cells[0]).remove(0), spans(cells[1]))).collect()
}

#[test]
fn the_guide_has_every_setting_with_the_file_that_reads_it() {
    let rows = rows();
    assert_eq!(rows.keys().cloned().collect::<BTreeSet<_>>(), read_by_the_code());
    for (setting, paths) in &rows {
        assert!(!paths.is_empty(), "{setting} has no file");
        for path in paths {
            let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(text.contains(setting), "{path} does not read {setting}");
        }
    }
}

/// Whether a filter such as `feed::figures::idle` or `hostile::the_others` names a file of tests, or the start of a test in
/// one.
fn is_filter(base: &str, filter: &str) -> bool {
    let exists = |path: &str| {
        let place = root().join(base).join(path);
        place.is_dir() || place.with_extension("rs").is_file()
    };
    let (module, test) = filter.rsplit_once("::").unwrap_or(("", filter));
    let file = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let place = root().join(base).join(module.replace("::", "/"));
    let texts = [file(&place.with_extension("rs")), file(&place.join("mod.rs"))];
    exists(&filter.replace("::", "/")) || texts.iter().any(|text| text.contains(&format!("fn {test}")))
}

#[test]
fn the_runs_of_figures_name_tests_that_exist() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let guide = guide();
    let figures = guide.split("\n## Figures\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let runs: Vec<&str> = figures.lines().filter_map(|line| line.rsplit_once(" | `")?.1.strip_suffix("` |")).collect();
    assert!(runs.len() > 15, "{runs:?}");
    for run in runs {
        let words: Vec<&str> = run.split(' ').skip_while(|word| word.starts_with(PREFIX)).collect();
        let after = |flag: &str| words.iter().position(|word| *word == flag).map(|at| words[at + 1]);
        let names = |kind: &str, name: &str| manifest.contains(&format!("[[{kind}]]\nname = \"{name}\"\n"));
        match (words[0], after("--test"), after("--bench")) {
            ("cargo", Some("it"), _) => {
                let filter = words.last().unwrap();
                assert!(is_filter("tests/it", filter), "{run}: no test is called so");
            }
            ("cargo", Some(test), _) => assert!(names("test", test), "{run}"),
            ("cargo", None, Some(bench)) => assert!(names("bench", bench), "{run}"),
            ("cargo", None, None) => assert!(is_filter("src", after("--lib").unwrap()), "{run}: no test is called so"),
            (script, ..) => assert!(root().join(script).is_file(), "{run}"),
        }
    }
}
