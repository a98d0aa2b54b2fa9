//! The authority is replaced while clients of the old and of the new one call.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cpss_registry::server::setup::{self, SetupError};
use tonic::Code;
use tonic::transport::Endpoint;

use super::tls_server::{TlsServer, client, question};
use crate::harness::{Client, until};

/// A certificate with its key, and the authorities that its client trusts.
#[derive(Clone)]
struct Files {
    shown: (String, String),
    authorities: String,
}

impl Files {
    fn of(place: &TlsServer, name: &str) -> Files {
        Files {
            shown: (place.read(&format!("{name}.crt")), place.read(&format!("{name}.key"))),
            authorities: place.read("ca.crt"),
        }
    }

    fn endpoint(&self, place: &TlsServer) -> Endpoint {
        place.endpoint_of(&self.authorities, Some(self.shown.clone()))
    }

    async fn connect(&self, place: &TlsServer) -> Result<Client, tonic::transport::Error> {
        connected(&self.endpoint(place)).await
    }
}

async fn connected(endpoint: &Endpoint) -> Result<Client, tonic::transport::Error> {
    Ok(Client::on(endpoint.connect().await?))
}

/// Clients that call all the time, on lasting connections and on new ones, until they are stopped.
struct Load {
    stop: Arc<AtomicBool>,
    /// For each client, the number of its answers.
    answered: Vec<Arc<AtomicU64>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn of(place: &TlsServer, files: &Files) -> Load {
        let mut load = Load { stop: Arc::default(), answered: Vec::new(), tasks: Vec::new() };
        for is_lasting in [true, true, false] {
            let endpoint = files.endpoint(place);
            let (stop, answered) = (Arc::clone(&load.stop), Arc::<AtomicU64>::default());
            load.answered.push(Arc::clone(&answered));
            load.tasks.push(tokio::spawn(async move {
                let mut client = connected(&endpoint).await.unwrap();
                while !stop.load(Ordering::Relaxed) {
                    client.ask(question()).await;
                    answered.fetch_add(1, Ordering::Relaxed);
                    if !is_lasting {
                        client = connected(&endpoint).await.unwrap();
                    }
                }
            }));
        }
        load
    }

    /// Waits until every client has called some more.
    async fn goes_on(&self) {
        for answered in &self.answered {
            let before = answered.load(Ordering::Relaxed);
            until("more answers", async || answered.load(Ordering::Relaxed) > before + 20).await;
        }
    }

    /// Stops the clients. Fails if any call failed.
    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("every call is answered");
        }
        self.answered.iter().map(|answered| answered.load(Ordering::Relaxed)).sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_authority_is_replaced_under_load_and_no_call_fails() {
    let place = TlsServer::start();
    setup::add_client(place.directory(), &client("auditor-1", "auditor")).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    let old = Files::of(&place, "auditor-1");
    let old_load = Load::of(&place, &old);
    let registrar_load = Load::of(&place, &Files::of(&place, "registrar"));

    // The second authority. Its clients are accepted beside those of the first.
    setup::begin_rotation(place.directory()).unwrap();
    place.hang_up_until("loaded the certificates").await;
    registrar_load.goes_on().await;
    setup::renew_client(place.directory(), "registrar", 30).unwrap();
    let new = Files::of(&place, "registrar");
    assert_eq!(new.authorities.matches("BEGIN CERTIFICATE").count(), 2);
    let new_load = Load::of(&place, &new);
    new_load.goes_on().await;
    // Whoever has the new ca.crt can go on with the old certificate.
    let old_with_both = Files { authorities: new.authorities.clone(), ..old.clone() };
    let both_load = Load::of(&place, &old_with_both);
    both_load.goes_on().await;
    let is_named = |line: &str| line.contains("earlier_authority_used") && line.contains("urn:cpss:client:auditor-1");
    until("the name of the old client", async || place.process.log().lines().any(is_named)).await;

    // The certificate of the server. Clients that trust the first authority alone must have ended.
    let earlier = registrar_load.end().await + old_load.end().await;
    let open = old.connect(&place).await.unwrap();
    open.ask(question()).await;
    setup::renew_server(place.directory(), 30).unwrap();
    place.hang_up_until("loaded the certificates").await;
    new_load.goes_on().await;
    both_load.goes_on().await;

    // The end is refused while a client has a certificate of the first authority.
    let early = setup::finish_rotation(place.directory());
    assert!(matches!(&early, Err(SetupError::StillSigned { names }) if names == "auditor-1"), "{early:?}");
    let both = both_load.end().await;
    fs::remove_file(place.file("auditor-1.crt")).unwrap();
    setup::finish_rotation(place.directory()).unwrap();
    place.hang_up_until("loaded the certificates").await;
    new_load.goes_on().await;

    // An open connection of the old client is refused at its next call, a new one in the handshake: each by name.
    let refused = open.refusal(question()).await;
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().contains("authority of the certificate is no longer trusted"), "{refused}");
    let again = old_with_both.connect(&place).await;
    let is_refused = match again {
        Err(_) => true,
        // A refusal of the service would have details.
        Ok(client) => client.refusal(question()).await.details().is_empty(),
    };
    assert!(is_refused, "the handshake ends before any call");
    place.process.wait_for_log("client_certificate_refused");
    let log = place.process.log();
    let line = log.lines().find(|line| line.contains("client_certificate_refused")).unwrap();
    assert!(line.contains("urn:cpss:client:auditor-1") && line.contains("UnknownIssuer"), "{line}");
    println!("no call failed: {earlier} of the old, {both} of both, {} of the new authority", new_load.end().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_is_trusted_again_is_trusted_on_open_connections() {
    let place = TlsServer::start();
    let registrar = place.client("registrar").await;
    registrar.ask(question()).await;
    let first = place.read("ca.crt");
    setup::begin_rotation(place.directory()).unwrap();
    let second = place.read("ca.crt").replace(&first, "");
    fs::write(place.file("ca.crt"), second).unwrap();
    place.hang_up_until("loaded the certificates").await;
    assert_eq!(registrar.refusal(question()).await.code(), Code::Unauthenticated);
    fs::write(place.file("ca.crt"), first).unwrap();
    place.hang_up_until("loaded the certificates").await;
    registrar.ask(question()).await;
}
