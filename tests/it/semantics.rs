//! A new semantics version: one record corrects in every copy what an older version published differently.
//!
//! The source tree has no older version. Its effect would be a log whose records have other changes for the same facts.
//! Here some of the changes are published differently, always in the same way.

use std::path::Path;

use cpss_registry::domain::day::Day;
use cpss_registry::domain::fact::{Designation, Fact, RegistryFact};
use cpss_registry::domain::id::Revision;
use cpss_registry::domain::record::{Change, Coverage, Record};
use cpss_registry::domain::standing::{Reason, Standing};
use cpss_registry::registry::{Options, Registry, SEMANTICS_VERSION};
use cpss_registry::store::{OpenMode, StoreOptions, record};

use super::feed::scenario::recorded;
use super::harness::library;
use super::model::expected_changes::{Copy, Span};

/// All records of a data directory.
pub fn records(data: &Path) -> Vec<Record> {
    let store = library::open_store(data, &StoreOptions::default());
    let log = store.log_reader();
    let read = log.read(Revision(1), store.head());
    read.map(|stored| stored.map(|(revision, bytes)| record::decode(revision, &bytes).unwrap()).unwrap()).collect()
}

/// Writes records into an empty data directory.
pub fn write(data: &Path, records: &[Record]) {
    let options = StoreOptions { mode: OpenMode::ExistingOrNew("test"), ..StoreOptions::default() };
    let mut store = library::open_store(data, &options);
    store.finish().unwrap();
    for batch in records.chunks(20) {
        store.commit(batch).unwrap();
    }
}

/// The change as an older version published it. That version ignored suspensions, certificate dates, young adults and
/// identifiers, and treated everyone as covered where the provider was certified for services.
fn state_before(change: &Change) -> Option<Change> {
    let mut change = change.clone();
    match &mut change {
        Change::Standing { from, to, reason, .. } => {
            for standing in [&mut *from, &mut *to] {
                if *standing == Standing::Suspended {
                    *standing = Standing::Limited;
                }
            }
            if *to == Standing::Limited {
                *reason = Some(Reason::Limited);
            }
        }
        Change::Coverage { coverage, .. } if *coverage == Coverage::NotKnown => *coverage = Coverage::Covered,
        Change::Coverage { .. } => {}
        Change::Designation { code, .. } => return (*code != Designation::ALL[0]).then_some(change),
        Change::Service { .. } => return None,
        Change::Provider { identifiers, .. } => identifiers.clear(),
        Change::Records { .. } => {}
    }
    Some(change)
}

fn span() -> Span {
    Span { first: Day::from_ymd(2024, 5, 1).unwrap(), last: Day::from_ymd(2026, 7, 31).unwrap() }
}

fn copy(records: &[Record]) -> Copy {
    let mut copy = Copy::new(span());
    records.iter().flat_map(|record| &record.changes).for_each(|change| copy.apply(change));
    copy
}

/// Opens a registry with this semantics version, which it may adopt, and closes it.
async fn open(data: &Path, semantics_version: u32) -> Result<(), String> {
    open_with(data, semantics_version, true, StoreOptions::default()).await
}

async fn open_with(
    data: &Path,
    semantics_version: u32,
    adopts_semantics: bool,
    store: StoreOptions,
) -> Result<(), String> {
    let options = Options {
        data_dir: data.to_owned(),
        registry: None,
        rules_dir: None,
        today: Some(super::feed::scenario::END.parse().unwrap()),
        open_days_through: None,
        begins_shared_log: false,
        adopts_semantics,
        store: StoreOptions { mode: OpenMode::ExistingOrNew("test"), ..store },
    };
    let opened = Registry::open_as(options, semantics_version, &mut |_| {}).map_err(|error| error.to_string())?;
    opened.registry.close().await;
    drop(opened.registry);
    let store = opened.writer.join().unwrap().map_err(|error| error.to_string())?;
    store.close().map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_release_with_other_answers_publishes_every_difference() {
    let next = SEMANTICS_VERSION + 1;
    let (server, _) = recorded().await;
    let data = server.stop().await;
    let right = records(data.path());
    let before = tempfile::tempdir().unwrap();
    let mut older = right.clone();
    for record in &mut older {
        record.changes = record.changes.iter().filter_map(state_before).collect();
    }
    write(before.path(), &older);
    assert!(!same(&copy(&older), &copy(&right)), "the older version published other changes");

    open(before.path(), SEMANTICS_VERSION).await.unwrap();
    assert_eq!(records(before.path()).len(), older.len(), "the version on record is this one: nothing to say");

    open(before.path(), next).await.unwrap();
    let repaired = records(before.path());
    assert_eq!(repaired.len(), older.len() + 1);
    let adopted = repaired.last().unwrap();
    assert!(
        matches!(adopted.facts.as_slice(), [Fact::Registry(RegistryFact::SemanticsAdopted { version })] if *version == next)
    );
    let (repaired_copy, right_copy) = (copy(&repaired), copy(&right));
    assert!(same(&repaired_copy, &right_copy), "every copy equals a new one");
    println!(
        "{} changes about {} people put {} records right",
        adopted.changes.len(),
        adopted.specialist_count,
        right.len()
    );
    assert!(adopted.specialist_count > 0);
    // Nothing is published that copies already have.
    for change in &adopted.changes {
        let mut without = copy(&older);
        adopted.changes.iter().filter(|other| *other != change).for_each(|change| without.apply(change));
        assert!(!same(&without, &right_copy), "{change:?} is redundant");
    }

    open(before.path(), next).await.unwrap();
    assert_eq!(records(before.path()).len(), repaired.len(), "once");
    let refused = open(before.path(), SEMANTICS_VERSION).await.unwrap_err();
    assert!(refused.contains("newer version"), "{refused}");
}

#[tokio::test]
async fn a_release_with_the_same_answers_publishes_only_its_version() {
    let next = SEMANTICS_VERSION + 1;
    let (server, _) = recorded().await;
    let data = server.stop().await;
    let before = records(data.path()).len();
    for _ in 0..2 {
        let refused = open_with(data.path(), next, false, StoreOptions::default()).await.unwrap_err();
        assert!(
            refused.contains("a backup is the only way back") && refused.contains("--adopt-semantics"),
            "{refused}"
        );
        assert_eq!(records(data.path()).len(), before, "nothing is recorded");
    }
    open(data.path(), next).await.unwrap();
    let records_now = records(data.path());
    assert_eq!(records_now.len(), before + 1);
    assert_eq!(records_now.last().unwrap().changes, []);

    // A new registry with this version has no copies to correct.
    let empty = tempfile::tempdir().unwrap();
    open(empty.path(), next).await.unwrap();
    open(empty.path(), next).await.unwrap();
    assert_eq!(records(empty.path()).len(), 1);
}

/// This version gives other errors and matches names differently, but walks like version 1.
#[tokio::test]
async fn a_registry_of_version_1_adopts_this_one_without_changes() {
    let (server, _) = recorded().await;
    let data = server.stop().await;
    let mut older = records(data.path());
    let is_adoption = |fact: &Fact| matches!(fact, Fact::Registry(RegistryFact::SemanticsAdopted { .. }));
    assert_eq!(older[0].facts.iter().filter(|fact| is_adoption(fact)).count(), 1, "a new registry is of this version");
    older[0].facts.retain(|fact| !is_adoption(fact));
    let before = tempfile::tempdir().unwrap();
    write(before.path(), &older);
    for _ in 0..2 {
        open(before.path(), SEMANTICS_VERSION).await.unwrap();
        let now = records(before.path());
        assert_eq!(now.len(), older.len() + 1, "once");
        let adopted = now.last().unwrap();
        assert_eq!(adopted.facts, [Fact::Registry(RegistryFact::SemanticsAdopted { version: SEMANTICS_VERSION })]);
        assert_eq!((adopted.changes.as_slice(), adopted.specialist_count), ([].as_slice(), 0));
    }
}

#[tokio::test]
async fn a_full_disk_delays_the_adoption_but_not_the_start() {
    let next = SEMANTICS_VERSION + 1;
    let (server, _) = recorded().await;
    let data = server.stop().await;
    let before = records(data.path()).len();
    let mut full = StoreOptions::default();
    full.log.reserve_bytes = 900_000_000_000_000;
    open_with(data.path(), next, true, full).await.unwrap();
    assert_eq!(records(data.path()).len(), before, "nothing is recorded");
    open(data.path(), next).await.unwrap();
    assert_eq!(records(data.path()).len(), before + 1, "there is room again");
}

/// Whether two copies are equal on every day. A value equal to the initial state counts as no value.
fn same(one: &Copy, other: &Copy) -> bool {
    let unsaid = (Standing::NotIssued, Some(Reason::NotYetEffective));
    let (one, other) = (&one.table, &other.table);
    let said = |table: &super::model::expected_changes::Table| {
        let standings = table.standings.iter().filter(|(_, line)| line.iter().any(|on| *on != unsaid));
        let coverages = table.coverages.iter().filter(|(_, line)| line.iter().any(|on| *on != Coverage::NotCovered));
        let designations = table.designations.iter().filter(|(_, line)| line.iter().any(|held| *held));
        let not_known = cpss_registry::domain::record::ServiceStatus::NotKnown;
        let services = table.services.iter().filter(|(_, line)| line.iter().any(|on| *on != not_known));
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            standings.collect::<Vec<_>>(),
            coverages.collect::<Vec<_>>(),
            designations.collect::<Vec<_>>(),
            services.collect::<Vec<_>>(),
            table.providers,
            table.records_begin
        )
    };
    said(one) == said(other)
}
