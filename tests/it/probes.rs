//! The probes of the ops port: what they say of a server that is well, and of one that is not.

use cpss_registry::telemetry::checks::Check;

use super::harness::ops::{get, get_as};
use super::harness::{Process, TODAY, read, until};
use super::tls::tls_server::{TlsServer, question};

/// More than any disk has.
const MORE_THAN_ANY_DISK: &str = "9000000000000000000";

fn names() -> Vec<&'static str> {
    Check::ALL.iter().map(|check| check.name()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_passes_on_a_server_that_is_well_and_no_client_is_named() {
    let place = TlsServer::start();
    let ops = place.process.ops();
    place.client("registrar").await.ask(question()).await;
    let (status, text) = get(ops, "/readyz?verbose").await;
    let expected: String = names().iter().map(|name| format!("{name}: ok\n")).collect();
    assert_eq!((&status[..], text), ("HTTP/1.1 200 OK", format!("ok\n{expected}")));
    let (status, json) = get_as(ops, "/readyz?verbose", "text/html, application/json;q=0.9").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["ready"], true, "{json}");
    let checks = json["checks"].as_array().unwrap();
    assert_eq!(checks.iter().map(|check| check["name"].as_str().unwrap()).collect::<Vec<_>>(), names());
    assert!(checks.iter().all(|check| check["ok"] == true && check.get("reason").is_none()), "{json}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_fails_has_its_reason_and_questions_are_still_answered() {
    let data = tempfile::tempdir().unwrap();
    let (process, _) = Process::start(data.path(), TODAY);
    process.stop();
    let process = Process::spawn_with(data.path(), TODAY, &["--disk-reserve-bytes", MORE_THAN_ANY_DISK]);
    process.listening();
    until("the cause of refused writes", async || {
        let (_, text) = get(process.ops(), "/readyz?verbose").await;
        text.contains("\nwrites: failed: disk: the disk does not accept writes\n")
    })
    .await;
    let (status, text) = get(process.ops(), "/readyz?verbose").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(text.contains(" bytes are free, and the reserve is 9000000000000000000 bytes\n"), "{text}");
    assert!(text.starts_with("ok\n") && text.contains("\nquestions: ok\n"), "{text}");
    let (_, json) = get_as(process.ops(), "/readyz?verbose", "application/json").await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let disk = json["checks"].as_array().unwrap().iter().find(|check| check["name"] == "data_disk").unwrap();
    assert!(disk["ok"] == false && disk["reason"].as_str().unwrap().contains("bytes are free"), "{json}");
    let (status, page) = get(process.ops(), "/status").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(page.contains("<h1 class=\"part\">Questions are answered. 2 checks fail.</h1>"), "{page}");
    assert!(page.contains("<p class=\"cause\">disk: the disk does not accept writes</p>"), "{page}");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_page_says_what_works_and_names_no_client() {
    let place = TlsServer::start();
    let ops = place.process.ops();
    place.client("registrar").await.ask(question()).await;
    let (status, page) = get(ops, "/status").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(page.contains("<h1 class=\"ok\">All checks pass.</h1>"), "{page}");
    for check in Check::ALL {
        let row = format!("<code>{}</code></th><td>{}</td>", check.name(), check.passes());
        assert!(page.contains(&row), "{row}: {page}");
    }
    for fact in ["Head", "Epoch", "Latest signed checkpoint", "Certificate of the server", "Last backup", "Version"] {
        assert!(page.contains(&format!("<th scope=\"row\">{fact}</th>")), "{fact}: {page}");
    }
    assert!(page.contains("<td>none is known</td>"), "{page}");
    // That all checks pass does not mean that there is a backup, so the page says what watches it.
    let (alerts, runbook) = (read("deploy/alerts.yaml"), read("deploy/docs/runbook.md"));
    let (_, watching) = page.split_once("<td>no check fails; the alerts ").unwrap();
    let named = watching.split(|c: char| !c.is_alphanumeric()).filter(|word| word.starts_with("Cpss"));
    let named: Vec<&str> = named.collect();
    assert_eq!(named, ["CpssBackupTooOld", "CpssShipBehind"]);
    for alert in named {
        assert!(
            alerts.contains(&format!("- alert: {alert}\n")) && runbook.contains(&format!("\n## {alert}\n")),
            "{alert}"
        );
    }
    assert!(!page.contains("registrar") && !page.contains("<script"), "{page}");
    assert_eq!(get(ops, "/status.css").await.0, "HTTP/1.1 200 OK");
}
