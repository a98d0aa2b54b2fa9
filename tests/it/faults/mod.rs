//! The program on a disk that fails, that blocks, that fills up, that turns read-only and whose power fails. `tests/faults/run.sh`
//! runs these: they need `strace`, and file systems of their own.

mod failing;
mod frozen;
mod full;
mod power;
mod writers;
