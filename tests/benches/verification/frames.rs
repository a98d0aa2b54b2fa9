//! The part of HTTP/2 (RFC 9113) that a benchmark client needs. The client should be cheap, because it shares the
//! machine with the server that it measures.

use std::io;

use loona_hpack::{Decoder, Encoder};
use prost::bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::wire::Failure;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_BYTES: usize = 9;
/// The longest payload that every peer accepts.
const MOST_BYTES: usize = 16 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
/// Flags for padding and priority, which are not supported.
const MORE_FIELDS: u8 = 0x8 | 0x20;

const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// The default window and header table size.
const WINDOW: u32 = 65_535;
const TABLE_BYTES: u32 = 4096;

/// The receive windows of streams and connections.
const OUR_WINDOW: u32 = 8 * 1024 * 1024;

/// What was received for a stream.
pub enum Event<'a> {
    Data(&'a [u8]),
    /// The stream has ended with a successful status.
    End,
}

/// The state of a connection, without its socket: bytes to send, and parsing of received bytes. All calls are of one
/// method.
pub struct Session {
    pub outgoing: BytesMut,
    /// The headers of every call after the first, which filled the server's header table.
    headers: Vec<u8>,
    first_headers: Option<Vec<u8>>,
    decoder: Decoder<'static>,
    /// The stream of the latest call. Earlier calls have been sent completely.
    stream: u32,
    is_sent: bool,
    /// The send windows of the connection, of the latest stream, and of a new stream.
    window: Window,
    window_of_stream: Window,
    window_of_new: Window,
    /// Whether the server's settings have been received.
    pub is_settled: bool,
}

/// The flow control state of a connection or a stream.
#[derive(Clone, Copy)]
struct Window {
    /// The number of bytes that may be sent.
    room: i64,
    /// The number of bytes received and not yet acknowledged by a window update.
    taken: u32,
}

impl Window {
    const NEW: Window = Window { room: WINDOW as i64, taken: 0 };

    fn send(&mut self, bytes: usize) {
        self.room -= i64::from(bytes as u32);
    }

    /// Counts received bytes. Returns a window update when half of the window is used.
    fn take(&mut self, bytes: usize) -> Option<u32> {
        self.taken += bytes as u32;
        (self.taken >= OUR_WINDOW / 2).then(|| std::mem::take(&mut self.taken))
    }
}

impl Session {
    pub fn new(scheme: &str, authority: &str, method: &str) -> Session {
        let fields = [
            (":method", "POST"),
            (":scheme", scheme),
            (":path", method),
            (":authority", authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ];
        let mut encoder = Encoder::new();
        let mut headers = || encoder.encode(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let (first_headers, headers) = (Some(headers()), headers());
        let mut session = Session {
            outgoing: BytesMut::from(PREFACE),
            headers,
            first_headers,
            decoder: Decoder::new(),
            stream: 0,
            is_sent: true,
            window: Window::NEW,
            window_of_stream: Window::NEW,
            window_of_new: Window::NEW,
            is_settled: false,
        };
        session.head(12, SETTINGS, 0, 0);
        for (setting, value) in [(ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, OUR_WINDOW)] {
            session.outgoing.put_u16(setting);
            session.outgoing.put_u32(value);
        }
        session.give_room(0, OUR_WINDOW - WINDOW);
        session
    }

    fn head(&mut self, length: usize, kind: u8, flags: u8, stream: u32) {
        self.outgoing.put_uint(length as u64, 3);
        self.outgoing.put_u8(kind);
        self.outgoing.put_u8(flags);
        self.outgoing.put_u32(stream);
    }

    fn give_room(&mut self, stream: u32, bytes: u32) {
        self.head(4, WINDOW_UPDATE, 0, stream);
        self.outgoing.put_u32(bytes);
    }

    /// Begins a call.
    pub fn begin(&mut self) {
        self.stream = if self.stream == 0 { 1 } else { self.stream + 2 };
        (self.is_sent, self.window_of_stream) = (false, self.window_of_new);
        let headers = self.first_headers.take();
        let length = headers.as_ref().unwrap_or(&self.headers).len();
        self.head(length, HEADERS, END_HEADERS, self.stream);
        self.outgoing.extend_from_slice(headers.as_ref().unwrap_or(&self.headers));
    }

    /// Sends as much of the latest call's messages as the server's window allows. `is_last` ends the call.
    pub fn send(&mut self, messages: &mut Bytes, is_last: bool) {
        while !self.is_sent && (is_last || !messages.is_empty()) {
            let room = usize::try_from(self.window.room.min(self.window_of_stream.room)).unwrap_or(0);
            let length = messages.len().min(room).min(MOST_BYTES);
            if length == 0 && !messages.is_empty() {
                return;
            }
            self.is_sent = is_last && length == messages.len();
            self.head(length, DATA, if self.is_sent { END_STREAM } else { 0 }, self.stream);
            self.outgoing.extend_from_slice(&messages[..length]);
            messages.advance(length);
            self.window.send(length);
            self.window_of_stream.send(length);
        }
    }

    /// Parses the received bytes up to the last complete frame.
    pub fn receive(
        &mut self,
        incoming: &mut BytesMut,
        mut on: impl FnMut(u32, Event<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        while let Some(mut head) = incoming.get(..HEAD_BYTES) {
            let length = head.get_uint(3) as usize;
            let (kind, flags, stream) = (head.get_u8(), head.get_u8(), head.get_u32());
            let Some(payload) = incoming.get(HEAD_BYTES..HEAD_BYTES + length) else { break };
            match kind {
                DATA | HEADERS if flags & MORE_FIELDS != 0 => return failure("a frame is padded or has a priority"),
                DATA if flags & END_STREAM != 0 => return failure("an answer without trailers"),
                DATA => {
                    on(stream, Event::Data(payload))?;
                    self.take(stream, length);
                }
                HEADERS if flags & END_HEADERS == 0 => return failure("headers of more than one frame"),
                HEADERS => {
                    let is_end = flags & END_STREAM != 0;
                    self.judge(payload, is_end)?;
                    if is_end {
                        on(stream, Event::End)?;
                    }
                }
                SETTINGS if flags & ACK == 0 => self.settle(payload)?,
                PING if flags & ACK == 0 => {
                    self.head(length, PING, ACK, 0);
                    self.outgoing.extend_from_slice(payload);
                }
                WINDOW_UPDATE => self.enlarge(stream, payload)?,
                RESET | GO_AWAY | CONTINUATION => return failure(&format!("frame {kind}: {payload:?}")),
                _ => {}
            }
            incoming.advance(HEAD_BYTES + length);
        }
        Ok(())
    }

    /// Counts received bytes and sends window updates.
    fn take(&mut self, stream: u32, bytes: usize) {
        if let Some(bytes) = self.window.take(bytes) {
            self.give_room(0, bytes);
        }
        if stream == self.stream
            && let Some(bytes) = self.window_of_stream.take(bytes)
        {
            self.give_room(stream, bytes);
        }
    }

    fn settle(&mut self, mut payload: &[u8]) -> Result<(), Failure> {
        while payload.len() >= 6 {
            match (payload.get_u16(), payload.get_u32()) {
                (HEADER_TABLE_SIZE, bytes) if bytes < TABLE_BYTES => return failure("a small header table"),
                (INITIAL_WINDOW_SIZE, bytes) => {
                    self.window_of_stream.room += i64::from(bytes) - self.window_of_new.room;
                    self.window_of_new.room = bytes.into();
                }
                _ => {}
            }
        }
        self.is_settled = true;
        self.head(0, SETTINGS, ACK, 0);
        Ok(())
    }

    fn enlarge(&mut self, stream: u32, mut payload: &[u8]) -> Result<(), Failure> {
        let bytes = i64::from(payload.try_get_u32()?);
        if stream == 0 {
            self.window.room += bytes;
        } else if stream == self.stream {
            self.window_of_stream.room += bytes;
        }
        Ok(())
    }

    /// Checks the status in the headers or trailers of a call.
    fn judge(&mut self, headers: &[u8], is_end: bool) -> Result<(), Failure> {
        let (mut status, mut message) = (None, None);
        self.decoder.decode_with_cb(headers, |name, value| match &*name {
            b"grpc-status" => status = Some(value == b"0".as_slice()),
            b"grpc-message" => message = Some(String::from_utf8_lossy(&value).into_owned()),
            _ => {}
        })?;
        match status {
            Some(true) => Ok(()),
            None if !is_end => Ok(()),
            _ => failure(&format!("a call failed: {message:?}")),
        }
    }
}

fn failure<T>(why: &str) -> Result<T, Failure> {
    Err(io::Error::other(why).into())
}
