//! HTTP on a connection: its limits, how requests are started, and how it ends. What the requests mean is up to the
//! listeners.

mod age;
mod ending;
pub mod http1;
pub mod http2;
mod with_peer;

pub use self::age::ConnectionAge;
