//! The nodes of a database, each with the settings of connections to it. The client of the database would try them all
//! by itself, but tell only what the last one said.

use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, TargetSessionAttrs};

/// The port of PostgreSQL.
const PORT: u16 = 5432;

/// A node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The address as in the URL.
    pub name: Arc<str>,
    /// How it is reached.
    pub config: Config,
}

/// Returns each node that a URL names. `None` if it has other numbers of ports or addresses than of hosts.
pub(super) fn of(url: &Config) -> Option<Vec<Node>> {
    let (hosts, addresses, ports) = (url.get_hosts(), url.get_hostaddrs(), url.get_ports());
    let count = hosts.len().max(addresses.len());
    let fits = |given: usize| given == 0 || given == count;
    if !fits(hosts.len()) || !fits(addresses.len()) || !(fits(ports.len()) || ports.len() == 1) {
        return None;
    }
    let node = |at: usize| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(PORT);
        let mut config = without_nodes(url);
        config.port(port);
        let mut name = String::new();
        match hosts.get(at) {
            Some(Host::Tcp(host)) => {
                config.host(host);
                name.clone_from(host);
            }
            Some(Host::Unix(path)) => {
                config.host_path(path);
                name = path.display().to_string();
            }
            None => {}
        }
        if let Some(address) = addresses.get(at) {
            config.hostaddr(*address);
            if name.is_empty() {
                name = address.to_string();
            }
        }
        let name = if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") };
        Node { name: name.into(), config }
    };
    Some((0..count).map(node).collect())
}

/// The settings of a URL that concern every node.
fn without_nodes(url: &Config) -> Config {
    let mut config = Config::new();
    if let Some(user) = url.get_user() {
        config.user(user);
    }
    if let Some(name) = url.get_dbname() {
        config.dbname(name);
    }
    if let Some(options) = url.get_options() {
        config.options(options);
    }
    if let Some(limit) = url.get_connect_timeout() {
        config.connect_timeout(*limit);
    }
    config
        .channel_binding(url.get_channel_binding())
        .ssl_negotiation(url.get_ssl_negotiation())
        // A name may have the addresses of several nodes.
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .load_balance_hosts(LoadBalanceHosts::Random);
    config
}
