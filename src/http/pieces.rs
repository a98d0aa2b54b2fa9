//! Cuts the body of a request into messages as they come: envelopes, or lines.

use prost::bytes::{Buf as _, Bytes, BytesMut};
use tokio_stream::Stream;
use tonic::Status;

use super::call::too_large;
use super::received::Received;
use crate::surface::{PREFIX, status};

/// How messages follow each other in a body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// One byte of flags and four bytes of length before each.
    Envelopes,
    /// A line feed after each, except perhaps the last.
    Lines,
}

/// The messages in a body, of at most `most` bytes each. Only what is asked for is read.
pub(super) fn pieces(received: Received, form: Form, most: usize) -> impl Stream<Item = Result<Bytes, Status>> + Send {
    futures_util::stream::try_unfold(received, move |mut received| async move {
        loop {
            let piece = match form {
                Form::Envelopes => first_envelope(&mut received.bytes, received.is_over, most)?,
                Form::Lines => first_line(&mut received, most)?,
            };
            if let Some(piece) = piece {
                return Ok(Some((piece, received)));
            }
            if received.is_over {
                return Ok(None);
            }
            received.more().await?;
        }
    })
}

/// Takes the first envelope, if it is complete.
fn first_envelope(read: &mut BytesMut, is_over: bool, most: usize) -> Result<Option<Bytes>, Status> {
    let incomplete =
        || if is_over && !read.is_empty() { Err(malformed("the body ends within an envelope")) } else { Ok(None) };
    let Some([flags, length @ ..]) = read.first_chunk::<PREFIX>() else { return incomplete() };
    match flags {
        0 => {}
        1 => return Err(status::transport::compressed_without_encoding()),
        _ => return Err(malformed("an envelope with flags that a request does not have")),
    }
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > most {
        return Err(too_large(most));
    }
    if read.len() < PREFIX + length {
        return incomplete();
    }
    read.advance(PREFIX);
    Ok(Some(read.split_to(length).freeze()))
}

/// Takes the first line that is not blank, if it is complete.
fn first_line(received: &mut Received, most: usize) -> Result<Option<Bytes>, Status> {
    let Received { bytes: read, searched, is_over, .. } = received;
    loop {
        // A line may come in many parts: none is searched twice.
        let found = read.iter().skip(*searched).position(|byte| *byte == b'\n');
        let (line, rest) = match found {
            Some(at) => (*searched + at, *searched + at + 1),
            None if *is_over && !read.is_empty() => (read.len(), read.len()),
            None if read.len() > most => return Err(too_large(most)),
            None => {
                *searched = read.len();
                return Ok(None);
            }
        };
        if line > most {
            return Err(too_large(most));
        }
        *searched = 0;
        let mut taken = read.split_to(rest).freeze();
        taken.truncate(line);
        if !taken.iter().all(u8::is_ascii_whitespace) {
            return Ok(Some(taken));
        }
    }
}

fn malformed(why: &str) -> Status {
    status::invalid_field("body", why)
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;
    use http_body_util::StreamBody;
    use tonic::body::Body;

    use super::*;

    async fn cut(bytes: &[u8], sizes: usize, form: Form) -> Result<Vec<Bytes>, String> {
        let frames: Vec<_> = bytes
            .chunks(sizes)
            .map(|piece| Ok::<_, Status>(http_body::Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let body = Body::new(StreamBody::new(tokio_stream::iter(frames)));
        pieces(Received::new(body, None), form, 100).try_collect().await.map_err(|status| status.message().to_owned())
    }

    #[tokio::test]
    async fn messages_are_complete_however_the_body_is_split() {
        let envelopes = b"\0\0\0\0\x02{}\0\0\0\0\0\0\0\0\0\x03abc";
        let lines = b"{}\n\r\n\nabc\r\n{\"a\":1}";
        for size in [1, 2, 5, 6, 100] {
            assert_eq!(cut(envelopes, size, Form::Envelopes).await.unwrap(), ["{}", "", "abc"], "{size}");
            assert_eq!(cut(lines, size, Form::Lines).await.unwrap(), ["{}", "abc\r", "{\"a\":1}"], "{size}");
        }
    }

    #[test]
    fn no_part_of_a_line_is_searched_twice() {
        let mut received = Received::new(Body::empty(), None);
        for count in 1..=100 {
            received.bytes.extend_from_slice(b"a");
            assert!(first_line(&mut received, 100).unwrap().is_none());
            assert_eq!(received.searched, count);
        }
        // What was searched is not looked at again.
        received.bytes[0] = b'\n';
        assert!(first_line(&mut received, 100).unwrap().is_none());
        received.bytes.extend_from_slice(b"\nab\n");
        assert_eq!(first_line(&mut received, 100).unwrap().unwrap().len(), 100);
        assert_eq!(first_line(&mut received, 100).unwrap().unwrap(), "ab");
        assert!(first_line(&mut received, 100).unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_malformed_or_too_large_is_refused() {
        let long = [b'a'; 101];
        for (bytes, expected) in [
            (&b"\0\0\0\0\x02{"[..], "ends within an envelope"),
            (b"\0\0", "ends within an envelope"),
            (b"\x01\0\0\0\0", "compressed"),
            (b"\x02\0\0\0\0", "flags"),
            (b"\0\0\0\0\xff", "at most 100 bytes"),
        ] {
            let refused = cut(bytes, 3, Form::Envelopes).await.unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
        for (size, bytes) in [(1, &long[..]), (200, &[&long[..], b"\n"].concat())] {
            assert!(cut(bytes, size, Form::Lines).await.unwrap_err().contains("at most 100 bytes"));
        }
        assert_eq!(cut(&long[1..], 200, Form::Lines).await.unwrap().len(), 1);
    }
}
