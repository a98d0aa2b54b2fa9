//! A record that comes in several posts.

use std::time::Duration;

use super::receiver::Manner;
use super::{check_order, delivered, delivering, expected, qualified};
use crate::feed::crowd::employ;
use crate::harness::requests::end_period;
use crate::harness::until;
use crate::tls::tls_server::TlsServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_confirms_only_the_first_part_of_a_record_is_asked_ever_less_often() {
    let place = TlsServer::start();
    let receiver = delivering(&place, ", allow_local = true").await;
    let (registrar, certifier) = (place.client("registrar").await, place.client("certifier-1").await);
    let begin = registrar.head().await;
    let closing = qualified(&certifier, "Big Black Example Residential Center").await;
    employ(&registrar, &closing, 520).await;
    let auditor = place.client("auditor-1").await;
    delivered(&receiver, &expected(&auditor, begin).await).await;

    receiver.behave(Manner::RefuseSecondPart);
    let ended = certifier.ask(end_period(&closing.qualification, "2026-02-27", "Withdrawn")).await;
    assert!(ended.change_count > 1000, "{}", ended.change_count);
    let parts = |number: u32| {
        let id = format!("{}-{}-{number}", ended.epoch, ended.revision);
        receiver.received().into_iter().filter(|received| received.id == id).collect::<Vec<_>>()
    };
    until("four refusals", async || parts(2).len() == 4).await;
    let pauses: Vec<_> = parts(2).windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    for (pause, least) in pauses.iter().zip([500, 1000, 2000].map(Duration::from_millis)) {
        assert!(*pause >= least, "{pauses:?}");
    }
    assert!(parts(1).len() >= 4 && parts(1).iter().all(|part| part.is_confirmed), "the first part comes again");
    receiver.behave(Manner::Confirm);
    let expected = expected(&auditor, begin).await;
    until("the second part", async || parts(2).last().unwrap().is_confirmed).await;
    delivered(&receiver, &expected).await;
    check_order(&receiver.confirmed(), &expected);
}
