//! The pages of the ops listener, over HTTP.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::http1::{Answer, received, request};

/// The status line and the body of a response.
pub async fn get(ops: SocketAddr, path: &str) -> (String, String) {
    get_as(ops, path, "*/*").await
}

/// Like [`get`], asking for this type of response.
pub async fn get_as(ops: SocketAddr, path: &str, accept: &str) -> (String, String) {
    try_get(ops, path, accept).await.unwrap()
}

/// Like [`get_as`], for a server that may be gone, or end in the midst of an answer.
pub async fn try_get(ops: SocketAddr, path: &str, accept: &str) -> io::Result<(String, String)> {
    let mut stream = TcpStream::connect(ops).await?;
    let request = request("GET", path, "registry", &[&format!("accept: {accept}")], "");
    stream.write_all(request.as_bytes()).await?;
    let (bytes, end) = received(stream).await;
    end?;
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    let answer = Answer::read(&text).ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((answer.status_line().to_owned(), answer.body))
}

/// The value of a series, with its labels as on the page.
pub async fn metric(ops: SocketAddr, series: &str) -> Option<f64> {
    Metrics::of(ops).await.find(series)
}

/// A page of metrics: each series, with its labels, and its value.
pub struct Metrics {
    pub series: BTreeMap<String, f64>,
    pub text: String,
}

impl Metrics {
    pub async fn of(ops: SocketAddr) -> Metrics {
        let (status, text) = get(ops, "/metrics").await;
        assert_eq!(status, "HTTP/1.1 200 OK");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        });
        Metrics { series: series.collect(), text: text.clone() }
    }

    pub fn find(&self, series: &str) -> Option<f64> {
        self.series.get(series).copied()
    }

    pub fn value(&self, series: &str) -> f64 {
        self.find(series).unwrap_or_else(|| panic!("{series}: {}", self.text))
    }

    /// The value as a whole number.
    pub fn count(&self, series: &str) -> u64 {
        let value = self.value(series);
        assert!(value >= 0.0 && value.fract() == 0.0, "{series}: {value}");
        format!("{value:.0}").parse().unwrap()
    }
}
