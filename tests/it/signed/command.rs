//! `verify --sign` and `verify-answer`, as a user runs them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use cpss_registry::proto::v1;
use serde_json::{Value, json};

use crate::harness::requests::register_specialist;
use crate::harness::{Process, TODAY, TestServer, until};

fn run(arguments: &[&str]) -> Output {
    Command::new(Process::binary()).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn path(directory: &Path, name: &str) -> String {
    directory.join(name).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_signed_answer_is_checked_offline_and_a_changed_one_is_refused() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let provider = registry.qualified_provider("Example Center").await;
    let person = registry.credentialed("Xanthippe", "Example-Quillfeather", &[&provider]).await;
    let scratch = tempfile::tempdir().unwrap();
    let [answer, jwks] = ["answer.jws", "jwks.json"].map(|name| path(scratch.path(), name));
    let endpoint = format!("http://{}", server.address());
    let asked = run(&["verify", &person.number, "--sign", &answer, "--endpoint", &endpoint]);
    assert_eq!(asked.status.code(), Some(0), "{asked:?}");
    fs::write(&jwks, registry.ask(v1::GetSigningKeysRequest::default()).await.jwks).unwrap();

    let by_file = run(&["verify-answer", &answer, "--jwks", &jwks]);
    assert_eq!(by_file.status.code(), Some(0), "{by_file:?}");
    let text = said(&by_file);
    for part in ["GENUINE  signed answer", &person.number, "CONFIRMED", "revision", "cpssp-2025"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Quillfeather"));
    let data = server.data_dir().to_str().unwrap().to_owned();
    for keys in [["--endpoint", &endpoint], ["--data-dir", &data]] {
        assert_eq!(said(&run(&["verify-answer", &answer, keys[0], keys[1]])), text, "{keys:?}");
    }
    let json: Value =
        serde_json::from_str(&said(&run(&["verify-answer", &answer, "--jwks", &jwks, "--json"]))).unwrap();
    assert_eq!((&json["genuine"], &json["typ"]), (&json!(true), &json!("cpss-answer+jwt")));
    assert_eq!(json["claims"]["asked"]["credential_number"], json!(person.number));

    let mut changed = fs::read_to_string(&answer).unwrap();
    let middle = changed.len() / 2;
    let other = if &changed[middle..=middle] == "A" { "B" } else { "A" };
    changed.replace_range(middle..=middle, other);
    fs::write(&answer, changed).unwrap();
    let refused = run(&["verify-answer", &answer, "--jwks", &jwks]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).starts_with("NOT GENUINE  do not rely on it: the signature is wrong"), "{refused:?}");
}

#[tokio::test]
async fn a_receipt_is_checked_with_its_proof() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let request = v1::RegisterSpecialistRequest { receipt: true, ..register_specialist("Odalys", "Example-Stone") };
    let recorded = registry.report(request).await;
    let latest = async || registry.call(v1::GetCheckpointRequest::default()).await.map_or(0, |found| found.tree_size);
    until("a checkpoint of the record", async || latest().await >= recorded.revision).await;
    let of = v1::GetInclusionProofRequest { revision: recorded.revision, tree_size: 0 };
    let proof = registry.ask(of).await;
    let base64 = |bytes: &Vec<u8>| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let file = |leaf: &Vec<u8>| {
        json!({ "signed_receipt": recorded.signed_receipt, "inclusion_proof": {
            "leafIndex": proof.leaf_index.to_string(), "leaf": base64(leaf), "treeSize": proof.tree_size.to_string(),
            "hashes": proof.hashes.iter().map(base64).collect::<Vec<_>>(), "checkpoint": proof.checkpoint,
        }})
    };
    let scratch = tempfile::tempdir().unwrap();
    let receipt = path(scratch.path(), "receipt.json");
    let data = server.data_dir().to_str().unwrap().to_owned();
    fs::write(&receipt, file(&proof.leaf).to_string()).unwrap();
    let checked = run(&["verify-answer", &receipt, "--data-dir", &data]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    assert!(said(&checked).contains("GENUINE  signed receipt") && said(&checked).contains("is in the tree of"));

    let mut other = proof.leaf.clone();
    other[0] ^= 1;
    fs::write(&receipt, file(&other).to_string()).unwrap();
    let refused = run(&["verify-answer", &receipt, "--data-dir", &data]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("about another record"), "{refused:?}");
}
