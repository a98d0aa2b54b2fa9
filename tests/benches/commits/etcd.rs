//! etcd as packaged by Debian, one member, on the same disk: Put with about as many bytes.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::measured::Run;

/// The number of connections that the writers share.
const CONNECTIONS: usize = 8;

#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {}

pub struct Subject {
    process: Child,
    channels: Vec<Channel>,
}

impl Subject {
    /// `None` if etcd is not installed.
    pub async fn start(directory: &Path) -> Option<Subject> {
        let [client, peer] = [free_port(), free_port()].map(|port| format!("http://127.0.0.1:{port}"));
        let spawned = Command::new("etcd")
            .args(["--name", "bench", "--log-level", "error"])
            .arg("--data-dir")
            .arg(directory)
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("bench={peer}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = match spawned {
            Err(absent) if absent.kind() == ErrorKind::NotFound => {
                println!("etcd is not installed (apt-get install etcd-server): left out");
                return None;
            }
            spawned => spawned.unwrap(),
        };
        let endpoint = Endpoint::from_shared(client).unwrap().tcp_nodelay(true);
        let channels = (0..CONNECTIONS).map(|_| endpoint.connect_lazy()).collect();
        let subject = Subject { process, channels };
        let began = Instant::now();
        while let Err(status) = put(&mut Grpc::new(subject.channels[0].clone()), 0, 0).await {
            assert!(began.elapsed() < Duration::from_secs(30), "etcd does not answer: {status}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Some(subject)
    }

    pub async fn run(&self, writers: usize, duration: Duration) -> Run {
        let clients = (0..writers).map(|writer| {
            let (client, mut count) = (Grpc::new(self.channels[writer % CONNECTIONS].clone()), 0..);
            move || {
                let (mut client, at) = (client.clone(), count.next().unwrap());
                async move { put(&mut client, writer, at).await.unwrap() }
            }
        });
        Run::of(clients, duration).await
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

async fn put(client: &mut Grpc<Channel>, writer: usize, count: usize) -> Result<(), tonic::Status> {
    let request = PutRequest { key: format!("{writer:08}-{count:020}").into_bytes(), value: vec![7; 270] };
    client.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static("/etcdserverpb.KV/Put");
    let codec = ProstCodec::<PutRequest, PutResponse>::default();
    client.unary(tonic::Request::new(request), path, codec).await.map(drop)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
