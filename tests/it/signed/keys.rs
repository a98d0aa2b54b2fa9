//! The public keys: where anybody gets them, and that they last.

use std::process::Command;

use cpss_registry::proof::jws;
use cpss_registry::proto::v1;

use super::{checked, key_set};
use crate::browser::exchange::send;
use crate::harness::requests::verify;
use crate::harness::{Client, Process, TODAY, TestServer, until};

const PATH: &str = "/.well-known/jwks.json";

async fn sign(client: &Client) -> String {
    let question = v1::VerifyCredentialRequest { sign: true, ..verify("CPS-0000-0000-0", None, None) };
    client.ask(question).await.signed_answer
}

#[tokio::test]
async fn anyone_may_read_the_keys_and_keep_them_for_a_while() {
    let server = TestServer::start(TODAY).await;
    let answer = send(&server, "GET", PATH, &[], "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/jwk-set+json")));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let by_rpc = server.client().ask(v1::GetSigningKeysRequest::default()).await.jwks;
    assert_eq!(answer.body, by_rpc);
    let tag = format!("if-none-match: {}", answer.header("etag").unwrap());
    assert_eq!(send(&server, "GET", PATH, &[&tag], "").await.status, 304);
    assert_eq!(send(&server, "POST", PATH, &[], "").await.status, 405);
    let keys = key_set(&server.client()).await;
    let algorithms: Vec<_> = keys.keys().iter().map(|key| key.purpose().algorithm()).collect();
    assert_eq!(algorithms, ["ES256", "EdDSA"]);
    assert!(!by_rpc.contains("\"d\""), "no private half");
    for role in ["payer", "auditor", "certifier", "operator"] {
        let asked = server.client().calling_as(role).ask(v1::GetSigningKeysRequest::default()).await;
        assert_eq!(asked.jwks, by_rpc, "{role}");
    }
}

#[tokio::test]
async fn a_registry_of_an_earlier_release_gets_keys_at_its_start_and_keeps_them() {
    let server = TestServer::start(TODAY).await;
    let signed = sign(&server.client()).await;
    let server = server.restart(TODAY).await;
    checked(&server.client(), &signed).await;
    let data = server.stop().await;
    for name in ["answers-1.jwk", "answers-1.p8", "checkpoints-1.jwk", "checkpoints-1.p8"] {
        std::fs::remove_file(data.path().join("keys").join(name)).unwrap();
    }
    let server = TestServer::start_on(data, TODAY).await;
    let keys = key_set(&server.client()).await;
    assert_eq!(jws::verify(&signed, &keys), Err(jws::JwsError::UnknownKey));
    checked(&server.client(), &sign(&server.client()).await).await;
}

#[tokio::test]
async fn a_key_that_is_rotated_away_still_verifies_what_it_signed() {
    let data = tempfile::tempdir().unwrap();
    let (server, client) = Process::start(data.path(), TODAY);
    let before = sign(&client).await;
    let place = ["--data-dir", data.path().to_str().unwrap()];
    let rotate = |step: &str| {
        let ended = Command::new(Process::binary()).args(["rotate-keys", step]).args(place).output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        server.hang_up();
    };
    let first = checked(&client, &before).await.kid;
    rotate("begin");
    until("the next key is published", async || key_set(&client).await.keys().len() == 3).await;
    assert_eq!(checked(&client, &sign(&client).await).await.kid, first, "the first key signs until the end");
    rotate("finish");
    until("the next key signs", async || key_set(&client).await.keys()[0].kid() != first).await;
    assert_ne!(checked(&client, &sign(&client).await).await.kid, first);
    assert_eq!(checked(&client, &before).await.kid, first);
    server.stop();
}

#[tokio::test]
async fn the_next_key_of_checkpoints_is_announced_before_anything_else_is_recorded() {
    let data = tempfile::tempdir().unwrap();
    let (server, client) = Process::start(data.path(), TODAY);
    let checkpoint = async || client.ask(v1::GetCheckpointRequest::default()).await.checkpoint;
    until("a checkpoint", async || client.call(v1::GetCheckpointRequest::default()).await.is_ok()).await;
    assert!(!checkpoint().await.contains("next-key"));
    let place = ["--checkpoints", "--data-dir", data.path().to_str().unwrap()];
    let begun = Command::new(Process::binary()).args(["rotate-keys", "begin"]).args(place).output().unwrap();
    assert!(begun.status.success(), "{begun:?}");
    server.hang_up();
    until("the next key is announced", async || checkpoint().await.contains("next-key")).await;
    server.stop();
}
