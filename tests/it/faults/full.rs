//! A disk that fills up: a small file system that `tests/faults/run.sh` mounts and names in `CPSS_SMALL_DISK`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tonic_health::pb::health_check_response::ServingStatus::{self, NotServing, Serving};

use super::is_confirmed;
use super::writers::{Writers, account};
use crate::contract::health::asked_on;
use crate::harness::raw::PACKAGE;
use crate::harness::scenes::Credentialed;
use crate::harness::{Client, Process, TODAY, files_below, until};

const WRITES: [&str; 4] = ["CredentialService", "EmploymentService", "ProviderService", "RecordService"];
/// The reserve in effect: the smallest that may be configured, in bytes and as flags.
pub const RESERVE: u64 = 64 * 1024 * 1024;
const RESERVED: [&str; 4] = ["--disk-reserve-bytes", "67108864", "--disk-reserve-percent", "0"];
pub const MIB: u64 = 1024 * 1024;

/// Other data on the disk.
pub struct Ballast(PathBuf);

impl Ballast {
    /// Fills the disk until this many bytes are free.
    pub fn leave(disk: &Path, bytes: u64) -> Ballast {
        let ballast = Ballast(disk.join(format!("ballast-{bytes}")));
        let mut file = File::create(&ballast.0).unwrap();
        // The last blocks are filled in small pieces.
        for piece in [64 * 1024, 4096, 1] {
            while free(disk) > bytes {
                match file.write_all(&vec![1; piece]) {
                    Ok(()) => {}
                    Err(full) if full.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        file.sync_all().ok();
        ballast
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

fn free(disk: &Path) -> u64 {
    let stat = rustix::fs::statvfs(disk).unwrap();
    stat.f_bavail * stat.f_frsize
}

/// A registry on the small disk.
pub struct SmallRegistry {
    pub disk: PathBuf,
    pub data_dir: PathBuf,
    /// On a full disk the audit cannot be written either, so it has a disk of its own.
    audit: TempDir,
    person: Credentialed,
}

impl SmallRegistry {
    pub async fn begin() -> (SmallRegistry, Process, Client) {
        let (disk, audit) = (small_disk(), tempfile::tempdir().unwrap());
        let data_dir = disk.join("data");
        let process = serve(&data_dir, &audit, TODAY);
        let client = Client::connect(process.listening());
        let employer = client.qualified_provider("Example Center").await;
        let person = client.credentialed("Evangeline", "Example", &[&employer]).await;
        (SmallRegistry { disk, data_dir, audit, person }, process, client)
    }

    fn serve(&self, today: &str) -> (Process, Client) {
        let process = serve(&self.data_dir, &self.audit, today);
        let client = Client::connect(process.listening());
        (process, client)
    }
}

fn serve(data_dir: &Path, audit: &TempDir, today: &str) -> Process {
    let audit = audit.path().join("reads.jsonl");
    let arguments = [&RESERVED[..], &["--audit-file", audit.to_str().unwrap()]].concat();
    Process::spawn_with(data_dir, today, &arguments)
}

fn small_disk() -> PathBuf {
    let disk = PathBuf::from(std::env::var("CPSS_SMALL_DISK").expect("CPSS_SMALL_DISK: a small file system"));
    let stat = rustix::fs::statvfs(&disk).unwrap();
    let size = stat.f_blocks * stat.f_frsize;
    assert!(size < 1024 * MIB, "{} is not a small file system: {size} bytes", disk.display());
    disk
}

/// Waits until the health of the services that write has this status. The other services serve all the time.
async fn writes_are(process: &Process, expected: ServingStatus) {
    for service in WRITES {
        let is_expected = async || {
            for reading in ["", "readiness", &format!("{PACKAGE}.VerificationService")] {
                assert_eq!(asked_on(process.ops(), reading).await, Serving, "{reading:?}");
            }
            asked_on(process.ops(), &format!("{PACKAGE}.{service}")).await == expected
        };
        until(&format!("{expected:?} of {service}"), is_expected).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a small file system: tests/faults/run.sh"]
async fn a_full_disk_refuses_writes_and_nothing_else_until_there_is_space() {
    let (registry, process, client) = SmallRegistry::begin().await;
    let before = client.head().await;
    let is_confirmed = || is_confirmed(&client, &registry.person);
    writes_are(&process, Serving).await;

    let mut sent = Vec::new();
    // Down to the reserve by the writers themselves; the second time then to the last block by other data.
    for is_filled_up in [false, true] {
        let writers = Writers::start(&client, 16);
        let mut ballast = vec![Ballast::leave(&registry.disk, RESERVE + MIB)];
        until("a disk without space for the writers", async || {
            is_confirmed().await;
            writers.count(|_| true) > 0
                && asked_on(process.ops(), &format!("{PACKAGE}.CredentialService")).await != Serving
        })
        .await;
        writes_are(&process, NotServing).await;
        if is_filled_up {
            // sled flushes every half second, and fails if there is no space then.
            tokio::time::sleep(Duration::from_secs(2)).await;
            ballast.push(Ballast::leave(&registry.disk, 0));
        }
        let (accepted, room) = (writers.count(|sent| sent.revision.is_some()), free(&registry.disk));
        println!("floor of {} MiB: {accepted} accepted, {} KiB free", RESERVE / MIB, room / 1024);
        for _ in 0..200 {
            is_confirmed().await;
        }
        assert_eq!(writers.count(|sent| sent.revision.is_some()), accepted, "nothing is recorded below the floor");
        drop(ballast);
        writes_are(&process, Serving).await;
        until("500 accepted requests", async || {
            is_confirmed().await;
            writers.count(|sent| sent.revision.is_some()) >= accepted + 500
        })
        .await;
        let all = writers.stop().await;
        assert!(all.iter().flat_map(|sent| &sent.refused).all(|reason| reason == "STORE_FULL"), "{all:?}");
        let refused = all.iter().map(|sent| sent.refused.len()).sum::<usize>();
        println!("{} accepted in all, {refused} refusals STORE_FULL, no restart", all.len());
        sent.extend(all);
    }
    account(&client, before, &sent).await;
    process.stop();

    let (process, client) = Process::start(&registry.data_dir, TODAY);
    account(&client, before, &sent).await;
    process.stop();
    fs::remove_dir_all(&registry.data_dir).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a small file system: tests/faults/run.sh"]
async fn a_day_that_begins_on_a_full_disk_is_opened_when_there_is_space() {
    let disk = small_disk();
    let data_dir = disk.join("data");
    let process = Process::spawn_with(&data_dir, TODAY, &RESERVED);
    let head = Client::connect(process.listening()).head().await;
    process.stop();

    let ballast = Ballast::leave(&disk, RESERVE - MIB);
    let process = Process::spawn_with(&data_dir, "2026-03-03", &RESERVED);
    let client = Client::connect(process.listening());
    writes_are(&process, NotServing).await;
    assert_eq!(client.head().await, head);
    drop(ballast);
    until("the record of the day", async || client.head().await != head).await;
    writes_are(&process, Serving).await;
    assert_eq!(client.head().await, head + 1);
    process.stop();
    fs::remove_dir_all(&data_dir).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a small file system: tests/faults/run.sh"]
async fn a_disk_without_free_space_does_not_prevent_a_start() {
    let (registry, mut process, client) = SmallRegistry::begin().await;
    let mut head = client.head().await;
    for (end, tomorrow) in
        [(Process::stop as fn(Process), "2026-03-03"), (Process::kill, "2026-03-04"), (Process::kill, "2026-03-05")]
    {
        end(process);
        let ballast = Ballast::leave(&registry.disk, 0);
        println!("{} bytes are free", free(&registry.disk));
        let client;
        (process, client) = registry.serve(tomorrow);
        is_confirmed(&client, &registry.person).await;
        writes_are(&process, NotServing).await;
        assert_eq!(client.head().await, head, "no day was opened");
        let drafts: Vec<_> = files_below(&registry.data_dir)
            .into_iter()
            .filter(|file| file.extension() == Some("tmp".as_ref()))
            .collect();
        assert!(drafts.is_empty(), "{drafts:?}");
        drop(ballast);
        writes_are(&process, Serving).await;
        until("the record of the day", async || client.head().await != head).await;
        head += 1;
        assert_eq!(client.head().await, head);
    }
    process.stop();

    // Also without an index: a small log is indexed in memory.
    fs::remove_dir_all(registry.data_dir.join("index")).unwrap();
    fs::create_dir(registry.data_dir.join("index")).unwrap();
    let ballast = Ballast::leave(&registry.disk, 0);
    let (process, client) = registry.serve("2026-03-05");
    is_confirmed(&client, &registry.person).await;
    process.kill();
    drop(ballast);
    let (process, client) = Process::start(&registry.data_dir, "2026-03-05");
    assert_eq!(client.head().await, head, "nothing is lost");
    process.stop();
    fs::remove_dir_all(&registry.data_dir).unwrap();
}
