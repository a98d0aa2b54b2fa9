//! Tokens that expire, and the list of clients as a command shows it.

use std::fs;
use std::process::Command;

use cpss_registry::server::setup::{self, Credentials, NewClient};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tonic::Code;

use super::tls_server::{TlsServer, client, question};
use crate::harness::ops::metric;
use crate::harness::until;

const TOKEN_EXPIRY: &str = "cpss_token_expiry_timestamp_seconds";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_refused_once_it_has_expired_and_its_renewal_is_accepted() {
    let place = TlsServer::start();
    assert_eq!(metric(place.process.ops(), TOKEN_EXPIRY).await, None);
    let token = place.add_client_with_token("medicaid", "payer").await;
    let anonymous = place.unauthenticated().await;
    anonymous.with_token(&token).ask(question()).await;
    let now = cpss_registry::registry::clock::now();
    let left = metric(place.process.ops(), TOKEN_EXPIRY).await.unwrap() - now.as_second() as f64;
    assert!((29.9..30.1).contains(&(left / 86_400.0)), "{left} seconds");

    let list = place.read("clients.toml");
    let line = list.lines().find(|line| line.starts_with("expires = ")).unwrap();
    let soon = now + SignedDuration::from_secs(3);
    place.take_list(&list.replace(line, &format!("expires = {soon:.0}"))).await;
    place.process.wait_for_log("token_expires_soon");
    until("the refusal of the token", async || {
        anonymous.with_token(&token).call(question()).await.is_err_and(|refused| {
            assert_eq!(refused.code(), Code::Unauthenticated);
            assert!(refused.message().contains("the token has expired"), "{refused}");
            true
        })
    })
    .await;

    let renewed = setup::renew_client(place.directory(), "medicaid", 30).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    let Credentials::Token { token: file } = renewed else { panic!("no token") };
    let renewed = fs::read_to_string(file).unwrap();
    anonymous.with_token(renewed.trim()).ask(question()).await;
    let refused = anonymous.with_token(&token).refusal(question()).await;
    assert!(refused.message().contains("does not belong to a client"), "{refused}");
    assert_eq!(place.read("clients.toml").matches("expires = ").count(), 1);
}

/// What the command prints.
fn listed(place: &TlsServer, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
    let output = command.args(["clients", "list"]).arg(place.directory()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_are_listed_beside_a_running_server_without_secrets() {
    let place = TlsServer::start();
    let token = place.add_client_with_token("medicaid", "payer").await;
    for (name, role, days) in [("auditor-1", "auditor", 30), ("late", "certifier", 0), ("region-1-hr", "provider", 30)]
    {
        setup::add_client(place.directory(), &NewClient { days, ..client(name, role) }).unwrap();
    }
    let revoked = setup::revoke(place.directory(), "auditor-1", None).unwrap().to_string();
    fs::remove_file(place.file("region-1-hr.crt")).unwrap();
    let text = listed(&place, &["--json"]);
    let read: Value = serde_json::from_str(&text).unwrap();
    let of = |name: &str| {
        let clients = read["clients"].as_array().unwrap();
        clients.iter().find(|client| client["name"] == name).unwrap_or_else(|| panic!("{name}: {text}")).clone()
    };
    let shown = |name: &str| ["role", "provider_id", "shows", "state"].map(|key| of(name)[key].clone());
    assert_eq!(shown("auditor-1"), [json!("auditor"), json!(null), json!("certificate"), json!("revoked")]);
    assert_eq!(of("auditor-1")["revoked"], json!([revoked]));
    assert_eq!(of("auditor-1")["serial"], json!(revoked));
    assert_eq!(shown("late"), [json!("certifier"), json!(null), json!("certificate"), json!("expired")]);
    assert_eq!(shown("medicaid"), [json!("payer"), json!(null), json!("token"), json!("admitted")]);
    assert!(of("medicaid")["expires"].is_string());
    assert_eq!(
        shown("region-1-hr"),
        [json!("provider"), json!("region-1-cmhc"), json!("certificate"), json!("not here")]
    );
    let registrar = of("registrar");
    assert_eq!(registrar["state"], "admitted");
    assert_eq!(registrar["fingerprint"].as_str().unwrap().len(), 64);
    assert!(registrar["authority"].as_str().unwrap().contains("cpss-registry authority"), "{registrar}");
    // In the course of a rotation, both authorities are shown, and afterwards who was left behind.
    setup::begin_rotation(place.directory()).unwrap();
    setup::renew_client(place.directory(), "registrar", 30).unwrap();
    let table = listed(&place, &[]);
    assert_eq!(table.lines().filter(|line| line.contains("admitted")).count(), 2, "{table}");
    let first = place.read("ca.crt").split_inclusive("-----END CERTIFICATE-----\n").next().unwrap().to_owned();
    fs::write(place.file("ca.crt"), first).unwrap();
    let table = listed(&place, &[]);
    assert!(table.lines().any(|line| line.contains("late") && line.contains("not trusted")), "{table}");
    for secret in [token.as_str(), "PRIVATE KEY"] {
        assert!(!text.contains(secret) && !table.contains(secret));
    }
}
