//! What a question costs more at a replica than with a log in files: finding the head and when it was confirmed. All
//! that follows is the same for both.

use std::hint::black_box;
use std::time::Duration;

use cpss_registry::registry::Registry;
use cpss_registry::registry::snapshot::KnownAt;
use rustix::time::{ClockId, clock_gettime};

/// The questions of a registry in a round, and the rounds.
const QUESTIONS: u32 = 100_000;
const ROUNDS: usize = 9;

/// Measures the registries in turn.
pub async fn run(files: &Registry, replica: &Registry) {
    let (mut of_files, mut of_replica) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_files.push(one(files).await);
        of_replica.push(one(replica).await);
    }
    let [files, replica] = [of_files, of_replica].map(|mut all| {
        all.sort_unstable();
        all[ROUNDS / 2].as_nanos()
    });
    println!("the head of a question, CPU: file log {files} ns, replica {replica} ns");
}

/// The CPU time of a question.
async fn one(registry: &Registry) -> Duration {
    let began = thread_time();
    for _ in 0..QUESTIONS {
        black_box(registry.pin(KnownAt::Head).await.unwrap());
    }
    (thread_time() - began) / QUESTIONS
}

fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}
