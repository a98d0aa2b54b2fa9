//! A proxy before a server that cuts, delays, and holds what passes.

use std::io::Error;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::{self, Receiver, Sender};
use tokio::task::JoinHandle;

use crate::server::HOST;

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// Each piece waits this long.
    delay: Duration,
    /// Nothing passes to the server, or from it. The connections stay open.
    holds: (bool, bool),
    /// The number of times that all connections were cut.
    cuts: usize,
}

/// A proxy on a port of its own. It ends when this is dropped.
pub struct Proxy {
    port: u16,
    line: Sender<Line>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy before the server on a port.
    pub async fn before(server: u16) -> Proxy {
        let listener = TcpListener::bind((HOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (line, seen) = watch::channel(Line::default());
        let task = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                tokio::spawn(connection(client, server, seen.clone()));
            }
        });
        Proxy { port, line, task }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.line.send_modify(|line| line.cuts += 1);
    }

    /// Delays each piece that passes.
    pub fn delay(&self, delay: Duration) {
        self.line.send_modify(|line| line.delay = delay);
    }

    /// Lets nothing pass to the server, or from it.
    pub fn hold(&self, to_the_server: bool, from_the_server: bool) {
        self.line.send_modify(|line| line.holds = (to_the_server, from_the_server));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

/// Forwards a connection until one side closes it, or it is cut.
async fn connection(client: TcpStream, server: u16, line: Receiver<Line>) {
    let cuts = line.borrow().cuts;
    let mut cut = line.clone();
    let forwarding = async {
        // As if the network held the first packet.
        line.clone().wait_for(|line| !line.holds.0 && !line.holds.1).await.map_err(Error::other)?;
        let server = TcpStream::connect((HOST, server)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((asking, answered), (answering, asked)) = (client.into_split(), server.into_split());
        tokio::try_join!(
            forward(asking, asked, line.clone(), |line| line.holds.0),
            forward(answering, answered, line.clone(), |line| line.holds.1),
        )
    };
    tokio::select! {
        _ = forwarding => {}
        _ = cut.wait_for(|line| line.cuts != cuts) => {}
    }
}

/// Forwards one direction to its end, which is an error so that the other direction ends too.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut line: Receiver<Line>,
    is_held: fn(&Line) -> bool,
) -> Result<(), Error> {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut bytes).await?;
        let delay = line.wait_for(|line| !is_held(line)).await.map_err(Error::other)?.delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if count == 0 {
            return Err(Error::other("the end"));
        }
        to.write_all(&bytes[..count]).await?;
    }
}
