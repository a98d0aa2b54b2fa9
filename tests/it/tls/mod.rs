//! Who calls, over TLS, on a server that was set up by `init`.

mod bulk;
mod command;
mod identity;
mod limits;
pub mod ops;
mod reload;
mod roles;
pub mod tls_server;
mod told;
