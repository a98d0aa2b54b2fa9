//! Lists that a server answers page by page.

use tonic::Status;

use super::failure::Failure;

/// Asks for one page after another, and passes on each entry. `ask` gets the token of the page to ask for, and returns
/// its entries and the token of the next page.
pub async fn all_pages<T>(
    mut ask: impl AsyncFnMut(String) -> Result<(Vec<T>, String), Status>,
    mut take: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut token = String::new();
    loop {
        let (entries, next) = ask(token).await.map_err(|status| Failure::answered(&status))?;
        entries.into_iter().try_for_each(&mut take)?;
        if next.is_empty() {
            return Ok(());
        }
        token = next;
    }
}
