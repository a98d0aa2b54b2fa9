//! Certificates and the list of clients change while calls are made. `CPSS_RELOADS=1000 cargo test --profile bench
//! --test it tls::reload -- --nocapture` changes the certificate a thousand times.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use cpss_registry::server::setup;
use tokio::net::TcpStream;
use tonic::Code;

use super::tls_server::{TlsServer, client, question};
use crate::harness::{Client, Refusal as _, until};

fn reloads() -> u64 {
    std::env::var("CPSS_RELOADS").map_or(20, |text| text.parse().unwrap())
}

/// Writes a key that only the owner can read.
fn write_key(path: &Path, content: &str) {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
}

/// Continuous calls on existing and new connections until stopped.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    async fn start(place: &TlsServer) -> Load {
        let (stop, answered, connections) = (Arc::default(), Arc::default(), Arc::default());
        let mut load = Load { stop, answered, connections, tasks: Vec::new() };
        for _ in 0..4 {
            let client = place.client("registrar").await;
            let (stop, answered) = (Arc::clone(&load.stop), Arc::clone(&load.answered));
            load.tasks.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    client.ask(question()).await;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        for _ in 0..2 {
            let (endpoint, stop) = (place.endpoint(Some("registrar")), Arc::clone(&load.stop));
            let (answered, connections) = (Arc::clone(&load.answered), Arc::clone(&load.connections));
            load.tasks.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    Client::on(endpoint.connect().await.unwrap()).ask(question()).await;
                    connections.fetch_add(1, Ordering::Relaxed);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        load
    }

    /// Stops the load. Fails if any call failed.
    async fn end(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("every call is answered");
        }
        (self.answered.load(Ordering::Relaxed), self.connections.load(Ordering::Relaxed))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_change_under_load_and_no_call_fails() {
    let place = TlsServer::start();
    let load = Load::start(&place).await;
    let started = Instant::now();
    let (mut taken, mut refused) = (0, 0);
    for at in 0..reloads() {
        let (certificate, key) = (place.read("server.crt"), place.read("server.key"));
        let before = place.shown().await;
        setup::renew_server(place.directory(), 30).unwrap();
        if at % 4 == 0 {
            // Intermediate states of a slow writer: a mixed pair, and half a certificate.
            let (new_certificate, new_key) = (place.read("server.crt"), place.read("server.key"));
            write_key(&place.file("server.key"), &key);
            place.hang_up_until("rejected the new certificates").await;
            fs::write(place.file("server.crt"), &certificate[..certificate.len() / 2]).unwrap();
            place.hang_up_until("rejected the new certificates").await;
            assert_eq!(place.shown().await, before, "half a pair was taken");
            refused += 2;
            fs::write(place.file("server.crt"), new_certificate).unwrap();
            write_key(&place.file("server.key"), &new_key);
        }
        place.hang_up_until("loaded the certificates").await;
        assert_eq!(place.shown().await, place.on_disk());
        assert_ne!(place.shown().await, before);
        taken += 1;
    }
    let (answered, connections) = load.end().await;
    assert!(answered > 0 && connections > 0);
    println!(
        "{taken} certificates taken and {refused} halves refused in {:.1} s, under {answered} calls on 4 lasting \
         connections and {connections} new ones: none failed",
        started.elapsed().as_secs_f64()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_noticed_without_a_signal() {
    let place = TlsServer::start();
    let before = place.shown().await;
    setup::renew_server(place.directory(), 30).unwrap();
    until("another certificate", async || place.shown().await != before).await;
    assert_eq!(place.shown().await, place.on_disk());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_signaled_while_the_registry_opens_is_loaded() {
    let place = TlsServer::opening(&[]);
    // The ops port is opened first.
    until("the ops port", async || TcpStream::connect(place.process.ops()).await.is_ok()).await;
    setup::add_client(place.directory(), &client("auditor-1", "auditor")).unwrap();
    place.process.hang_up();
    place.process.listening();
    place.process.wait_for_log("loaded the list of clients");
    place.client("auditor-1").await.ask(question()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_client_is_refused_at_its_next_call_and_an_invalid_list_changes_nothing() {
    let place = TlsServer::start();
    let without = place.read("clients.toml");
    setup::add_client(place.directory(), &client("auditor-1", "auditor")).unwrap();
    let with = place.read("clients.toml");
    place.hang_up_until("loaded the list of clients").await;
    let auditor: Client = place.client("auditor-1").await;
    auditor.ask(question()).await;

    let broken = format!("{without}\n[[client]]\nname = \"x\"\nsan_uri = \"urn:x\"\nrole = \"king\"\n");
    fs::write(place.file("clients.toml"), broken).unwrap();
    place.hang_up_until("rejected the new list of clients").await;
    auditor.ask(question()).await;
    let line = place.read("clients.toml").lines().count();
    let mistake = format!("clients.toml:{line}: `king` is not a role");
    assert!(place.process.log().contains(&mistake), "{mistake}: {}", place.process.log());

    // A new role also applies from the next call on.
    fs::write(place.file("clients.toml"), with.replace("\"auditor\"", "\"certifier\"")).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    assert_eq!(auditor.refusal(question()).await.code(), Code::PermissionDenied);

    fs::write(place.file("clients.toml"), without).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    assert_eq!(
        auditor.refusal(question()).await.code_and_reason(),
        (Code::Unauthenticated, "UNAUTHENTICATED".to_owned())
    );
    place.client("registrar").await.ask(question()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_removes_more_than_half_of_the_clients_needs_confirmation() {
    let place = TlsServer::start();
    let alone = place.read("clients.toml");
    for name in ["auditor-1", "auditor-2"] {
        setup::add_client(place.directory(), &client(name, "auditor")).unwrap();
    }
    place.hang_up_until("loaded the list of clients").await;
    let auditor: Client = place.client("auditor-1").await;
    for cut_off in ["", alone.as_str()] {
        fs::write(place.file("clients.toml"), cut_off).unwrap();
        place.hang_up_until("rejected the new list of clients").await;
        auditor.ask(question()).await;
    }
    assert!(place.process.log().contains("it would remove 2 of 3 clients"), "{}", place.process.log());
    fs::write(place.file("clients.toml"), format!("remove_more_than_half = true\n{alone}")).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    assert_eq!(auditor.refusal(question()).await.code(), Code::Unauthenticated);
    place.client("registrar").await.ask(question()).await;
}
