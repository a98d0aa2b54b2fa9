//! Certificates, tokens, neither and both; and silent peers.

use cpss_registry::proto::v1;
use cpss_registry::server::setup::{self, NewClient};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::tls_server::{TlsServer, client, question, set_up};
use crate::harness::{Client, Refusal as _, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_identified_by_its_certificate_or_token() {
    let place = TlsServer::start();
    let token = place.add_client_with_token("medicaid", "payer").await;
    let (registrar, anonymous) = (place.client("registrar").await, place.unauthenticated().await);
    registrar.ask(question()).await;
    registrar.ask(v1::ListCredentialsRequest::default()).await;
    let payer = anonymous.with_token(&token);
    payer.ask(question()).await;
    assert_eq!(payer.refusal(v1::ListCredentialsRequest::default()).await.code(), Code::PermissionDenied);

    let unauthenticated = (Code::Unauthenticated, "UNAUTHENTICATED".to_owned());
    let wrong = token.replace(&token[5..7], if &token[5..7] == "00" { "01" } else { "00" });
    for nobody in
        [anonymous.clone(), anonymous.with_token(&wrong), anonymous.with_token("short"), registrar.with_token(&token)]
    {
        assert_eq!(nobody.refusal(question()).await.code_and_reason(), unauthenticated);
    }
    for dev in [registrar.calling_as("certifier"), registrar.on_day("2026-03-02")] {
        assert_eq!(dev.refusal(question()).await.code(), Code::InvalidArgument);
    }
    assert_eq!(anonymous.calling_as("registrar").refusal(question()).await.code_and_reason(), unauthenticated);
    // Health checks contain no personal data.
    let health = HealthClient::new(anonymous.service()).check(HealthCheckRequest::default()).await;
    assert!(health.is_ok(), "{health:?}");
    assert!(!place.process.log().contains(&token), "no token is ever logged");
}

/// The status code with which a call with this certificate is refused, during TLS or after it.
async fn refused_at(place: &TlsServer, shown: &(String, String)) -> Code {
    // In TLS 1.3 the handshake completes for the client before the server has checked the certificate; the call then
    // fails.
    let Ok(channel) = place.endpoint_with(Some(shown.clone())).connect().await else { return Code::Unavailable };
    let refused = Client::on(channel).refusal(question()).await;
    // The transport reports the failure in various ways; refusals of the service carry details.
    assert!(refused.code() == Code::Unauthenticated || refused.details().is_empty(), "{refused:?}");
    refused.code()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_have_expired_or_are_of_another_authority_are_refused() {
    let place = TlsServer::start();
    let expired = NewClient { days: 0, ..client("late", "auditor") };
    setup::add_client(place.directory(), &expired).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    set_up(elsewhere.path());
    let read = |name: &str| std::fs::read_to_string(elsewhere.path().join(name)).unwrap();
    place.hang_up_until("loaded the list of clients").await;

    let of_the_place = |name: &str| (place.read(&format!("{name}.crt")), place.read(&format!("{name}.key")));
    let foreign = (read("registrar.crt"), read("registrar.key"));
    for shown in [of_the_place("late"), foreign, of_the_place("server")] {
        // A certificate is valid through its last second: until it is over admission refuses, and from then on TLS
        // does.
        until("a refusal by TLS", async || {
            // Unauthenticated connections may ask twenty times per second.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            refused_at(&place, &shown).await != Code::Unauthenticated
        })
        .await;
    }
    // A trusted chain, but the client is not on the list.
    let list = place.read("clients.toml");
    setup::add_client(place.directory(), &client("unlisted", "auditor")).unwrap();
    std::fs::write(place.file("clients.toml"), list).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    let unlisted = place.client("unlisted").await.refusal(question()).await;
    assert_eq!(unlisted.code_and_reason(), (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_certificate_is_refused_on_open_and_new_connections_and_a_new_one_is_accepted() {
    let place = TlsServer::start();
    setup::add_client(place.directory(), &client("hr", "provider")).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    let lost = (place.read("hr.crt"), place.read("hr.key"));
    let open = place.client("hr").await;
    open.ask(question()).await;
    setup::revoke(place.directory(), "hr", None).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    let refused = open.refusal(question()).await;
    assert_eq!(refused.code_and_reason(), (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()));
    assert!(refused.message().contains("revoked"), "{refused:?}");
    let new = Client::on(place.endpoint_with(Some(lost)).connect().await.unwrap()).refusal(question()).await;
    assert_eq!((new.code(), new.message()), (refused.code(), refused.message()));

    setup::renew_client(place.directory(), "hr", 30).unwrap();
    place.client("hr").await.ask(question()).await;
    place.client("registrar").await.ask(question()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_peers_do_not_block_others() {
    let place = TlsServer::start();
    let address = place.process.listening();
    let mut silent = Vec::new();
    // More than the limit of unauthenticated connections, each with ten seconds for its handshake.
    for _ in 0..1100 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    place.client("registrar").await.ask(question()).await;
    // The oldest were closed; the latest are still open.
    let read = silent[0].read(&mut [0; 1]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert!(!place.process.log().contains("TLS handshake timed out"), "it was closed at its timeout, and not before");
    let latest = silent.last_mut().unwrap().try_read(&mut [0; 1]);
    assert_eq!(latest.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
