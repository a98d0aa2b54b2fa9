//! New servers: empty ones, standbys, and restored backups.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::authority::Certificates;
use super::disk::Disk;
use super::programs::{self, give, program, run};
use super::{HOST, PASSWORD, SUPERUSER, Server, until};

/// For standbys that come back, and for `pg_rewind`, which recovers a server that crashed first.
const KEPT: (&str, &str) = ("wal_keep_size", "256MB");

/// Gives a server a disk of its own.
type Mount = fn(&Path) -> Option<Disk>;

/// How a server that was the primary becomes a standby of the new one.
#[derive(Clone, Copy, Debug)]
pub enum Rebuilt {
    /// What it has and the new primary has not is undone.
    Rewound,
    /// Its data is replaced.
    Copied,
}

impl Server {
    /// Starts a new server with one database, `postgres`. Every commit is on its disk; no standby is waited for.
    pub fn start() -> Server {
        Server::start_with(&[])
    }

    /// Like [`Server::start`], with more settings. [`Server::set`] can change them later.
    pub fn start_with(settings: &[(&str, &str)]) -> Server {
        Server::start_on(None, settings)
    }

    /// Like [`Server::start`], with a disk of its own, if this system allows that. A standby of it has one, too.
    pub fn start_on_its_own_disk() -> Server {
        Server::start_on(Some(Disk::mount), &[])
    }

    fn start_on(mount: Option<Mount>, settings: &[(&str, &str)]) -> Server {
        let mut server = Server::prepare(Arc::new(Certificates::make()), mount);
        let password = server.write("password", PASSWORD);
        let mut command = program("initdb");
        command.args(["--no-sync", "--data-checksums", "--auth=scram-sha-256", "--username", SUPERUSER]);
        run(command.arg("--pwfile").arg(password).arg("--pgdata").arg(server.file("data")));
        let kind = if programs::have_tls() { "hostssl" } else { "host" };
        let line = |database| format!("{kind} {database} all {HOST}/32 scram-sha-256\n");
        fs::write(server.file("data/pg_hba.conf"), line("all") + &line("replication")).unwrap();
        let lines = settings.iter().chain([&KEPT]).map(|(name, value)| format!("{name} = '{value}'\n"));
        fs::write(server.file("data/postgresql.auto.conf"), lines.collect::<String>()).unwrap();
        server.start_again();
        server
    }

    /// Starts a standby that follows this server under a name.
    pub fn start_standby(&self, name: &str) -> Server {
        let mut standby = self.copy();
        standby.follow(self, name);
        standby.start_again();
        standby
    }

    /// Starts a standby, and makes every commit of this server wait for it.
    pub async fn start_synchronous_standby(&self, name: &str) -> Server {
        let standby = self.start_standby(name);
        self.set("synchronous_standby_names", name).await;
        let client = self.superuser().await;
        let is_waited_for = "SELECT FROM pg_stat_replication WHERE application_name = $1 AND sync_state = 'sync'";
        until("the standby follows", async || !client.query(is_waited_for, &[&name]).await.unwrap().is_empty()).await;
        standby
    }

    /// Makes a base backup. It is a server that does not run yet, with the data of this one as it is now:
    /// [`Server::start_again`] starts it.
    pub fn back_up(&self) -> Server {
        self.copy()
    }

    /// Stops the server, and starts it with the data of a base backup in place of its own.
    pub fn restore(&mut self, mut backup: Server) {
        self.stop();
        std::mem::swap(&mut self.directory, &mut backup.directory);
        self.pid = None;
        self.start_again();
    }

    /// Makes this server, which was stopped and was the primary, a standby of the new primary. It does not run yet.
    pub fn rebuild(&self, primary: &Server, name: &str, how: Rebuilt) {
        let data = self.file("data");
        match how {
            Rebuilt::Rewound => {
                let source = primary.source() + " dbname=postgres";
                let mut command = program("pg_rewind");
                run(command.args(["--no-sync", "--source-server", &source]).arg("--target-pgdata").arg(data));
            }
            Rebuilt::Copied => {
                fs::remove_dir_all(&data).unwrap();
                primary.copy_to(&data);
            }
        }
        self.follow(primary, name);
    }

    /// Makes a server that does not run a standby. Only the standby has the name: commits must not wait for the copying
    /// of its data.
    fn follow(&self, primary: &Server, name: &str) {
        let mut settings = File::options().append(true).open(self.file("data/postgresql.auto.conf")).unwrap();
        let source = primary.source() + " application_name=" + name;
        writeln!(settings, "primary_conninfo = '{source}'").unwrap();
        self.write("data/standby.signal", "");
    }

    fn copy(&self) -> Server {
        let copy = Server::prepare(Arc::clone(&self.certificates), self.disk.as_ref().map(|_| Disk::mount as Mount));
        self.copy_to(&copy.file("data"));
        copy
    }

    fn copy_to(&self, data: &Path) {
        let mut command = program("pg_basebackup");
        command.args(["--no-sync", "--checkpoint=fast", "--wal-method=stream", "--dbname", &self.source()]);
        run(command.arg("--pgdata").arg(data));
    }

    /// Copies a database into another one that is empty, by a dump.
    pub fn copy_database(&self, from: &str, to: &str) {
        let dump = self.file("dump");
        let source = |database| format!("{} dbname={database}", self.source());
        run(program("pg_dump").args(["--format=custom", "--dbname", &source(from), "--file"]).arg(&dump));
        run(program("pg_restore").args(["--exit-on-error", "--dbname", &source(to)]).arg(&dump));
    }

    /// How PostgreSQL's own programs connect to this server.
    fn source(&self) -> String {
        let tls = match self.trusted() {
            Some(authority) => format!("sslmode=verify-full sslrootcert={}", authority.display()),
            None => "sslmode=disable".to_owned(),
        };
        format!("host={HOST} port={} user={SUPERUSER} password={PASSWORD} {tls}", self.port)
    }

    /// A directory and a port for a server.
    fn prepare(certificates: Arc<Certificates>, mount: Option<Mount>) -> Server {
        let directory = tempfile::Builder::new().prefix("cpss-postgresql-").tempdir().unwrap();
        let disk = mount.and_then(|mount| mount(directory.path()));
        give(directory.path());
        let port = TcpListener::bind((HOST, 0)).unwrap().local_addr().unwrap().port();
        let server = Server { disk, directory, port, certificates, child: None, input: None, pid: None };
        server.write("authority.pem", &server.certificates.authority);
        server.write("server.pem", &server.certificates.certificate);
        server.write("server.key", &server.certificates.key);
        server
    }

    /// Writes a file that only the server's user can read.
    fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.file(name);
        programs::write(&path, contents);
        path
    }
}
