//! A proxy before a server that breaks or holds one connection, at a chosen place in what the server sends.

use std::io::{Read as _, Write as _, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::block_until;

/// The length of the head of an HTTP/2 frame, and the type of a frame with the head of a response.
const FRAME_HEAD: usize = 9;
const HEADERS: u8 = 1;

/// Where the proxy stops to forward.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// Before the first response.
    Response,
    /// Before the frame with which this many bytes would be forwarded.
    Bytes(usize),
}

/// What becomes of the connection then.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// It is closed.
    Close,
    /// It stays open, and nothing comes any more.
    Hold,
}

/// The proxy. Connections behind the one that it stops are forwarded whole.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    /// Taken by the first connection that comes there.
    stop: Mutex<Option<(At, Then)>>,
    has_stopped: AtomicBool,
    held: Mutex<Vec<(TcpStream, TcpStream)>>,
    is_over: AtomicBool,
}

impl Proxy {
    /// A proxy before a server.
    pub fn before(server: SocketAddr, at: At, then: Then) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            stop: Mutex::new(Some((at, then))),
            has_stopped: AtomicBool::new(false),
            held: Mutex::new(Vec::new()),
            is_over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for caller in listener.incoming().map(Result::unwrap) {
                if shared.is_over.load(Ordering::Acquire) {
                    break;
                }
                let (state, to) = (Arc::clone(&shared), TcpStream::connect(server).unwrap());
                std::thread::spawn(move || forward(&state, caller, to));
            }
        });
        Proxy { address, state }
    }

    /// The URL of the proxy.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until a connection is stopped.
    pub fn wait_for_the_stop(&self) {
        block_until("the stop of a connection", || self.state.has_stopped.load(Ordering::Acquire));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Release);
        // The listener sees it with its next connection.
        drop(TcpStream::connect(self.address));
    }
}

/// Forwards a connection, frame by frame of the server, up to the stop.
fn forward(state: &State, mut caller: TcpStream, mut server: TcpStream) {
    let (mut asking, mut asked) = (caller.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        drop(copy(&mut asking, &mut asked));
        drop(asked.shutdown(Shutdown::Write));
    });
    let mut forwarded = 0;
    while let Some(frame) = next_frame(&mut server) {
        forwarded += frame.len();
        match state.stops(frame[3] == HEADERS, forwarded) {
            None if caller.write_all(&frame).is_ok() => {}
            Some(Then::Hold) => {
                state.held.lock().unwrap().push((caller, server));
                state.has_stopped.store(true, Ordering::Release);
                return;
            }
            None | Some(Then::Close) => break,
        }
    }
    drop(caller.shutdown(Shutdown::Both));
    drop(server.shutdown(Shutdown::Both));
}

fn next_frame(server: &mut TcpStream) -> Option<Vec<u8>> {
    let mut frame = vec![0; FRAME_HEAD];
    server.read_exact(&mut frame).ok()?;
    let length = usize::from(frame[0]) << 16 | usize::from(frame[1]) << 8 | usize::from(frame[2]);
    frame.resize(FRAME_HEAD + length, 0);
    server.read_exact(&mut frame[FRAME_HEAD..]).ok()?;
    Some(frame)
}

impl State {
    /// Whether a connection stops before a frame.
    fn stops(&self, is_response: bool, forwarded: usize) -> Option<Then> {
        let is_there = |at: At| match at {
            At::Response => is_response,
            At::Bytes(bytes) => forwarded >= bytes,
        };
        self.stop.lock().unwrap().take_if(|(at, _)| is_there(*at)).map(|(_, then)| then)
    }
}
