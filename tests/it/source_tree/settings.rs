//! The guide to the tests has every setting.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::harness::{files_below, read, root};

/// What a setting begins with.
pub const PREFIX: &str = "CPSS_";

/// Where settings are read, and the extensions of the files that read them.
const READ_IN: [&str; 3] = ["src", "tests", ".ci"];
const EXTENSIONS: [Option<&str>; 4] = [Some("rs"), Some("sh"), Some("py"), None];

/// The names of settings in a text.
pub fn settings_in(text: &str) -> BTreeSet<String> {
    let end = |rest: &str| rest.find(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
    let names = text.split(PREFIX).skip(1).map(|rest| &rest[..end(rest).unwrap_or(rest.len())]);
    names.filter(|name| !name.is_empty()).map(|name| format!("{PREFIX}{name}")).collect()
}

/// The settings that the code reads.
pub fn read_by_the_code() -> BTreeSet<String> {
    let paths = READ_IN.iter().flat_map(|directory| files_below(&root().join(directory)));
    let is_code = |path: &PathBuf| EXTENSIONS.contains(&path.extension().and_then(|extension| extension.to_str()));
    let texts = paths.filter(is_code).filter_map(|path| fs::read_to_string(path).ok());
    texts.flat_map(|text| settings_in(&text)).collect()
}

/// The rows of the guide's table: each setting with the files that read it.
fn rows() -> BTreeMap<String, Vec<String>> {
    let guide = read("tests/README.md");
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
            assert!(read(path).contains(setting), "{path} does not read {setting}");
        }
    }
}
