//! What reading a stored form comes to where it fails.

/// What is wrong with something stored, in words, without contents.
pub struct Unreadable(pub &'static str);

/// Something read from its stored form.
pub type Read<T> = Result<T, Unreadable>;
