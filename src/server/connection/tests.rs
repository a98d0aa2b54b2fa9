//! Strangers: how long they may stay, and how much they may say.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::*;
use crate::server::crowd::Crowd;

const LONG: Duration = Duration::from_secs(600);

/// How long is waited for what is to happen at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two ends of a connection, of which one is the server's, the crowd of one that it is in, and who it is.
async fn met(time: Duration) -> (TcpStream, Connection, Crowd, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (other, taken) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (peer, mut crowd) = (Peer::new(address, None), Crowd::of(1));
    let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let (wire, stranger) = (Wire::Plain(taken.unwrap().0), Stranger::new(time, crowd.join()));
    let connection = Connection::new(wire, peer.clone(), stranger, place, Seat::default());
    (other.unwrap(), connection, crowd, peer)
}

/// Reads to the end, which there has to be: how much there was, or how it ended.
async fn read(mut connection: Connection) -> io::Result<usize> {
    let mut said = Vec::new();
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut said)).await.expect("it ends")
}

#[tokio::test]
async fn who_does_not_call_goes_when_the_time_is_over_or_room_is_needed() {
    let (_other, connection, _crowd, _) = met(Duration::from_millis(20)).await;
    assert_eq!(read(connection).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    let (_other, connection, mut crowd, _) = met(LONG).await;
    let _next = crowd.join();
    assert_eq!(read(connection).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn who_says_much_and_does_not_call_goes_and_a_client_goes_on() {
    let said = vec![7; 4 * STRANGERS_BYTES];
    for is_known in [false, true] {
        let (mut other, connection, _crowd, peer) = met(LONG).await;
        if is_known {
            peer.seat_without_limit();
        }
        let said = said.clone();
        let saying = tokio::spawn(async move { drop(other.write_all(&said).await) });
        match read(connection).await {
            Ok(bytes) => assert!(is_known && bytes == 4 * STRANGERS_BYTES, "{bytes}"),
            Err(error) => assert!(!is_known && error.kind() == io::ErrorKind::TimedOut, "{error}"),
        }
        saying.await.unwrap();
    }
}

#[tokio::test]
async fn who_is_told_much_and_does_not_call_goes_and_a_client_goes_on() {
    for (is_known, reads) in [(false, true), (false, false), (true, true)] {
        let (mut other, mut connection, _crowd, peer) = met(LONG).await;
        if is_known {
            peer.seat_without_limit();
        }
        let reading = tokio::spawn(async move {
            if reads {
                drop(other.read_to_end(&mut Vec::new()).await);
            } else {
                std::future::pending::<()>().await;
            }
        });
        // More than all buffers between the two take.
        let answer = vec![7; 64 * STRANGERS_BYTES];
        let written = tokio::time::timeout(PATIENCE, connection.write_all(&answer)).await.expect("it ends");
        // What was written counts when the connection is read next.
        let mut next = [0; 1];
        let read =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll_read(cx, &mut ReadBuf::new(&mut next)))).await;
        let is_over = written.is_err() || matches!(read, Poll::Ready(Err(_)));
        assert_eq!(is_over, !is_known, "known: {is_known}, reads: {reads}");
        reading.abort();
    }
}

#[tokio::test]
async fn others_have_their_turn_however_much_there_is_to_read() {
    let (mut other, mut connection, _crowd, peer) = met(LONG).await;
    peer.seat_without_limit();
    // All of it is there before it is read.
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
