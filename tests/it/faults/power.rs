//! A disk that loses power, and one that becomes read-only: an ext4 file system in an image that `tests/faults/run.sh`
//! creates and names in `CPSS_DISK_IMAGE`.
//!
//! A power cut shuts the file system down immediately (`EXT4_IOC_SHUTDOWN`, without its journal) while 16 clients
//! write. Only what had reached the device is mounted again. The kernel keeps running: the next start finds the same
//! boot id, as with a detached network volume, or a different one, as after a power cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::is_confirmed;
use super::writers::{Sent, Writers, account};
use crate::harness::scenes::Credentialed;
use crate::harness::{Client, Process, TODAY, serve_failures, until};

const WRITERS: usize = 16;
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The ext4 file system in the image, mounted.
pub struct Disk {
    at: PathBuf,
}

fn run(program: &str, arguments: &[&str]) {
    let ended = Command::new(program).args(arguments).output().unwrap();
    assert!(ended.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

impl Disk {
    pub fn mounted() -> Disk {
        let image = std::env::var("CPSS_DISK_IMAGE").expect("CPSS_DISK_IMAGE: an ext4 in a file");
        let at = Path::new(&image).with_extension("mounted");
        fs::create_dir_all(&at).unwrap();
        run("mount", &["-o", "loop,errors=remount-ro", &image, at.to_str().unwrap()]);
        Disk { at }
    }

    pub fn data(&self) -> PathBuf {
        self.at.join("data")
    }

    /// From now on nothing reaches the device, not even the journal.
    fn cut_power(&self) {
        let shut_down =
            r#"open(D, "<", $ARGV[0]) or die; my $how = pack("L", 2); ioctl(D, 0x8004587d, $how) or die $!"#;
        run("perl", &["-e", shut_down, self.at.to_str().unwrap()]);
    }

    /// What the kernel does when it finds a damaged file system.
    pub fn turn_read_only(&self) {
        let device = Command::new("findmnt").args(["-no", "SOURCE"]).arg(&self.at).output().unwrap();
        let device = String::from_utf8(device.stdout).unwrap();
        let trigger = Path::new("/sys/fs/ext4").join(Path::new(device.trim()).file_name().unwrap());
        fs::write(trigger.join("trigger_fs_error"), "a test").unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &[self.at.to_str().unwrap()]);
    }
}

/// From now on all readers in this namespace see another boot id.
fn boot_anew(scratch: &Path) {
    let id = scratch.join("boot_id");
    fs::write(&id, format!("{}\n", uuid::Uuid::new_v4())).unwrap();
    run("mount", &["--bind", id.to_str().unwrap(), BOOT_ID]);
}

/// Sends requests with unknown outcome again, and asserts that everything is on record once.
async fn settle(client: &Client, before: u64, sent: &mut [Sent]) {
    for one in sent.iter_mut().filter(|sent| sent.revision.is_none()) {
        one.revision = Some(client.ask(one.request.clone()).await.revision);
    }
    account(client, before, sent).await;
}

/// `CPSS_DISK_CUTS` sets the number of power cuts; the boot id stays the same and changes in turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an ext4 in an image: tests/faults/run.sh"]
async fn after_a_power_cut_nothing_acknowledged_is_missing_and_no_action_is_needed() {
    let cuts: u64 = std::env::var("CPSS_DISK_CUTS").map_or(4, |text| text.parse().unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let person = some_history().await;
    let (mut acknowledged, mut in_question, mut before) = (0, 0, 0);
    let mut left: Vec<Sent> = Vec::new();
    for cut in 0..=cuts {
        let disk = Disk::mounted();
        let (process, client) = Process::start(&disk.data(), TODAY);
        is_confirmed(&client, &person).await;
        if cut > 0 {
            settle(&client, before, &mut left).await;
        }
        before = client.head().await;
        if cut == cuts {
            process.stop();
            break;
        }
        let writers = Writers::start(&client, WRITERS);
        let enough = 100 + usize::try_from(cut % 7).unwrap() * 60;
        until("enough accepted requests", async || writers.count(|sent| sent.revision.is_some()) >= enough).await;
        disk.cut_power();
        // Every third time it is killed immediately; otherwise it notices the failure itself.
        if cut % 3 == 0 {
            process.kill();
        } else {
            let (status, said) = process.wait();
            assert_eq!(status.code(), Some(1), "{said}");
        }
        left = writers.ended().await;
        acknowledged += left.iter().filter(|sent| sent.revision.is_some()).count();
        in_question += left.iter().filter(|sent| sent.revision.is_none()).count();
        drop(disk);
        if cut % 2 == 1 {
            boot_anew(scratch.path());
        }
    }
    println!(
        "{cuts} power cuts, every second one with another boot id: {acknowledged} acknowledged, none missing; \
         {in_question} of unknown outcome, each on record once; no start needed a hand"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an ext4 in an image: tests/faults/run.sh"]
async fn a_disk_that_becomes_read_only_ends_the_program_with_one_line() {
    let person = some_history().await;
    let disk = Disk::mounted();
    let (process, client) = Process::start(&disk.data(), TODAY);
    let before = client.head().await;
    let writers = Writers::start(&client, WRITERS);
    until("500 accepted requests", async || writers.count(|sent| sent.revision.is_some()) >= 500).await;
    disk.turn_read_only();
    let (status, said) = process.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.lines().last().unwrap().contains("event=\"serve_failed\""), "{said}");
    let [why] = &serve_failures(&said)[..] else { panic!("{said}") };
    assert!(why.starts_with("cannot serve: ") && why.contains("Read-only file system"), "{said}");
    for noise in ["panicked", "stack backtrace", "RUST_BACKTRACE"] {
        assert!(!said.contains(noise), "{said}");
    }
    let mut left = writers.ended().await;
    drop(disk);

    let disk = Disk::mounted();
    let (process, client) = Process::start(&disk.data(), TODAY);
    is_confirmed(&client, &person).await;
    settle(&client, before, &mut left).await;
    process.stop();
}

/// An empty disk with a data directory, whose program has ended properly.
pub async fn some_history() -> Credentialed {
    let disk = Disk::mounted();
    if disk.data().exists() {
        fs::remove_dir_all(disk.data()).unwrap();
    }
    let (process, client) = Process::start(&disk.data(), TODAY);
    let employer = client.qualified_provider("Example Center").await;
    let person = client.credentialed("Evangeline", "Example", &[&employer]).await;
    process.stop();
    person
}
