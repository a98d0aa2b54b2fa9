//! Tests: several registries that share one log, each with a copy of its own.

mod endings;
mod full_disk;
mod locked;
mod outages;
mod replica;
mod simulation;
mod two_writers;
