//! A witness of a server whose log grows, is rewritten, loses records, and forks.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use cpss_registry::proto::v1;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::rewriting::{replace, rewrite};
use super::{checkpoint_of_the_head, register, witness, witness_of};
use crate::browser::exchange::secured;
use crate::harness::http1::{exchange, request};
use crate::harness::requests::register_specialist;
use crate::harness::{TODAY, TestServer, copy_of, until};

/// A registry with some people, and the state of a witness that saw all of it.
async fn witnessed() -> (TestServer, TempDir) {
    let server = TestServer::start(TODAY).await;
    register(&server.client(), &["Example-Reed", "Example-Vale", "Example-Stone"]).await;
    checkpoint_of_the_head(&server.client()).await;
    let state = tempfile::tempdir().unwrap();
    let (code, said) = witness(server.http(), state.path(), &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("are the first that this witness saw"), "{said}");
    (server, state)
}

/// What a witness says about a data directory.
async fn judged(data: TempDir, state: &Path) -> (Option<i32>, String, TempDir) {
    let server = TestServer::start_on(data, TODAY).await;
    checkpoint_of_the_head(&server.client()).await;
    let (code, said) = witness(server.http(), state, &[]).await;
    (code, said, server.stop().await)
}

#[tokio::test]
async fn a_log_that_grows_is_followed_through_restarts() {
    let (server, state) = witnessed().await;
    let (code, said) = witness(server.http(), state.path(), &[]).await;
    assert!(code == Some(0) && said.contains("are those that were seen\n"), "{said}");
    register(&server.client(), &["Example-Field"]).await;
    let (code, said, data) = judged(server.stop().await, state.path()).await;
    assert!(code == Some(0) && said.contains("is new"), "{said}");
    let names: Vec<_> = (0..300).map(|at| format!("Example-{at}")).collect();
    let server = TestServer::start_on(data, TODAY).await;
    register(&server.client(), &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (code, said, _data) = judged(server.stop().await, state.path()).await;
    assert!(code == Some(0) && said.contains("is new"), "{said}");
    let seen = fs::read_to_string(state.path().join("seen.jsonl")).unwrap();
    assert_eq!(seen.lines().count(), 3, "{seen}");
    assert!(!state.path().join("refused").exists());
}

#[tokio::test]
async fn a_flipped_name_is_found_although_every_checksum_is_right() {
    let (server, state) = witnessed().await;
    let data = server.stop().await;
    let mut flipped = 0;
    rewrite(data.path(), |record| {
        flipped += i32::from(replace(record, "Example-Vale", "Example-Vile"));
        true
    });
    assert!(flipped > 0, "the name is there");
    let (code, said, _) = judged(data, state.path()).await;
    assert!(code == Some(3) && said.contains("REWRITTEN"), "{code:?} {said}");
    let refused: Vec<_> = fs::read_dir(state.path().join("refused")).unwrap().collect();
    assert_eq!(refused.len(), 1, "the evidence is kept");
    let evidence = refused.into_iter().next().unwrap().unwrap().path();
    for name in ["refused.note", "latest.note", "why"] {
        assert!(fs::metadata(evidence.join(name)).unwrap().len() > 0, "{name}");
    }
}

#[tokio::test]
async fn a_redaction_leaves_checkpoints_and_proofs_as_they_were() {
    let (server, state) = witnessed().await;
    let client = server.client();
    let person = client.report(register_specialist("Casimir", "Example-Gone")).await;
    checkpoint_of_the_head(&client).await;
    let proof = v1::GetInclusionProofRequest { revision: person.revision, tree_size: person.revision };
    let before = client.ask(proof).await;
    let data = server.stop().await;
    let id = person.specialist.unwrap().specialist_id;
    let mut redact = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
    redact.args(["redact", "--specialist", &id, "--why", "order 7", "--data-dir"]).arg(data.path());
    let redacted = tokio::task::spawn_blocking(move || redact.output().unwrap()).await.unwrap();
    assert!(redacted.status.success(), "{redacted:?}");
    let server = TestServer::start_on(data, TODAY).await;
    checkpoint_of_the_head(&server.client()).await;
    let after = server.client().ask(proof).await;
    assert_eq!((after.leaf, after.hashes), (before.leaf, before.hashes));
    let (code, said) = witness(server.http(), state.path(), &[]).await;
    assert!(code == Some(0) && said.contains("is new"), "{code:?} {said}");
    server.stop().await;
}

#[tokio::test]
async fn a_log_that_was_only_copied_through_the_rewriter_is_the_same() {
    let (server, state) = witnessed().await;
    let data = server.stop().await;
    rewrite(data.path(), |_| true);
    let (code, said, _) = judged(data, state.path()).await;
    assert!(code == Some(0) && said.contains("are those that were seen\n"), "{said}");
}

#[tokio::test]
async fn a_record_that_was_taken_out_is_missed() {
    let (server, state) = witnessed().await;
    let data = server.stop().await;
    let is_of = |record: &mut _, name: &str| replace(record, name, name);
    rewrite(data.path(), |record| !is_of(record, "Example-Vale"));
    let (code, said, data) = judged(data, state.path()).await;
    assert!(code == Some(3) && said.contains("ROLLBACK"), "{code:?} {said}");
    // Others take its place.
    let server = TestServer::start_on(data, TODAY).await;
    register(&server.client(), &["Example-Field", "Example-Brook"]).await;
    let (code, said, _) = judged(server.stop().await, state.path()).await;
    assert!(code == Some(3) && said.contains("REWRITTEN"), "{code:?} {said}");
}

#[tokio::test]
async fn an_old_copy_of_the_disk_that_goes_on_is_refused() {
    let server = TestServer::start(TODAY).await;
    register(&server.client(), &["Example-Reed", "Example-Vale"]).await;
    let old = copy_of(server.stop().await.path());
    let server = TestServer::start_on(copy_of(old.path()), TODAY).await;
    register(&server.client(), &["Example-Stone"]).await;
    checkpoint_of_the_head(&server.client()).await;
    let state = tempfile::tempdir().unwrap();
    assert_eq!(witness(server.http(), state.path(), &[]).await.0, Some(0));
    server.stop().await;
    let (code, said, old) = judged(old, state.path()).await;
    assert!(code == Some(3) && said.contains("ROLLBACK"), "{code:?} {said}");
    let server = TestServer::start_on(old, TODAY).await;
    server.client().report(register_specialist("Ada", "Example-Stone")).await;
    let (code, said, _) = judged(server.stop().await, state.path()).await;
    assert!(code == Some(3) && said.contains("REWRITTEN"), "{code:?} {said}");
}

/// Restores a backup of a data directory up to a revision, into a new one.
fn restored(data: &Path, to_revision: u64) -> TempDir {
    let (backup, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let run = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_cpss-registry")).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (data, backup, into) = (text(data), text(backup.path()), text(target.path()));
    run(&["backup", &backup, "--data-dir", &data]);
    run(&["restore", &backup, "--data-dir", &into, "--to-revision", &to_revision.to_string()]);
    target
}

#[tokio::test]
async fn the_fork_of_a_restore_is_announced_and_accepted_aloud() {
    let (server, state) = witnessed().await;
    let head = server.client().head().await;
    let data = server.stop().await;
    let forked = restored(data.path(), head - 1);
    let (code, said, forked) = judged(forked, state.path()).await;
    assert!(code == Some(0) && said.contains("ANNOUNCED FORK"), "{code:?} {said}");
    assert!(said.contains(&format!("was left after revision {}; 1 revisions", head - 1)), "{said}");
    // The new epoch is the one that counts from now on.
    let server = TestServer::start_on(forked, TODAY).await;
    register(&server.client(), &["Example-Field"]).await;
    let (code, said, forked) = judged(server.stop().await, state.path()).await;
    assert!(code == Some(0) && said.contains("is new"), "{code:?} {said}");
    let (code, said, _) = judged(data, state.path()).await;
    assert!(code == Some(3) && said.contains("FORK"), "the epoch that was left: {code:?} {said}");
    // A second fork, after the first one: every checkpoint names both.
    let (code, said, _) = judged(restored(forked.path(), head), state.path()).await;
    assert!(code == Some(0) && said.contains(&format!("was left after revision {head}")), "{code:?} {said}");
    let latest = fs::read_to_string(state.path().join("latest")).unwrap();
    assert_eq!(latest.lines().filter(|line| line.starts_with("fork ")).count(), 2, "{latest}");
}

#[tokio::test]
async fn a_second_restore_of_the_same_records_cannot_be_announced_and_is_refused() {
    let (server, state) = witnessed().await;
    let head = server.client().head().await;
    let data = server.stop().await;
    let (code, said, _) = judged(restored(data.path(), head - 1), state.path()).await;
    assert!(code == Some(0) && said.contains("ANNOUNCED FORK"), "{code:?} {said}");
    let (code, said, _) = judged(restored(data.path(), head - 1), state.path()).await;
    assert!(code == Some(3) && said.contains("does not say where it left the one that was seen"), "{code:?} {said}");
    // One that goes back further says so, in the line about the first epoch.
    let (code, said, _) = judged(restored(data.path(), head - 2), state.path()).await;
    assert!(code == Some(0) && said.contains(&format!("was left after revision {}", head - 2)), "{code:?} {said}");
}

#[tokio::test]
async fn a_witness_that_lost_its_state_does_not_begin_again_by_itself() {
    let (server, state) = witnessed().await;
    fs::remove_file(state.path().join("latest")).unwrap();
    let (code, said) = witness(server.http(), state.path(), &[]).await;
    assert!(code == Some(1) && said.contains("latest was changed or damaged"), "{code:?} {said}");
    server.stop().await;
}

#[tokio::test]
async fn what_was_found_is_said_although_the_evidence_cannot_be_kept() {
    let (server, state) = witnessed().await;
    let data = server.stop().await;
    fs::write(state.path().join("refused"), "in the way").unwrap();
    rewrite(data.path(), |record| {
        replace(record, "Example-Vale", "Example-Vile");
        true
    });
    let (code, said, _) = judged(data, state.path()).await;
    assert!(code == Some(3) && said.contains("REWRITTEN"), "{code:?} {said}");
    assert!(said.contains("The evidence could not be kept"), "{said}");
}

#[tokio::test]
async fn a_fork_that_says_that_it_shares_what_it_does_not_is_refused() {
    let (server, state) = witnessed().await;
    let head = server.client().head().await;
    let data = server.stop().await;
    rewrite(data.path(), |record| {
        replace(record, "Example-Vale", "Example-Vile");
        true
    });
    // The registry of the changed records announces that it forked after the last of them.
    let data = TestServer::start_on(data, TODAY).await.stop().await;
    let forked = restored(data.path(), head);
    let (code, said, _) = judged(forked, state.path()).await;
    assert!(code == Some(3) && said.contains("FORK: the new epoch says that it shares"), "{code:?} {said}");
}

#[tokio::test]
async fn a_witness_that_cannot_read_the_log_says_that_it_does_not_know() {
    let (server, state) = witnessed().await;
    let address = server.http();
    server.stop().await;
    let (code, said) = witness(address, state.path(), &[]).await;
    assert!(code == Some(4) && said.contains("nothing is known about it"), "{code:?} {said}");
}

#[tokio::test]
async fn a_witness_reads_over_tls_without_an_identity() {
    let server = secured().await;
    let (origin, state) = (format!("https://localhost:{}", server.http().port()), tempfile::tempdir().unwrap());
    let authority = server.data_dir().join("ca.crt");
    let flags = ["--ca", authority.to_str().unwrap()];
    // The first checkpoint is signed within moments of the start.
    let mut told = witness_of(&origin, state.path(), &flags).await;
    for _ in 0..20 {
        if told.0 == Some(4) {
            told = witness_of(&origin, state.path(), &flags).await;
        }
    }
    assert_eq!(told.0, Some(0), "{}", told.1);
    let (code, said) = witness_of(&origin, state.path(), &[]).await;
    assert!(code == Some(4) && said.contains("certificate"), "an authority that nobody trusts: {said}");
    server.stop().await;
}

#[tokio::test]
async fn a_witness_that_goes_on_reports_metrics_until_it_is_ended() {
    let (server, state) = witnessed().await;
    let origin = format!("http://{}", server.http());
    let mut child = Command::new(env!("CARGO_BIN_EXE_cpss-registry"))
        .args(["witness", "--every", "1s", "--metrics", "127.0.0.1:0", "--origin", &origin, "--state"])
        .arg(state.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let metrics = said.next().unwrap().unwrap();
    let address = metrics.strip_prefix("metrics on ").unwrap().to_owned();
    let page = async || {
        let stream = TcpStream::connect(&address).await.unwrap();
        exchange(stream, &request("GET", "/metrics", &address, &[], "")).await.body
    };
    let size = server.client().head().await;
    until("a second check", async || page().await.contains("{result=\"passed\"} 2")).await;
    let shown = page().await;
    assert!(shown.contains("cpss_witness_tree_size{epoch=") && shown.contains(&format!("}} {size}\n")), "{shown}");
    assert!(!shown.contains("last_success_timestamp_seconds 0"), "{shown}");
    let in_use = witness(server.http(), state.path(), &[]).await;
    assert!(in_use.0 == Some(1) && in_use.1.contains("another witness"), "{}", in_use.1);
    server.stop().await;
    until("a check that fails", async || !page().await.contains("{result=\"unreachable\"} 0")).await;
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
