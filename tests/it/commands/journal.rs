//! The journal of request ids: which line is a retry, also if an answer is lost on the way.

use std::fs;
use std::io::{copy, sink};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread::spawn;

use super::Said;
use super::reports::{Place, place, request_id};
use crate::harness::scenes::HIRED;
use crate::harness::until;

/// A way to a registry that loses the answers of the second connection: the program's first one only finds out what the
/// port speaks. Returns the address, and the client's end of that connection.
fn losing_answers(registry: SocketAddr) -> (SocketAddr, mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, lossy) = mpsc::channel();
    spawn(move || {
        for (at, client) in listener.incoming().enumerate() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(registry).unwrap());
            let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            if at == 1 {
                sender.send(client.try_clone().unwrap()).unwrap();
            }
            spawn(move || drop(copy(&mut client, &mut server)));
            spawn(move || drop(if at == 1 { copy(&mut answers, &mut sink()) } else { copy(&mut answers, &mut back) }));
        }
    });
    (address, lossy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_whose_answer_is_lost_is_recorded_once() {
    let place = place().await;
    let Place { desk, employer, member, .. } = &place;
    let before = place.facts().await;
    let (address, lossy) = losing_answers(desk.address());
    let id = &employer.provider_id;
    desk.configure("profile.toml", &format!("endpoint = \"http://{address}\"\nas = \"provider:{id}\"\n"));
    let line = ["report", "end", &member.number, "--last-day", "2026-02-25", "--reason", "resigned"];
    let mut command = desk.command();
    let running = command.args(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the record of the report", async || place.facts().await > before).await;
    lossy.recv().unwrap().shutdown(Shutdown::Both).unwrap();
    let lost = tokio::task::block_in_place(|| running.wait_with_output().unwrap());
    let lost = Said::of(&lost).exits(1).warns("whether it was recorded is not known: run the same line again");
    let journal = fs::read_to_string(desk.configuration("requests.jsonl")).unwrap();
    assert!(journal.contains(&request_id(&lost)) && !journal.contains("recorded"), "{journal}");
    let again = desk.run(&line).exits(0).prints("Recorded as revision ");
    assert_eq!(request_id(&again), request_id(&lost));
    assert_eq!(place.facts().await, before + 1);
    assert_eq!(request_id(&desk.run(&line).exits(0).prints("This line was recorded before")), request_id(&lost));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_line_to_another_server_or_as_another_caller_is_another_request() {
    let Place { desk, member, .. } = &place().await;
    let line = ["report", "correct", &member.jobs[0], "--first-day", HIRED, "--open"];
    let port = desk.address().port();
    let (by_address, by_name) = (format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}"));
    let ways: [&[&str]; 3] =
        [&[], &["--endpoint", &by_address, "--as", "registrar"], &["--endpoint", &by_name, "--as", "registrar"]];
    let ids =
        ways.map(|way| request_id(&desk.run(&[&line[..], way].concat()).exits(0).prints("Recorded as revision ")));
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    // The later corrections replace the earlier ones, so some of them are not in force; they are retries all the same.
    let again = ways.map(|way| request_id(&desk.run(&[&line[..], way].concat())));
    assert_eq!(again, ids);
}
