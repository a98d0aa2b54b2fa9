//! A registry in this process that nobody serves.

use std::path::Path;

use cpss_registry::registry::{Opened, Options, Registry};
use cpss_registry::store::StoreOptions;

/// Opens the registry of a data directory, or an empty one, on this day or the last one that it opened.
pub fn open(data: &Path, today: &str, store: StoreOptions) -> Opened {
    let today = Some(today.parse().unwrap());
    let options = Options { data_dir: data.to_owned(), rules_dir: None, today, open_days_through: None, store };
    Registry::open(options, &mut |_| {}).unwrap()
}

/// Waits until everything is on disk.
pub async fn close(opened: Opened) {
    let Opened { registry, writer, .. } = opened;
    registry.close().await;
    drop(registry);
    let store = tokio::task::spawn_blocking(|| writer.join()).await.unwrap().unwrap().unwrap();
    store.close().unwrap();
}
