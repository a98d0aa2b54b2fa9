//! A client whose role changes: responses that it got before are not returned again for the same request.

use tonic::Code;

use super::tls_server::TlsServer;
use crate::harness::Refusal as _;
use crate::harness::requests::{end_period, qualify, register_provider};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_does_not_bypass_a_role() {
    let place = TlsServer::start();
    let token = place.add_client_with_token("clerk", "certifier").await;
    let clerk = place.unauthenticated().await.with_token(&token);
    let registering = register_provider("Sunflower Example Center");
    let provider_id = clerk.ask(registering.clone()).await.provider.unwrap().provider_id;
    let fact_id = clerk.ask(qualify(&provider_id, "2020-01-01")).await.fact_id;
    let ending = end_period(&fact_id, "2021-12-31", "as the certificate says");
    let ended = clerk.ask(ending.clone()).await;
    assert_eq!(clerk.ask(ending.clone()).await, ended, "the same request has the same answer");

    // The same client with the same token and the same requests; only its role is different.
    let list = place.read("clients.toml");
    for role in ["payer\"", "auditor\"", "provider\"\nprovider_id = \"region-1-cmhc\""] {
        place.take_list(&list.replace("role = \"certifier\"", &format!("role = \"{role}"))).await;
        let denied = (Code::PermissionDenied, "PERMISSION_DENIED".to_owned());
        assert_eq!(clerk.refusal(registering.clone()).await.code_and_reason(), denied, "{role}");
        // A provider may end periods too, but may not see what a certifier saw of one.
        assert_eq!(clerk.refusal(ending.clone()).await.code_and_reason(), denied, "{role}");
    }
    // With its old role it gets the response again.
    place.take_list(&list).await;
    assert_eq!(clerk.ask(ending).await, ended);
}
