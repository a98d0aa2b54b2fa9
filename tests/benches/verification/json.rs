//! The same questions as JSON over HTTP/1.1: requests are written before the measurement, and each response is compared
//! byte for byte with the first one, whose verification was compared with the one over gRPC.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::proto::DESCRIPTORS;
use futures_util::future::try_join_all;
use prost::bytes::{Buf as _, Bytes, BytesMut};
use prost_reflect::{DescriptorPool, DynamicMessage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::load::{Exchange, Run, compare, on_its_own_thread};
use super::wire::Failure;

/// The bytes before a message over gRPC.
const PREFIX: usize = 5;

/// The questions of `exchanges` as HTTP requests, with their responses.
pub async fn learn(address: SocketAddr, method: &str, exchanges: &[Exchange]) -> Result<Arc<[Exchange]>, Failure> {
    let pool = DescriptorPool::decode(DESCRIPTORS)?;
    let name = method.trim_start_matches('/').replace('/', ".");
    let mut methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let described = methods.find(|method| method.full_name() == name).ok_or("no such method")?;
    let mut connection = TcpStream::connect(address).await?;
    let mut learned = Vec::with_capacity(exchanges.len());
    for exchange in exchanges {
        let message = DynamicMessage::decode(described.input(), exchange.request.slice(PREFIX..))?;
        let body = serde_json::to_string(&message)?;
        let head = format!(
            "POST {method} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let request = Bytes::from(head + &body);
        let mut answer = BytesMut::new();
        call(&mut connection, &request, &mut answer).await?;
        let given =
            DynamicMessage::deserialize(described.output(), &mut serde_json::Deserializer::from_slice(&answer))?;
        if given != DynamicMessage::decode(described.output(), exchange.answer.slice(PREFIX..))? {
            return Err("an answer as JSON differs from the one over gRPC".into());
        }
        learned.push(Exchange { request, answer: answer.freeze() });
    }
    Ok(learned.into())
}

/// One request with its complete response, whose body is written to `answer`.
async fn call(connection: &mut TcpStream, request: &[u8], answer: &mut BytesMut) -> Result<(), Failure> {
    connection.write_all(request).await?;
    answer.clear();
    loop {
        if let Some(body) = body_start(answer) {
            let text = std::str::from_utf8(answer.get(..body).unwrap_or_default())?;
            if !text.starts_with("HTTP/1.1 200 ") {
                return Err(format!("refused: {text}").into());
            }
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let length: usize = length.ok_or("an answer without a length")?.parse()?;
            if answer.len() == body + length {
                answer.advance(body);
                return Ok(());
            }
        }
        answer.reserve(16 * 1024);
        if connection.read_buf(answer).await? == 0 {
            return Err("the server has closed the connection".into());
        }
    }
}

/// Where the body of a response starts.
fn body_start(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|window| window == b"\r\n\r\n").map(|head| head + 4)
}

/// Closed loop: every connection has one request in progress, and sends the next one when it is answered.
pub async fn closed(
    address: SocketAddr,
    exchanges: &Arc<[Exchange]>,
    connections: usize,
    lasting: Duration,
) -> Result<Run, Failure> {
    let threads = std::thread::available_parallelism()?.get().min(connections);
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let running = (0..threads).map(|at| {
        let share = connections / threads + usize::from(at < connections % threads);
        let (exchanges, next) = (Arc::clone(exchanges), Arc::clone(&next));
        on_its_own_thread(async move || {
            let loops = (0..share).map(|_| one_by_one(address, &exchanges, &next, begun + lasting));
            Ok(try_join_all(loops).await?.concat())
        })
    });
    let latencies = try_join_all(running).await?.concat();
    Ok(Run::of(latencies, begun.elapsed()))
}

async fn one_by_one(
    address: SocketAddr,
    exchanges: &[Exchange],
    next: &AtomicUsize,
    until: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut connection = TcpStream::connect(address).await?;
    connection.set_nodelay(true)?;
    let (mut answer, mut latencies) = (BytesMut::new(), Vec::new());
    while Instant::now() < until {
        let exchange = &exchanges[next.fetch_add(1, Ordering::Relaxed) % exchanges.len()];
        let asked = Instant::now();
        call(&mut connection, &exchange.request, &mut answer).await?;
        latencies.push(asked.elapsed());
        compare(&answer, &exchange.answer)?;
    }
    Ok(latencies)
}
