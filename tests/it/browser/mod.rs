//! What a web page may do on the HTTP port, and what anyone may read there.

pub mod exchange;
mod open;
mod origins;
