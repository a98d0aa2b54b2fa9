//! The sockets on which clients call: that of gRPC, and that of HTTP if there is one.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::ServeError;
use super::config::Config;
use super::connection::Protocol;
use super::listener::Listener;
use super::started::Ports;
use super::vital::Vital;
use super::workers::Workers;

/// Sockets that are bound and accept nothing yet.
pub(super) struct Sockets {
    grpc: TcpListener,
    http: Option<TcpListener>,
    /// Their addresses, and that of the ops port.
    pub(super) ports: Ports,
}

impl Sockets {
    /// Binds the sockets of the configuration. `ops` is the address of the ops port.
    pub(super) async fn bind(config: &Config, ops: SocketAddr) -> Result<Sockets, ServeError> {
        let (grpc, grpc_address) = listen(config.listen).await?;
        let (http, http_address) = match config.http_listen {
            Some(address) => listen(address).await.map(|(socket, address)| (Some(socket), Some(address)))?,
            None => (None, None),
        };
        Ok(Sockets { grpc, http, ports: Ports { grpc: grpc_address, http: http_address, ops } })
    }

    /// Accepts connections, and hands them to the workers. Returns the addresses.
    pub(super) fn open(self, listener: Listener, workers: Workers, vital: &Vital) -> Result<Ports, ServeError> {
        if let Some(http) = self.http {
            let listener = Listener { protocol: Protocol::Http, ..listener.clone() };
            listener.open(http, workers.clone(), vital.part("HTTP listener")).map_err(ServeError::Listener)?;
        }
        listener.open(self.grpc, workers, vital.part("listener")).map_err(ServeError::Listener)?;
        Ok(self.ports)
    }
}

/// Listens on an address. Returns the address with its port, if it leaves the choice of the port to the system.
pub(super) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let bound = TcpListener::bind(address).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (bound, listener) = bound.map_err(|source| ServeError::Listen { address, source })?;
    Ok((listener, bound))
}
