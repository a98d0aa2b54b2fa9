//! A registry in this process without a server.

use std::path::Path;
use std::sync::Arc;

use cpss_registry::domain::command::Command;
use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::fact::{CredentialPeriodKind, Reporter, Role};
use cpss_registry::domain::id::CredentialNumber;
use cpss_registry::domain::timeline::Timeline;
use cpss_registry::registry::filters::CredentialFilter;
use cpss_registry::registry::list::Window;
use cpss_registry::registry::snapshot::Snapshot;
use cpss_registry::registry::{Content, Numbers, OpenError, Opened, Options, Registry, Submission};
use cpss_registry::store::{self, DataDirError, OpenMode, Store, StoreOptions};
use uuid::Uuid;

use super::{block_until, soon};

/// Opens the registry of a data directory, or a new one, on this day or on the last day that it opened.
pub fn open(data: &Path, today: &str, options: StoreOptions) -> Opened {
    let today = Some(today.parse().unwrap());
    let store = StoreOptions { mode: OpenMode::ExistingOrNew("test"), ..options };
    let options = Options {
        data_dir: data.to_owned(),
        registry: None,
        begins_shared_log: false,
        adopts_semantics: false,
        rules_dir: None,
        today,
        open_days_through: None,
        store,
    };
    let is_in_use =
        |error: &OpenError| matches!(error, OpenError::Store(store::OpenError::DataDir(DataDirError::InUse { .. })));
    once_free(|| Registry::open(options.clone(), &mut |_| {}), is_in_use)
}

/// Opens the store of a data directory.
pub fn open_store(data: &Path, options: &StoreOptions) -> Store {
    let is_in_use = |error: &store::OpenError| matches!(error, store::OpenError::DataDir(DataDirError::InUse { .. }));
    once_free(|| Store::open(data, options.clone(), &mut |_| {}), is_in_use)
}

/// Opens as soon as the data directory is free. A program that another test is just starting inherits the lock of this
/// process until it executes.
fn once_free<T, E: std::fmt::Debug>(open: impl Fn() -> Result<T, E>, is_in_use: impl Fn(&E) -> bool) -> T {
    let mut opened = open();
    block_until("a data directory that is free", || {
        let is_free = !opened.as_ref().is_err_and(&is_in_use);
        if !is_free {
            opened = open();
        }
        is_free
    });
    opened.unwrap()
}

/// Closes the registry and waits until everything is on disk.
pub async fn close(opened: Opened) {
    let Opened { registry, writer, .. } = opened;
    registry.close().await;
    drop(registry);
    let joined = tokio::task::spawn_blocking(|| writer.join());
    let store = soon("the end of the writer", joined).await.unwrap().unwrap().unwrap();
    store.close().unwrap();
}

/// All credentials, ordered by number.
pub fn all_credentials(known: &Snapshot, day: Day) -> Vec<Arc<Timeline>> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let window = Window { after, size: 1000 };
        let found = known.credentials(&CredentialFilter::default(), day, window).unwrap();
        all.extend(found.entries.into_iter().map(|(_, timeline)| timeline));
        after = found.next;
        if after.is_none() {
            return all;
        }
    }
}

/// A request that makes a credential inactive.
pub fn inactive(number: CredentialNumber, days: Period) -> Submission {
    Submission {
        reporter: Reporter { client: "desk".to_owned(), role: Role::RegistrarAndCertifier },
        method: "test",
        request_id: Uuid::new_v4(),
        content: Content::default(),
        validate_only: false,
        note: String::new(),
        command: Command::OpenCredentialPeriod { credential: number, kind: CredentialPeriodKind::Inactive, days },
        numbers: Numbers::Random,
    }
}
