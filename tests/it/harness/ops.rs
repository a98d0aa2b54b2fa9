//! The pages of the ops listener, over HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The status line and the body of a response.
pub async fn get(ops: SocketAddr, path: &str) -> (String, String) {
    get_as(ops, path, "*/*").await
}

/// Like [`get`], asking for this type of response.
pub async fn get_as(ops: SocketAddr, path: &str, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(ops).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: registry\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
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
