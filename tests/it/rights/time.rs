//! The time for hiding a row must be the time for an unknown row.
//!
//! `CPSS_HIDDEN_CALLS=5000 cargo test --profile bench --test it rights::time -- --nocapture` asks this many times about
//! each, in turns, and compares the difference of the medians with the difference between two unknown rows.

use std::time::{Duration, Instant};

use tonic::Code;

use super::fixture::{Fixture, Row, call};
use crate::harness::Client;

/// The methods that hide rows from a provider.
const HIDING: &[&str] = &[
    "VerificationService/GetCredential",
    "VerificationService/ListStandingPeriods",
    "EmploymentService/ReportEmploymentEnd",
    "EmploymentService/CorrectEmployment",
    "RecordService/ListFacts",
    "RecordService/EndPeriod",
    "RecordService/RetractFact",
    "ChangeService/ListChanges",
];

/// The number of calls, and the tolerated fraction of the time. Few calls, run with other tests, detect only a
/// completely different code path.
fn measure() -> (usize, u32) {
    std::env::var("CPSS_HIDDEN_CALLS").map_or((100, 3), |text| (text.parse().unwrap(), 20))
}

async fn refused(caller: &Client, method: &str, row: &Row) -> Duration {
    let messages = call(method, row, "north");
    let began = Instant::now();
    let refused = caller.call_messages(method, messages).await;
    let took = began.elapsed();
    assert_eq!(refused.unwrap_err().code(), Code::NotFound, "{method}");
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The median times for several rows, asked about in turns.
async fn medians<const N: usize>(caller: &Client, method: &str, calls: usize, rows: [&Row; N]) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for at in 0..calls + 20 {
        for turn in 0..N {
            let row = (at + turn) % N;
            let took = refused(caller, method, rows[row]).await;
            // The first calls are a warm-up.
            if at >= 20 {
                times[row].push(took);
            }
        }
    }
    times.map(median)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "compares times: .ci/run runs it alone, with retries"]
async fn a_hidden_row_takes_as_long_as_an_unknown_one() {
    let fixture = Fixture::built().await;
    let (north, unknown) = (fixture.as_north(), Fixture::made_up(&fixture.south));
    let (calls, part) = measure();
    let mut apart = Vec::new();
    for method in HIDING {
        let [hidden, one, other] = medians(&north, method, calls, [&fixture.south, &unknown, &unknown]).await;
        println!("{method}: hidden {hidden:?}, unknown {one:?} and {other:?}");
        let noise = one.abs_diff(other).max(one / part);
        if hidden.abs_diff(one) > noise + Duration::from_micros(10) {
            apart.push(format!("{method}: hidden {hidden:?}, unknown {one:?} and {other:?}"));
        }
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
    fixture.server.stop().await;
}
