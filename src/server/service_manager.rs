//! The service manager, systemd: it learns over a socket what the service is doing. Without `NOTIFY_SOCKET` nothing
//! happens.
//!
//! A message that the socket does not take at once is left out: the service must not wait for its manager.

use std::env;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How much longer a start or an end may take, from the moment that this is sent.
const EXTENSION: Duration = Duration::from_secs(60);

/// A connection to the service manager. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceManager {
    socket: Option<Arc<UnixDatagram>>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// Connects to the service manager that started this process, if it listens.
    pub(super) fn of_environment() -> ServiceManager {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|path| connect(path.as_bytes()).ok()).map(Arc::new);
        let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let is_ours = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| is_ours && *usec > 0).map(Duration::from_micros);
        ServiceManager { watchdog: watchdog.filter(|_| socket.is_some()), socket }
    }

    /// True if there is one.
    pub(super) fn listens(&self) -> bool {
        self.socket.is_some()
    }

    /// How often the service manager must hear that the process lives: twice as often as it looks.
    pub(super) fn watchdog_period(&self) -> Option<Duration> {
        self.watchdog.map(|period| period / 2)
    }

    /// The service accepts calls, or has reloaded its files.
    pub(super) fn ready(&self, status: &str) {
        self.send(&format!("READY=1\n{}", line(status)));
    }

    /// The service begins to reload its files.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let usec = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={usec}\n"));
    }

    /// The service drains and ends.
    pub(super) fn stopping(&self, status: &str) {
        self.send(&format!("STOPPING=1\n{}", line(status)));
    }

    /// What the service is doing, for people.
    pub(super) fn status(&self, status: &str) {
        self.send(&line(status));
    }

    /// The start or the end takes longer than usual.
    pub(super) fn extend(&self) {
        self.send(&format!("EXTEND_TIMEOUT_USEC={}\n", EXTENSION.as_micros()));
    }

    /// The process lives.
    pub(super) fn lives(&self) {
        self.send("WATCHDOG=1\n");
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket {
            // A manager that is gone or busy misses the message. Nothing here depends on it.
            drop(socket.send(message.as_bytes()));
        }
    }
}

/// A status in one line.
fn line(status: &str) -> String {
    format!("STATUS={}\n", status.replace('\n', " "))
}

/// Connects to a socket in the file system, or, if its name begins with `@`, to an abstract one.
fn connect(name: &[u8]) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let address = match name {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(std::path::Path::new(std::ffi::OsStr::from_bytes(path)))?,
    };
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abstract_socket_gets_the_messages_and_a_manager_that_does_not_read_blocks_nobody() {
        let name = format!("cpss-registry-test-{}", std::process::id());
        let heard = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let socket = connect(format!("@{name}").as_bytes()).unwrap();
        let manager = ServiceManager { socket: Some(Arc::new(socket)), watchdog: None };
        manager.ready("two\nlines");
        let mut message = [0; 100];
        let length = heard.recv(&mut message).unwrap();
        assert_eq!(&message[..length], b"READY=1\nSTATUS=two lines\n");
        for _ in 0..100_000 {
            manager.lives();
        }
    }
}
