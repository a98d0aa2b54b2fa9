//! The program on a disk that fails, that blocks, that fills up, that turns read-only and whose power fails.
//! `tests/faults/run.sh` runs these: they need `strace`, and file systems of their own.

mod failing;
mod frozen;
mod full;
mod power;
mod writers;

use crate::harness::scenes::Credentialed;
use crate::harness::words::verdict_line;
use crate::harness::{Client, TODAY};

/// Questions are answered, and rightly.
async fn is_confirmed(client: &Client, person: &Credentialed) {
    assert_eq!(verdict_line(&client.verify(&person.number, TODAY, None).await), "CONFIRMED");
}
