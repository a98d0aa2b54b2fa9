//! A person is redacted in a shared log: the database and every replica's copy lose the name, and nothing else changes.

use std::path::Path;

use cpss_registry::proto::v1::{self, Reason, Verdict};

use crate::fleet::{Fleet, INSTALLER, Replica, run, said};
use crate::harness::requests::{change_name, verify};
use crate::harness::{files_below, until};
use crate::replicas::{credential, since};

/// The family name of the person, which nobody else has.
const FAMILY: &str = "Example-Quillon";

fn is_named_in(directory: &Path) -> bool {
    let name = [FAMILY.as_bytes(), b"examplequillon"];
    files_below(directory).iter().any(|file| {
        let bytes = std::fs::read(file).unwrap_or_default();
        name.iter().any(|name| bytes.windows(name.len()).any(|part| part == *name))
    })
}

async fn is_named_in_database(fleet: &Fleet) -> bool {
    let query = format!("SELECT count(*) FROM cpss_registry.log WHERE position('{FAMILY}'::bytea IN frame) > 0");
    fleet.server.superuser().await.query_one(&query, &[]).await.unwrap().get::<_, i64>(0) > 0
}

async fn says_redacted(replica: &Replica, number: &str) {
    let client = replica.registrar();
    until("answers say that the name was redacted", async || {
        let asked = client.call(verify(number, None, None)).await;
        asked.is_ok_and(|answer| {
            let answer = answer.verification.unwrap();
            assert_eq!(answer.verdict(), Verdict::Confirmed);
            answer.reasons().next_back() == Some(Reason::NameRedacted)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redaction_reaches_the_database_and_every_replica() {
    let fleet = Fleet::begin().await;
    let (a, b) = (fleet.start("a"), fleet.add("b"));
    let (number, _) = credential([&a, &b, &a], "Example-Stone").await;
    let asked = v1::FindSpecialistsRequest { family_name: "Example-Stone".to_owned(), ..Default::default() };
    let found = a.registrar().ask(asked).await.specialists;
    let [person] = &found[..] else { panic!("{found:?}") };
    let token = a.registrar().report(change_name(&person.specialist_id, "Ada", FAMILY)).await.token;
    for replica in [&a, &b] {
        replica.registrar().ask(since(&token, &number)).await;
    }
    assert!(is_named_in(&a.data()) && is_named_in(&b.data()) && is_named_in_database(&fleet).await);
    let (id, config, url, password) =
        (person.specialist_id.clone(), fleet.config("a"), fleet.url(INSTALLER), fleet.password());
    let redact = ["redact", "--specialist", &id, "--why", "order 26-118", "--config", &config];
    let owner = ["--log-owner-url", &url, "--log-owner-password-file", &password];
    // The data directory is a copy, and the role of replicas may not redact.
    let here = run(&redact);
    assert!(said(&here).contains("name it with --log-owner-url"), "{}", said(&here));
    let replica = fleet.url("cpss");
    let refused = run(&[&redact[..], &["--log-owner-url", &replica, "--log-owner-password-file", &password]].concat());
    assert!(said(&refused).contains("may not redact") && is_named_in_database(&fleet).await, "{}", said(&refused));
    let dry = run(&[&redact[..], &owner, &["--dry-run"]].concat());
    assert!(dry.status.success() && said(&dry).contains("name, birth date"), "{}", said(&dry));
    assert!(is_named_in_database(&fleet).await);

    let done = run(&[&redact[..], &owner].concat());
    assert!(done.status.success() && said(&done).contains("recorded in revision"), "{}", said(&done));
    assert!(!is_named_in_database(&fleet).await);
    for replica in [&a, &b] {
        says_redacted(replica, &number).await;
        assert!(!is_named_in(&replica.data()));
    }
    // A replica that joins later never gets the name, and the copies are still those of the database.
    let c = fleet.add("c");
    says_redacted(&c, &number).await;
    assert!(!is_named_in(&c.data()));
    let again = run(&[&redact[..], &owner].concat());
    assert!(again.status.success() && said(&again).contains("nothing is left"), "{}", said(&again));
    for (replica, family) in [(&a, "Example-Brook"), (&b, "Example-Hill"), (&c, "Example-Dale")] {
        credential([replica, replica, replica], family).await;
    }
    for (name, replica) in [("a", a), ("b", b), ("c", c)] {
        replica.process.stop();
        let checked = run(&["check", "--log", "--config", &fleet.config(name)]);
        assert!(checked.status.success(), "{}", said(&checked));
        assert!(!is_named_in(&fleet.directory(name)), "{name}");
    }
}
