//! How large messages may be.

use prost::bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::{Value, json};
use tonic::Code;

use super::suites::{ROSTER, STREAM, VERIFY, WATCH, World};
use super::wire::{Sending, Wire};
use crate::harness::over_http::{Codec, frame};

/// The largest encoded message of a single call: 32 KiB with the prefix that messages have inside the server.
const LARGEST_SINGLE: usize = 32 * 1024 - 5;

/// The largest encoded message of a stream.
const LARGEST_IN_STREAM: usize = 1024 * 1024;

/// The key of a field of bytes that no request has.
const PADDING: [u8; 2] = [0xfa, 0x7f];

/// The length of such a field, without its key and length.
const PIECE: usize = 1000;

/// The message, extended to `size` bytes by what its reader ignores.
pub fn padded(call: &Sending, message: &Value, size: usize) -> Bytes {
    let written = call.written(message);
    let mut padded = BytesMut::from(&written[..]);
    if padded.last() == Some(&b'}') {
        padded.resize(size, b' ');
        return padded.freeze();
    }
    // A key of two bytes, a length of two, and the rest: every length from four bytes on is possible.
    while padded.len() < size {
        let left = size - padded.len();
        let piece = if left > PIECE + 8 + 132 {
            PIECE
        } else if left > PIECE {
            left / 2 - 4
        } else {
            left - 4
        };
        padded.put_slice(&PADDING);
        padded.put_slice(&[u8::try_from(piece & 0x7f).unwrap() | 0x80, u8::try_from(piece >> 7).unwrap()]);
        padded.put_bytes(0, piece);
    }
    assert_eq!(padded.len(), size);
    padded.freeze()
}

/// Runs a case of the suite about sizes.
pub async fn message_size(case: &str, wire: &Wire, world: &World) {
    assert_eq!(wire.codec, Codec::Proto, "the suite is about encoded messages");
    let is_too_large = case.contains("exceeds");
    let more = if is_too_large { 10 } else { 0 };
    let answer = match case.split_once('/').unwrap() {
        ("unary", _) => {
            let call = wire.call(VERIFY);
            let message = padded(&call, &world.question(), LARGEST_SINGLE + more);
            call.bytes(message).await
        }
        ("server-stream", _) => {
            let call = wire.call(WATCH);
            let message = padded(&call, &json!({}), LARGEST_IN_STREAM + more);
            let mut call = call.open();
            call.send_bytes(frame(&message)).await;
            call.close();
            if !is_too_large {
                assert!(call.receiving().await.next().await.unwrap().is_ok());
                return;
            }
            call.answer().await
        }
        (kind, name) => {
            let (method, messages) =
                if kind == "client-stream" { (ROSTER, world.roster()) } else { (STREAM, world.questions()) };
            let mut call = wire.call(method).open();
            let too_large = if name.contains("first") { Some(0) } else { is_too_large.then_some(1) };
            for (at, message) in messages.iter().enumerate() {
                let more = if too_large == Some(at) { 10 } else { 0 };
                let message = padded(&wire.call(method), message, LARGEST_IN_STREAM + more);
                call.send_bytes(frame(&message)).await;
            }
            call.close();
            call.answer().await
        }
    };
    if is_too_large {
        assert_eq!(answer.refusal(), (Code::ResourceExhausted, "TOO_LARGE".to_owned()));
    } else {
        assert!(!answer.all().is_empty());
    }
}
