//! The program on a disk that fails, blocks, fills up, becomes read-only or loses power. `tests/faults/run.sh` runs
//! these tests: they need `strace` and separate file systems.

mod failing;
mod frozen;
mod full;
mod power;
mod stuck;
mod table;
mod writers;

use crate::harness::scenes::Credentialed;
use crate::harness::words::verdict_line;
use crate::harness::{Client, TODAY};

/// Asserts that a question is answered correctly.
async fn is_confirmed(client: &Client, person: &Credentialed) {
    assert_eq!(verdict_line(&client.verify(&person.number, TODAY, None).await), "CONFIRMED");
}
