//! The errors of failed commands: printed once, with the file, the directory or the field.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::harness::{NOT_ON_FILE, Process, TODAY, serve_failures};

/// Runs the program. Returns the exit code and standard error.
fn run(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cpss-registry")).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_path_that_cannot_be_used_is_named_in_one_sentence() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, foreign, nope, copy] = ["data", "foreign", "nope", "copy"].map(|name| scratch.path().join(name));
    let [data, foreign, nope, copy] = [&data, &foreign, &nope, &copy].map(|path| text(path));
    assert_eq!(run(&["create", "--data-dir", data]).0, 0);
    fs::create_dir(foreign).unwrap();
    fs::write(Path::new(foreign).join("thesis.odt"), "mine").unwrap();
    let below = format!("{data}/backup");
    let apart = "are the same, or one is inside the other: name separate directories";
    let not_empty = "is not empty, it contains something else (thesis.odt): name one that is empty or does not exist";
    for (arguments, code, said) in [
        (
            vec!["create", "--data-dir", foreign],
            1,
            format!("the registry was not created: the data directory {foreign} {not_empty}"),
        ),
        (
            vec!["backup", data, "--data-dir", data],
            2,
            format!("the backup failed: the backup {data} and the data directory {data} {apart}"),
        ),
        (
            vec!["backup", &below, "--data-dir", data],
            2,
            format!("the backup failed: the backup {below} and the data directory {data} {apart}"),
        ),
        (
            vec!["backup", text(scratch.path()), "--data-dir", data],
            2,
            format!("the backup failed: the backup {} and the data directory {data} {apart}", text(scratch.path())),
        ),
        (
            vec!["restore", nope, "--data-dir", copy],
            1,
            format!("nothing was restored: {nope} cannot be used: it does not exist: is its disk mounted?"),
        ),
    ] {
        assert_eq!(run(&arguments), (code, format!("error: {said}\n")), "{arguments:?}");
    }
    let [one, cannot] = [
        "the configuration has 1 mistake",
        &format!("--config: cannot read {nope}: No such file or directory (os error 2)"),
    ]
    .map(str::to_owned);
    assert_eq!(run(&["config", "--config", nope]), (2, format!("error: {one}\n  {cannot}\n")));
    let said_of =
        |flags: &[&str]| run(&[&["verify", NOT_ON_FILE, "--endpoint", "https://localhost:1"], flags].concat());
    let ca = scratch.path().join("ca.crt");
    fs::write(&ca, "-----BEGIN CERTIFICATE-----\n").unwrap();
    for (flag, flags) in
        [("--ca", vec!["--ca", nope]), ("--cert", vec!["--ca", text(&ca), "--cert", nope, "--key", nope])]
    {
        let line = format!("error: {flag}: cannot read {nope}: No such file or directory (os error 2)\n");
        assert_eq!(said_of(&flags), (2, line));
    }
    let (code, said) = run(&["serve", "--config", nope]);
    assert_eq!((code, serve_failures(&said)), (2, vec![one, cannot]));
}

#[test]
fn a_malformed_question_is_a_usage_error_and_one_beyond_the_head_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let process = Process::spawn(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let verify = |arguments: &[&str]| run(&[&["verify", "--endpoint", &endpoint], arguments].concat());
    let (code, said) = verify(&[""]);
    assert!(code == 2 && said.contains("NUMBER"), "{code}: {said}");
    let (code, said) = verify(&[NOT_ON_FILE, "--as-of", "1800-01-01"]);
    let wrong = "error: item.as_of: not a day that exists in the years 1900 to 2200 (INVALID_ARGUMENT)\n";
    assert_eq!((code, said.as_str()), (2, wrong));
    let (code, said) = verify(&[NOT_ON_FILE, "--known-at", "99999"]);
    assert_eq!(code, 1);
    let words = "error: known_at.revision: 99999 is beyond the head, revision ";
    assert!(said.starts_with(words) && said.ends_with(" (REVISION_OUT_OF_RANGE)\n"), "{said}");
    assert_eq!(said.matches("OUT_OF_RANGE").count(), 1, "{said}");
    process.stop();
}
