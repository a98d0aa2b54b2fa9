//! Connecting to a server, with the client's credentials: from the flags, else from the profile.

use std::error::Error;
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

use super::failure::{Failure, reasons};
use super::presented;
use super::profile::Profile;
use crate::server::file_modes::others_may_use;

/// The server to call if neither a flag nor the profile names one.
const ENDPOINT: &str = "http://127.0.0.1:50051";

/// The heading of these flags in the help.
const HEADING: &str = "Connection";

/// The flags of every command that calls a server.
#[derive(Clone, Debug, clap::Args)]
pub struct Connection {
    /// The server to call [default: that of the profile, else http://127.0.0.1:50051]
    #[arg(long, value_name = "URL", help_heading = HEADING)]
    endpoint: Option<String>,
    /// The profile with the server, the credentials and the provider: NAME stands for
    /// ~/.config/cpss-registry/NAME.toml. The flags win over the profile [default: the profile `profile`, if it exists
    /// and --endpoint names no other server]
    #[arg(long, value_name = "NAME|FILE.toml", help_heading = HEADING)]
    profile: Option<String>,
    /// Call as this caller; only for `serve --dev`: registrar, certifier, provider:ID, payer, auditor or operator
    #[arg(long = "as", value_name = "ROLE", conflicts_with_all = ["cert", "token_file"], help_heading = HEADING)]
    caller: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

/// The trusted authority, and the client's credentials.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Shown {
    /// Trust servers with a certificate of this authority (PEM); required for https
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub ca: Option<PathBuf>,
    /// The client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "token_file", help_heading = HEADING)]
    pub cert: Option<PathBuf>,
    /// The private key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = HEADING)]
    pub key: Option<PathBuf>,
    /// A file that holds the client's token; other users must not be able to read it
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub token_file: Option<PathBuf>,
}

/// A connection that identifies the caller in every call.
pub type Service = InterceptedService<Channel, CallerHeaders>;

/// The headers that identify the caller: its token, or its role on a development server.
#[derive(Clone, Default)]
pub struct CallerHeaders {
    token: Option<AsciiMetadataValue>,
    role: Option<AsciiMetadataValue>,
}

impl Interceptor for CallerHeaders {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in [("authorization", &self.token), ("x-dev-caller", &self.role)] {
            if let Some(value) = value {
                request.metadata_mut().insert(name, value.clone());
            }
        }
        Ok(request)
    }
}

impl Connection {
    /// Opens a connection. The timeout applies to connecting and to each call.
    pub async fn open(&self, timeout: Duration) -> Result<Service, Failure> {
        let profile = self.profile()?;
        let (shown, caller) = self.identity(&profile);
        open(self.endpoint_or(&profile), &shown, caller, timeout).await
    }

    /// True if a flag says which server to call, or how.
    pub fn is_given(&self) -> bool {
        [&self.endpoint, &self.profile, &self.caller].into_iter().any(Option::is_some) || self.shown.given().is_some()
    }

    /// The server and the caller, as text: what another server or caller would not have in common.
    pub fn scope(&self) -> Result<String, Failure> {
        let profile = self.profile()?;
        let (Shown { cert, token_file, .. }, caller) = self.identity(&profile);
        Ok(format!("{} {caller:?} {cert:?} {token_file:?}", self.endpoint_or(&profile)))
    }

    /// The profile. The default one is only for its own server: its token must not reach another one.
    pub fn profile(&self) -> Result<Profile, Failure> {
        let profile = Profile::read(self.profile.as_deref())?;
        let is_of_another =
            self.profile.is_none() && self.endpoint.is_some() && self.endpoint.as_deref() != profile.endpoint();
        Ok(if is_of_another { Profile::default() } else { profile })
    }

    /// The authority and the identity. An identity in the flags replaces that of the profile as a whole.
    fn identity<'a>(&'a self, profile: &'a Profile) -> (Shown, Option<&'a str>) {
        match &self.caller {
            Some(caller) => (self.shown.with_authority(profile), Some(caller)),
            None if self.shown.is_identity() => (self.shown.with_authority(profile), None),
            None => (self.shown.filled(profile), profile.caller.as_deref()),
        }
    }

    fn endpoint_or<'a>(&'a self, profile: &'a Profile) -> &'a str {
        self.endpoint.as_deref().or(profile.endpoint()).unwrap_or(ENDPOINT)
    }
}

/// Opens a connection to an endpoint. The timeout applies to connecting and to each call.
pub async fn open(endpoint: &str, shown: &Shown, caller: Option<&str>, timeout: Duration) -> Result<Service, Failure> {
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
        // A token or a name would be sent in clear text.
        return Err(wrong(flag, "requires https, but the endpoint is http"));
    } else {
        parsed
    };
    let not_a_role = |_| wrong("--as", "not a role, such as registrar or provider:region-1-cmhc");
    let headers =
        CallerHeaders { token: shown.token()?, role: caller.map(str::parse).transpose().map_err(not_a_role)? };
    if limited.uri().scheme_str() == Some("http") && matches!(speaks(&limited, timeout).await, Some(Speaks::Tls)) {
        let line = format!("cannot reach {endpoint}: this port speaks TLS");
        return Err(Failure::said(vec![line]).with_remedy("use https://…, with --ca and the client's credentials"));
    }
    let is_https = limited.uri().scheme_str() == Some("https");
    let cert = shown.cert.as_deref().filter(|_| is_https);
    let limited = limited.connect_timeout(timeout).timeout(timeout);
    let channel = limited.connect().await.map_err(|error| {
        // The transport error itself only says that it failed; its source says why.
        let reason = error.source().unwrap_or(&error);
        if let Some(refused) = cert.and_then(|cert| presented::refused_at_once(reason, cert)) {
            return refused;
        }
        let failure = Failure::of(format!("cannot reach {endpoint}"), reason);
        remedy(reason).into_iter().fold(failure, Failure::with_remedy)
    })?;
    let service = InterceptedService::new(channel, headers);
    if let Some(cert) = cert {
        presented::accepted(service.clone(), cert).await?;
    }
    Ok(service)
}

/// The protocol of a port.
enum Speaks {
    Tls,
    Other,
}

/// Detects the protocol of a port by its answer to an HTTP/2 preface. `None`: the port cannot be reached or does not
/// answer.
async fn speaks(endpoint: &Endpoint, timeout: Duration) -> Option<Speaks> {
    /// The HTTP/2 connection preface, with an empty SETTINGS frame.
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    /// The type of a TLS record with an alert.
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
    "the server's certificate is from an authority other than --ca: use the ca.crt of its registry";

/// The remedy for a known cause of a failed connection.
fn remedy(reason: &(dyn Error + 'static)) -> Option<&'static str> {
    let said = reasons(reason).map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let known = [
        ("Connection refused", "nothing listens there: is the server running, and is this its port?"),
        ("InvalidContentType", "the port does not speak TLS: is this the right port, or should it be http://…?"),
        ("UnknownIssuer", OTHER_AUTHORITY),
        // Another authority with the same name but another key.
        ("BadSignature", OTHER_AUTHORITY),
        (
            "not valid for name",
            "the server's certificate is for another name: use a name that the certificate contains",
        ),
    ];
    known.into_iter().find(|(words, _)| said.contains(words)).map(|(_, remedy)| remedy)
}

impl Shown {
    /// Adds the authority and the identity of a profile where the flags have none.
    pub fn filled(&self, profile: &Profile) -> Shown {
        let shown = self.with_authority(profile);
        if self.is_identity() {
            return shown;
        }
        let Profile { cert, key, token_file, .. } = profile;
        Shown { cert: cert.clone(), key: key.clone(), token_file: token_file.clone(), ..shown }
    }

    /// Adds the authority of a profile if the flags name none.
    fn with_authority(&self, profile: &Profile) -> Shown {
        Shown { ca: self.ca.clone().or_else(|| profile.ca.clone()), ..self.clone() }
    }

    /// Whether the flags identify the client.
    fn is_identity(&self) -> bool {
        self.cert.is_some() || self.token_file.is_some()
    }

    /// The first of these flags that is set.
    fn given(&self) -> Option<&'static str> {
        let flags =
            [("--ca", &self.ca), ("--cert", &self.cert), ("--key", &self.key), ("--token-file", &self.token_file)];
        flags.into_iter().find(|(_, path)| path.is_some()).map(|(flag, _)| flag)
    }

    /// The credentials cannot be used.
    fn unusable(&self, error: &(dyn Error + 'static)) -> Failure {
        let mismatch = rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch);
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) if reasons(error).any(|reason| reason.downcast_ref() == Some(&mismatch)) => {
                let (cert, key) = (cert.display(), key.display());
                let line =
                    format!("--key: {key} is not the key of the certificate in {cert}: the two files must be a pair");
                Failure::usage(vec![line])
            }
            _ => Failure::of("--ca, --cert or --key cannot be used", error),
        }
    }

    fn tls(&self) -> Result<ClientTlsConfig, Failure> {
        let no_ca =
            || Failure::usage(vec!["--ca: required for https: the authority that init wrote as ca.crt".to_owned()]);
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
        // A sensitive header is not printed with the call.
        header.set_sensitive(true);
        Ok(Some(header))
    }
}

fn read(flag: &str, path: &Path) -> Result<String, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::of(format!("{flag}: cannot read {}", path.display()), &error).with_usage(true);
    let bytes = std::fs::read(path).map_err(unreadable)?;
    // Bytes that are not UTF-8 are not PEM and not a token either.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Checks that the content has a PEM block of a kind.
fn pem(flag: &str, path: &Path, kind: &str, content: String) -> Result<String, Failure> {
    let begins = |line: &str| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{kind}-----"));
    if content.lines().any(begins) {
        return Ok(content);
    }
    let line = format!("{flag}: {} is not a PEM file with a {}", path.display(), kind.to_lowercase());
    let remedy =
        format!("such a file has a line `-----BEGIN {kind}-----`; init writes certificates as .crt and keys as .key");
    Err(Failure::usage(vec![line, remedy]))
}

/// Reads a file that other users must not be able to read.
fn read_secret(flag: &str, path: &Path) -> Result<String, Failure> {
    let content = read(flag, path)?;
    if others_may_use(path).unwrap_or(false) {
        let path = path.display();
        return Err(Failure::usage(vec![format!("{flag}: all users can read {path}: chmod 600 {path}")]));
    }
    Ok(content)
}
