//! The program on a disk that fails and on a disk that fills up. `tests/faults/run.sh` runs these: they need `strace`,
//! and a small file system of their own.

mod failing;
mod full;
mod writers;
