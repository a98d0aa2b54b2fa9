//! The schema in the database: what its functions promise to a replica, and what nobody can do.

mod adoption;
mod functions;
mod grants;
mod install;
mod redaction;
mod restored;
mod restores;
mod rules;
mod triggers;
mod waits;
mod writers;
