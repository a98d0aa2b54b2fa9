//! What single peers that overdo it are told, or that they are cut off.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tonic::Code;

use super::frames::*;
use super::town::Way;
use crate::harness::Refusal as _;
use crate::tls::place::{Place, question};

/// How long a peer is waited for that has to be cut off.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a connection ends under this, written again and again.
async fn is_cut_off(mut stream: TlsStream<TcpStream>, mut next: impl FnMut(u32) -> Vec<u8>) -> bool {
    let writing = async {
        for id in (1..2_000_001).step_by(2) {
            if stream.write_all(&next(id)).await.is_err() {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(PATIENCE, writing).await.unwrap_or(false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_message_is_refused_and_not_inflated() {
    let place = Place::start();
    let way = Way::to(&place).await;
    let registrar = place.client("registrar").await;
    let mut request = tonic::Request::new(question());
    request.metadata_mut().insert("grpc-encoding", "gzip".parse().unwrap());
    let refused = registrar.verification().verify_credential(request).await.unwrap_err();
    assert_eq!(refused.told(), (Code::Unimplemented, "UNIMPLEMENTED".to_owned()));

    let before = place.process.resident_bytes();
    let mut stream = way.client().await.unwrap();
    let fields = [call("VerificationService/VerifyCredential"), field("grpc-encoding", "gzip")].concat();
    stream.write_all(&hello()).await.unwrap();
    for id in (1..21).step_by(2) {
        stream.write_all(&frame(HEADERS, END_HEADERS, id, &fields)).await.unwrap();
        let small = message(1, &super::bomb());
        for part in small.chunks(16_000) {
            stream.write_all(&frame(DATA, 0, id, part)).await.unwrap();
        }
    }
    // Whatever becomes of them has become of them by the time that the latest call is answered.
    registrar.ask(question()).await;
    assert!(place.process.resident_bytes() < before + 32 * 1024 * 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_floods_is_cut_off() {
    let place = Place::start();
    let way = Way::to(&place).await;
    let verify = call("VerificationService/VerifyCredential");
    let reset = |id: u32| {
        let taken_back = frame(RST_STREAM, 0, id, &8_u32.to_be_bytes());
        [frame(HEADERS, END_HEADERS, id, &verify), taken_back].concat()
    };
    let metadata = |_| frame(CONTINUATION, 0, 1, &field("x-more", &"m".repeat(1000)));
    // A stream that ends twice is a fault of its own, which HTTP/2 answers by a reset.
    let faults = |id: u32| {
        let whole = frame(HEADERS, END_HEADERS | END_STREAM, id, &verify);
        [whole, frame(DATA, END_STREAM, id, b"more")].concat()
    };
    for (what, begin, mut next) in [
        ("resets", hello(), Box::new(reset) as Box<dyn FnMut(u32) -> Vec<u8>>),
        ("metadata", [hello(), frame(HEADERS, 0, 1, &verify)].concat(), Box::new(metadata)),
        ("faults", hello(), Box::new(faults)),
        ("an oversized frame", [hello(), header((1 << 24) - 1, DATA, 0, 1)].concat(), Box::new(|_| vec![0; 4096])),
    ] {
        let mut stream = way.client().await.unwrap();
        stream.write_all(&begin).await.unwrap();
        assert!(is_cut_off(stream, &mut next).await, "{what}");
    }
}
