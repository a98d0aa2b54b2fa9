//! The definitions for the completions of shells, as the shells read them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use super::PROGRAM;

/// The definitions for a shell.
fn definitions(shell: &str) -> String {
    let output = Command::new(PROGRAM).args(["completions", shell]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// What a shell prints that reads a script. None: it is not installed.
fn read_by(shell: &str, arguments: &[&str], script: &str) -> Option<Output> {
    let mut command = Command::new(shell);
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

/// What bash would offer for the last of these words.
fn offered(words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let (last, before) = (words.last().unwrap(), words[words.len() - 2]);
    let script = format!(
        "{}\nCOMP_WORDS=({}); COMP_CWORD={}\n_cpss__registry cpss-registry '{last}' '{before}'\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        definitions("bash"),
        quoted.join(" "),
        words.len() - 1
    );
    let output = read_by("bash", &["--norc", "-s"], &script).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_flags_on_every_level() {
    let cases: [(&[&str], &[&str]); 5] = [
        (&["cpss-registry", "impor"], &["import"]),
        (&["cpss-registry", "act", "sus"], &["suspend"]),
        (&["cpss-registry", "act", "suspend", "--b"], &["--basis"]),
        (&["cpss-registry", "act", "suspend", "CPS-28MS-MN2K-Z", "--basis", "ce"], &["ce-audit"]),
        (&["cpss-registry", "act", "provider", "suspend-service", "--first"], &["--first-day"]),
    ];
    for (words, expected) in cases {
        assert_eq!(offered(words), expected, "{words:?}");
    }
}

#[test]
fn the_definitions_of_a_shell_that_is_installed_have_no_error() {
    for shell in ["bash", "zsh", "fish"] {
        // bash is always there; the others are checked where they are installed.
        let Some(output) = read_by(shell, &["-n"], &definitions(shell)) else {
            assert_ne!(shell, "bash");
            continue;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{shell}: {said}");
    }
}
