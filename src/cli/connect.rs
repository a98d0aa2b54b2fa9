//! How commands reach a server.

use std::error::Error;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use super::failure::Failure;

/// The flags of every command that asks a server.
#[derive(Clone, Debug, clap::Args)]
pub struct Connection {
    /// The server to ask
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    pub endpoint: String,
}

/// Opens a connection. Neither it nor a call on it takes longer than the timeout.
pub async fn open(endpoint: &str, timeout: Duration) -> Result<Channel, Failure> {
    let parsed = Endpoint::from_shared(endpoint.to_owned()).ok().filter(|parsed| parsed.uri().scheme().is_some());
    let parsed = parsed.ok_or_else(|| {
        Failure::usage(vec![format!("--endpoint: `{endpoint}` is not a URL, such as http://127.0.0.1:50051")])
    })?;
    let limited = parsed.connect_timeout(timeout).timeout(timeout);
    limited.connect().await.map_err(|error| {
        // The transport's own words say no more than that it failed.
        let reason = error.source().unwrap_or(&error);
        Failure::of(format!("cannot reach {endpoint}"), reason)
    })
}
