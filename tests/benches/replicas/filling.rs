//! How long a new replica takes to be filled, beside a rebuild of the same records.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cpss_registry::domain::id::Revision;
use cpss_registry::registry::{Opened, Registry};
use cpss_registry::store::rebuild;

use super::database::Database;
use super::registry::Subject;

const LOG: &str = "filling";

/// The clients that write the records.
const CLIENTS: usize = 64;

pub async fn run(directory: &Path, database: &Database, records: u64) {
    database.begin(LOG).await;
    let writer = Subject::begin(database.join(LOG, directory, "d").await).await;
    let caller = Arc::clone(writer.caller());
    while caller.registries[0].head_revision().0 < records {
        writer.run(CLIENTS, Duration::from_secs(5)).await;
    }
    drop(caller);
    writer.close().await;
    let sizes = "SELECT count(*), sum(count)::bigint, sum(octet_length(frame)) / 1000000 FROM cpss_registry.log";
    let row = database.client(LOG).await.query_one(sizes, &[]).await.unwrap();
    let (frames, records, megabytes): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    println!("filling: {records} records in {frames} frames, {megabytes} MB");
    let head = Revision(u64::try_from(records).unwrap());

    let filled = database.join(LOG, directory, "e").await;
    let (store, data) = (filled.store.clone(), filled.data_dir.clone());
    let began = Instant::now();
    let opening = tokio::task::spawn_blocking(|| Registry::open(filled, &mut |_| {}));
    let Opened { registry, writer, .. } = opening.await.unwrap().unwrap();
    let took = began.elapsed();
    assert!(registry.head_revision() >= head, "it has all records");
    registry.close().await;
    drop(registry);
    let close = move || writer.join().unwrap().unwrap().close().unwrap();
    tokio::task::spawn_blocking(close).await.unwrap();

    let began = Instant::now();
    tokio::task::spawn_blocking(move || rebuild(&data, &store, &mut |_| {}).unwrap()).await.unwrap();
    let rebuilt = began.elapsed();
    let rate = |took: Duration| records as f64 / took.as_secs_f64();
    println!("a new replica is filled: {:.1} s, {:.0} records/s", took.as_secs_f64(), rate(took));
    println!("rebuild: {:.1} s, {:.0} records/s", rebuilt.as_secs_f64(), rate(rebuilt));
    println!("filled / rebuild: {:.2} (mark: 1.3)", took.as_secs_f64() / rebuilt.as_secs_f64());
}
