//! Bulk load of one client, next to questions of other clients and probes.
//!
//! `CPSS_BULK_SECONDS=30 cargo test --profile bench --test it tls::bulk -- --nocapture` is the full run. Times are
//! compared with each other, so that a slow machine does not matter: with so many batches, a question that had to wait
//! for each of them would take as long as a batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use tokio::runtime::Builder;
use tokio_stream::StreamExt as _;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::tls_server::{TlsServer, question};
use crate::harness::ops::get;
use crate::harness::{Client, Messages as _};

/// The number of batches that one client has in progress.
const BATCHES: usize = 48;
const STREAMS: usize = 8;

/// The number of stream items answered, and the time of each batch.
#[derive(Default)]
struct Bulk {
    stop: AtomicBool,
    answered: AtomicU64,
}

async fn batches(client: Client, bulk: Arc<Bulk>) -> Vec<Duration> {
    let items = vec![question().item.unwrap(); 1000];
    let batch = v1::BatchVerifyCredentialsRequest { items, ..Default::default() };
    let mut took = Vec::new();
    while !bulk.stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        assert_eq!(client.ask(batch.clone()).await.results.len(), 1000);
        took.push(began.elapsed());
    }
    took
}

/// An endless stream.
async fn stream(client: Client, bulk: Arc<Bulk>) {
    use v1::stream_verify_credentials_request::Kind;
    let message = |kind| v1::StreamVerifyCredentialsRequest { kind: Some(kind) };
    let options = message(Kind::Options(v1::StreamOptions::default()));
    let item = message(Kind::Item(question().item.unwrap()));
    let questions = tokio_stream::once(options).chain(tokio_stream::iter(std::iter::repeat(item)));
    let mut answers = client.verification().stream_verify_credentials(questions).await.unwrap().into_inner();
    while !bulk.stop.load(Ordering::Relaxed) {
        assert!(answers.next_message().await.unwrap().is_some());
        bulk.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Times of the others: questions, probes on the same port, probes on the ops port.
struct Others {
    questions: Vec<Duration>,
    probes: Vec<Duration>,
    ops: Vec<Duration>,
}

async fn others(place: &TlsServer, registrar: &Client, time: Duration) -> Others {
    let (until, mut met) = (Instant::now() + time, Others { questions: vec![], probes: vec![], ops: vec![] });
    let mut health = HealthClient::new(place.client("registrar").await.service());
    while Instant::now() < until {
        let began = Instant::now();
        registrar.ask(question()).await;
        met.questions.push(began.elapsed());
        let began = Instant::now();
        health.check(HealthCheckRequest::default()).await.unwrap();
        met.probes.push(began.elapsed());
        let began = Instant::now();
        assert_eq!(get(place.process.ops(), "/readyz").await.0, "HTTP/1.1 200 OK");
        met.ops.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    met
}

/// The median, printed with the other figures.
fn median_of(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("bulk: {what}: {} times, p50 {:?}, p99 {:?}, longest {:?}", times.len(), at(50), at(99), at(100));
    at(50)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "compares times: .ci/run runs it alone, with retries"]
async fn questions_and_probes_take_precedence_over_bulk() {
    let time = Duration::from_secs(std::env::var("CPSS_BULK_SECONDS").map_or(3, |text| text.parse().unwrap()));
    let place = TlsServer::start();
    let payer = place.add_client_with_token("medicaid", "payer").await;
    let registrar = place.client("registrar").await;
    let quiet = others(&place, &registrar, time / 3).await;

    let bulk = Arc::new(Bulk::default());
    let (mut taking, mut streams) = (Vec::new(), Vec::new());
    // It has separate threads, so that the others wait only for the server.
    let threads = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let connect = || {
        let (endpoint, payer) = (place.endpoint(None), payer.clone());
        async move { Client::on(endpoint.connect().await.unwrap()).with_token(&payer) }
    };
    for _ in 0..BATCHES {
        let (connecting, bulk) = (connect(), Arc::clone(&bulk));
        taking.push(threads.spawn(async move { batches(connecting.await, bulk).await }));
    }
    for _ in 0..STREAMS {
        let (connecting, bulk) = (connect(), Arc::clone(&bulk));
        streams.push(threads.spawn(async move { stream(connecting.await, bulk).await }));
    }
    let met = others(&place, &registrar, time).await;
    bulk.stop.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for taking in taking {
        took.extend(taking.await.unwrap());
    }
    for stream in streams {
        stream.await.unwrap();
    }
    threads.shutdown_background();
    println!(
        "bulk: {} batches of 1000 and {} items of streams meanwhile",
        took.len(),
        bulk.answered.load(Ordering::Relaxed)
    );
    let batch = median_of("a batch", took);
    for (what, quiet, met) in [
        ("questions", quiet.questions, met.questions),
        ("probes", quiet.probes, met.probes),
        ("probes of the ops port", quiet.ops, met.ops),
    ] {
        median_of(&format!("{what} without"), quiet);
        let median = median_of(&format!("{what} under bulk load"), met);
        assert!(median < batch / 4, "{what} take {median:?}, and a batch among {BATCHES} {batch:?}");
    }
    place.process.stop();
}
