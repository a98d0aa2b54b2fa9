//! What a web page may do on the HTTP port, and what anyone may read there.

pub mod exchange;
#[cfg(feature = "workbooks")]
mod lists;
mod open;
mod origins;
