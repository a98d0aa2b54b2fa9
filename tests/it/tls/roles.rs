//! A client that has another role than it had: an answer that it got before is not given again because it asks again.

use tonic::Code;

use super::tls_server::TlsServer;
use crate::harness::Refusal as _;
use crate::harness::requests::{end_period, qualify, register_provider};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_no_way_around_a_role() {
    let place = TlsServer::start();
    let token = place.let_in_by_token("clerk", "certifier").await;
    let clerk = place.stranger().await.showing(&token);
    let registering = register_provider("Sunflower Example Center");
    let provider_id = clerk.ask(registering.clone()).await.provider.unwrap().provider_id;
    let fact_id = clerk.ask(qualify(&provider_id, "2020-01-01")).await.fact_id;
    let ending = end_period(&fact_id, "2021-12-31", "as the certificate says");
    let ended = clerk.ask(ending.clone()).await;
    assert_eq!(clerk.ask(ending.clone()).await, ended, "the same request has the same answer");

    // The same client by the same token, and the same requests: only its role is another now.
    let list = place.read("clients.toml");
    for role in ["payer\"", "auditor\"", "provider\"\nprovider_id = \"region-1-cmhc\""] {
        place.take_list(&list.replace("role = \"certifier\"", &format!("role = \"{role}"))).await;
        let denied = (Code::PermissionDenied, "PERMISSION_DENIED".to_owned());
        assert_eq!(clerk.refusal(registering.clone()).await.code_and_reason(), denied, "{role}");
        // A provider may end periods, too. What a certifier saw of one is not for it to see.
        assert_eq!(clerk.refusal(ending.clone()).await.code_and_reason(), denied, "{role}");
    }
    // With its role it has its answer again.
    place.take_list(&list).await;
    assert_eq!(clerk.ask(ending).await, ended);
}
