//! How commands reach a server, and what they show it.

use std::error::Error;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::rustls;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use super::failure::Failure;

/// The flags of every command that asks a server.
#[derive(Clone, Debug, clap::Args)]
pub struct Connection {
    /// The server to ask
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    pub endpoint: String,
    #[command(flatten)]
    pub shown: Shown,
}

/// What a command believes, and what it shows.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Shown {
    /// Believe servers with a certificate of this authority (PEM); needed for https
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Show this certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "token_file")]
    pub cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Show the token in this file, which nobody else may read
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// A connection that shows a token, if there is one, with every call.
pub type Service = InterceptedService<Channel, Token>;

/// The token of a connection, as the header that it is shown in.
#[derive(Clone)]
pub struct Token(Option<AsciiMetadataValue>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl Connection {
    /// Opens a connection. Neither it nor a call on it takes longer than the timeout.
    pub async fn open(&self, timeout: Duration) -> Result<Service, Failure> {
        open(&self.endpoint, &self.shown, timeout).await
    }
}

/// Opens a connection to an endpoint. Neither it nor a call on it takes longer than the timeout.
pub async fn open(endpoint: &str, shown: &Shown, timeout: Duration) -> Result<Service, Failure> {
    let wrong = |flag: &str, message: &str| Failure::usage(vec![format!("{flag}: {message}")]);
    let parsed = Endpoint::from_shared(endpoint.to_owned()).ok();
    let is_url = |parsed: &Endpoint| matches!(parsed.uri().scheme_str(), Some("http" | "https"));
    let parsed = parsed.filter(is_url).ok_or_else(|| {
        wrong("--endpoint", &format!("`{endpoint}` is not a URL, such as https://registry.example.org:50051"))
    })?;
    let limited = if parsed.uri().scheme_str() == Some("https") {
        let tls = shown.tls()?;
        parsed.tls_config(tls).map_err(|error| shown.unusable(&error))?
    } else if let Some(flag) = shown.given() {
        // A token or a name would be sent where anyone can read it.
        return Err(wrong(flag, "is for https alone, and the endpoint is http"));
    } else {
        parsed
    };
    let token = Token(shown.token()?);
    if limited.uri().scheme_str() == Some("http") && matches!(speaks(&limited, timeout).await, Some(Speaks::Tls)) {
        let line = format!("cannot reach {endpoint}: this port speaks TLS");
        return Err(Failure::said(vec![line]).with_remedy("ask it by https://…, with --ca and what it is to be shown"));
    }
    let limited = limited.connect_timeout(timeout).timeout(timeout);
    let channel = limited.connect().await.map_err(|error| {
        // The transport's own words say no more than that it failed.
        let reason = error.source().unwrap_or(&error);
        let failure = Failure::of(format!("cannot reach {endpoint}"), reason);
        remedy(reason).into_iter().fold(failure, Failure::with_remedy)
    })?;
    Ok(InterceptedService::new(channel, token))
}

/// What a port answers to somebody who does not speak TLS.
enum Speaks {
    Tls,
    Other,
}

/// Finds out what a port speaks: by what it answers to the beginning of HTTP/2. None: it cannot be reached, or is silent.
async fn speaks(endpoint: &Endpoint, timeout: Duration) -> Option<Speaks> {
    /// How a client begins, with settings of its own: none.
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    /// The type of a TLS record that holds an alert.
    const ALERT: u8 = 21;
    let uri = endpoint.uri();
    let host = uri.host()?.trim_matches(['[', ']']);
    let ask = async {
        let mut stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await.ok()?;
        stream.write_all(PREFACE).await.ok()?;
        stream.read_u8().await.ok()
    };
    let first = tokio::time::timeout(timeout, ask).await.ok()??;
    Some(if first == ALERT { Speaks::Tls } else { Speaks::Other })
}

const OTHER_AUTHORITY: &str =
    "the server's certificate is of another authority than --ca: give the ca.crt of its registry";

/// What to do about a connection that failed for a reason, where that is known.
fn remedy(reason: &(dyn Error + 'static)) -> Option<&'static str> {
    let reasons = std::iter::successors(Some(reason), |&reason| reason.source());
    let said = reasons.map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let known = [
        ("Connection refused", "nothing listens there: does the server run, and is this its port?"),
        ("InvalidContentType", "what listens there does not speak TLS: is this the right port, or is it http://…?"),
        ("UnknownIssuer", OTHER_AUTHORITY),
        // An authority of the same name with another key.
        ("BadSignature", OTHER_AUTHORITY),
        (
            "not valid for name",
            "the server's certificate is for another name: ask it by a name that the certificate has",
        ),
    ];
    known.into_iter().find(|(words, _)| said.contains(words)).map(|(_, remedy)| remedy)
}

impl Shown {
    /// The first of these flags that was given.
    fn given(&self) -> Option<&'static str> {
        let flags =
            [("--ca", &self.ca), ("--cert", &self.cert), ("--key", &self.key), ("--token-file", &self.token_file)];
        flags.into_iter().find(|(_, path)| path.is_some()).map(|(flag, _)| flag)
    }

    /// What was to be shown cannot be.
    fn unusable(&self, error: &(dyn Error + 'static)) -> Failure {
        let mut reasons = std::iter::successors(Some(error), |&reason| reason.source());
        let mismatch = rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch);
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) if reasons.any(|reason| reason.downcast_ref() == Some(&mismatch)) => {
                let (cert, key) = (cert.display(), key.display());
                let line =
                    format!("--key: {key} is not the key of the certificate in {cert}: name the two files of one pair");
                Failure::usage(vec![line])
            }
            _ => Failure::of("--ca, --cert or --key cannot be used", error),
        }
    }

    fn tls(&self) -> Result<ClientTlsConfig, Failure> {
        let no_ca =
            || Failure::usage(vec!["--ca: needed for https: the authority that init wrote as ca.crt".to_owned()]);
        let ca = self.ca.as_deref().ok_or_else(no_ca)?;
        let ca = pem("--ca", ca, "CERTIFICATE", read("--ca", ca)?)?;
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
        Ok(match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                let cert = pem("--cert", cert, "CERTIFICATE", read("--cert", cert)?)?;
                let key = pem("--key", key, "PRIVATE KEY", read_secret("--key", key)?)?;
                tls.identity(Identity::from_pem(cert, key))
            }
            _ => tls,
        })
    }

    fn token(&self) -> Result<Option<AsciiMetadataValue>, Failure> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let token = read_secret("--token-file", path)?;
        let not_a_token = || Failure::usage(vec![format!("--token-file: {} holds no token", path.display())]);
        let token = format!("Bearer {}", token.trim());
        let mut header: AsciiMetadataValue = token.parse().map_err(|_| not_a_token())?;
        // It is not written out, whatever prints the call.
        header.set_sensitive(true);
        Ok(Some(header))
    }
}

fn read(flag: &str, path: &Path) -> Result<String, Failure> {
    let bytes =
        std::fs::read(path).map_err(|error| Failure::of(format!("{flag}: cannot read {}", path.display()), &error))?;
    // What is no text is no PEM either, and no token.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What was read, if it holds something of a kind in PEM form.
fn pem(flag: &str, path: &Path, kind: &str, content: String) -> Result<String, Failure> {
    let begins = |line: &str| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{kind}-----"));
    if content.lines().any(begins) {
        return Ok(content);
    }
    let line = format!("{flag}: {} is no PEM file with a {}", path.display(), kind.to_lowercase());
    let remedy =
        format!("such a file has a line `-----BEGIN {kind}-----`; init writes certificates as .crt and keys as .key");
    Err(Failure::usage(vec![line, remedy]))
}

/// Reads a file that others must not be able to read.
fn read_secret(flag: &str, path: &Path) -> Result<String, Failure> {
    let content = read(flag, path)?;
    let open = |mode: u32| mode & 0o007 != 0;
    if std::fs::metadata(path).is_ok_and(|file| open(file.mode())) {
        let path = path.display();
        return Err(Failure::usage(vec![format!("{flag}: everyone can read {path}: chmod 600 {path}")]));
    }
    Ok(content)
}
