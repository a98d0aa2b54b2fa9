//! The documents agree with the project: links, quoted code, reasons, promises, and the size of the README.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::commands_of_the_project::{Project, is_one};
use crate::harness::markdown::{self, Document};
use crate::harness::{read, root};
use crate::source_tree::settings::settings_in;

/// A file whose lines documents show.
struct Quoted {
    /// The kind of the block in the document.
    kind: &'static str,
    file: &'static str,
    /// The script of CI, and the file or directory that it names. Without one, CI follows the README of the client.
    run_by: Option<(&'static str, &'static str)>,
}

const QUOTED: [Quoted; 4] = [
    Quoted {
        kind: "python",
        file: "tests/clients/python/guide.py",
        run_by: Some((".ci/run", "tests/clients/python/guide.py")),
    },
    Quoted {
        kind: "java",
        file: "tests/clients/java/Guide.java",
        run_by: Some((".ci/languages/run", "tests/clients/java")),
    },
    Quoted { kind: "go", file: "tests/clients/go/registry.go", run_by: None },
    Quoted { kind: "js", file: "tests/clients/node/grpc-client.cjs", run_by: None },
];

/// The files that name the reasons of refusals.
const REASONS_IN: [&str; 4] = [
    "src/surface/status.rs",
    "src/surface/status/shared_log.rs",
    "src/surface/status/transport.rs",
    "src/domain/decide/rejection.rs",
];

/// The targets of the links of a document.
fn links(document: &Document) -> Vec<String> {
    let prose = document.prose();
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// A path without `..`, from the top level.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            assert!(normal.pop(), "{}: above the top level", path.display());
        } else {
            normal.push(part);
        }
    }
    normal
}

#[test]
fn every_relative_link_leads_somewhere() {
    let documents = markdown::all();
    let mut count = 0;
    for document in &documents {
        for link in links(document).iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let parent = Path::new(&document.name).parent().unwrap();
            let target = if file.is_empty() { PathBuf::from(&document.name) } else { normal(&parent.join(file)) };
            assert!(root().join(&target).exists(), "{}: {link}: there is no {}", document.name, target.display());
            let headings = || documents.iter().find(|other| Path::new(&other.name) == target).map(Document::anchors);
            let is_there = anchor.is_empty() || headings().is_some_and(|all| all.iter().any(|one| one == anchor));
            assert!(is_there, "{}: {link}: {} has no such heading", document.name, target.display());
            count += 1;
        }
    }
    assert!(count > 60, "{count} links");
}

/// The clients whose READMEs CI follows.
fn followed_clients() -> BTreeSet<String> {
    let ci = read(".ci/run");
    let (before, _) = ci.split_once("tests/clients/first_day.sh").unwrap();
    let (_, clients) = before.rsplit_once("for client in ").unwrap();
    clients.split_once(';').unwrap().0.split(' ').map(str::to_owned).collect()
}

#[test]
fn shown_code_is_a_part_of_files_that_ci_runs_or_compiles() {
    let followed = followed_clients();
    let mut count = 0;
    for document in markdown::all() {
        for block in document.blocks() {
            let Some(Quoted { file, run_by, .. }) = QUOTED.iter().find(|quoted| quoted.kind == block.kind) else {
                continue;
            };
            let client = file.split('/').nth(2).unwrap();
            let is_run =
                run_by.map_or_else(|| followed.contains(client), |(script, named)| read(script).contains(named));
            assert!(is_run, "CI neither runs nor compiles {file}");
            let code = read(file);
            let code: Vec<&str> = code.lines().map(str::trim).collect();
            let shown: Vec<&str> = block.lines.iter().map(|(_, line)| line.trim()).collect();
            let is_quoted = code.windows(shown.len()).any(|lines| lines == shown);
            assert!(is_quoted, "{}:{}: {file} has no such lines", document.name, block.lines[0].0);
            count += 1;
        }
    }
    assert!(count >= 10, "{count} blocks");
}

#[test]
fn every_reason_of_a_refusal_is_in_the_guide_for_clients() {
    let guide = read("proto/README.md");
    let is_reason = |text: &str| text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let mut reasons = BTreeSet::new();
    for text in REASONS_IN.map(read) {
        let quoted = text.lines().flat_map(|line| line.split('"').skip(1).step_by(2));
        reasons.extend(quoted.filter(|quoted| is_reason(quoted)).map(str::to_owned));
    }
    assert!(reasons.len() > 40, "{reasons:?}");
    let missing: Vec<&String> = reasons.iter().filter(|reason| !guide.contains(&format!("`{reason}`"))).collect();
    assert!(missing.is_empty(), "proto/README.md does not explain {missing:?}");
}

#[test]
fn every_promise_of_the_feed_is_a_test_of_its_name() {
    let guide = read("proto/README.md");
    let section = guide.split("\n## Feed\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let promises: Vec<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name).collect();
    assert!(promises.len() >= 8, "{promises:?}");
    let tests = read("tests/it/feed/promises.rs");
    let untested: Vec<_> = promises.iter().filter(|name| !tests.contains(&format!("async fn {name}()"))).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn the_index_lists_every_decision() {
    let index = read("deploy/docs/decisions/README.md");
    let parts = ["## Status", "## Context", "## Decision", "## Consequences"];
    for document in markdown::all().iter().filter(|document| document.name.starts_with("deploy/docs/decisions/0")) {
        let file = document.name.rsplit('/').next().unwrap();
        let title = document.text.lines().next().unwrap().trim_start_matches("# ");
        assert!(index.contains(&format!("]({file}) | {title} |")), "the index has no {file}, or another title");
        assert!(parts.iter().all(|part| document.text.contains(part)), "{file} lacks one of {parts:?}");
    }
}

#[test]
fn the_readme_is_short() {
    assert!(read("README.md").lines().count() <= 150);
}

#[test]
fn every_command_of_the_project_in_running_text_names_what_exists() {
    let project = Project::read();
    let mut count = 0;
    for document in markdown::all() {
        let spans = document.spans();
        for span in spans.iter().filter(|span| is_one(span) || !settings_in(span).is_empty()) {
            project.check(&document.name, span);
            count += 1;
        }
    }
    assert!(count > 25, "{count} commands");
}
