//! `POST /page/roster`: what a list may be, who may send one, and what bounds the process that reads it.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::exchange::connect;
use crate::harness::http1::{Answer, exchange, one_request, received, request};
use crate::harness::{Process, TODAY, block_until, files_below, soon};
use crate::lists::workbook::{Put, Sheet, packed, parts, workbook};
use crate::tls::tls_server::TlsServer;

const LIST: &str = "First Name,Last Name,Cert #\nAnn,Quillfeather,CPS-DTMK-QJA9-B\nBo,Roe,pending\n";
const STAFF: &[Sheet] = &[(
    "Staff",
    &[&[Put::Text("Cert #"), Put::Text("Last Name")], &[Put::Text("CPS-DTMK-QJA9-B"), Put::Text("Quillfeather")]],
)];
const MIB: usize = 1024 * 1024;

struct Registry {
    process: Process,
    data: TempDir,
}

/// A registry in its own process, since the program that reads lists is its own.
fn started(flags: &[&str]) -> Registry {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn_logging(data.path(), TODAY, flags);
    process.http();
    Registry { process, data }
}

/// The head of a request with a list of this many bytes.
fn head(registry: &Registry, headers: &[&str], length: usize) -> String {
    let host = registry.process.http();
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let list = "content-type: application/octet-stream";
    format!(
        "POST /page/roster HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{list}\r\ncontent-length: {length}\r\n{headers}\r\n"
    )
}

async fn begin(registry: &Registry, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(registry.process.http()).await.unwrap();
    // A request that is refused early is not read to its end.
    drop(stream.write_all(request).await);
    stream
}

async fn answer(stream: TcpStream) -> Answer {
    let text = String::from_utf8(received(stream).await.0).unwrap();
    Answer::read(&text).unwrap_or_else(|| panic!("no response: {text:?}"))
}

async fn send(registry: &Registry, headers: &[&str], list: &[u8]) -> Answer {
    let request = [head(registry, headers, list.len()).as_bytes(), list].concat();
    answer(begin(registry, &request).await).await
}

/// The lines of an answer, without the lengths of its chunks.
fn lines(answer: &Answer) -> Vec<Value> {
    let found = answer.body.lines().filter(|line| line.starts_with('{'));
    found.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What is wrong with a list.
fn why(answer: &Answer) -> String {
    let error: Value = serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body));
    assert_eq!((answer.status, &error["code"]), (400, &json!("invalid_argument")), "{error}");
    error["message"].as_str().unwrap().to_owned()
}

/// How many processes the registry has started and not ended.
fn readers(registry: &Registry) -> usize {
    let parent = registry.process.id().to_string();
    let entries = fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let of_registry = |stat: &String| {
        let (_, behind) = stat.rsplit_once(") ").unwrap();
        let words: Vec<&str> = behind.split(' ').take(2).collect();
        words[0] != "Z" && words[1] == parent
    };
    stats.filter(of_registry).count()
}

#[tokio::test]
async fn the_rows_of_a_list_come_back_and_nothing_of_it_stays() {
    let registry = started(&[]);
    let answer = send(&registry, &["x-dev-caller: provider:region-1"], LIST.as_bytes()).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-ndjson")), "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("x-request-id").is_some());
    let found = lines(&answer);
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!((&found[0]["rows"], &found[3]), (&json!(2), &json!({ "end": true })));
    assert_eq!(found[1]["item"], json!({ "credentialNumber": "CPS-DTMK-QJA9-B", "familyName": "Quillfeather" }));
    assert_eq!(found[1]["cells"], json!(["Ann", "Quillfeather", "CPS-DTMK-QJA9-B"]));
    assert!(found[2]["faults"][0].as_str().unwrap().contains("a word is not a number"), "{}", found[2]);
    let of_workbook = lines(&send(&registry, &[], &workbook(STAFF)).await);
    assert_eq!(of_workbook[1]["item"], found[1]["item"]);
    registry.process.wait_for_log("client=\"dev:provider:region-1\" http=200");
    block_until("the end of the readers", || readers(&registry) == 0);
    let log = registry.process.log();
    assert!(!log.contains("Quillfeather") && !log.contains("DTMK"), "{log}");
    for file in files_below(registry.data.path()) {
        let bytes = fs::read(&file).unwrap_or_default();
        assert!(!bytes.windows(12).any(|window| window == b"Quillfeather"), "{}", file.display());
    }
    registry.process.stop();
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_refused_with_the_remedy() {
    let registry = started(&[]);
    let bomb = packed(&[("xl/media/image1.bmp".to_owned(), vec![0; 129 * MIB])]);
    let mut broken = workbook(STAFF);
    broken.truncate(broken.len() / 2);
    let program = fs::read("/proc/self/exe").unwrap()[..MIB].to_vec();
    for (list, expected) in [
        (Vec::new(), "the list has no rows"),
        (b"Cert #\n".to_vec(), "the list has no rows"),
        (b"Badge,Name\n1,Ann\n".to_vec(), "no column for credential_number"),
        (b"%PDF-1.7 ".to_vec(), "it is a PDF, not a list: ask for the list as .xlsx or CSV"),
        (b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".to_vec(), "it is a program, not a list: choose the list"),
        (program, "it is a program, not a list: choose the list"),
        (bomb, "its parts have more than 128 MiB: save the list alone, or as CSV"),
        (broken, "it is not a whole .xlsx workbook"),
    ] {
        let why = why(&send(&registry, &[], &list).await);
        assert!(why.starts_with(&format!("list: {expected}")) && !why.contains("--"), "{expected}: {why}");
    }
    registry.process.stop();
}

#[tokio::test]
async fn only_those_who_may_ask_about_people_send_lists() {
    let registry = started(&[]);
    for role in ["registrar", "provider:region-1", "payer", "auditor"] {
        let answer = send(&registry, &[&format!("x-dev-caller: {role}")], LIST.as_bytes()).await;
        assert_eq!(answer.status, 200, "{role}: {}", answer.body);
    }
    for role in ["certifier", "operator"] {
        let refused = send(&registry, &[&format!("x-dev-caller: {role}")], LIST.as_bytes()).await;
        assert!(refused.status == 403 && refused.body.contains("permission_denied"), "{role}: {}", refused.body);
    }
    let refused = send(&registry, &["x-dev-caller: nobody"], LIST.as_bytes()).await;
    assert!(refused.status == 401 && refused.body.contains("unauthenticated"), "{}", refused.body);
    // As every attempt to call a method that is not the role's, both are in the audit.
    let audit = fs::read_to_string(registry.data.path().join("audit/reads.jsonl")).unwrap_or_else(|_| {
        let files = files_below(registry.data.path());
        panic!("{files:?}")
    });
    assert_eq!(audit.matches("\"verdict\":\"REFUSED\"").count(), 2, "{audit}");
    registry.process.stop();
}

#[tokio::test]
async fn headers_of_a_development_server_are_refused_as_for_a_call() {
    let place = TlsServer::start();
    let token = place.add_client_with_token("chief", "certifier").await;
    let certifier = format!("authorization: Bearer {token}");
    let address = place.process.http();
    let host = format!("localhost:{}", address.port());
    let send = async |shown, header: &str| {
        let headers = ["content-type: application/octet-stream", "x-dev-today: 2026-03-02", header];
        let stream = connect(place.directory(), address, shown).await;
        exchange(stream, &request("POST", "/page/roster", &host, &headers, LIST)).await
    };
    let refused = send(Some("registrar"), "accept: */*").await;
    assert!(
        refused.status == 400 && refused.body.contains("x-dev-today: only a development server"),
        "{}",
        refused.body
    );
    // Who may not send a list learns that, and it is in the audit.
    let refused = send(None, &certifier).await;
    assert!(refused.status == 403 && refused.body.contains("permission_denied"), "{}", refused.body);
}

#[tokio::test]
async fn a_page_of_another_site_sends_no_list() {
    let registry = started(&[]);
    let refused = send(&registry, &["sec-fetch-site: cross-site"], LIST.as_bytes()).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    let host = registry.process.http();
    let request = |method: &str, media: &str| {
        format!(
            "{method} /page/roster HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{media}content-length: 0\r\n\r\n"
        )
    };
    let form = request("POST", "content-type: multipart/form-data; boundary=x\r\n");
    for sent in [form, request("POST", "content-type: text/plain\r\n"), request("POST", "")] {
        let refused = answer(begin(&registry, sent.as_bytes()).await).await;
        assert_eq!((refused.status, refused.header("accept-post")), (415, Some("application/octet-stream")), "{sent}");
    }
    let refused = answer(begin(&registry, request("GET", "").as_bytes()).await).await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));
    registry.process.stop();
}

#[tokio::test]
async fn lists_count_against_the_quota_of_their_client() {
    let registry = started(&["--calls-per-second", "1", "--calls-burst", "2"]);
    // They are too long, and so take no time: the quota fills again by the second.
    let too_long = head(&registry, &["x-dev-caller: payer"], 16 * MIB + 1);
    let mut refused = Vec::new();
    for _ in 0..3 {
        refused.push(answer(begin(&registry, too_long.as_bytes()).await).await.body);
    }
    let is_of_list = |body: &String| body.contains("a list may have at most 16 MiB");
    assert_eq!(refused.iter().map(is_of_list).collect::<Vec<_>>(), [true, true, false], "{refused:?}");
    assert_eq!(send(&registry, &["x-dev-caller: auditor"], LIST.as_bytes()).await.status, 200);
    registry.process.stop();
    let registry = started(&["--streams-per-client", "1"]);
    let held = begin(&registry, head(&registry, &["x-dev-caller: payer"], 10).as_bytes()).await;
    block_until("a reader", || readers(&registry) == 1);
    let refused = send(&registry, &["x-dev-caller: payer"], LIST.as_bytes()).await;
    assert!(refused.status == 429 && refused.body.contains("streams, batches and pages"), "{}", refused.body);
    drop(held);
    registry.process.stop();
}

#[tokio::test]
async fn a_client_has_one_list_at_a_time_and_all_have_two() {
    let registry = started(&[]);
    let hold = async |caller: &str| begin(&registry, head(&registry, &[caller], LIST.len()).as_bytes()).await;
    let first = hold("x-dev-caller: payer").await;
    block_until("a reader", || readers(&registry) == 1);
    let refused = send(&registry, &["x-dev-caller: payer"], LIST.as_bytes()).await;
    assert!(refused.status == 429 && refused.body.contains("a list of this client is being read"), "{}", refused.body);
    assert_eq!(send(&registry, &["x-dev-caller: auditor"], LIST.as_bytes()).await.status, 200);
    let second = hold("x-dev-caller: auditor").await;
    block_until("two readers", || readers(&registry) == 2);
    let mut third = hold("x-dev-caller: registrar").await;
    third.write_all(LIST.as_bytes()).await.unwrap();
    // It waits for a place, and has it once a caller gives up.
    let waiting = answer(third);
    tokio::pin!(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending() && readers(&registry) == 2);
    drop(first);
    assert_eq!(waiting.await.status, 200);
    drop(second);
    block_until("the end of the readers", || readers(&registry) == 0);
    registry.process.stop();
}

#[tokio::test]
async fn a_caller_who_has_the_rows_may_send_the_next_list_at_once() {
    let registry = started(&[]);
    // On one connection the next list is there when the rows of the last one end.
    let host = registry.process.http().to_string();
    let headers = ["x-dev-caller: payer", "content-type: application/octet-stream"];
    let one = one_request("POST", "/page/roster", &host, &headers, LIST).repeat(20);
    let last = request("POST", "/page/roster", &host, &headers, LIST);
    let stream = begin(&registry, [one, last].concat().as_bytes()).await;
    let answers = String::from_utf8(received(stream).await.0).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 21, "{answers}");
    registry.process.stop();
}

#[tokio::test]
async fn a_list_is_being_read_until_its_caller_has_the_rows() {
    let registry = started(&[]);
    let list = format!("Cert #,Remark\n{}", format!(",{}\n", "x".repeat(100_000)).repeat(80));
    let request = [head(&registry, &["x-dev-caller: payer"], list.len()).as_bytes(), list.as_bytes()].concat();
    let mut first = begin(&registry, &request).await;
    let mut begun = [0; 12];
    soon("the beginning of the rows", first.read_exact(&mut begun)).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    // The rest is more than the connection holds.
    assert_eq!(readers(&registry), 1);
    let refused = send(&registry, &["x-dev-caller: payer"], LIST.as_bytes()).await;
    assert!(refused.status == 429 && refused.body.contains("a list of this client is being read"), "{}", refused.body);
    drop(first);
    block_until("the end of the reader", || readers(&registry) == 0);
    registry.process.stop();
}

#[tokio::test]
async fn a_list_has_at_most_16_mib() {
    let registry = started(&[]);
    let said = answer(begin(&registry, head(&registry, &[], 16 * MIB + 1).as_bytes()).await).await;
    assert!(said.status == 429 && said.body.contains("a list may have at most 16 MiB: split it"), "{}", said.body);
    // The length of a list in chunks is not known before.
    let chunk = [format!("{MIB:x}\r\n").into_bytes(), vec![b'x'; MIB], b"\r\n".to_vec()].concat();
    let head = head(&registry, &[], 0).replace("content-length: 0", "transfer-encoding: chunked");
    let mut stream = begin(&registry, head.as_bytes()).await;
    for _ in 0..17 {
        stream.write_all(&chunk).await.unwrap();
    }
    drop(stream.write_all(b"0\r\n\r\n").await);
    let said = answer(stream).await;
    assert!(said.status == 429 && said.body.contains("a list may have at most 16 MiB: split it"), "{}", said.body);
    let row = format!("CPS-DTMK-QJA9-B,{}\n", "x".repeat(100_000));
    let mut most = format!("Cert #,Remark\n{}", row.repeat(167)).into_bytes();
    most.resize(16 * MIB, b'x');
    assert_eq!(send(&registry, &[], &most).await.status, 200);
    registry.process.stop();
}

/// A small workbook of which each cell has the same long text.
fn much_from_little() -> Vec<u8> {
    let cell = |line: usize| format!("<row r=\"{line}\"><c r=\"B{line}\" t=\"s\"><v>0</v></c></row>");
    let rows: String = (2..20_000).map(cell).collect();
    let mut made: Vec<_> = parts(STAFF).into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    let (_, sheet) = made.last_mut().unwrap();
    let text = String::from_utf8(sheet.clone()).unwrap();
    let (before, _) = text.split_once("<row r=\"2\">").unwrap();
    *sheet = format!("{before}{rows}</sheetData></worksheet>").into_bytes();
    let namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let strings = format!("<sst xmlns=\"{namespace}\"><si><t>{}</t></si></sst>", "x".repeat(30_000));
    made.push(("xl/sharedStrings.xml".to_owned(), strings.into_bytes()));
    packed(&made)
}

#[tokio::test]
async fn a_list_that_takes_too_much_memory_is_refused() {
    let registry = started(&[]);
    let list = much_from_little();
    assert!(list.len() < MIB, "{}", list.len());
    let why = why(&send(&registry, &[], &list).await);
    assert_eq!(why, "list: it takes more memory than a list may: save the list alone, or as CSV");
    assert_eq!(send(&registry, &[], LIST.as_bytes()).await.status, 200, "the registry is not harmed");
    registry.process.stop();
}

#[tokio::test]
async fn a_list_that_takes_too_long_is_given_up() {
    let registry = started(&["--longest-call-seconds", "1"]);
    let unfinished = begin(&registry, head(&registry, &["x-dev-caller: payer"], 10).as_bytes()).await;
    let refused = answer(unfinished).await;
    assert!(refused.status == 504 && refused.body.contains("deadline_exceeded"), "{}", refused.body);
    block_until("the end of the reader", || readers(&registry) == 0);
    // The caller sends all, and then reads nothing: the rows are more than the connection holds.
    let list = format!("Cert #,Remark\n{}", format!("CPS-DTMK-QJA9-B,{}\n", "x".repeat(1000)).repeat(12_000));
    let request = [head(&registry, &["x-dev-caller: payer"], list.len()).as_bytes(), list.as_bytes()].concat();
    let unread = begin(&registry, &request).await;
    block_until("the end of the reader", || readers(&registry) == 0);
    assert_eq!(send(&registry, &["x-dev-caller: payer"], LIST.as_bytes()).await.status, 200);
    drop(unread);
    registry.process.stop();
}
