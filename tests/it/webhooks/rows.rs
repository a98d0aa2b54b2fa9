//! A receiver gets what its client may see, and nothing else.

use cpss_registry::proto::v1;
use cpss_registry::server::setup;

use super::receiver::Receiver;
use super::{add_client, qualified};
use crate::harness::until;
use crate::tls::tls_server::{TlsServer, client};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_gets_the_feed_of_its_client_without_names() {
    let (of_provider, of_payer) = (Receiver::start().await, Receiver::start().await);
    let place = TlsServer::start();
    setup::add_client(place.directory(), &client("certifier-1", "certifier")).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    let (registrar, certifier) = (place.client("registrar").await, place.client("certifier-1").await);
    let own = qualified(&certifier, "Sunflower Example Center").await;
    let other = qualified(&certifier, "Magnolia Example Center").await;
    let from_zero = ", allow_local = true, from_revision = 0";
    add_client(&place, &of_provider, "hr-1", "provider", from_zero);
    let list = place.read("clients.toml").replace("region-1-cmhc", &own.provider_id);
    std::fs::write(place.file("clients.toml"), list).unwrap();
    add_client(&place, &of_payer, "payer-1", "payer", from_zero);
    // The second receiver has a certificate of its own.
    let both = format!("{}{}", of_provider.certificate(), of_payer.certificate());
    std::fs::write(place.file("receiver.crt"), both).unwrap();
    let mine = registrar.credentialed("Robin", "Example-Stone", &[&own]).await;
    let theirs = registrar.credentialed("Kim", "Example-River", &[&other]).await;
    place.hang_up_until("loaded the list of clients").await;

    for (name, receiver) in [("hr-1", &of_provider), ("payer-1", &of_payer)] {
        let after = Some(v1::ChangePosition::default());
        let request = v1::ListChangesRequest { after, page_size: 1000, ..Default::default() };
        let page = place.client(name).await.ask(request).await;
        let messages: Vec<_> = page.messages.iter().filter(|message| !message.changes.is_empty()).collect();
        until("all deliveries", async || receiver.confirmed().len() >= messages.len()).await;
        let confirmed = receiver.confirmed();
        for (message, received) in messages.iter().zip(&confirmed) {
            let body: serde_json::Value = serde_json::from_str(&received.body).unwrap();
            assert_eq!(body["revision"], message.revision.to_string());
            assert_eq!(body["changes"].as_array().unwrap().len(), message.changes.len());
        }
        assert_eq!(confirmed.len(), messages.len());
        let all: String = confirmed.iter().map(|received| received.body.as_str()).collect();
        assert!(all.contains(&mine.number), "{name}");
        assert_eq!(all.contains(&theirs.number), name == "payer-1", "{name}");
        assert_eq!(all.contains("designation"), name == "hr-1", "{name}: a payer sees no designations");
        for personal in ["Robin", "Kim", "Example", "Sunflower", "birth"] {
            assert!(!all.contains(personal), "{name}: {personal}");
        }
    }
}
