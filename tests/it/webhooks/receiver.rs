//! A receiver of webhooks: HTTPS, in this process, that confirms, lies, or is dead.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cpss_registry::registry::clock;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rcgen::{CertificateParams, KeyPair};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};
use tokio_rustls::server::TlsStream;

/// The bytes of the secret, which is `whsec_` and their base64.
const SECRET: [u8; 32] = [7; 32];

const REFUSAL: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

/// What a receiver does with a request that it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers 204.
    Confirm,
    /// Waits, and then answers 204.
    Slow(Duration),
    /// Answers 503 to the second part of a record, and 204 to everything else.
    RefuseSecondPart,
    /// Sends this and closes.
    Say(&'static str),
    /// Answers 200 with a body without an end.
    Endless,
    /// Never answers.
    Hang,
}

/// A request that a receiver has read.
#[derive(Clone, Debug)]
pub struct Received {
    pub id: String,
    pub body: String,
    /// True if it was answered with success.
    pub is_confirmed: bool,
    pub at: Instant,
}

/// A receiver. It is killed when this is dropped.
pub struct Receiver {
    address: SocketAddr,
    acceptor: TlsAcceptor,
    certificate: String,
    state: Arc<State>,
    running: Option<JoinHandle<()>>,
}

struct State {
    manner: Mutex<Manner>,
    received: Mutex<Vec<Received>>,
    /// What was wrong with requests.
    faults: Mutex<Vec<String>>,
}

impl Receiver {
    /// Starts a receiver that confirms.
    pub async fn start() -> Receiver {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], der).unwrap();
        let state = State { manner: Mutex::new(Manner::Confirm), received: Mutex::default(), faults: Mutex::default() };
        let mut receiver = Receiver {
            address: "127.0.0.1:0".parse().unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate: certificate.pem(),
            state: Arc::new(state),
            running: None,
        };
        receiver.revive().await;
        receiver
    }

    /// The URL that the server posts to.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/hooks/cpss?of=registry", self.address.port())
    }

    /// The certificate, which signed itself (PEM).
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The secret as the server has it.
    pub fn secret() -> String {
        format!("whsec_{}", base64(&SECRET))
    }

    pub fn behave(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    /// What was read so far, in order. Fails if a request was wrong.
    pub fn received(&self) -> Vec<Received> {
        assert_eq!(*self.state.faults.lock().unwrap(), [""; 0]);
        self.state.received.lock().unwrap().clone()
    }

    /// What was read and confirmed so far, in order.
    pub fn confirmed(&self) -> Vec<Received> {
        self.received().into_iter().filter(|received| received.is_confirmed).collect()
    }

    /// Closes the port and all connections.
    pub async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            drop(running.await);
        }
    }

    /// Opens the port again.
    pub async fn revive(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let (acceptor, state) = (self.acceptor.clone(), Arc::clone(&self.state));
        self.running = Some(tokio::spawn(async move {
            // Dropped with the task, which ends the connections.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(acceptor.clone(), stream, Arc::clone(&state)));
            }
        }));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, state: Arc<State>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    if let Err(fault) = converse(stream, &state).await {
        state.faults.lock().unwrap().push(fault);
    }
}

/// Answers the requests of a connection. The error is what is wrong with one.
async fn converse(mut stream: TlsStream<TcpStream>, state: &State) -> Result<(), String> {
    while let Some((head, body)) = read_request(&mut stream).await? {
        let id = check(&head, &body)?;
        let manner = match *state.manner.lock().unwrap() {
            Manner::RefuseSecondPart if id.ends_with("-2") => Manner::Say(REFUSAL),
            Manner::RefuseSecondPart => Manner::Confirm,
            manner => manner,
        };
        let is_confirmed = matches!(manner, Manner::Confirm | Manner::Slow(_) | Manner::Endless);
        if let Manner::Slow(time) = manner {
            tokio::time::sleep(time).await;
        }
        state.received.lock().unwrap().push(Received { id, body, is_confirmed, at: Instant::now() });
        match manner {
            Manner::Confirm | Manner::Slow(_) => {
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok();
            }
            Manner::Say(text) => {
                stream.write_all(text.as_bytes()).await.ok();
                stream.shutdown().await.ok();
                return Ok(());
            }
            Manner::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok();
                let chunk = format!("200\r\n{}\r\n", "a".repeat(0x200));
                while stream.write_all(chunk.as_bytes()).await.is_ok() {}
                return Ok(());
            }
            Manner::Hang | Manner::RefuseSecondPart => std::future::pending().await,
        }
    }
    Ok(())
}

/// Reads a request: its head and its body. None if the connection ends before.
async fn read_request(stream: &mut TlsStream<TcpStream>) -> Result<Option<(String, String)>, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return Ok(None) };
        head.push(byte);
    }
    let head = text(head)?;
    let length = header(&head, "content-length")?.parse().map_err(|_| format!("no length: {head}"))?;
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).await.is_err() {
        return Ok(None);
    }
    Ok(Some((head, text(body)?)))
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The value of the only header with this name.
fn header(head: &str, name: &str) -> Result<String, String> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let values: Vec<_> = lines.filter(|(key, _)| *key == name).map(|(_, value)| value).collect();
    match values[..] {
        [value] => Ok(value.to_owned()),
        _ => Err(format!("not one {name}: {head}")),
    }
}

/// Checks a request like a careful receiver, and returns its id.
fn check(head: &str, body: &str) -> Result<String, String> {
    let (id, time) = (header(head, "webhook-id")?, header(head, "webhook-timestamp")?);
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap();
    mac.update(format!("{id}.{time}.{body}").as_bytes());
    let signature = format!("v1,{}", base64(&mac.finalize().into_bytes()));
    let now = clock::now().as_second();
    let is_right = [
        head.starts_with("POST /hooks/cpss?of=registry HTTP/1.1\r\n"),
        header(head, "content-type")? == "application/json",
        time.parse().is_ok_and(|time: i64| now.abs_diff(time) < 300),
        header(head, "webhook-signature")? == signature,
    ];
    if is_right == [true; 4] { Ok(id) } else { Err(format!("line, type, time, signature are {is_right:?}: {head}")) }
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}
