//! Peers that mean harm: each goes on until it is cut off, and begins again.

use std::io;
use std::time::Duration;

use cpss_registry::proto::v1;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::frames::*;
use super::town::Way;

/// How long a slow peer lets pass between two bytes.
const SLOWLY: Duration = Duration::from_millis(200);

/// How long one waits that was cut off. A peer that does not is a flood of handshakes, which is for the network to hold
/// off, and on one machine takes the cores from everyone.
const AGAIN: Duration = Duration::from_millis(250);

type Cut = io::Result<()>;

/// What a peer does.
#[derive(Clone, Copy, Debug)]
pub enum Harm {
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

impl Harm {
    pub const ALL: &[Harm] = &[
        Harm::SlowHandshake,
        Harm::SlowPreface,
        Harm::SlowHeaders,
        Harm::EndlessMetadata,
        Harm::LargeMetadata,
        Harm::OversizedFrame,
        Harm::TruncatedFrame,
        Harm::RapidReset,
        Harm::NeverReads,
        Harm::NeverTakes,
        Harm::GzipBomb,
        Harm::Pings,
    ];

    /// Does it again and again.
    pub async fn go_on(self, way: Way, bomb: Vec<u8>) {
        loop {
            // However it ends, it was cut off.
            drop(self.once(&way, &bomb).await);
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn once(self, way: &Way, bomb: &[u8]) -> Cut {
        match self {
            Harm::SlowHandshake => {
                let mut stream = TcpStream::connect(way.address).await?;
                // The beginning of a client's greeting, which would be 512 bytes long.
                stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).await?;
                slowly(&mut stream, &[3; 600]).await
            }
            Harm::SlowPreface => slowly(&mut way.stranger().await?, PREFACE).await,
            Harm::SlowHeaders => {
                let mut stream = way.stranger().await?;
                stream.write_all(&hello()).await?;
                stream.write_all(&header(10_000, HEADERS, END_HEADERS, 1)).await?;
                slowly(&mut stream, &[0; 10_000]).await
            }
            Harm::EndlessMetadata => {
                let mut stream = way.stranger().await?;
                stream.write_all(&hello()).await?;
                let call = call("VerificationService/VerifyCredential");
                stream.write_all(&frame(HEADERS, 0, 1, &call)).await?;
                loop {
                    stream.write_all(&frame(CONTINUATION, 0, 1, &field("x-more", &"m".repeat(1000)))).await?;
                }
            }
            Harm::LargeMetadata => {
                let mut stream = way.stranger().await?;
                stream.write_all(&hello()).await?;
                let fields = [call("VerificationService/VerifyCredential"), field("x", &"m".repeat(16_000))].concat();
                for stream_id in (1..).step_by(2) {
                    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, stream_id, &fields)).await?;
                }
                Ok(())
            }
            Harm::OversizedFrame => {
                let mut stream = way.client().await?;
                stream.write_all(&hello()).await?;
                stream.write_all(&header((1 << 24) - 1, DATA, 0, 1)).await?;
                loop {
                    stream.write_all(&[0; 1 << 14]).await?;
                }
            }
            Harm::TruncatedFrame => {
                let mut stream = way.client().await?;
                let call = call("VerificationService/VerifyCredential");
                let whole = frame(HEADERS, END_HEADERS, 1, &call);
                stream.write_all(&[hello(), whole[..whole.len() / 2].to_vec()].concat()).await?;
                stream.shutdown().await
            }
            Harm::RapidReset => rapid_reset(way.client().await?).await,
            Harm::NeverReads => never_reads(way.client().await?, &hello()).await,
            Harm::NeverTakes => never_reads(way.client().await?, &hello_without_window()).await,
            Harm::GzipBomb => gzip_bomb(way.client().await?, bomb).await,
            Harm::Pings => {
                let mut stream = way.stranger().await?;
                stream.write_all(&hello()).await?;
                loop {
                    stream.write_all(&frame(PING, 0, 0, &[7; 8])).await?;
                }
            }
        }
    }
}

async fn slowly(stream: &mut (impl tokio::io::AsyncWrite + Unpin), bytes: &[u8]) -> Cut {
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
        tokio::time::sleep(SLOWLY).await;
    }
    Ok(())
}

/// Calls that are taken back at once.
async fn rapid_reset(mut stream: TlsStream<TcpStream>) -> Cut {
    stream.write_all(&hello()).await?;
    let call = call("VerificationService/VerifyCredential");
    for id in (1..).step_by(2) {
        let both = [frame(HEADERS, END_HEADERS, id, &call), frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())].concat();
        stream.write_all(&both).await?;
    }
    Ok(())
}

/// Questions with long answers, by a client that does not read them.
async fn never_reads(mut stream: TlsStream<TcpStream>, hello: &[u8]) -> Cut {
    stream.write_all(hello).await?;
    let call = call("VerificationService/BatchVerifyCredentials");
    let asked = v1::BatchVerifyCredentialsRequest { items: vec![Default::default(); 1000], ..Default::default() };
    let asked = message(0, &asked.encode_to_vec());
    for id in (1..2001).step_by(2) {
        let headers = frame(HEADERS, END_HEADERS, id, &call);
        stream.write_all(&[headers, frame(DATA, END_STREAM, id, &asked)].concat()).await?;
    }
    std::future::pending().await
}

/// A small message that would be large.
async fn gzip_bomb(mut stream: TlsStream<TcpStream>, bomb: &[u8]) -> Cut {
    stream.write_all(&hello()).await?;
    let fields = [call("VerificationService/BatchVerifyCredentials"), field("grpc-encoding", "gzip")].concat();
    let message = message(1, bomb);
    for id in (1..200).step_by(2) {
        stream.write_all(&frame(HEADERS, END_HEADERS, id, &fields)).await?;
        for part in message.chunks(16_000) {
            stream.write_all(&frame(DATA, 0, id, part)).await?;
        }
        stream.write_all(&frame(DATA, END_STREAM, id, &[])).await?;
        // What it is told is not of interest; that it is cut off is.
        if stream.read(&mut [0; 4096]).await? == 0 {
            return Ok(());
        }
    }
    Ok(())
}
