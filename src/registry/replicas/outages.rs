//! Tests: what a replica answers while the database of its log is away, or was restored.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::replica::{BEGIN, Replica, register, submission};
use crate::domain::id::Revision;
use crate::registry::errors::WriterFailed;
use crate::registry::message::{Message, Outcome, Reply};
use crate::registry::open::start;
use crate::registry::snapshot::{AtLeast, KnownAt};
use crate::registry::{Cause, Opened, PinError, Registry, Rung, Submission, SubmitError};
use crate::store::Store;
use crate::store::log::memory::MemoryEngine;
use crate::store::log::replicated::simulated::plain::PlainDatabase;
use crate::store::log::replicated::statements::{
    Append, Barrier, Database, Head, Known, ReplicaSession, RollCall, Session, StatementError,
};
use crate::store::log::replicated::{Hearing, ReplicatedEngine};
use crate::store::record::Tip;

/// How far the clock of the replica is ahead of that of a database that is refused for it.
const APART: SignedDuration = SignedDuration::from_secs(90);

/// What the database does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    On,
    /// It refuses.
    Off,
    /// Its clock is too far behind that of the replica.
    Apart,
    /// It does not answer before that changes.
    Silent,
}

/// A database that can be switched off.
#[derive(Clone)]
struct Switched {
    database: PlainDatabase,
    mode: Arc<(Mutex<Mode>, Condvar)>,
    asked: Arc<AtomicUsize>,
}

impl Switched {
    fn new() -> Switched {
        Switched {
            database: PlainDatabase::new(),
            mode: Arc::new((Mutex::new(Mode::On), Condvar::new())),
            asked: Arc::default(),
        }
    }

    /// The engine of a new replica.
    fn engine(&self) -> ReplicatedEngine {
        let database = self.clone();
        let databases = Box::new(move || Box::new(database.clone()) as Box<dyn Database>);
        let (copy, hearing) = (Box::new(MemoryEngine::default()), Arc::new(Hearing::new([7; 32])));
        ReplicatedEngine::new(copy, databases, hearing, Timestamp::MIN)
    }

    fn set(&self, mode: Mode) {
        *self.mode.0.lock().unwrap() = mode;
        self.mode.1.notify_all();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }

    fn pass(&self) -> Result<(), StatementError> {
        self.asked.fetch_add(1, Ordering::AcqRel);
        let mode = self.mode.0.lock().unwrap();
        match *mode {
            Mode::On => Ok(()),
            Mode::Off => Err(StatementError::NotDone("switched off".into())),
            Mode::Apart => Err(StatementError::ClocksApart { ahead: APART }),
            Mode::Silent => {
                drop(self.mode.1.wait_while(mode, |mode| *mode == Mode::Silent).unwrap());
                Err(StatementError::Silent("silent".into()))
            }
        }
    }
}

impl Database for Switched {
    fn connect(&mut self) -> Result<Box<dyn ReplicaSession>, StatementError> {
        self.pass()?;
        Ok(Box::new(self.clone()))
    }
}

/// Passes a statement on to the database, while that is on.
macro_rules! passed {
    ($session:ident: $($name:ident($($given:ident: $given_type:ty),*) -> $result:ty;)+) => {
        impl $session for Switched {
            $(fn $name(&mut self, $($given: $given_type),*) -> Result<$result, StatementError> {
                self.pass()?;
                self.database.$name($($given),*)
            })+
        }
    };
}

passed! { Session:
    end_before(revision: Revision) -> Tip;
    turn() -> Head;
    frames(after: Revision, bytes: usize) -> Vec<Vec<u8>>;
}

passed! { ReplicaSession:
    append(append: &Append<'_>) -> bool;
    barrier(known: &Known) -> Option<Barrier>;
    open() -> RollCall;
    settle(through: Timestamp) -> Option<Head>;
    settle_again(through: Timestamp) -> bool;
    lock(after: Revision, bytes: usize) -> (Head, Vec<Vec<u8>>);
    unlock() -> ();
    notify(text: &str) -> ();
}

/// A replica that serves, and its database.
struct Serving {
    database: Switched,
    registry: Registry,
    writer: JoinHandle<Result<Store, WriterFailed>>,
    /// What it recorded first.
    recorded: (Submission, Revision),
}

impl Serving {
    /// A replica that has recorded something, and has not looked at the log since.
    async fn begin() -> Serving {
        let database = Switched::new();
        let Replica { writer, directory } = Replica::open(&database.engine());
        // The files are removed when the process of the tests ends.
        drop(directory.map(tempfile::TempDir::keep));
        let Opened { registry, writer } = start(writer).unwrap();
        let first = submission(1, register("east"));
        let revision = registry.submit(first.clone()).await.unwrap().revision;
        Serving { database, registry, writer, recorded: (first, revision) }
    }

    /// Has the heartbeat fail, so that the trouble is known.
    async fn fail(&self) {
        self.database.set(Mode::Off);
        self.registry.look_at_log().await;
    }

    async fn end(self) {
        self.database.set(Mode::On);
        self.registry.close().await;
        drop(self.registry);
        self.writer.join().unwrap().unwrap();
    }
}

/// Waits for an answer that must not depend on the writer.
async fn at_once<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), answer).await.expect("it waits for the database")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_head_is_answered_as_long_as_it_was_confirmed_recently_and_revisions_always() {
    let serving = Serving::begin().await;
    let (registry, revision) = (&serving.registry, serving.recorded.1);
    registry.look_at_log().await;
    let pinned = registry.pin(KnownAt::Head).await.unwrap();
    assert_eq!((pinned.revision, registry.rung()), (revision, Rung::Current));
    assert!(pinned.head_confirmed_at.is_some_and(|at| at <= registry.clock().now()), "{:?}", pinned.head_confirmed_at);
    serving.fail().await;
    let status = registry.shared.log_status.clone().unwrap();
    let age = status.age().unwrap();
    let strict = registry.clone().serving_stale_for(age);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(matches!(strict.rung(), Rung::Stale(Some(_))) && registry.rung().answers());
    assert!(matches!(strict.pin(KnownAt::Head).await, Err(PinError::Stale { age: Some(_) })));
    assert!(matches!(strict.require_current(), Err(PinError::Stale { .. })));
    let at = strict.pin(KnownAt::Revision(None, revision)).await.unwrap();
    assert_eq!((at.revision, at.head_confirmed_at), (revision, None), "only for the head");
    let recorded_at = registry.head().recorded_at;
    assert_eq!(strict.pin(KnownAt::Time(None, recorded_at)).await.unwrap().revision, revision);
    // It is not known whether something is recorded between the head and a later instant.
    registry.clock().set(recorded_at + SignedDuration::from_secs(5));
    for later in [1, 60] {
        let later = strict.pin(KnownAt::Time(None, recorded_at + SignedDuration::from_secs(later))).await;
        assert!(
            matches!(&later, Err(PinError::Log(Some(trouble))) if trouble.cause.name() == "unreachable"),
            "{later:?}"
        );
    }
    let begun = Instant::now();
    let beyond = at_once(registry.require(AtLeast::Revision(revision.next()))).await;
    assert!(matches!(beyond, Err(PinError::Log(Some(_)))), "never out of range: {beyond:?}");
    assert!(begun.elapsed() >= Duration::from_secs(4), "the database may come back");
    serving.database.set(Mode::On);
    registry.look_at_log().await;
    assert_eq!(registry.pin(KnownAt::Head).await.unwrap().revision, revision);
    let beyond = registry.require(AtLeast::Revision(revision.next())).await;
    assert!(matches!(beyond, Err(PinError::BeyondHead { .. })), "now that is known: {beyond:?}");
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_offset_of_a_clock_that_is_refused_is_reported() {
    let serving = Serving::begin().await;
    let offset = || serving.registry.log_report().unwrap().clock_ahead;
    for (mode, is_reported) in [(Mode::Apart, true), (Mode::On, false)] {
        serving.database.set(mode);
        serving.registry.look_at_log().await;
        assert_eq!(offset() == Some(APART), is_reported, "{:?}", offset());
    }
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_waits_for_a_record_gets_it_once_the_database_is_back() {
    let serving = Serving::begin().await;
    serving.fail().await;
    let (registry, next) = (serving.registry.clone(), serving.recorded.1.next());
    let waiting = tokio::spawn(async move { registry.require(AtLeast::Revision(next)).await.is_ok() });
    tokio::time::sleep(Duration::from_millis(200)).await;
    serving.database.set(Mode::On);
    serving.registry.look_at_log().await;
    serving.registry.submit(submission(2, register("west"))).await.unwrap();
    // Either it sees the record, or it looks after the return and before it.
    at_once(waiting).await.unwrap();
    assert_eq!(serving.registry.head_revision(), next);
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_learn_at_once_that_the_log_takes_nothing_and_receipts_are_found() {
    let serving = Serving::begin().await;
    serving.fail().await;
    let (registry, asked) = (&serving.registry, serving.database.asked());
    for validate_only in [false, true] {
        let refused = registry.submit(Submission { validate_only, ..submission(2, register("west")) }).await;
        assert!(matches!(&refused, Err(SubmitError::Log(trouble)) if trouble.to_string().contains("switched off")));
    }
    let (first, revision) = serving.recorded.clone();
    assert_eq!(registry.submit(first.clone()).await.unwrap().revision, revision, "it was recorded before");
    let other = Submission { method: "/another/test", ..first };
    assert!(matches!(registry.submit(other).await, Err(SubmitError::Log(_))));
    assert!(registry.writes_off().await.is_some_and(|why| why.name() == "unreachable"));
    assert_eq!(serving.database.asked(), asked, "none of them reached the database");
    serving.database.set(Mode::On);
    registry.look_at_log().await;
    registry.submit(submission(2, register("west"))).await.unwrap();
    assert!(registry.writes_off().await.is_none());
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_question_waits_for_a_database_that_is_silent() {
    let serving = Serving::begin().await;
    let (registry, revision) = (&serving.registry, serving.recorded.1);
    registry.look_at_log().await;
    let asked = serving.database.asked();
    serving.database.set(Mode::Silent);
    let first = tokio::spawn({
        let registry = registry.clone();
        async move { registry.submit(submission(2, register("west"))).await }
    });
    while serving.database.asked() == asked {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let queued = tokio::spawn({
        let registry = registry.clone();
        async move { registry.submit(submission(3, register("north"))).await }
    });
    // The writer waits now. A day begins, which it should open.
    registry.clock().set(BEGIN.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24));
    let pinned = at_once(registry.pin(KnownAt::Head)).await.unwrap();
    assert_eq!((pinned.revision, pinned.today), (revision, Some(registry.head().today)));
    assert_eq!(at_once(registry.pin(KnownAt::Revision(None, revision))).await.unwrap().revision, revision);
    serving.database.set(Mode::Off);
    assert!(matches!(first.await.unwrap(), Err(SubmitError::OutcomeUnknown)), "it may have been recorded");
    assert!(matches!(queued.await.unwrap(), Err(SubmitError::Log(_))), "it was not tried");
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_loss_only_what_both_have_is_answered() {
    let serving = Serving::begin().await;
    let (registry, first) = (&serving.registry, serving.recorded.1);
    let second = registry.submit(submission(2, register("west"))).await.unwrap();
    registry.look_at_log().await;
    // Behind the append is the barrier of the look, and each look adds another one.
    for _ in 0..2 {
        serving.database.database.lose_last();
    }
    registry.look_at_log().await;
    let lost = registry.log_report().unwrap().trouble.unwrap();
    assert!(
        matches!(lost.cause, Cause::Lost { ours, last_shared, .. } if ours == second.revision && last_shared == first)
    );
    assert!(matches!(registry.rung(), Rung::Broken(_)) && !registry.rung().answers());
    let refused = |pinned: Result<_, PinError>| matches!(&pinned, Err(PinError::Log(Some(trouble))) if matches!(trouble.cause, Cause::Lost { .. }));
    assert!(refused(registry.pin(KnownAt::Head).await.map(drop)));
    assert!(refused(registry.pin(KnownAt::Revision(None, second.revision)).await.map(drop)));
    let kept = registry.pin(KnownAt::Revision(None, first)).await.unwrap();
    assert!(kept.require_kept().is_ok() && refused(registry.pin_head().require_kept()));
    assert!(refused(registry.require(AtLeast::Token(second.token.unwrap())).await));
    // When the next record was recorded, the log no longer says.
    let at_first = kept.recorded_at.unwrap();
    assert!(refused(registry.pin(KnownAt::Time(None, at_first)).await.map(drop)));
    let before = at_first - SignedDuration::from_micros(1);
    assert!(registry.pin(KnownAt::Time(None, before)).await.unwrap().revision < first);
    let again = registry.submit(serving.recorded.0.clone()).await.unwrap();
    assert_eq!(again.revision, first);
    let gone = registry.submit(submission(2, register("west"))).await;
    assert!(matches!(&gone, Err(SubmitError::Log(trouble)) if trouble.cause.name() == "diverged"), "{gone:?}");
    serving.end().await;
}

#[test]
fn what_is_repeated_in_the_batch_that_finds_a_loss_is_answered_only_if_it_is_kept() {
    let database = Switched::new();
    let mut replica = Replica::open(&database.engine());
    let kept = replica.record(1, register("east")).revision;
    replica.record(2, register("west"));
    database.database.lose_last();
    let ask = |id, name| {
        let (reply, answer) = Reply::channel(None);
        (Message::Submit(Box::new(submission(id, register(name))), reply), answer)
    };
    let (messages, mut answers): (Vec<_>, Vec<_>) =
        [ask(3, "north"), ask(2, "west"), ask(1, "east")].into_iter().unzip();
    replica.writer.process(messages).unwrap();
    let answers: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().unwrap()).collect();
    assert!(answers[..2].iter().all(|answer| matches!(answer, Err(SubmitError::Log(_)))));
    assert!(matches!(answers[2], Ok(Outcome::Recorded(at)) if at == kept));
}
