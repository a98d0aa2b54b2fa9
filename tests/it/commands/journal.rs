//! The journal of request ids: which line is a retry.

use super::reports::{Place, place, request_id};
use crate::harness::scenes::HIRED;

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
