//! The registry goes away and comes back: the mirror reconnects by itself.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::answers::Reader;
use super::program::{Running, copy_once};
use super::random_reporter::BEGINNING;
use crate::harness::{Process, until};

/// An address that forwards to the current address of the registry.
async fn relay(to: Arc<Mutex<SocketAddr>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            let to = *to.lock().unwrap();
            tokio::spawn(async move {
                if let Ok(mut registry) = TcpStream::connect(to).await {
                    copy_bidirectional(&mut caller, &mut registry).await.ok();
                }
            });
        }
    });
    address
}

/// Waits until a copy has reached a revision.
async fn reach(file: &Path, revision: u64) {
    let is_reached = async || Reader::exists(file) && Reader::open(file).revision() == revision;
    until(&format!("a copy at revision {revision}"), is_reached).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_continues_when_the_registry_comes_back() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = scratch.path().join("copy.db");
    let (mut process, mut client) = Process::start(data.path(), BEGINNING);
    let registry = Arc::new(Mutex::new(process.listening()));
    let relayed = relay(Arc::clone(&registry)).await;
    let mirror = Running::start(&file, relayed);
    for end in [Process::kill, Process::stop] {
        client.qualified_provider("Yazoo Example Clinic").await;
        reach(&file, client.head().await).await;
        drop(client);
        end(process);
        (process, client) = Process::start(data.path(), BEGINNING);
        *registry.lock().unwrap() = process.listening();
        client.qualified_provider("Big Black Example Residential Center").await;
        reach(&file, client.head().await).await;
    }
    mirror.kill();
    copy_once(&file, relayed);
    process.kill();
}
