//! Who calls, over TLS, on a server that was set up by `init`.

mod bulk;
mod command;
mod identity;
mod limits;
pub mod ops;
pub mod place;
mod reload;
mod roles;
mod told;
