//! Clients that write while the disk fails.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use cpss_registry::proto::v1;
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use crate::harness::requests::register_specialist;
use crate::harness::{Client, Refusal as _, soon};

/// A request and its results.
#[derive(Clone, Debug)]
pub struct Sent {
    pub request: v1::RegisterSpecialistRequest,
    /// The reasons of the refusals, in order.
    pub refused: Vec<String>,
    /// The revision, once the request was accepted.
    pub revision: Option<u64>,
}

/// Running writers.
pub struct Writers {
    stop: Arc<AtomicBool>,
    sent: Arc<Mutex<Vec<Sent>>>,
    working: Vec<JoinHandle<()>>,
}

/// The reason of a refusal. A broken connection has none.
pub fn reason(status: &Status) -> String {
    if status.details().is_empty() { "CUT_OFF".to_owned() } else { status.reason() }
}

impl Writers {
    /// Starts writers. Each sends a request until it is accepted, or its outcome is unknown, and then the next one. It
    /// ends when it is cut off.
    pub fn start(client: &Client, count: usize) -> Writers {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let working = (0..count).map(|_| {
            let (client, stop, sent) = (client.clone(), Arc::clone(&stop), Arc::clone(&sent));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let (one, go_on) = write(&client, &stop).await;
                    sent.lock().unwrap().push(one);
                    if !go_on {
                        return;
                    }
                }
            })
        });
        let working = working.collect();
        Writers { stop, sent, working }
    }

    /// The number of requests that match.
    pub fn count(&self, is: impl Fn(&Sent) -> bool) -> usize {
        self.sent.lock().unwrap().iter().filter(|sent| is(sent)).count()
    }

    /// Lets the writers finish their current requests.
    pub async fn stop(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        self.ended().await
    }

    /// Waits until all writers have been cut off.
    pub async fn ended(self) -> Vec<Sent> {
        for working in self.working {
            soon("the end of a writer", working).await.unwrap();
        }
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

async fn write(client: &Client, stop: &AtomicBool) -> (Sent, bool) {
    let request = register_specialist("Lucinda", "Example");
    let mut sent = Sent { request: request.clone(), refused: Vec::new(), revision: None };
    while sent.revision.is_none() {
        match client.call(request.clone()).await {
            Ok(accepted) => sent.revision = Some(accepted.revision),
            Err(status) => {
                sent.refused.push(reason(&status));
                let is_known =
                    ["STORE_FULL", "NOT_WRITTEN", "WRITER_BUSY"].contains(&sent.refused.last().unwrap().as_str());
                // A call that was cut off has no details. The transport reports a missing program in several ways.
                let is_cut_off = status.code() == Code::Unavailable || status.details().is_empty();
                assert!(is_known || is_cut_off, "{status:?}");
                if !is_known {
                    // The answer alone was refused: it names people, and the audit's file is on the same disk. What was
                    // sent may be on record, and the service goes on.
                    let goes_on = sent.refused.last().unwrap() == "AUDIT_UNAVAILABLE";
                    return (sent, goes_on);
                }
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                // The delay of a client that was asked to retry later.
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    }
    (sent, true)
}

/// Asserts that accepted requests are on record once, and that refused ones left no record.
pub async fn account(client: &Client, before: u64, sent: &[Sent]) {
    let revisions: Vec<_> = sent.iter().filter_map(|sent| sent.revision).collect();
    let distinct: BTreeSet<_> = revisions.iter().copied().collect();
    assert_eq!(revisions.len(), distinct.len(), "no revision answers two requests");
    assert_eq!(distinct, (before + 1..=client.head().await).collect(), "every revision is that of a request");
    for one in sent.iter().filter(|sent| sent.revision.is_some()) {
        assert_eq!(Some(client.ask(one.request.clone()).await.revision), one.revision, "the same answer again");
    }
}
