//! Limits HTTP/2 frames that belong to no call: they must not outnumber useful work.
//!
//! SETTINGS, PING, PRIORITY, WINDOW_UPDATE, resets, empty frames and frames of unknown types cost the server time, but
//! cost the client almost nothing. Neither HTTP/2 nor a quota limits all of them. So each such frame needs credit,
//! which a connection earns by frames of calls, by bytes of responses, and over time. A connection without credit is
//! closed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::auth::peer::{CutOff, Peer};
use crate::auth::quotas::CALLS_PER_CONNECTION;

/// The burst of frames without a call: enough to reset all calls that may be in progress, and more.
const MAX_BURST: i64 = 4 * CALLS_PER_CONNECTION.get() as i64;

/// The credit per second, per frame of a call, and per this many bytes of responses. A client sends at most two
/// WINDOW_UPDATEs and one PING per DATA frame, and the smallest response is larger than this.
const PER_SECOND: u64 = 20;
const PER_CALL_FRAME: i64 = 4;
const BYTES_ANSWERED: usize = 64;

/// The length of the connection preface, which precedes the first frame.
const PREFACE: u32 = 24;

const HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;

/// A connection whose frames are counted.
pub(super) struct FrameGuard<C> {
    connection: C,
    peer: Peer,
    frames: Frames,
}

impl<C> FrameGuard<C> {
    pub(super) fn new(connection: C, peer: Peer) -> FrameGuard<C> {
        FrameGuard { connection, peer, frames: Frames::new(Instant::now()) }
    }

    /// Credits what was written.
    fn written(&mut self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = polled {
            self.frames.answered(*bytes);
        }
    }
}

/// The frames that a peer sends, and its remaining credit for frames that belong to no call.
struct Frames {
    /// The number of payload bytes still expected.
    payload: u32,
    /// The part of the next frame header that has arrived.
    header: [u8; HEADER],
    come: usize,
    left: i64,
    /// Bytes of responses not yet credited.
    answered: usize,
    since: Instant,
}

impl Frames {
    fn new(now: Instant) -> Frames {
        Frames { payload: PREFACE, header: [0; HEADER], come: 0, left: MAX_BURST, answered: 0, since: now }
    }

    /// Parses the bytes that were read.
    fn take(&mut self, mut bytes: &[u8]) {
        loop {
            let skipped = bytes.len().min(self.payload as usize);
            self.payload -= u32::try_from(skipped).unwrap_or(self.payload);
            bytes = bytes.get(skipped..).unwrap_or_default();
            if self.come == 0
                && let Some((header, rest)) = bytes.split_first_chunk()
            {
                bytes = rest;
                self.begin(header);
                continue;
            }
            let Some((byte, rest)) = bytes.split_first() else { return };
            bytes = rest;
            if let Some(next) = self.header.get_mut(self.come) {
                *next = *byte;
            }
            self.come += 1;
            if self.come == HEADER {
                self.come = 0;
                let header = self.header;
                self.begin(&header);
            }
        }
    }

    /// Counts a frame.
    fn begin(&mut self, &[high, middle, low, kind, flags, ..]: &[u8; HEADER]) {
        self.payload = u32::from_be_bytes([0, high, middle, low]);
        let is_of_a_call = match kind {
            HEADERS => true,
            DATA => self.payload > 0 || flags & END_STREAM != 0,
            _ => false,
        };
        self.left = if is_of_a_call { MAX_BURST.min(self.left + PER_CALL_FRAME) } else { self.left - 1 };
    }

    /// Credits bytes of responses.
    fn answered(&mut self, bytes: usize) {
        self.answered += bytes;
        let credit = i64::try_from(self.answered / BYTES_ANSWERED).unwrap_or(MAX_BURST);
        self.answered %= BYTES_ANSWERED;
        self.left = MAX_BURST.min(self.left + credit);
    }

    /// True if the peer sent too many frames that belong to no call.
    fn is_flood(&mut self, now: impl FnOnce() -> Instant) -> bool {
        if self.left >= 0 {
            return false;
        }
        let now = now();
        let seconds = now.saturating_duration_since(self.since).as_secs();
        if seconds > 0 {
            self.since = now;
            self.left = MAX_BURST.min(self.left.saturating_add_unsigned(seconds.saturating_mul(PER_SECOND)));
        }
        self.left < 0
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for FrameGuard<C> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut this.connection).poll_read(cx, into))?;
        this.frames.take(into.filled().get(before..).unwrap_or_default());
        if this.frames.is_flood(Instant::now) {
            this.peer.cut_off(CutOff::Frames);
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for FrameGuard<C> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.connection).poll_write(cx, bytes);
        this.written(&polled);
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.connection).poll_write_vectored(cx, slices);
        this.written(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = [&length[1..], &[kind, flags], &[0; 4]].concat();
        frame.resize(HEADER + payload, 0xaa);
        frame
    }

    /// A connection that has sent its preface.
    fn begun(now: Instant) -> Frames {
        let mut frames = Frames::new(now);
        frames.take(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        frames
    }

    #[test]
    fn frames_are_counted_across_any_split_of_their_bytes() {
        let sent =
            [frame(PING, 0, 8), frame(DATA, 0, 300), frame(4, 0, 0), frame(0xfe, 0xff, 70_000)].concat().repeat(50);
        for cut in [1, 3, 9, 10, 64, 8192, sent.len()] {
            let mut frames = begun(Instant::now());
            frames.left = 0;
            sent.chunks(cut).for_each(|bytes| frames.take(bytes));
            assert_eq!(frames.left, 50, "one frame of four pays for all four, cut into {cut}");
        }
    }

    #[test]
    fn a_flood_of_any_frames_without_a_call_is_detected() {
        let now = Instant::now();
        for (what, flood) in [
            ("settings", frame(4, 0, 0)),
            ("settings", frame(4, 0, 36)),
            ("pings", frame(PING, 0, 8)),
            ("answers to pings", frame(PING, 1, 8)),
            ("priorities", frame(2, 0, 5)),
            ("windows", frame(WINDOW_UPDATE, 0, 4)),
            ("resets", frame(3, 0, 4)),
            ("empty data", frame(DATA, 0, 0)),
            ("continuations", frame(9, 0, 0)),
            ("unknown frames", frame(0xfe, 0, 16)),
        ] {
            let mut frames = begun(now);
            frames.take(&flood.repeat(usize::try_from(MAX_BURST).unwrap()));
            assert!(!frames.is_flood(|| now), "{what}");
            frames.take(&flood);
            assert!(frames.is_flood(|| now), "{what}");
        }
    }

    #[test]
    fn normal_clients_are_not_a_flood() {
        let now = Instant::now();
        let (ping, window) = (frame(PING, 0, 8), frame(WINDOW_UPDATE, 0, 4));
        // One ping per second for a day, on a connection without calls.
        let mut idle = begun(now);
        for second in 0..86_400 {
            idle.take(&ping);
            assert!(!idle.is_flood(|| now + Duration::from_secs(second)));
        }
        // A long response in small frames: two window updates and a ping for each.
        let mut reads = begun(now);
        for _ in 0..100_000 {
            reads.answered(HEADER + 200);
            reads.take(&[&ping[..], &window, &window].concat());
            assert!(!reads.is_flood(|| now));
        }
        // Calls, each with window updates, a ping and a reset.
        let mut calls = begun(now);
        for _ in 0..100_000 {
            calls.take(&[frame(HEADERS, 4, 20), frame(DATA, END_STREAM, 60)].concat());
            calls.take(&[&ping[..], &window, &window, &frame(3, 0, 4)].concat());
            assert!(!calls.is_flood(|| now));
        }
    }
}
