//! A damaged index heals: no answer is wrong, no start fails, and no operator action is needed.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cpss_registry::domain::id::Revision;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::verification_item::Subject;
use cpss_registry::proto::v1::verification_result::Outcome;
use cpss_registry::server::generate::{Options, generate};
use h2::client::ResponseFuture;
use prost::Message as _;
use prost::bytes::Bytes;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus::NotServing;

use super::contract::health::asked_on;
use super::harness::ops::get;
use super::harness::raw::PACKAGE;
use super::harness::requests::{known_at, register_specialist, verify};
use super::harness::{Client, Process, Refusal as _, TODAY, files_below, serve_failures, soon, until};

const PAGE: u64 = 4096;

/// A number from the environment, or a default.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// A registry of synthetic people that was closed properly.
pub struct GeneratedRegistry {
    pub data: TempDir,
    numbers: Vec<String>,
    head: Revision,
}

impl GeneratedRegistry {
    pub fn generated(specialists: u64) -> GeneratedRegistry {
        let data = tempfile::tempdir().unwrap();
        let options = Options {
            data_dir: data.path().to_owned(),
            specialists: specialists.try_into().unwrap(),
            providers: 6,
            seed: 22,
            begins_on: "2023-06-15".parse().unwrap(),
            through: TODAY.parse().unwrap(),
        };
        let mut numbers = Vec::new();
        let list = &mut |credential: cpss_registry::server::generate::Credential| {
            numbers.push(credential.number.to_string());
            Ok(())
        };
        let head = Revision(generate(&options, &mut |_| {}, list).unwrap().records);
        GeneratedRegistry { data, numbers, head }
    }

    fn index(&self) -> PathBuf {
        self.data.path().join("index")
    }

    /// Damages nearly all of the base.
    pub fn spoil(&self) {
        let base = self.index().join("0.base");
        (1..fs::metadata(&base).unwrap().len() / PAGE).for_each(|page| damage(&base, page));
    }

    /// One of many questions about the past.
    fn question(&self, at: usize) -> v1::VerifyCredentialRequest {
        let revision = 1 + at as u64 * 7 % self.head.0;
        let number = &self.numbers[at % self.numbers.len()];
        v1::VerifyCredentialRequest { known_at: Some(known_at(revision)), ..verify(number, None, None) }
    }

    /// The first refusal of a question about the past.
    async fn refusal(&self, client: &Client) -> tonic::Status {
        for at in 0..1000 {
            if let Err(refused) = client.call(self.question(at)).await {
                return refused;
            }
        }
        panic!("nothing is refused");
    }

    /// The answers about all people, at the head and as known after one and two thirds of the history. `None`: refused.
    pub async fn ask(&self, client: &Client) -> (Vec<Option<Vec<u8>>>, Option<tonic::Status>) {
        let (mut answers, mut refused) = (Vec::new(), None);
        for revision in [0, self.head.0 / 3, self.head.0 * 2 / 3] {
            for numbers in self.numbers.chunks(1000) {
                let item = |number: &String| v1::VerificationItem {
                    subject: Some(Subject::CredentialNumber(number.clone())),
                    ..Default::default()
                };
                let request = v1::BatchVerifyCredentialsRequest {
                    items: numbers.iter().map(item).collect(),
                    known_at: (revision > 0).then(|| known_at(revision)),
                    ..Default::default()
                };
                match client.call(request).await {
                    Err(status) => return (answers, Some(status)),
                    Ok(response) => answers.extend(response.results.into_iter().map(|result| match result.outcome? {
                        Outcome::Verification(verification) => Some(verification.encode_to_vec()),
                        Outcome::Error(error) => {
                            refused = Some(tonic::Status::new(Code::from_i32(error.code), error.message));
                            None
                        }
                    })),
                }
            }
        }
        (answers, refused)
    }

    /// Like [`GeneratedRegistry::ask`], expecting no refusal.
    async fn answers(&self, client: &Client) -> Vec<Option<Vec<u8>>> {
        let (answers, refused) = self.ask(client).await;
        assert!(refused.is_none(), "{refused:?}");
        answers
    }

    /// Starts the program, and starts it again each time it ends because its index failed, until everything is
    /// answered. Returns the number of starts.
    async fn heals(&self, expected: &[Option<Vec<u8>>], where_: &str) -> usize {
        for starts in 1..=3 {
            let (process, client) = Process::start(self.data.path(), TODAY);
            let (answers, refused) = self.ask(&client).await;
            let is_right = answers.iter().zip(expected).all(|(answer, right)| answer.is_none() || answer == right);
            assert!(is_right, "a wrong answer: {where_}");
            let Some(refused) = refused else {
                assert_eq!(answers.len(), expected.len());
                process.kill();
                return starts;
            };
            ended_in_order(process, &refused);
        }
        panic!("it does not heal: {where_}");
    }
}

/// The caller gets UNAVAILABLE, and the program ends with an exit code that makes the supervisor start it again. A call
/// begun on a closing connection never reaches the registry; the client library then reports a code of its own.
fn ended_in_order(process: Process, refused: &tonic::Status) {
    let by_the_registry = !refused.details().is_empty();
    let never_sent = matches!(refused.code(), Code::Unknown | Code::Cancelled) && !by_the_registry;
    assert!(never_sent || refused.code() == Code::Unavailable, "{refused:?}");
    ended_for_its_index(process);
}

/// The program ends with an exit code that makes the supervisor start it again, and logs one line with the cause.
fn ended_for_its_index(process: Process) {
    let (status, said) = process.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("the index failed: the next start rebuilds it"), "{said}");
    let [why] = &serve_failures(&said)[..] else { panic!("{said}") };
    let cause = why.strip_prefix("cannot serve: the index ").unwrap_or_else(|| panic!("{said}"));
    assert!(cause.matches(": ").count() <= 1, "one sentence with its cause: {why}");
}

/// Corrupts a page of a file.
fn damage(path: &Path, page: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let size = (file.metadata().unwrap().len() - page * PAGE).min(PAGE);
    file.write_all_at(&vec![0xa5; size.try_into().unwrap()], page * PAGE).unwrap();
}

/// `CPSS_SPECIALISTS` sets the number of people, and `CPSS_DAMAGED_PAGES` the maximum number of damaged pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_any_page_of_the_index_damaged_it_starts_and_no_answer_is_wrong() {
    let place = GeneratedRegistry::generated(setting("CPSS_SPECIALISTS", 60));
    let (process, client) = Process::start(place.data.path(), TODAY);
    let expected = place.answers(&client).await;
    // The state after a kill: sled's files, with the base of the generated registry.
    process.kill();
    let whole: Vec<_> =
        files_below(&place.index()).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let pages =
        whole.iter().flat_map(|(path, bytes)| (0..(bytes.len() as u64).div_ceil(PAGE)).map(move |at| (path, at)));
    let pages: Vec<_> = pages.collect();
    let most = usize::try_from(setting("CPSS_DAMAGED_PAGES", 10)).unwrap();
    let step = pages.len().div_ceil(most).max(1);
    let (mut damaged, mut healed) = (0, 0);
    for (path, page) in pages.iter().step_by(step) {
        fs::remove_dir_all(place.index()).unwrap();
        for (path, bytes) in &whole {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        damage(path, *page);
        let where_ = format!("page {page} of {}", path.display());
        healed += usize::from(place.heals(&expected, &where_).await > 1);
        damaged += 1;
    }
    println!(
        "{} people: {damaged} of {} pages damaged, one at a time; {healed} times it ended and started again; no start \
         failed, no answer was wrong",
        place.numbers.len(),
        pages.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_damaged_while_it_is_read_ends_the_program_and_the_next_start_heals() {
    let place = GeneratedRegistry::generated(60);
    let (process, client) = Process::start(place.data.path(), TODAY);
    let expected = place.answers(&client).await;
    process.kill();
    let base = place.index().join("0.base");
    let whole = fs::read(&base).unwrap();

    let (process, client) = Process::start(place.data.path(), TODAY);
    place.spoil();
    let refused = place.ask(&client).await.1.unwrap();
    ended_in_order(process, &refused);
    assert_eq!(place.heals(&expected, "after the end").await, 1);

    // A restart needs disk space. On a full disk the program continues with what is in memory, and reports the problem.
    fs::write(&base, &whole).unwrap();
    let process = Process::spawn_with(place.data.path(), TODAY, &["--disk-reserve-bytes", "900000000000000"]);
    let client = Client::connect(process.listening());
    place.spoil();
    assert!(place.ask(&client).await.1.is_some());
    assert_eq!(place.refusal(&client).await.code_and_reason(), (Code::Unavailable, "STORE_DAMAGED".to_owned()));
    until("health and metrics that report it", async || {
        asked_on(process.ops(), &format!("{PACKAGE}.CredentialService")).await == NotServing
            && get(process.ops(), "/metrics").await.1.contains("\ncpss_index 0\n")
    })
    .await;
    let refused = client.call(register_specialist("Ambrose", "Example")).await.unwrap_err();
    assert_eq!(refused.code_and_reason(), (Code::ResourceExhausted, "STORE_FULL".to_owned()));
    process.terminate();
    ended_for_its_index(process);
    assert_eq!(place.heals(&expected, "with room again").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_right_after_the_index_has_failed_does_not_hide_the_failure() {
    let place = GeneratedRegistry::generated(60);
    let (process, client) = Process::start(place.data.path(), TODAY);
    place.spoil();
    assert!(place.ask(&client).await.1.is_some());
    process.terminate();
    ended_for_its_index(process);
}

/// A question about the past on a connection without a client library, and its response.
async fn ask_on_the_wire(
    h2: h2::client::SendRequest<Bytes>,
    uri: &str,
    message: &[u8],
) -> Result<ResponseFuture, h2::Error> {
    let request = http::Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
    let (answer, mut body) = h2.ready().await?.send_request(request.body(()).unwrap(), false)?;
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    body.send_data([&[0][..], &length, message].concat().into(), true)?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_index_has_failed_every_call_is_answered_and_the_connection_ends_with_goaway() {
    let place = GeneratedRegistry::generated(60);
    let process = Process::spawn(place.data.path(), TODAY);
    let address = process.listening();
    let (h2, connection) = h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
    let connection = tokio::spawn(connection);
    place.spoil();
    let uri = format!("http://{address}/{PACKAGE}.VerificationService/VerifyCredential");
    let mut answers = Vec::new();
    let until_it_ends = async {
        loop {
            let message = place.question(answers.len()).encode_to_vec();
            match ask_on_the_wire(h2.clone(), &uri, &message).await {
                Ok(answer) => answers.push(tokio::spawn(answer)),
                Err(ended) => return ended,
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let ended = soon("the end of the connection", until_it_ends).await;
    assert!(ended.is_go_away() && ended.is_remote() && ended.reason() == Some(h2::Reason::NO_ERROR), "{ended:?}");
    let (asked, mut refused) = (answers.len(), 0);
    for answer in answers {
        let head = match answer.await.unwrap() {
            Ok(head) => head,
            // The last GOAWAY says that the server did not process the request: the client may send it again.
            Err(not_taken) => {
                assert!(not_taken.is_go_away() && not_taken.reason() == Some(h2::Reason::NO_ERROR), "{not_taken:?}");
                continue;
            }
        };
        // A refusal has its status in the header, an answer in the trailer.
        if let Some(status) = head.headers().get("grpc-status") {
            assert!(status == "14" && head.headers().contains_key("grpc-status-details-bin"), "{head:?}");
            refused += 1;
        }
    }
    assert!(refused > 0, "of {asked}");
    connection.await.unwrap().unwrap();
    ended_for_its_index(process);
}
