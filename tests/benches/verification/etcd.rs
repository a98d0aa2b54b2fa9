//! etcd as packaged by Debian, one member: Range of one key, with the same client.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use prost::bytes::{Bytes, BytesMut};

use super::questions::Good;
use super::servers::Server;
use super::wire::{Connection, Failure, Target, framed, unframed};

pub const RANGE: &str = "/etcdserverpb.KV/Range";
pub const PUT: &str = "/etcdserverpb.KV/Put";

/// The approximate length of a verification.
const VALUE: usize = 270;

#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RangeResponse {
    #[prost(int64, tag = "4")]
    count: i64,
}

/// A server with a value for each credential. `None` if etcd is not installed.
pub async fn start(directory: &Path, goods: &[Good]) -> Result<Option<Server>, Failure> {
    let [client, peer] = [free_port()?, free_port()?];
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let mut command = Command::new("etcd");
    command
        .args(["--name", "bench", "--log-level", "error"])
        .arg("--data-dir")
        .arg(directory)
        .args(["--listen-client-urls", &url(client), "--advertise-client-urls", &url(client)])
        .args(["--listen-peer-urls", &url(peer), "--initial-advertise-peer-urls", &url(peer)])
        .args(["--initial-cluster", &format!("bench={}", url(peer))])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(process) = command.spawn() else {
        println!("etcd is not installed (apt-get install etcd-server): left out");
        return Ok(None);
    };
    let server = Server::at(process, Target { address: ([127, 0, 0, 1], client).into(), tls: None });
    let began = Instant::now();
    while let Err(failure) = fill(&server.target, goods).await {
        if began.elapsed() > Duration::from_secs(60) {
            return Err(failure);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(Some(server))
}

async fn fill(target: &Target, goods: &[Good]) -> Result<(), Failure> {
    let mut connection = Connection::open(target, PUT).await?;
    let mut answer = BytesMut::new();
    for good in goods {
        connection.call(put(good), &mut answer).await?;
    }
    Ok(())
}

pub fn put(good: &Good) -> Bytes {
    framed(&PutRequest { key: good.number.clone().into_bytes(), value: vec![7; VALUE] })
}

pub fn range(good: &Good) -> Bytes {
    framed(&RangeRequest { key: good.number.clone().into_bytes() })
}

pub fn judge(answer: &[u8]) -> Result<(), Failure> {
    if unframed::<RangeResponse>(answer)?.0.count == 1 { Ok(()) } else { Err("a key without a value".into()) }
}

fn free_port() -> Result<u16, Failure> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
