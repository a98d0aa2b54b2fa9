//! A receiver of webhooks: HTTPS, in this process, that confirms, lies, or is dead.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

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

/// What a receiver does with a request that it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers 204.
    Confirm,
    /// Waits, and then answers 204.
    Slow(Duration),
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
        let state = State { manner: Mutex::new(Manner::Confirm), received: Mutex::default() };
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

    /// What was read so far, in order.
    pub fn received(&self) -> Vec<Received> {
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
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    while let Some((head, body)) = read_request(&mut stream).await {
        let manner = *state.manner.lock().unwrap();
        let is_confirmed = matches!(manner, Manner::Confirm | Manner::Slow(_) | Manner::Endless);
        let id = header(&head, "webhook-id");
        check(&head, &id, &body);
        if let Manner::Slow(time) = manner {
            tokio::time::sleep(time).await;
        }
        state.received.lock().unwrap().push(Received { id, body, is_confirmed });
        match manner {
            Manner::Confirm | Manner::Slow(_) => {
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok();
            }
            Manner::Say(text) => {
                stream.write_all(text.as_bytes()).await.ok();
                stream.shutdown().await.ok();
                return;
            }
            Manner::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok();
                let chunk = format!("200\r\n{}\r\n", "a".repeat(0x200));
                while stream.write_all(chunk.as_bytes()).await.is_ok() {}
                return;
            }
            Manner::Hang => std::future::pending().await,
        }
    }
}

/// Reads a request: its head and its body.
async fn read_request(stream: &mut TlsStream<TcpStream>) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut body = vec![0; header(&head, "content-length").parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

/// The value of the only header with this name.
fn header(head: &str, name: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut values = lines.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    let value = values.next().unwrap_or_else(|| panic!("no {name}: {head}"));
    assert!(values.next().is_none(), "{name} twice: {head}");
    value
}

/// Checks a request like a careful receiver.
fn check(head: &str, id: &str, body: &str) {
    assert!(head.starts_with("POST /hooks/cpss?of=registry HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(head, "content-type"), "application/json");
    let time: i64 = header(head, "webhook-timestamp").parse().unwrap();
    let now = clock::now().as_second();
    assert!(now.abs_diff(time) < 300, "{time}");
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap();
    mac.update(format!("{id}.{time}.{body}").as_bytes());
    assert_eq!(header(head, "webhook-signature"), format!("v1,{}", base64(&mac.finalize().into_bytes())));
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}
