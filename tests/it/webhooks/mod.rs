//! Webhooks: what is posted to a receiver that is killed, slow, or lies. `CPSS_WEBHOOK_KILLS=50 cargo test --test it
//! webhooks -- --nocapture` kills it fifty times.

mod history;
mod lies;
mod list;
mod parts;
mod receiver;
mod rows;

use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use cpss_registry::server::setup;

use self::receiver::{Manner, Received, Receiver};
use crate::harness::requests::{qualify, register_provider};
use crate::harness::scenes::{QUALIFIED_FROM, Qualified};
use crate::harness::{Client, until};
use crate::tls::tls_server::{TlsServer, client, question};

fn kills() -> u32 {
    std::env::var("CPSS_WEBHOOK_KILLS").map_or(4, |text| text.parse().unwrap())
}

/// Adds a certifier, and an auditor with a webhook, and waits until its deliveries begin.
async fn delivering(place: &TlsServer, more: &str) -> Receiver {
    let receiver = Receiver::start().await;
    setup::add_client(place.directory(), &client("certifier-1", "certifier")).unwrap();
    add_client(place, &receiver, "auditor-1", "auditor", more);
    place.hang_up_until("loaded the list of clients").await;
    until("the position", async || place.file("data/webhooks/auditor-1.position").exists()).await;
    receiver
}

/// Adds a client with a webhook. The server does not know it yet.
fn add_client(place: &TlsServer, receiver: &Receiver, name: &str, role: &str, more: &str) {
    setup::add_client(place.directory(), &client(name, role)).unwrap();
    write_secret(place);
    std::fs::write(place.file("receiver.crt"), receiver.certificate()).unwrap();
    let webhook =
        format!("webhook = {{ url = \"{}\", secret_file = \"hook\", ca = \"receiver.crt\"{more} }}\n", receiver.url());
    let row = format!("name = \"{name}\"\n");
    let list = place.read("clients.toml");
    assert_eq!(list.matches(&row).count(), 1, "{list}");
    std::fs::write(place.file("clients.toml"), list.replace(&row, &format!("{row}{webhook}"))).unwrap();
}

fn write_secret(place: &TlsServer) {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(place.file("hook")).unwrap();
    writeln!(file, "{}", Receiver::secret()).unwrap();
}

/// What is to be delivered: the ids of the messages that change something, as the client reads them after a revision.
async fn expected(client: &Client, after: u64) -> Vec<String> {
    let after = Some(v1::ChangePosition { epoch: String::new(), revision: after });
    let mut request = v1::ListChangesRequest { after, page_size: 1000, ..Default::default() };
    let mut ids = Vec::new();
    loop {
        let page = client.ask(request.clone()).await;
        let changing = page.messages.iter().filter(|message| !message.changes.is_empty());
        ids.extend(changing.map(|message| format!("{}-{}-{}", message.epoch, message.revision, message.part)));
        if page.next_page_token.is_empty() {
            return ids;
        }
        request.page_token = page.next_page_token;
    }
}

/// Waits until everything is confirmed.
async fn delivered(receiver: &Receiver, expected: &[String]) {
    let last = expected.last().unwrap();
    until("the last delivery", async || receiver.confirmed().iter().any(|received| received.id == *last)).await;
}

/// Fails unless each change was confirmed, in order: after a confirmation comes the next change, or a repetition.
fn check_order(confirmed: &[Received], expected: &[String]) {
    let mut next = 0;
    for received in confirmed {
        let place = expected.iter().position(|id| *id == received.id);
        let place = place.unwrap_or_else(|| panic!("{} was not to be delivered", received.id));
        assert!(place <= next, "{} came before {}", received.id, expected[next]);
        next = next.max(place + 1);
    }
    assert_eq!(next, expected.len(), "something is missing: {:?}", &expected[next..]);
    for one in confirmed {
        let same = confirmed.iter().filter(|other| other.id == one.id);
        assert!({ same }.all(|other| other.body == one.body), "{} differs", one.id);
    }
}

/// Asks questions in turn until the flag is set. Returns how long each took.
fn ask_meanwhile(client: Client) -> (Arc<AtomicBool>, tokio::task::JoinHandle<Vec<Duration>>) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let asking = tokio::spawn(async move {
        let mut times = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            let begun = Instant::now();
            client.ask(question()).await;
            times.push(begun.elapsed());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        times
    });
    (stop, asking)
}

/// None if there are no times.
fn p99(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied()
}

async fn register(client: &Client, count: u32) {
    for _ in 0..count {
        client.ask(register_provider("Sunflower Example Center")).await;
    }
}

/// Registers a provider and qualifies it, as a certifier, who sees no changes.
async fn qualified(certifier: &Client, name: &str) -> Qualified {
    let provider_id = certifier.ask(register_provider(name)).await.provider.unwrap().provider_id;
    let qualification = certifier.ask(qualify(&provider_id, QUALIFIED_FROM)).await.fact_id;
    Qualified { provider_id, qualification }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_is_delivered_in_order_however_often_receiver_and_server_are_killed() {
    let mut place = TlsServer::start();
    let mut receiver = delivering(&place, ", allow_local = true").await;
    let mut certifier = place.client("certifier-1").await;
    let begin = place.client("registrar").await.head().await;

    let (stop, asking) = ask_meanwhile(place.client("registrar").await);
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    let before = p99(asking.await.unwrap());

    let mut meanwhile = Vec::new();
    for kill in 0..kills() {
        let (stop, asking) = ask_meanwhile(place.client("registrar").await);
        receiver.behave(match kill % 4 {
            0 => Manner::Say("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"),
            1 => Manner::Slow(Duration::from_millis(30)),
            2 => Manner::Endless,
            _ => Manner::Confirm,
        });
        register(&certifier, 3).await;
        receiver.kill().await;
        let confirmed = receiver.confirmed().len();
        register(&certifier, 2).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        receiver.behave(Manner::Confirm);
        receiver.revive().await;
        until("a delivery after the kill", async || receiver.confirmed().len() > confirmed).await;
        stop.store(true, Ordering::Relaxed);
        meanwhile.extend(asking.await.unwrap());
        if kill % 2 == 1 {
            register(&certifier, 3).await;
            place.kill_and_start();
            certifier = place.client("certifier-1").await;
        }
    }
    let auditor = place.client("auditor-1").await;
    let expected = expected(&auditor, begin).await;
    delivered(&receiver, &expected).await;
    let confirmed = receiver.confirmed();
    check_order(&confirmed, &expected);
    assert!(confirmed.iter().all(|received| !received.body.contains("Sunflower")), "a name was sent");
    println!(
        "{} kills of the receiver, {} of the server: {} changes delivered in order, {} of {} confirmations were \
         repetitions; p99 of another client's questions {before:?} before, {:?} meanwhile",
        kills(),
        kills() / 2,
        expected.len(),
        confirmed.len() - expected.len(),
        confirmed.len(),
        p99(meanwhile),
    );
}
