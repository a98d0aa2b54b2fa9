//! Keeps the tree over the records: a thread of its own follows the published head and signs checkpoints. The writer
//! does nothing for it.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::ops::ControlFlow::{Break, Continue};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::checkpoints::SignedCheckpoint;
use super::handle::Registry;
use super::head::Head;
use super::shared::Shared;
use crate::domain::id::Revision;
use crate::proof::key_ring::KeyRing;
use crate::proof::keys::KeyError;
use crate::proof::tree::{Checkpoint, Fork, Origin};
use crate::store::incident::Incident;
use crate::store::priority::{BELOW_NORMAL, lower_priority, restart_on_panic, yield_now};
use crate::store::tree::{DIRECTORY, FollowError, TreeError, TreeWriter};

/// The pause before the head is looked at again. Within it, several commits become one checkpoint.
const PAUSE: Duration = Duration::from_millis(200);

/// The pause after a failure.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How long a tree that has grown is not made durable. What is missing after a crash is appended again.
const UNSAVED: Duration = Duration::from_secs(60);

/// The thread that keeps the tree. Dropping it ends the thread, and waits for that.
pub struct TreeFollower {
    running: Option<mpsc::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for TreeFollower {
    fn drop(&mut self) {
        self.running = None;
        // The thread has reported a panic itself.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Registry {
    /// Starts to keep the tree over the records in a data directory, and to sign checkpoints. Fails if the thread
    /// cannot be started. It must have ended before the registry is closed.
    pub fn follow_tree(&self, data_dir: &Path) -> io::Result<TreeFollower> {
        let follower = Follower {
            shared: Arc::clone(&self.shared),
            directory: data_dir.join(DIRECTORY),
            failures: Incident::new(),
            unsaved: Incident::new(),
            roots: Vec::new(),
        };
        let (running, pause) = mpsc::channel();
        let thread = thread::Builder::new().name("tree".to_owned()).spawn(move || {
            lower_priority(BELOW_NORMAL);
            let (mut follower, pause) = (follower, Pause(pause));
            let rest = || if pause.wait(PAUSE_AFTER_FAILURE) { Continue(()) } else { Break(()) };
            restart_on_panic(rest, || follower.run(&pause));
        })?;
        Ok(TreeFollower { running: Some(running), thread: Some(thread) })
    }
}

struct Follower {
    shared: Arc<Shared>,
    directory: PathBuf,
    failures: Incident,
    /// The tree could not be made durable.
    unsaved: Incident,
    /// The roots where earlier epochs ended.
    roots: Vec<(Revision, [u8; 32])>,
}

/// Why no checkpoint was signed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the tree does not follow the log")]
    Follow(#[from] FollowError),
    #[error("the tree cannot be read")]
    Tree(#[from] TreeError),
    #[error("the checkpoint cannot be signed")]
    Sign(#[from] KeyError),
    /// The tree was built again, from other records than before.
    #[error("the log has other records than when the checkpoint of revision {0} was signed")]
    Contradicts(Revision),
}

impl Follower {
    fn run(&mut self, pause: &Pause) {
        let mut tree = loop {
            match TreeWriter::open(&self.directory, &*self.shared.log, self.head_revision(&self.shared.head.load())) {
                Ok(tree) => break tree,
                Err(error) => self.failed(&error.into()),
            }
            if !pause.wait(PAUSE_AFTER_FAILURE) {
                return;
            }
        };
        self.shared.checkpoints.set_tree(Arc::clone(tree.reader()));
        let mut saved = Instant::now();
        loop {
            let next = match self.step(&mut tree) {
                Ok(true) => PAUSE,
                Ok(false) => {
                    yield_now();
                    Duration::ZERO
                }
                Err(error) => {
                    self.failed(&error);
                    PAUSE_AFTER_FAILURE
                }
            };
            let goes_on = pause.wait(next);
            if saved.elapsed() >= UNSAVED || !goes_on {
                self.save(&mut tree);
                saved = Instant::now();
            }
            if !goes_on {
                return;
            }
        }
    }

    /// Appends what was published, and signs a checkpoint once that is everything. Returns false if it is not.
    fn step(&mut self, tree: &mut TreeWriter) -> Result<bool, Failure> {
        let head = self.shared.head.load_full();
        let is_complete = tree.follow(&*self.shared.log, self.head_revision(&head))?;
        if is_complete && tree.size() > 0 {
            self.sign(tree, &head)?;
            if self.failures.resolve() {
                tracing::info!(event = "checkpoints_signed_again", "checkpoints are signed again");
            }
        }
        Ok(is_complete)
    }

    /// The last record that belongs into the tree: it was published, and a restored log surely contains it.
    fn head_revision(&self, head: &Head) -> Revision {
        self.shared.kept(head.revision)
    }

    /// Signs a checkpoint of the tree, unless the latest one is of it, by the same key, and announces the same next
    /// one.
    fn sign(&mut self, tree: &TreeWriter, head: &Head) -> Result<(), Failure> {
        let Some(keys) = self.shared.signing_keys.current().signing.clone() else { return Ok(()) };
        let (revision, next_key) = (Revision(tree.size()), next_key(&keys.checkpoints));
        if let Some(latest) = self.shared.checkpoints.latest() {
            let is_by_same_keys = latest.kid == keys.checkpoints.current.public().kid() && latest.next_key == next_key;
            if latest.revision == revision && is_by_same_keys {
                return Ok(());
            }
            // Only a tree that was built again can be another one.
            if latest.revision > revision || tree.reader().root(latest.revision.0)? != latest.root {
                return Err(Failure::Contradicts(latest.revision));
            }
        }
        let history = &head.history;
        let (Some(registry), Some(epoch)) = (history.registry_id(), history.epoch_of(revision)) else { return Ok(()) };
        let mut forks = Vec::new();
        for (earlier, last) in history.forks(revision) {
            forks.push(Fork { epoch: earlier.to_string(), revision: last.0, root: self.root_at(tree, last)? });
        }
        let origin = Origin { registry: registry.to_string(), epoch: epoch.id.to_string() };
        let root = tree.root();
        let checkpoint = Checkpoint { origin, size: revision.0, root, forks, next_key };
        let note = checkpoint.signed(&keys.checkpoints.current)?;
        let kid = keys.checkpoints.current.public().kid().to_owned();
        self.shared.checkpoints.publish(SignedCheckpoint { note, revision, root, epoch: epoch.id, kid, next_key });
        Ok(())
    }

    /// The root where an earlier epoch ended.
    fn root_at(&mut self, tree: &TreeWriter, revision: Revision) -> Result<[u8; 32], TreeError> {
        if let Some((_, root)) = self.roots.iter().find(|(known, _)| *known == revision) {
            return Ok(*root);
        }
        let root = tree.reader().root(revision.0)?;
        self.roots.push((revision, root));
        Ok(root)
    }

    /// Makes the tree durable. If that fails, checkpoints go on, and the next start appends again what is missing.
    fn save(&self, tree: &mut TreeWriter) {
        match tree.save() {
            Ok(()) if self.unsaved.resolve() => {
                tracing::info!(event = "tree_saved_again", "the hash tree is made durable again");
            }
            Ok(()) => {}
            Err(error) => {
                if let Some(times) = self.unsaved.occurred() {
                    let error = &error as &dyn Error;
                    tracing::error!(event = "tree_not_saved", times, error, "the hash tree was not made durable");
                }
            }
        }
    }

    fn failed(&self, error: &Failure) {
        if let Some(times) = self.failures.occurred_for(&error.to_string()) {
            let error = error as &dyn Error;
            tracing::error!(event = "checkpoint_not_signed", times, error, "no checkpoint was signed");
        }
    }
}

/// The key that signs after the present one, if a rotation has begun.
fn next_key(keys: &KeyRing) -> Option<[u8; 32]> {
    keys.next.as_ref()?.bytes().try_into().ok()
}

/// Waits between looks at the head.
struct Pause(mpsc::Receiver<Infallible>);

impl Pause {
    /// Waits. Returns false at once if the follower was dropped.
    fn wait(&self, time: Duration) -> bool {
        !matches!(self.0.recv_timeout(time), Err(mpsc::RecvTimeoutError::Disconnected))
    }
}
