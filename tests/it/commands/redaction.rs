//! A person is redacted: the name is nowhere on disk, and the answers about the person say what was removed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use cpss_registry::domain::id::SpecialistId;
use cpss_registry::proto::v1::{self, FactKind, Reason, Verdict};

use super::{PROGRAM, Said};
use crate::harness::requests::{
    BORN, change_name, date, facts_of_specialist, name, register_specialist, transfer, verify,
};
use crate::harness::{Client, Process, TODAY, files_below};
use crate::signed::checked;

/// Texts that only the files about the person had, in the forms in which they are stored.
const TRACES: [&str; 5] = ["Quillon", "quillon", "Example-Stone", "examplestone", "Hollis"];

fn run(arguments: &[&str]) -> Said {
    let output = Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().unwrap();
    Said::of(&output)
}

/// Where a trace of the person is in the raw files of a directory.
fn traces(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for path in files_below(directory) {
        let bytes = fs::read(&path).unwrap();
        for trace in TRACES {
            if bytes.windows(trace.len()).any(|part| part == trace.as_bytes()) {
                found.push(format!("{}: {trace}", path.display()));
            }
        }
    }
    found
}

fn by_name(number: &str, family: &str, revision: Option<u64>) -> v1::VerifyCredentialRequest {
    let mut request = verify(number, None, revision);
    request.item.as_mut().unwrap().family_name = family.to_owned();
    request
}

fn by_holder(given: &str, family: &str) -> v1::VerifyCredentialRequest {
    let holder = v1::HolderIdentity { name: Some(name(given, family)), birth_date: Some(date(BORN)) };
    let mut request = verify("", None, None);
    request.item.as_mut().unwrap().subject = Some(v1::verification_item::Subject::Holder(holder));
    request
}

async fn found(registry: &Client, family: &str) -> Vec<v1::FoundSpecialist> {
    let family_name = family.to_owned();
    registry.ask(v1::FindSpecialistsRequest { family_name, ..Default::default() }).await.specialists
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_that_a_restore_left_above_are_listed_as_not_reached() {
    let scratch = tempfile::tempdir().unwrap();
    let above = scratch.path().canonicalize().unwrap();
    let [data, backup] = ["data", "backup"].map(|name| above.join(name));
    let (process, registry) = Process::start(&data, TODAY);
    let employer = registry.qualified_provider("Calhoun Center").await;
    let person = registry.credentialed("Quillon", "Hollis", &[&employer]).await;
    tokio::task::block_in_place(|| process.stop());
    let restored = data.join("restored");
    let [data_text, backup_text, restored_text] = [&data, &backup, &restored].map(|path| path.to_str().unwrap());
    run(&["backup", backup_text, "--data-dir", data_text]).exits(0);
    run(&["restore", backup_text, "--data-dir", restored_text]).exits(0);
    // Logs of other programs.
    fs::create_dir(above.join("log")).unwrap();
    let redact = ["redact", "--specialist", &person.specialist_id, "--why", "order 26-118", "--dry-run", "--data-dir"];
    let kept = "data directories that were kept after a restore or an upgrade";
    run(&[&redact[..], &[data_text]].concat()).exits(0).prints(&format!("{kept}: delete them"));
    let [log, index] = ["log", "index"].map(|name| data.join(name));
    let here = format!("{kept} (here: {}, {}): delete them", log.display(), index.display());
    run(&[&redact[..], &[restored_text]].concat()).exits(0).prints(&here);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redacted_name_is_nowhere_on_disk_and_answers_say_so() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let place = data.to_str().unwrap();
    let (process, registry) = Process::start(&data, TODAY);
    let employers =
        [registry.qualified_provider("Calhoun Center").await, registry.qualified_provider("Lamar Center").await];
    let person = registry.credentialed("Quillon", "Hollis", &[&employers[0]]).await;
    let other = registry.credentialed("Odalys", "Abernathy-Example", &[&employers[0]]).await;
    registry.report(change_name(&person.specialist_id, "Quillon", "Example-Stone")).await;
    // One record about both of them.
    registry.report(transfer(&employers[0].provider_id, &employers[1].provider_id, "2026-02-27")).await;
    let revision = registry.head().await;
    let mismatch = registry.verification_of(by_name(&person.number, "Abernathy-Example", None)).await;
    assert_eq!(mismatch.reasons().next(), Some(Reason::NameMismatch));
    let named = registry.verification_of(by_name(&person.number, "Hollis", None)).await;
    let last: Vec<_> = named.reasons().collect();
    assert_eq!(last.last(), Some(&Reason::NameIsFormer));
    let held = registry.verification_of(by_holder("Quillon", "Example-Stone")).await;
    assert_eq!((held.verdict(), held.credential_number), (Verdict::Confirmed, person.number.clone()));
    tokio::task::block_in_place(|| process.stop());
    assert!(traces(&data).len() > 4, "{:?}", traces(&data));

    let redact = ["redact", "--data-dir", place, "--specialist", &person.specialist_id, "--why"];
    let refused = run(&[&redact[..], &["on behalf of Quillon"]].concat()).exits(2);
    refused.warns("the reason has a name of the person or the year of birth");
    let nobody = SpecialistId::from_number(1).to_string();
    let unknown = ["redact", "--data-dir", place, "--specialist", &nobody, "--why", "order 26-118"];
    run(&unknown).exits(2).warns(&format!("no specialist {nobody} is on file"));
    let before: Vec<_> = files_below(&data.join("log")).iter().map(|file| fs::read(file).unwrap()).collect();
    let dry = run(&[&redact[..], &["order 26-118", "--dry-run"]].concat()).exits(0);
    let about = format!("this would be removed about {} ({}):", person.specialist_id, person.number);
    let dry = dry.prints(&about).prints(": name, birth date").prints(": 2 texts; 1 of them about");
    assert!(!dry.out.contains("Quillon") && !dry.out.contains("Hollis"), "{dry:?}");
    let after: Vec<_> = files_below(&data.join("log")).iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(before == after, "a dry run changes nothing");

    let done =
        run(&[&redact[..], &["order 26-118", "--by", "clerk of records", "--json"]].concat()).exits(0).json_object();
    assert_eq!(done["revision"], revision + 1);
    assert_eq!(done["records"].as_array().unwrap().len(), 4, "{done}");
    assert_eq!(done["credential_numbers"], serde_json::json!([person.number]));
    assert_eq!(traces(&data), Vec::<String>::new());
    run(&["check", "--data-dir", place]).exits(0);
    run(&[&redact[..], &["order 26-118"]].concat()).exits(0).prints("nothing is left to remove");

    let (process, registry) = Process::start(&data, TODAY);
    assert_eq!(registry.head().await, revision + 1);
    answers_say_what_was_removed(&registry, &person, revision).await;
    // The other person is found and asked about as before.
    assert_eq!(found(&registry, "abernathy").await.len(), 1);
    let others = registry.verification_of(by_name(&other.number, "Abernathy-Example", None)).await;
    assert!(!others.reasons().any(|reason| reason == Reason::NameRedacted));
    // The same name may be reported for somebody else.
    registry.report(register_specialist("Odalys", "Example-Reed")).await;
    tokio::task::block_in_place(|| process.stop());
    assert_eq!(traces(&data), Vec::<String>::new());
    run(&["check", "--data-dir", place]).exits(0);
    let export = scratch.path().join("records.jsonl");
    run(&["export", export.to_str().unwrap(), "--data-dir", place]).exits(0);
    let export = fs::read_to_string(export).unwrap();
    assert!(export.contains("\"SPECIALIST_REDACTED\"") && export.contains("clerk of records"), "{export}");
    assert!(TRACES.iter().all(|trace| !export.contains(trace)) && export.contains("\"redacted\":true"));
}

async fn answers_say_what_was_removed(registry: &Client, person: &crate::harness::scenes::Credentialed, revision: u64) {
    let plain = registry.verify(&person.number, None, None).await;
    assert_eq!(plain.verdict(), Verdict::Confirmed);
    let reasons: Vec<_> = plain.reasons().collect();
    assert_eq!(reasons.last(), Some(&Reason::NameRedacted), "{reasons:?}");
    for family in ["Hollis", "Example-Stone", "Abernathy-Example"] {
        for at in [None, Some(revision)] {
            let answer = registry.verification_of(by_name(&person.number, family, at)).await;
            assert_eq!(answer.verdict(), Verdict::Confirmed, "no family name is checked");
            assert_eq!(answer.reasons().next_back(), Some(Reason::NameRedacted));
        }
        assert_eq!(
            found(registry, family).await.iter().filter(|one| one.specialist_id == person.specialist_id).count(),
            0
        );
        let held = registry.verification_of(by_holder("Quillon", family)).await;
        assert_eq!(held.reasons().next(), Some(Reason::CredentialNotOnFile));
    }
    let asked = v1::GetCredentialRequest {
        credential_number: person.number.clone(),
        family_name: "Abernathy-Example".to_owned(),
        sign: true,
        ..Default::default()
    };
    let got = registry.ask(asked).await;
    assert!(got.credential.unwrap().display_name.is_empty());
    let claims = checked(registry, &got.signed_answer).await.claims;
    assert_eq!(claims["asked"]["family_name_checked"], false);
    let asked = v1::FindSpecialistsRequest { birth_date: Some(date(BORN)), ..Default::default() };
    let born = registry.ask(asked).await.specialists;
    assert!(born.iter().all(|one| one.specialist_id != person.specialist_id), "{born:?}");
    let facts = registry.ask(facts_of_specialist(&person.specialist_id)).await.facts;
    let [.., last] = &facts[..] else { panic!("facts") };
    assert_eq!((last.kind(), last.reason.as_str()), (FactKind::SpecialistRedacted, "order 26-118"));
    assert_eq!((last.caller.as_str(), last.revision), ("clerk of records", revision + 1));
    assert!(facts.iter().all(|fact| fact.name.is_none() && fact.birth_date.is_none() && fact.position.is_empty()));
    let mut earlier = facts_of_specialist(&person.specialist_id);
    earlier.known_at = Some(crate::harness::requests::known_at(revision));
    let earlier = registry.ask(earlier).await.facts;
    assert_eq!(earlier.len() + 1, facts.len(), "the redaction was not known then");
    assert!(earlier.iter().all(|fact| fact.name.is_none()));
    let refused = registry.refusal(crate::harness::requests::retract(&last.fact_id, "a mistake")).await;
    assert_ne!(refused.code(), tonic::Code::Ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_fails_after_the_record_says_so_and_completes_it_when_it_is_run_again() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let (process, registry) = Process::start(&data, TODAY);
    let registered = registry.report(register_specialist("Quillon", "Hollis")).await;
    let person = registered.specialist.unwrap().specialist_id;
    let revision = registry.head().await + 1;
    tokio::task::block_in_place(|| process.stop());
    // Something that is not a file is in the place of a segment that was set aside.
    let obstacle = data.join("set-aside").join("earlier").join("00000000000000000001.log");
    fs::create_dir_all(&obstacle).unwrap();
    let place = data.to_str().unwrap();
    let redact = ["redact", "--data-dir", place, "--specialist", &person, "--why", "order 26-118"];
    for _ in 0..2 {
        run(&redact).exits(1).warns(&format!("not everything was redacted: revision {revision} orders the redaction"));
        assert!(!traces(&data).is_empty());
    }
    fs::remove_dir(&obstacle).unwrap();
    run(&redact).exits(0).prints(&format!("the redaction of revision {revision} is complete"));
    assert_eq!(traces(&data), Vec::<String>::new());
}
