//! The password of a role. It is read for each connection, so that a corrected file is used without a restart.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// Reads a password, or returns why it cannot be read. The text contains no secret.
type Read = dyn Fn() -> Result<String, String> + Send + Sync;

/// Where a password is read from. Its debug output contains no secret.
#[derive(Clone)]
pub struct Password(Arc<Read>);

impl Password {
    /// A password that is read in this way for each connection.
    pub fn read_by(read: impl Fn() -> Result<String, String> + Send + Sync + 'static) -> Password {
        Password(Arc::new(read))
    }

    /// Reads the present password.
    pub(super) fn read(&self) -> Result<String, String> {
        (self.0)()
    }
}

impl Debug for Password {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password").finish_non_exhaustive()
    }
}
