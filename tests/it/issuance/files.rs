//! Rule files with mistakes: each mistake is reported with its file and line.

use std::fs;

use cpss_registry::registry::{Options, Registry};
use cpss_registry::rules;
use cpss_registry::store::{OpenMode, StoreOptions};

use super::evaluation_fixture::{columns, lines, shipped};

/// The text in the shipped file | its replacement | the start of the line that is reported | the message.
const MISTAKES: &str = r#"
    id = "cpssp-2025" | id = "" | id = | an id consists of letters, digits, '-' and '.'
    id = "cpssp-2025" | id = "a b" | id = | an id consists of letters, digits, '-' and '.'
    id = "cpssp-2025" | name = "third" | name = | unknown field `name`
    title = | title = 7 # | title = | invalid type: integer `7`, expected a string
    title = | title = " " # | title = | empty
    citations = [ | citations = [] # | citations = | empty: name the sources
    from = 2021-05-01 | from = 2021-02-30 | from = | invalid
    from = 2021-05-01 | from = "2021-05-01" | from = | expected a TOML datetime
    from = 2021-05-01 | from = 2021-05-01T09:00:00 | from = | not a date in the years 1900 to 2200
    from = 2021-05-01 | from = 1899-12-31 | from = | not a date in the years 1900 to 2200
    from = 2021-05-01 | # | [in_force] | in_force: missing field `from`
    basis = "INFERRED" | basis = "GUESSED" | basis = | expected one of `STATED`, `INFERRED`, `UNKNOWN`
    grace_days = 0 | grace_days = "none" | grace_days = | invalid type: string "none", expected u32
    grace_days = 0 | grace_days = -1 | grace_days = | invalid value: integer `-1`, expected u32
    grace_days = 0 | grace_days = 0.5 | grace_days = | invalid type: floating point `0.5`, expected u32
    grace_days = 0 | # | [employment] | missing field `grace_days`
    grace_days = 0 | grace = 0 | grace = | unknown field `grace`
    qualifying_bases = [ | qualifying_bases = [] # | qualifying_bases | no provider would qualify
    "DMH_FUNDED" | "DMH_FRIENDLY" | qualifying_bases | unknown variant `DMH_FRIENDLY`
    window_working_days = 14 | window_working_days = 4000 | window_working_days | more than 366 working days
    2012-01-02, 2012-01-16 | 2012-01-16, 2012-01-02 | holidays = [ | 2012-01-02 after 2012-01-16: list the holidays in order, each one once
    2012-01-02, 2012-01-16 | 2012-01-02, 2012-01-02 | holidays = [ | 2012-01-02 after 2012-01-02
    2012-01-02, 2012-01-16 | 2012-01-02, "2012-01-16" | "2012-01-16" | expected a TOML datetime
    cohort_date = 2015-09-30 | cohort_date = 2016-02-29 | cohort_date | 29 February does not exist in every year
    cohort_interval_years = 4 | cohort_interval_years = 0 | cohort_interval_years | not a number of years
    hours_per_year = 5 | hours_per_year = -5 | continuing_ | not a number of hours, 0 or more
    hours_per_year = 5 | hours_per_year = nan | continuing_ | not a number of hours, 0 or more
    unit_year = "STATE_FISCAL" | unit_year = "LUNAR" | unit_year | unknown variant `LUNAR`
    minimum_age = 16 | minimum_age = 1600 | minimum_age | minimum_age: not an age
    hours = 100 | hours = inf | hours = inf | not a number of hours, 0 or more
    fewer = "UNDETERMINED" | fewer = "MET" | fewer = | fewer: unknown variant `MET`
    passing_score = 75 | passing_score = 101 | passing_score | not a score from 0 to 100
    attempts_per_training = 2 | attempts_per_training = 0 | attempts_per_training | at least 1
    [criteria.literacy] | [criteria.reading] | [criteria.reading] | unknown field `reading`
    [criteria.designation] | [designation] | [criteria.residency] | criteria.residency: missing field `designation`
    [reporting] | # | holidays = [ | unknown field `holidays`
    trained_before = 2021-05-01 | trained_before = true | recovery_only | expected a TOML datetime
    kind = "APPLICATION" | # | [[fees]] | fees: missing field `kind`
    kind = "APPLICATION" | kind = "BRIBE" | kind = "BRIBE" | unknown variant `BRIBE`
    amount_cents = 3000 | amount_cents = -3000 | amount_cents = -3000 | expected u32
    citation = "source 001: \"Application Fee $30\"" | citation = "" | citation = "" | empty
    grace_days = 0 | grace_days = | grace_days | string values must be quoted
    grace_days = 0 | grace_days = 0 grace_days = 0 | grace_days | unexpected key or value
"#;

#[test]
fn every_mistake_is_reported_with_file_line_and_what_is_wrong() {
    let good = shipped().remove(1).content;
    let mut wrong = Vec::new();
    for line in lines(MISTAKES) {
        let [written, instead, begins, message] = columns(line);
        assert!(good.contains(written), "{written}");
        let content = good.replacen(written, instead, 1);
        let at =
            content.lines().position(|line| line.trim_start().starts_with(begins) || line.contains(begins)).unwrap();
        let error = rules::read("rules/third.toml", &content).map(|text| text.set.id);
        let error = error.map_or_else(|error| error.to_string(), |id| format!("{id} was read"));
        if !error.starts_with(&format!("rules/third.toml:{}: ", at + 1)) || !error.contains(message) {
            wrong.push(format!("{line}\n    line {}, reported {error}", at + 1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} mistakes", lines(MISTAKES).count());
}

#[test]
fn a_missing_section_is_named() {
    let good = shipped().remove(1).content;
    for section in ["in_force", "employment", "reporting", "term", "billing"] {
        let begin = good.find(&format!("[{section}]")).unwrap();
        let end = good[begin + 1..].find("\n[").unwrap() + begin + 1;
        let content = format!("{}{}", &good[..begin], &good[end..]);
        let error = rules::read("third.toml", &content).unwrap_err().to_string();
        assert_eq!(error, format!("third.toml:1: missing field `{section}`"));
    }
}

/// A directory of rule files, by name and content.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

#[test]
fn an_id_belongs_to_one_content() {
    let good = shipped().remove(1).content;
    let third = good.replace("id = \"cpssp-2025\"", "id = \"third\"");
    let other = third.replace("grace_days = 0", "grace_days = 30");
    let clash = good.replace("grace_days = 0", "grace_days = 30");
    for (files, message) in [
        (vec![("a.toml", &third), ("b.toml", &other)], "b.toml:2: the id third is already used by "),
        (
            vec![("a.toml", &clash)],
            "a.toml:2: the id cpssp-2025 is already used by cpssp-2025.toml: give these rules another id",
        ),
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, content)| (*name, content.as_str())).collect();
        let directory = directory(&files);
        let error = rules::load(Some(directory.path())).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let copies = directory(&[("a.toml", &third), ("b.toml", &third), ("c.toml", &good)]);
    let sets = rules::load(Some(copies.path())).unwrap();
    assert_eq!(sets.iter().map(|text| text.set.id.as_str()).collect::<Vec<_>>(), ["cpss-guide", "cpssp-2025", "third"]);
}

#[test]
fn a_directory_or_file_that_cannot_be_read_is_named() {
    let nowhere = rules::load(Some("/nonexistent/rules".as_ref())).unwrap_err().to_string();
    assert!(nowhere.contains("/nonexistent/rules"), "{nowhere}");
    let directory = directory(&[]);
    fs::write(directory.path().join("third.toml"), [0xff, 0xfe]).unwrap();
    let unreadable = rules::load(Some(directory.path())).unwrap_err().to_string();
    assert!(unreadable.contains("third.toml"), "{unreadable}");
}

/// Opens a registry and returns the error.
fn open(data: &std::path::Path, rules: &std::path::Path) -> Result<(), String> {
    let options = Options {
        data_dir: data.to_owned(),
        registry: None,
        rules_dir: Some(rules.to_owned()),
        today: Some("2026-03-02".parse().unwrap()),
        open_days_through: None,
        begins_shared_log: false,
        adopts_semantics: false,
        store: StoreOptions { mode: OpenMode::ExistingOrNew("test"), ..StoreOptions::default() },
    };
    match Registry::open(options, &mut |_| {}) {
        Ok(opened) => {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(opened.registry.close());
            drop(opened.writer.join().unwrap());
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_registry_does_not_start_with_conflicting_rules() {
    let good = shipped().remove(1).content;
    let third = good.replace("id = \"cpssp-2025\"", "id = \"third\"");
    let other = third.replace("grace_days = 0", "grace_days = 30");
    let data = tempfile::tempdir().unwrap();
    let fresh = || tempfile::tempdir().unwrap();

    let two = directory(&[("a.toml", &third), ("b.toml", &other)]);
    let message = open(fresh().path(), two.path()).unwrap_err();
    assert!(message.contains("b.toml:2: the id third"), "{message}");
    let broken = directory(&[("a.toml", "id = 7")]);
    assert!(open(fresh().path(), broken.path()).unwrap_err().contains("a.toml:1: "));

    let one = directory(&[("a.toml", &third)]);
    assert_eq!(open(data.path(), one.path()), Ok(()));
    assert_eq!(open(data.path(), one.path()), Ok(()), "the same content is known");
    let changed = directory(&[("a.toml", &other)]);
    let message = open(data.path(), changed.path()).unwrap_err();
    assert!(message.contains("rule set third was adopted with different content"), "{message}");
    assert_eq!(open(data.path(), directory(&[]).path()), Ok(()), "what was adopted is read from the record");
    let again = open(data.path(), two.path()).unwrap_err();
    assert!(again.contains("b.toml:2: the id third"), "{again}");
}
