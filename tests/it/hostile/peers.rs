//! Malicious peers: each runs until it is cut off, and starts again.

use std::io;
use std::time::Duration;

use cpss_registry::proto::v1;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::fixture::Way;
use super::frames::*;

/// The delay of a slow peer between two bytes.
const SLOWLY: Duration = Duration::from_millis(200);

/// The delay after being cut off, so that each attack gets its turn. [`Attack::Handshakes`] does not wait.
const AGAIN: Duration = Duration::from_millis(250);

/// How long a peer that does not read stays.
const PATIENTLY: Duration = Duration::from_secs(5);

type Cut = io::Result<()>;

/// The attack of a peer.
#[derive(Clone, Copy, Debug)]
pub enum Attack {
    Handshakes,
    SlowHandshake,
    SlowPreface,
    SlowHeaders,
    EndlessMetadata,
    LargeMetadata,
    OversizedFrame,
    TruncatedFrame,
    RapidReset,
    NeverReads,
    NeverTakes,
    GzipBomb,
    Pings,
}

impl Attack {
    pub const ALL: &[Attack] = &[
        Attack::Handshakes,
        Attack::SlowHandshake,
        Attack::SlowPreface,
        Attack::SlowHeaders,
        Attack::EndlessMetadata,
        Attack::LargeMetadata,
        Attack::OversizedFrame,
        Attack::TruncatedFrame,
        Attack::RapidReset,
        Attack::NeverReads,
        Attack::NeverTakes,
        Attack::GzipBomb,
        Attack::Pings,
    ];

    /// Repeats the attack.
    pub async fn go_on(self, way: Way, bomb: Vec<u8>) {
        loop {
            // However it ends, it was cut off.
            drop(Box::pin(self.once(&way, &bomb)).await);
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn once(self, way: &Way, bomb: &[u8]) -> Cut {
        match self {
            Attack::Handshakes => loop {
                drop(way.unauthenticated().await?);
            },
            Attack::SlowHandshake => {
                let mut stream = way.tcp().await?;
                // The start of a ClientHello of 512 bytes.
                way.send(&mut stream, &[22, 3, 1, 2, 0, 1, 0, 1, 252]).await?;
                slowly(way, &mut stream, &[3; 600]).await
            }
            Attack::SlowPreface => slowly(way, &mut way.unauthenticated().await?, PREFACE).await,
            Attack::SlowHeaders => {
                let mut stream = way.unauthenticated().await?;
                way.send(&mut stream, &hello()).await?;
                way.send(&mut stream, &header(10_000, HEADERS, END_HEADERS, 1)).await?;
                slowly(way, &mut stream, &[0; 10_000]).await
            }
            Attack::EndlessMetadata => {
                let mut stream = way.unauthenticated().await?;
                way.send(&mut stream, &hello()).await?;
                let call = call("VerificationService/VerifyCredential");
                way.send(&mut stream, &frame(HEADERS, 0, 1, &call)).await?;
                loop {
                    way.send(&mut stream, &frame(CONTINUATION, 0, 1, &field("x-more", &"m".repeat(1000)))).await?;
                }
            }
            Attack::LargeMetadata => {
                let mut stream = way.unauthenticated().await?;
                way.send(&mut stream, &hello()).await?;
                let fields = [call("VerificationService/VerifyCredential"), field("x", &"m".repeat(16_000))].concat();
                for stream_id in (1..).step_by(2) {
                    way.send(&mut stream, &frame(HEADERS, END_HEADERS | END_STREAM, stream_id, &fields)).await?;
                }
                Ok(())
            }
            Attack::OversizedFrame => {
                let mut stream = way.client().await?;
                way.send(&mut stream, &hello()).await?;
                way.send(&mut stream, &header((1 << 24) - 1, DATA, 0, 1)).await?;
                loop {
                    way.send(&mut stream, &[0; 1 << 14]).await?;
                }
            }
            Attack::TruncatedFrame => {
                let mut stream = way.client().await?;
                let call = call("VerificationService/VerifyCredential");
                let whole = frame(HEADERS, END_HEADERS, 1, &call);
                way.send(&mut stream, &[hello(), whole[..whole.len() / 2].to_vec()].concat()).await?;
                stream.shutdown().await
            }
            Attack::RapidReset => rapid_reset(way, way.client().await?).await,
            Attack::NeverReads => never_reads(way, way.client().await?, &hello()).await,
            Attack::NeverTakes => never_reads(way, way.client().await?, &hello_without_window()).await,
            Attack::GzipBomb => gzip_bomb(way, way.client().await?, bomb).await,
            Attack::Pings => {
                let mut stream = way.unauthenticated().await?;
                way.send(&mut stream, &hello()).await?;
                loop {
                    way.send(&mut stream, &frame(PING, 0, 0, &[7; 8]).repeat(100)).await?;
                }
            }
        }
    }
}

async fn slowly(way: &Way, stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Cut {
    for byte in bytes {
        way.send(stream, &[*byte]).await?;
        tokio::time::sleep(SLOWLY).await;
    }
    Ok(())
}

/// Calls that are reset immediately.
async fn rapid_reset(way: &Way, mut stream: TlsStream<TcpStream>) -> Cut {
    way.send(&mut stream, &hello()).await?;
    let call = call("VerificationService/VerifyCredential");
    for id in (1..).step_by(2) {
        let both = [frame(HEADERS, END_HEADERS, id, &call), frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())].concat();
        way.send(&mut stream, &both).await?;
    }
    Ok(())
}

/// Questions with long answers that the client does not read.
async fn never_reads(way: &Way, mut stream: TlsStream<TcpStream>, hello: &[u8]) -> Cut {
    way.send(&mut stream, hello).await?;
    let call = call("VerificationService/BatchVerifyCredentials");
    let asked = v1::BatchVerifyCredentialsRequest { items: vec![Default::default(); 1000], ..Default::default() };
    let asked = message(0, &asked.encode_to_vec());
    for id in (1..2001).step_by(2) {
        let headers = frame(HEADERS, END_HEADERS, id, &call);
        way.send(&mut stream, &[headers, frame(DATA, END_STREAM, id, &asked)].concat()).await?;
    }
    // As long as it may, but leave time for the next attempt.
    tokio::time::sleep(PATIENTLY).await;
    Ok(())
}

/// A small message that inflates to a large one.
async fn gzip_bomb(way: &Way, mut stream: TlsStream<TcpStream>, bomb: &[u8]) -> Cut {
    way.send(&mut stream, &hello()).await?;
    let fields = [call("VerificationService/BatchVerifyCredentials"), field("grpc-encoding", "gzip")].concat();
    let message = message(1, bomb);
    for id in (1..200).step_by(2) {
        way.send(&mut stream, &frame(HEADERS, END_HEADERS, id, &fields)).await?;
        for part in message.chunks(16_000) {
            way.send(&mut stream, &frame(DATA, 0, id, part)).await?;
        }
        way.send(&mut stream, &frame(DATA, END_STREAM, id, &[])).await?;
        // The status does not matter; only that it is cut off.
        if stream.read(&mut [0; 4096]).await? == 0 {
            return Ok(());
        }
    }
    Ok(())
}
