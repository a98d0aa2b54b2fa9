//! The ops port limits its connections, and a probe always gets in.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::harness::ops::get;
use crate::harness::soon;
use crate::tls::tls_server::TlsServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ops_port_closes_the_oldest_connections_and_answers_probes() {
    let place = TlsServer::start();
    let ops = place.process.ops();
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(ops).await.unwrap());
        // Each is accepted in turn.
        tokio::task::yield_now().await;
    }
    assert_eq!(get(ops, "/readyz").await.0, "HTTP/1.1 200 OK");
    // All but 64 are closed; the newest is not.
    for oldest in &mut silent[..130] {
        let read = soon("the end of the oldest connection", oldest.read(&mut [0; 1])).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    let newest = silent.last_mut().unwrap().try_read(&mut [0; 1]);
    assert_eq!(newest.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    place.process.stop();
}
