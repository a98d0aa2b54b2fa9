//! The Connect protocol: the published test cases for a server, and what else its specification says.
//!
//! The published suite calls a service of its own. Here each case calls a method of the contract whose calls have the
//! same form: `VerifyCredential` for single calls, `PreviewImpact` and `WatchChanges` for streams of responses,
//! `ReconcileRoster` for streams of requests, and `StreamVerifyCredentials` for streams of both.

mod answer;
mod cancellation;
mod codes;
mod limits;
mod lines;
mod protocol;
mod suites;
mod wire;

use std::collections::BTreeMap;

use self::suites::World;
use self::wire::Wire;
use crate::harness::over_http::Codec;
use crate::harness::{TODAY, TestServer, read};

/// The number of published cases that are tried, and of those that are not. The file loses none.
const TRIED: usize = 102;
const NOT_TRIED: usize = 20;

/// The cases of a suite that can be tried here, in this form of messages.
#[derive(Debug)]
struct Suite {
    name: String,
    codecs: Vec<Codec>,
    cases: Vec<String>,
}

/// The suites in the file, and the number of cases that have a reason instead.
fn suites() -> (Vec<Suite>, usize) {
    let (mut suites, mut skipped) = (Vec::<Suite>::new(), 0);
    let text = read("tests/it/connect/cases.txt");
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some(case) = line.strip_prefix("    ") else {
            let (name, codecs) = line.split_once(" (").unwrap();
            let codec = |name: &str| if name == "json" { Codec::Json } else { Codec::Proto };
            let codecs = codecs.trim_end_matches(')').split(", ").map(codec).collect();
            suites.push(Suite { name: name.to_owned(), codecs, cases: Vec::new() });
            continue;
        };
        match case.split_once(": ") {
            Some(_) => skipped += 1,
            None => suites.last_mut().unwrap().cases.push(case.to_owned()),
        }
    }
    (suites, skipped)
}

#[test]
fn the_file_has_lost_no_published_case() {
    let (suites, skipped) = suites();
    let tried: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    assert_eq!((tried, skipped), (TRIED, NOT_TRIED));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_cases_pass() {
    let server = TestServer::start(TODAY).await;
    let world = World::built(&server.client()).await;
    let (mut failed, mut passed) = (Vec::new(), BTreeMap::new());
    for suite in suites().0 {
        for wire in Wire::all(server.http()).into_iter().filter(|wire| suite.codecs.contains(&wire.codec)) {
            for case in &suite.cases {
                // Both sides at once take HTTP/2.
                if wire.version == 1 && case.contains("full-duplex") {
                    continue;
                }
                let what = format!("{}/{case} over HTTP/{} as {:?}", suite.name, wire.version, wire.codec);
                let (name, case, wire, world) = (suite.name.clone(), case.clone(), wire.clone(), world.clone());
                // In a task of its own, so that all failures are reported.
                match tokio::spawn(async move { suites::run(&name, &case, &wire, &world).await }).await {
                    Ok(()) => *passed.entry(suite.name.clone()).or_insert(0) += 1,
                    Err(_) => failed.push(what),
                }
            }
        }
    }
    let all: usize = passed.values().sum();
    println!("connect: {all} calls of published cases passed: {passed:?}");
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
    server.stop().await;
}
