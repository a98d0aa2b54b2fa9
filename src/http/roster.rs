//! `POST /page/roster`: reads a staff list for the page, and answers with its rows as JSON lines. The page then asks
//! about them by the contract, as any other client.
//!
//! A list may be anything that somebody drops on a page. So this process does not read it: it starts its own program
//! with a command that does, gives it the bytes, and passes on what comes back. That process limits its memory, has no
//! environment of the server's and no open file, and is killed when the time is over. Nothing of a list is kept or
//! logged.

use std::collections::HashSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{Method as Verb, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use prost::bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_stream::Stream;
use tonic::Status;
use tonic::body::Body;

use super::{HttpListener, media, reply};
use crate::registry::incident::Incident;
use crate::surface::status::transport::{method_not_allowed, unsupported_media_type};
use crate::surface::{ListPlace, ListRequest, status};

/// The path.
pub(super) const PATH: &str = "/page/roster";

/// The content type of a list, whatever it is: no form of another site can send this one.
const SENT: &str = "application/octet-stream";

/// The maximum size of a list, in bytes: that of a workbook.
const MOST: usize = 16 * 1024 * 1024;

/// How long a list may take, from its first byte to the last of its rows.
const LONGEST: Duration = Duration::from_secs(60);

/// The number of lists that are read at once. Others wait.
const AT_ONCE: usize = 2;

/// The size of a read.
const CHUNK: usize = 64 * 1024;

/// The maximum length of the first line, which is about the list.
const LONGEST_HEAD: usize = 1024 * 1024;

/// The program, wherever it is installed, and also if another has been installed in its place since.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Who reads lists.
pub(super) struct Readers {
    command: &'static str,
    places: Arc<Semaphore>,
    /// The clients whose lists are read or wait.
    clients: Arc<Mutex<HashSet<String>>>,
}

/// The turn of a client, which has one list at a time.
struct Turn {
    clients: Arc<Mutex<HashSet<String>>>,
    client: String,
}

/// A process that reads a list. It is killed when this is dropped.
struct Reader {
    child: Child,
    _place: OwnedSemaphorePermit,
    _turn: Turn,
}

impl Readers {
    /// `command` is the command of this program that reads a list.
    pub(super) fn new(command: &'static str) -> Readers {
        Readers { command, places: Arc::new(Semaphore::new(AT_ONCE)), clients: Arc::default() }
    }

    /// Starts a process, once it has a place.
    async fn reader(&self, client: &str) -> Result<(Reader, ChildStdin, ChildStdout), Status> {
        let turn = Turn::of(&self.clients, client)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| status::draining())?;
        let mut child = Command::new(THIS_PROGRAM)
            .arg(self.command)
            .env_clear()
            // The allocator else reserves memory ahead, which counts against the limit of the process.
            .env("MIMALLOC_ARENA_RESERVE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| not_started(&error))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = input.zip(output).ok_or_else(status::internal)?;
        Ok((Reader { child, _place: place, _turn: turn }, input, output))
    }
}

impl Reader {
    /// Waits for the end of the process, at most until the deadline. It has its place and its turn until then.
    async fn end(mut self, deadline: Instant) {
        drop(timeout_at(deadline, self.child.wait()).await);
    }
}

impl Turn {
    fn of(clients: &Arc<Mutex<HashSet<String>>>, client: &str) -> Result<Turn, Status> {
        if clients.lock().unwrap_or_else(PoisonError::into_inner).insert(client.to_owned()) {
            return Ok(Turn { clients: Arc::clone(clients), client: client.to_owned() });
        }
        Err(status::too_many("a list of this client is being read: wait until it is done"))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.client);
    }
}

/// Answers a request.
pub(super) async fn answer(listener: &HttpListener, request: Request<Body>) -> Response<Body> {
    if request.method() != Verb::POST {
        let why = method_not_allowed("send a POST");
        return reply::allowing("POST", listener.refuse(&request, StatusCode::METHOD_NOT_ALLOWED, &why));
    }
    if request.headers().get(CONTENT_TYPE).is_none_or(|sent| sent != SENT) {
        let why = unsupported_media_type("send the list as application/octet-stream");
        return reply::posting(SENT, listener.refuse(&request, StatusCode::UNSUPPORTED_MEDIA_TYPE, &why));
    }
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head, ());
    let mut list = listener.surface.list_request(&request);
    let response = match rows(listener, &mut list, &request, body).await {
        Ok(rows) => reply::streamed(media::JSON_LINES, rows),
        Err(refusal) => reply::refused(&refusal, &listener.shared.contract),
    };
    list.answered(response)
}

/// The rows of the list in a body.
async fn rows(
    listener: &HttpListener,
    list: &mut ListRequest,
    request: &Request<()>,
    body: Body,
) -> Result<impl Stream<Item = Bytes> + use<>, Status> {
    let place = list.admit(request).await?;
    if usize::try_from(body.size_hint().lower()).is_ok_and(|least| least > MOST) {
        return Err(too_large());
    }
    let deadline = Instant::now() + place.longest().unwrap_or(LONGEST).min(LONGEST);
    let read = async {
        let (reader, input, mut output) = listener.shared.readers.reader(place.client()).await?;
        send(body, input).await?;
        let begun = first_line(&mut output).await?;
        Ok((reader, output, begun))
    };
    let (reader, output, begun) = timeout_at(deadline, read).await.unwrap_or_else(|_| Err(too_slow()))?;
    // The time is over also for a caller that does not read what it gets.
    let mut reading = JoinSet::new();
    reading.spawn(reader.end(deadline));
    Ok(passed_on(begun, output, Passing { reading, place }))
}

/// Gives the reader all bytes of a list.
async fn send(mut body: Body, mut input: ChildStdin) -> Result<(), Status> {
    let mut sent = 0;
    while let Some(frame) = body.frame().await {
        let bytes = frame?.into_data().unwrap_or_default();
        sent += bytes.len();
        if sent > MOST {
            return Err(too_large());
        }
        if input.write_all(&bytes).await.is_err() {
            // It has ended, which its output shows.
            break;
        }
    }
    Ok(())
}

/// Waits for the first line, or for why the list is refused. Returns everything that has come.
async fn first_line(output: &mut ChildStdout) -> Result<Bytes, Status> {
    let mut begun = BytesMut::with_capacity(CHUNK);
    let line = loop {
        let read = output.read_buf(&mut begun).await.unwrap_or(0);
        if let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
            break &begun[..end];
        }
        if read == 0 || begun.len() > LONGEST_HEAD {
            return Err(refused("it takes more memory than a list may: save the list alone, or as CSV"));
        }
        begun.reserve(CHUNK);
    };
    let first: serde_json::Value = serde_json::from_slice(line).map_err(|_| status::internal())?;
    match first.get("refused").and_then(serde_json::Value::as_str) {
        Some(why) => Err(refused(why)),
        None => Ok(begun.freeze()),
    }
}

/// What is held until the rows are passed on, or their caller is gone.
struct Passing {
    /// The task that waits for the process. The process is killed when this is dropped.
    reading: JoinSet<()>,
    place: ListPlace,
}

/// Passes on the rows as they come. The last line shows that they are whole. The end comes after that of the process,
/// so that a caller who has it may send another list at once.
fn passed_on(begun: Bytes, output: ChildStdout, passing: Passing) -> impl Stream<Item = Bytes> {
    futures_util::stream::unfold((begun, output, passing), |(begun, mut output, mut passing)| async move {
        if !begun.is_empty() {
            return Some((begun, (Bytes::new(), output, passing)));
        }
        let mut more = BytesMut::with_capacity(CHUNK);
        match output.read_buf(&mut more).await {
            Ok(0) | Err(_) => {
                passing.reading.join_next().await;
                passing.place.answered();
                None
            }
            Ok(_) => Some((more.freeze(), (Bytes::new(), output, passing))),
        }
    })
}

/// The refusal of a list.
fn refused(why: &str) -> Status {
    status::invalid_field("list", why)
}

fn too_large() -> Status {
    status::too_large(format!("a list may have at most {} MiB: split it", MOST / (1024 * 1024)))
}

fn too_slow() -> Status {
    status::deadline_exceeded()
}

fn not_started(error: &std::io::Error) -> Status {
    static NOT_STARTED: Incident = Incident::new();
    if let Some(times) = NOT_STARTED.occurred() {
        let error = error as &dyn std::error::Error;
        tracing::error!(
            event = "list_reader_not_started",
            times,
            error,
            "the process that reads a list cannot be started"
        );
    }
    status::internal()
}
