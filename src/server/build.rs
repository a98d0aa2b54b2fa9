//! What the program was built from.

/// The commit, if the build was given it in its environment.
pub(super) fn commit() -> Option<&'static str> {
    option_env!("CPSS_COMMIT").filter(|commit| !commit.is_empty())
}
