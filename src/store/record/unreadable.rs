//! The error of decoding a stored form.

/// What is wrong with a stored form, in words, without its contents.
pub struct Unreadable(pub &'static str);

/// A value decoded from its stored form.
pub type Read<T> = Result<T, Unreadable>;
