//! PgBouncer before a server.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Instant;

use super::programs::{self, leashed};
use super::{HOST, PASSWORD, PATIENCE, PAUSE, Server};

/// Where Debian puts it.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A pooler. It ends when this is dropped.
pub struct Pooler {
    child: Child,
    input: Option<ChildStdin>,
    port: u16,
}

impl Pooler {
    /// Starts a pooler that pools sessions or transactions of a role, without TLS to its clients.
    pub fn start(server: &Server, role: &str, pool_mode: &str) -> Pooler {
        let port = TcpListener::bind((HOST, 0)).unwrap().local_addr().unwrap().port();
        let users = server.file("users.txt");
        programs::write(&users, &format!("\"{role}\" \"{PASSWORD}\"\n"));
        let settings = format!(
            "[databases]\n* = host={HOST} port={}\n[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = plain\nauth_file = {}\npool_mode = {pool_mode}\n\
             default_pool_size = 10\nserver_tls_sslmode = {}\n",
            server.port(),
            users.display(),
            if programs::have_tls() { "require" } else { "disable" },
        );
        let file = server.file("pgbouncer.ini");
        programs::write(&file, &settings);
        let mut child =
            leashed(Path::new(PROGRAM), "KILL").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let input = child.stdin.take();
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((HOST, port)).is_err() {
            assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline, "PgBouncer does not start");
            std::thread::sleep(PAUSE);
        }
        Pooler { child, input, port }
    }

    /// The port on [`HOST`].
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Pooler {
    /// The program ends with its input.
    fn drop(&mut self) {
        self.input = None;
        drop(self.child.wait());
    }
}
