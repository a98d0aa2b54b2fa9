//! A witness of a log that says what the test wants: keys, signatures, and forks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use cpss_registry::proof::keys::{PrivateKey, Purpose};
use cpss_registry::proof::tree::{Checkpoint, Fork, Hash, Nodes, Origin, VerifierKey, leaf_hash, perfect_root, root};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::witness;

/// A log of made-up leaves.
struct Log {
    served: Arc<Mutex<Served>>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Log {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Clone, Default)]
struct Served {
    checkpoint: String,
    keys: String,
    leaves: Vec<Hash>,
    /// The checkpoint and the leaves from the second reading of a checkpoint on.
    later: Option<(String, Vec<Hash>)>,
    was_read: bool,
}

struct Leaves<'a>(&'a [Hash]);

impl Nodes for Leaves<'_> {
    type Error = std::convert::Infallible;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error> {
        let first = usize::try_from(index << level).unwrap();
        Ok(perfect_root(&self.0[first..first + (1 << level)]))
    }
}

fn key() -> PrivateKey {
    PrivateKey::read(Purpose::Checkpoints, &PrivateKey::generate(Purpose::Checkpoints).unwrap(), 0).unwrap()
}

fn public(key: &PrivateKey) -> [u8; 32] {
    key.public().bytes().try_into().unwrap()
}

fn epoch(digit: char) -> String {
    format!("{}-1111-4111-8111-{}", digit.to_string().repeat(8), digit.to_string().repeat(12))
}

fn leaves(of: &str, count: usize) -> Vec<Hash> {
    (0..count).map(|at| leaf_hash(format!("{of} {at}").as_bytes())).collect()
}

fn checkpoint(of: char, leaves: &[Hash]) -> Checkpoint {
    let size = leaves.len() as u64;
    let origin = Origin { registry: epoch('0'), epoch: epoch(of) };
    Checkpoint { origin, size, root: root(&Leaves(leaves), size).unwrap(), forks: Vec::new(), next_key: None }
}

fn signed(checkpoint: &Checkpoint, key: &PrivateKey) -> String {
    checkpoint.signed(key).unwrap()
}

impl Log {
    async fn start() -> Log {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served: Arc<Mutex<Served>> = Arc::default();
        let shared = Arc::clone(&served);
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let body = answer(&mut shared.lock().unwrap(), &path);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.write_all(&[head.as_bytes(), &body].concat()).await.ok();
            }
        });
        Log { served, address, serving }
    }

    /// Serves a checkpoint with these leaves, and returns what a witness says.
    async fn judged(&self, note: String, leaves: &[Hash], state: &std::path::Path) -> (Option<i32>, String) {
        self.judged_with(note, leaves, state, &[]).await
    }

    async fn judged_with(
        &self,
        note: String,
        leaves: &[Hash],
        state: &std::path::Path,
        flags: &[&str],
    ) -> (Option<i32>, String) {
        {
            let mut served = self.served.lock().unwrap();
            (served.checkpoint, served.leaves) = (note, leaves.to_vec());
        }
        witness(self.address, state, flags).await
    }

    /// Serves another checkpoint with these leaves from the second reading of a checkpoint on.
    fn turns_into(&self, note: &str, leaves: &[Hash]) {
        let mut served = self.served.lock().unwrap();
        (served.later, served.was_read) = (Some((note.to_owned(), leaves.to_vec())), false);
    }

    fn publish(&self, key: &PrivateKey) {
        self.served.lock().unwrap().keys = format!("{{\"keys\":[{}]}}", key.public().to_jwk());
    }
}

fn answer(served: &mut Served, path: &str) -> Vec<u8> {
    if let Some(tile) = path.strip_prefix("/log/tile/").and_then(cpss_registry::proof::tree::Tile::at_path) {
        let first = usize::try_from(tile.index * 256).unwrap();
        let end = (first + usize::try_from(tile.width).unwrap()).min(served.leaves.len());
        return served.leaves.get(first..end).unwrap_or_default().concat();
    }
    match path {
        "/log/checkpoint" => {
            if served.was_read
                && let Some(later) = served.later.take()
            {
                (served.checkpoint, served.leaves) = later;
            }
            served.was_read = true;
            served.checkpoint.clone().into_bytes()
        }
        "/.well-known/jwks.json" => served.keys.clone().into_bytes(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn only_a_key_that_was_pinned_or_announced_may_sign() {
    let (log, state) = (Log::start().await, tempfile::tempdir().unwrap());
    let ([first, next, other], records) = ([key(), key(), key()], leaves("a", 700));
    log.publish(&first);
    let of = |size: usize| checkpoint('1', &records[..size]);
    let forged = signed(&of(300), &first).replacen("300", "301", 1);
    let (code, said) = log.judged(forged, &records, state.path()).await;
    assert!(code == Some(3) && said.contains("signed by a key that is not pinned"), "nothing is pinned yet: {said}");
    assert_eq!(log.judged(signed(&of(300), &first), &records[..300], state.path()).await.0, Some(0));
    // What the log publishes now does not matter any more.
    log.publish(&other);
    let (code, said) = log.judged(signed(&of(400), &other), &records[..400], state.path()).await;
    assert!(code == Some(3) && said.contains("signed by a key that is not pinned"), "{said}");
    let forged = signed(&of(400), &first).replacen("400", "401", 1);
    let (code, said) = log.judged(forged, &records[..401], state.path()).await;
    assert!(code == Some(3) && said.contains("its signature is wrong"), "{said}");
    // A key that the pinned one announces is pinned as well.
    let (code, said) = log.judged(signed(&of(500), &next), &records[..500], state.path()).await;
    assert!(code == Some(3) && said.contains("signed by a key that is not pinned"), "{said}");
    let announcing = Checkpoint { next_key: Some(public(&next)), ..of(500) };
    assert_eq!(log.judged(signed(&announcing, &first), &records[..500], state.path()).await.0, Some(0));
    assert_eq!(log.judged(signed(&of(600), &next), &records[..600], state.path()).await.0, Some(0));
    // One that the operator of the witness names is trusted, too.
    let named = VerifierKey { name: of(700).origin.to_string(), key: public(&other) }.to_string();
    let note = signed(&of(700), &other);
    assert_eq!(log.judged_with(note, &records, state.path(), &["--key", &named]).await.0, Some(0));
}

#[tokio::test]
async fn a_fork_is_accepted_only_if_it_says_where_both_trees_part_and_they_do() {
    let (log, key, old) = (Log::start().await, key(), leaves("a", 700));
    log.publish(&key);
    let mut new = old[..500].to_vec();
    new.extend(leaves("b", 600));
    let fork_at = |digit: char, revision: u64| {
        let shared = usize::try_from(revision).unwrap();
        Fork { epoch: epoch(digit), revision, root: root(&Leaves(&old[..shared]), revision).unwrap() }
    };
    let with = |forks: Vec<Fork>, leaves: &[Hash]| Checkpoint { forks, ..checkpoint('2', leaves) };
    let seen = async || {
        let state = tempfile::tempdir().unwrap();
        let note = signed(&checkpoint('1', &old), &key);
        assert_eq!(log.judged(note, &old, state.path()).await.0, Some(0));
        state
    };
    let mut rewritten = new.clone();
    rewritten[77] = leaf_hash(b"another");
    for (checkpoint, leaves, expected, words) in [
        (with(vec![fork_at('1', 500)], &new), &new, 0, "ANNOUNCED FORK"),
        (with(vec![fork_at('0', 200), fork_at('1', 500)], &new), &new, 0, "200 revisions that this witness saw"),
        (with(Vec::new(), &new), &new, 3, "does not say where it left"),
        (with(vec![fork_at('3', 500)], &new), &new, 3, "does not say where it left"),
        (with(vec![fork_at('1', 600)], &new), &new, 3, "says that it shares revisions 1 to 600"),
        (with(vec![fork_at('1', 500)], &rewritten), &rewritten, 3, "says that it shares revisions 1 to 500"),
        (
            with(vec![Fork { root: [7; 32], ..fork_at('1', 500) }], &new),
            &new,
            3,
            "says that it shares revisions 1 to 500",
        ),
    ] {
        let state = seen().await;
        let (code, said) = log.judged(signed(&checkpoint, &key), leaves, state.path()).await;
        assert!(code == Some(expected) && said.contains(words), "{code:?} {said}");
    }
    let another = Checkpoint { origin: Origin { registry: epoch('9'), epoch: epoch('1') }, ..checkpoint('1', &old) };
    let state = seen().await;
    let (code, said) = log.judged(signed(&another, &key), &old, state.path()).await;
    assert!(code == Some(3) && said.contains("another registry"), "{said}");
}

#[tokio::test]
async fn a_replica_that_is_late_with_a_new_epoch_is_asked_again() {
    let (log, key, state) = (Log::start().await, key(), tempfile::tempdir().unwrap());
    log.publish(&key);
    let old = leaves("a", 700);
    let mut new = old[..500].to_vec();
    new.extend(leaves("b", 600));
    let fork = Fork { epoch: epoch('1'), revision: 500, root: root(&Leaves(&old[..500]), 500).unwrap() };
    let before = signed(&checkpoint('1', &old), &key);
    let after = signed(&Checkpoint { forks: vec![fork], ..checkpoint('2', &new) }, &key);
    assert_eq!(log.judged(before.clone(), &old, state.path()).await.0, Some(0));
    // The checkpoint of a replica that knows the new epoch, and tiles of one that does not, which has more records.
    let mut of_late = old.clone();
    of_late.extend(leaves("c", 400));
    log.turns_into(&after, &new);
    let (code, said) = log.judged(after.clone(), &of_late, state.path()).await;
    assert!(code == Some(0) && said.contains("ANNOUNCED FORK"), "{code:?} {said}");
    // A checkpoint of before.
    log.turns_into(&after, &new);
    let (code, said) = log.judged(before, &old, state.path()).await;
    assert!(code == Some(0) && said.contains("are those that were seen"), "{code:?} {said}");
    assert!(!state.path().join("refused").exists());
}

#[tokio::test]
async fn hashes_that_a_witness_lost_are_read_again_and_must_be_the_same() {
    let (log, key, records) = (Log::start().await, key(), leaves("a", 700));
    log.publish(&key);
    let state = tempfile::tempdir().unwrap();
    let note = signed(&checkpoint('1', &records), &key);
    let (code, said) = log.judged(note.clone(), &leaves("b", 700), state.path()).await;
    assert!(code == Some(3) && said.contains("do not give the root"), "{said}");
    assert_eq!(log.judged(note.clone(), &records, state.path()).await.0, Some(0));
    std::fs::remove_dir_all(state.path().join("trees")).unwrap();
    assert_eq!(log.judged(note.clone(), &records, state.path()).await.0, Some(0));
    std::fs::remove_dir_all(state.path().join("trees")).unwrap();
    let mut other = records.clone();
    other[3] = [1; 32];
    let (code, said) = log.judged(note.clone(), &other, state.path()).await;
    assert!(code == Some(3) && said.contains("REWRITTEN"), "{said}");
    let (code, said) = witness(log.address, state.path(), &["--json"]).await;
    assert!(code == Some(3) && said.contains("\"result\":\"refused\""), "{said}");
}

#[tokio::test]
async fn the_page_of_a_proxy_says_nothing_about_the_log() {
    let (log, state, key, one) = (Log::start().await, tempfile::tempdir().unwrap(), key(), leaves("one", 3));
    let good = signed(&checkpoint('1', &one), &key);
    let pinned = VerifierKey { name: checkpoint('1', &one).origin.to_string(), key: public(&key) }.to_string();
    let flags = ["--key", &pinned];
    assert_eq!(log.judged_with(good.clone(), &one, state.path(), &flags).await.0, Some(0));
    for page in ["<html>Sign in</html>", "", "text\n\n"] {
        let (code, said) = log.judged_with(page.to_owned(), &one, state.path(), &flags).await;
        assert!(code == Some(4) && said.contains("no signed note"), "{code:?} {said}");
    }
    assert_eq!(log.judged_with(good, &one, state.path(), &flags).await.0, Some(0));
}
