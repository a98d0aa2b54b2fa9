//! The minimum cost of durability for the same callers: a thread appends what was handed over meanwhile, syncs,
//! answers.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::measured::Run;

/// The space that is written before the first append, as the registry does: then the file does not grow. It is written
/// again from its beginning.
const SPACE: usize = 64 * 1024 * 1024;

/// The maximum number of records in a batch, which is the registry's.
const BATCH: usize = 256;

/// What a caller hands over, and where it waits.
type Handed = (Vec<u8>, oneshot::Sender<()>);

/// A log without anything around it.
pub struct Subject {
    sender: mpsc::Sender<Handed>,
    thread: JoinHandle<()>,
    bytes: usize,
}

impl Subject {
    /// A new log, whose records have `bytes` bytes.
    pub fn create(path: &Path, bytes: usize) -> Subject {
        let file = File::create(path).unwrap();
        file.write_all_at(&vec![0; SPACE], 0).unwrap();
        file.sync_all().unwrap();
        let (sender, queue) = mpsc::channel(4 * BATCH);
        Subject { sender, thread: thread::spawn(move || keep(&file, queue)), bytes }
    }

    pub async fn run(&self, writers: usize, duration: Duration) -> Run {
        let clients = (0..writers).map(|_| {
            let (sender, bytes) = (self.sender.clone(), self.bytes);
            move || {
                let sender = sender.clone();
                async move {
                    let (answer, answered) = oneshot::channel();
                    sender.send((vec![7; bytes], answer)).await.unwrap();
                    answered.await.unwrap();
                }
            }
        });
        Run::of(clients, duration).await
    }

    pub fn close(self) {
        drop(self.sender);
        self.thread.join().unwrap();
    }
}

fn keep(file: &File, mut queue: mpsc::Receiver<Handed>) {
    let mut at = 0;
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(handed) = queue.try_recv()
        {
            batch.push(handed);
        }
        let frame: Vec<u8> = batch.iter().flat_map(|(record, _)| record.iter().copied()).collect();
        if at + frame.len() > SPACE {
            at = 0;
        }
        file.write_all_at(&frame, at as u64).unwrap();
        file.sync_data().unwrap();
        at += frame.len();
        batch.into_iter().for_each(|(_, answer)| answer.send(()).unwrap());
    }
}
