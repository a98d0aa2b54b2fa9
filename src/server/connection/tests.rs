//! Unauthenticated connections: how long they may stay open, and how many bytes they may carry.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::*;
use crate::server::connection_counts::ConnectionCounts;
use crate::server::connection_set::ConnectionSet;

const LONG: Duration = Duration::from_secs(600);

/// The deadline of what should happen at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the client's end of a connection, the server's end, the one-connection set that it belongs to, and its peer.
async fn connect(time: Duration) -> (TcpStream, Connection, ConnectionSet, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (other, taken) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (peer, mut set) = (Peer::new(address, None), ConnectionSet::with_limit(1));
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let permit = (permit, ConnectionCounts::default().add());
    let (wire, unauthenticated) = (Wire::Plain(taken.unwrap().0), Unauthenticated::new(time, set.add()));
    let connection =
        Connection::new(wire, Protocol::Http, peer.clone(), unauthenticated, permit, WorkerSlot::default());
    (other.unwrap(), connection, set, peer)
}

/// Reads to the end of the connection. Returns the number of bytes, or the error that it ended with.
async fn read(mut connection: Connection) -> io::Result<usize> {
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut bytes)).await.expect("it ends")
}

#[tokio::test]
async fn an_unauthenticated_connection_is_closed_at_its_timeout_or_when_room_is_needed() {
    let (_other, connection, _set, _) = connect(Duration::from_millis(20)).await;
    assert_eq!(read(connection).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    let (_other, connection, mut set, _) = connect(LONG).await;
    let _next = set.add();
    assert_eq!(read(connection).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn an_unauthenticated_connection_that_sends_too_much_is_closed() {
    let bytes = vec![7; 4 * UNAUTHENTICATED_BYTES];
    for is_known in [false, true] {
        let (mut other, connection, _set, peer) = connect(LONG).await;
        if is_known {
            peer.admit_without_limit();
        }
        let bytes = bytes.clone();
        let sending = tokio::spawn(async move { drop(other.write_all(&bytes).await) });
        match read(connection).await {
            Ok(bytes) => assert!(is_known && bytes == 4 * UNAUTHENTICATED_BYTES, "{bytes}"),
            Err(error) => assert!(!is_known && error.kind() == io::ErrorKind::TimedOut, "{error}"),
        }
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn an_unauthenticated_connection_to_which_too_much_is_sent_is_closed() {
    for (is_known, reads) in [(false, true), (false, false), (true, true)] {
        let (mut other, mut connection, _set, peer) = connect(LONG).await;
        if is_known {
            peer.admit_without_limit();
        }
        let reading = tokio::spawn(async move {
            if reads {
                drop(other.read_to_end(&mut Vec::new()).await);
            } else {
                std::future::pending::<()>().await;
            }
        });
        // More than all buffers on the way hold.
        let answer = vec![7; 64 * UNAUTHENTICATED_BYTES];
        let written = tokio::time::timeout(PATIENCE, connection.write_all(&answer)).await.expect("it ends");
        // Bytes written count when the connection is read next.
        let mut next = [0; 1];
        let read =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll_read(cx, &mut ReadBuf::new(&mut next)))).await;
        let is_over = written.is_err() || matches!(read, Poll::Ready(Err(_)));
        assert_eq!(is_over, !is_known, "known: {is_known}, reads: {reads}");
        reading.abort();
    }
}

#[tokio::test]
async fn the_peer_of_a_connection_knows_whether_writing_to_it_blocks() {
    let (mut other, mut connection, _set, peer) = connect(LONG).await;
    peer.admit_without_limit();
    let answer = vec![7; 64 * UNAUTHENTICATED_BYTES];
    let mut sent = 0;
    while let Poll::Ready(written) = poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll_write(cx, &answer))).await
    {
        assert!(!peer.is_blocked());
        sent += written.unwrap();
    }
    assert!(peer.is_blocked());
    other.read_exact(&mut vec![0; sent]).await.unwrap();
    connection.write_all(b"more").await.unwrap();
    assert!(!peer.is_blocked());
}

#[tokio::test]
async fn a_connection_with_much_to_read_yields_to_the_others() {
    let (mut other, mut connection, _set, peer) = connect(LONG).await;
    peer.admit_without_limit();
    // All of it arrives before it is read.
    other.write_all(&vec![7; 8 * READ_AT_ONCE]).await.unwrap();
    let mut most = vec![0; READ_AT_ONCE];
    let mut turns = 0;
    for _ in 0..4 {
        connection.read_exact(&mut most).await.unwrap();
        let mut next = [0; 1];
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll_read(cx, &mut ReadBuf::new(&mut next))));
        turns += u32::from(polled.await.is_pending());
    }
    assert!(turns >= 3, "{turns}");
}

#[tokio::test]
async fn an_unauthenticated_connection_gets_what_was_granted_to_it_and_little_more() {
    // More than all buffers on the way hold.
    let granted = 64 * UNAUTHENTICATED_BYTES;
    for more in [0, 2 * UNAUTHENTICATED_BYTES] {
        let (mut other, mut connection, _set, peer) = connect(LONG).await;
        peer.grant(granted);
        let reading = tokio::spawn(async move {
            let mut bytes = Vec::new();
            drop(other.read_to_end(&mut bytes).await);
            bytes.len()
        });
        let written =
            tokio::time::timeout(PATIENCE, connection.write_all(&vec![7; granted + more])).await.expect("it ends");
        // Past what is allowed, a write that would block fails. If none blocks, the next read fails.
        let mut next = [0; 1];
        let read =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll_read(cx, &mut ReadBuf::new(&mut next)))).await;
        let is_over = written.is_err() || matches!(read, Poll::Ready(Err(_)));
        assert_eq!(is_over, more > 0, "{more}");
        drop(connection);
        let received = reading.await.unwrap();
        assert!((granted..=granted + more).contains(&received), "{received} of {granted} and {more}");
    }
}

#[tokio::test]
async fn what_was_granted_waits_for_its_reader_until_the_timeout() {
    let (_other, mut connection, _set, peer) = connect(Duration::from_millis(200)).await;
    peer.grant(64 * UNAUTHENTICATED_BYTES);
    let answer = vec![7; 64 * UNAUTHENTICATED_BYTES];
    let written = tokio::time::timeout(PATIENCE, connection.write_all(&answer)).await.expect("it ends");
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
}
