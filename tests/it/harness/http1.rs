//! Requests over HTTP/1.1, byte by byte, so that each header is the test's own.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::soon;

/// A response.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// Reads a response. `None` if it has no complete head.
    pub fn read(text: &str) -> Option<Answer> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// Its first line.
    pub fn status_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// A header of it.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The only request of a connection, as it is sent. `headers` are lines of `name: value`.
pub fn request(method: &str, path: &str, host: &str, headers: &[&str], body: &str) -> String {
    one_request(method, path, host, &[&["connection: close"], headers].concat(), body)
}

/// A request after which more may follow on its connection.
pub fn one_request(method: &str, path: &str, host: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

/// Everything that is received until a connection ends, and how it ends.
pub async fn received(mut stream: impl AsyncRead + Unpin) -> (Vec<u8>, io::Result<usize>) {
    let mut bytes = Vec::new();
    let end = soon("the end of a connection", stream.read_to_end(&mut bytes)).await;
    (bytes, end)
}

/// Sends a request, and returns the bytes that come until the connection ends.
pub async fn sent(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> (Vec<u8>, io::Result<usize>) {
    stream.write_all(request.as_bytes()).await.unwrap();
    received(stream).await
}

/// Sends a request and reads until the connection ends.
pub async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    // An end of TLS without its last message is an end, too.
    let text = String::from_utf8(sent(stream, request).await.0).unwrap();
    Answer::read(&text).unwrap_or_else(|| panic!("no response: {text:?}"))
}
