//! The Connect protocol, version 1: unary calls by POST and GET, and streams of messages in envelopes.

mod get;
mod stream;
mod unary;

pub(super) use self::get::{get, media};
pub(super) use self::stream::stream;
pub(super) use self::unary::{one, unary};
