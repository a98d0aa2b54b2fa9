//! The database is restored to an earlier state: every replica that knows more notices, and the records come back from
//! a copy, or are given up. The commands are those of `deploy/docs/postgresql-restore.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use cpss_registry::proto::v1;
use serde_json::Value;

use crate::fleet::{Fleet, Replica, records, run, said};
use crate::harness::requests::{register_specialist, verify};
use crate::harness::{Refusal as _, markdown, until};
use crate::replicas::{DAY, assert_alike, bytes, credential, since};

/// Three replicas, of which `a` and `c` know what the restored database has lost, and `b` does not.
struct Restored {
    fleet: Fleet,
    a: Replica,
    c: Replica,
    /// A credential that the database still has, and the last revision that it still has.
    kept: String,
    shared: u64,
    /// A credential that it lost, and the token of its last record.
    lost: String,
    lost_token: String,
    /// All records before the restore, as they are exported.
    before: String,
}

/// The last line of an export has the last revision.
fn last_revision(export: &str) -> u64 {
    let record: Value = serde_json::from_str(export.lines().last().unwrap()).unwrap();
    record["revision"].as_u64().unwrap()
}

async fn restored() -> Restored {
    let mut fleet = Fleet::begin().await;
    let (a, b, c) = (fleet.start("a"), fleet.add("b"), fleet.add("c"));
    let (kept, token) = credential([&a, &b, &c], "Example-Stone").await;
    for replica in [&a, &b, &c] {
        replica.registrar().ask(since(&token, &kept)).await;
    }
    b.process.stop();
    let shared = last_revision(&records(&a.data()));
    let backup = fleet.server.back_up();
    let (lost, lost_token) = credential([&a, &c, &a], "Example-Brook").await;
    for replica in [&a, &c] {
        replica.registrar().ask(since(&lost_token, &lost)).await;
    }
    let before = records(&a.data());
    fleet.restore(backup).await;
    Restored { fleet, a, c, kept, shared, lost, lost_token, before }
}

fn report() -> v1::RegisterSpecialistRequest {
    register_specialist("Ida", "Example-Hill")
}

/// Waits until a replica refuses writes with a reason. Returns what it says.
async fn refuses(replica: &Replica, reason: &str) -> String {
    let (client, mut said) = (replica.registrar(), String::new());
    until(&format!("writes are refused with {reason}"), async || {
        let refused = client.call(report()).await.err();
        refused
            .filter(|refused| refused.reason() == reason)
            .map(|refused| said = refused.message().to_owned())
            .is_some()
    })
    .await;
    said
}

impl Restored {
    /// Every replica that knows more notices, and the one that does not is held by them. Returns that one.
    async fn is_noticed(&self) -> Replica {
        let head = last_revision(&self.before);
        for replica in [&self.a, &self.c] {
            let said = refuses(replica, "DIVERGED").await;
            for revision in [head, self.shared] {
                assert!(said.contains(&revision.to_string()), "{revision}: {said}");
            }
            // What both histories have is answered.
            let answered = replica.registrar().ask(verify(&self.kept, DAY, self.shared)).await;
            assert!(answered.verification.is_some());
            let refused = replica.registrar().refusal(verify(&self.lost, DAY, head)).await;
            assert_eq!(refused.reason(), "DIVERGED");
            let refused = replica.registrar().refusal(verify(&self.kept, DAY, None)).await;
            assert_eq!(refused.reason(), "DIVERGED");
        }
        let b = self.fleet.start("b");
        refuses(&b, "LOG_NOT_OPENED").await;
        b
    }

    /// Runs a command of the document on the machine of a replica.
    fn runs(&self, replica: &str, command: &str) -> Output {
        let document = markdown::Document::named("deploy/docs/postgresql-restore.md");
        let blocks = document.blocks();
        let mut lines = blocks.iter().filter(|block| block.kind == "sh").flat_map(|block| &block.lines);
        let line = lines.find(|(_, line)| line.contains(&format!("cpss-registry {command} "))).unwrap().1;
        let line = line.replace("/etc/cpss-registry/config.toml", &self.fleet.config(replica));
        let line = line.replace("--after 1800", &format!("--after {}", self.shared));
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        let confirmed: &[&str] = if command.starts_with("check") { &[] } else { &["--yes"] };
        run(&[&words[..], confirmed].concat())
    }

    fn compared(&self, replica: &str) -> Value {
        let output = run(&["check", "--log", "--json", "--config", &self.fleet.config(replica)]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
    }
}

/// Waits until a replica takes a report. Returns the token.
async fn takes_writes(replica: &Replica) -> String {
    let (client, request) = (replica.registrar(), report());
    until("writes go on", async || client.call(request.clone()).await.is_ok()).await;
    client.report(request).await.token
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_restore_lost_is_pushed_from_a_replica_that_runs() {
    let restored = restored().await;
    let b = restored.is_noticed().await;
    let head = last_revision(&restored.before);
    let compared = restored.runs("a", "check --log");
    assert_eq!(compared.status.code(), Some(1), "{}", said(&compared));
    assert!(said(&compared).contains("the database lacks records"), "{}", said(&compared));
    assert_eq!(restored.compared("a")["last_shared"], restored.shared);
    assert_eq!(restored.compared("a")["node"], restored.fleet.nodes);
    assert_eq!(
        (restored.compared("b")["fine"].as_bool(), restored.compared("c")["replica_head"].as_u64()),
        (Some(true), Some(head))
    );
    let unconfirmed = run(&["log", "push", "--config", &restored.fleet.config("a")]);
    assert_eq!(unconfirmed.status.code(), Some(2), "{}", said(&unconfirmed));

    let pushed = restored.runs("a", "log push");
    assert!(pushed.status.success(), "{}", said(&pushed));
    assert!(
        said(&pushed).contains(&format!("pushed revisions {} to {head}", restored.shared + 1)),
        "{}",
        said(&pushed)
    );
    let again = restored.runs("c", "log push");
    // Its copy may end before what was pushed.
    let text = said(&again);
    assert!(again.status.success() && text.contains("nothing to push"), "{text}");
    let mut token = String::new();
    for replica in [&b, &restored.a, &restored.c] {
        token = takes_writes(replica).await;
    }
    let Restored { a, c, lost, .. } = &restored;
    assert_alike(&[a, &b, c], lost, &token).await;
    let after = records(&b.data());
    assert!(after.starts_with(&restored.before), "the records have their revisions again");
    let loss = run(&["accept-loss", "--after", "1", "--yes", "--config", &restored.fleet.config("a")]);
    assert_eq!(loss.status.code(), Some(1), "{}", said(&loss));
    assert!(said(&loss).contains("nothing is lost"), "{}", said(&loss));
}

/// What was set aside in a data directory, as the document makes it readable.
fn readable(data: &Path) -> PathBuf {
    let (set_aside, read) = (data.join("set-aside"), data.with_file_name("read"));
    let set_aside = fs::read_dir(set_aside).unwrap().next().unwrap().unwrap().path();
    fs::create_dir_all(read.join("log")).unwrap();
    fs::copy(data.join("FORMAT"), read.join("FORMAT")).unwrap();
    for entry in fs::read_dir(set_aside).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().ends_with(".log") {
            fs::copy(entry.path(), read.join("log").join(entry.file_name())).unwrap();
        }
    }
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_restore_lost_is_given_up_and_every_replica_goes_on_alike() {
    let restored = restored().await;
    let config = restored.fleet.config("a");
    refuses(&restored.a, "DIVERGED").await;
    refuses(&restored.c, "DIVERGED").await;
    // One was not heard from: it may have what is lost.
    let early = restored.runs("a", "accept-loss");
    assert_eq!(early.status.code(), Some(1), "{}", said(&early));
    assert!(said(&early).contains("[\"b\"] were not heard from"), "{}", said(&early));
    let b = restored.is_noticed().await;
    let other = run(&["accept-loss", "--after", &(restored.shared + 1).to_string(), "--yes", "--config", &config]);
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));

    let accepted = restored.runs("a", "accept-loss");
    assert!(accepted.status.success(), "{}", said(&accepted));
    let mut token = String::new();
    for replica in [&b, &restored.a, &restored.c] {
        token = takes_writes(replica).await;
    }
    let Restored { a, c, kept, lost, lost_token, shared, before, fleet } = &restored;
    assert_alike(&[a, &b, c], kept, &token).await;
    for replica in [a, &b, c] {
        let changed = replica.registrar().refusal(since(lost_token, kept)).await;
        assert_eq!(changed.reason(), "HISTORY_CHANGED", "{changed:?}");
        let answers = bytes(&replica.registrar(), kept, *shared).await;
        assert_eq!(answers, bytes(&a.registrar(), kept, *shared).await);
    }
    let gone = a.registrar().ask(verify(lost, DAY, None)).await.verification.unwrap();
    assert_eq!(gone.reasons, [v1::Reason::CredentialNotOnFile as i32]);
    let after = records(&c.data());
    let same = before.lines().zip(after.lines()).take_while(|(before, after)| before == after).count();
    assert_eq!(same as u64, *shared, "the history is the same up to there");
    for (name, knew_more) in [("a", true), ("b", false), ("c", true)] {
        assert_eq!(fleet.directory(name).join("data/set-aside").exists(), knew_more, "{name}");
    }
    assert_eq!(restored.compared("c")["fine"], true);
    assert_eq!(records(&readable(&a.data())), *before, "what was set aside can be read");
}
