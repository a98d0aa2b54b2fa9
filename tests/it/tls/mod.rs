//! Authentication over TLS, on a server set up by `init`.

mod bulk;
mod command;
mod expected_fields;
mod identity;
mod limits;
mod offboarding;
mod ops;
mod reload;
mod roles;
mod rotation;
pub mod tls_server;
