//! Pinning: resolves the state of knowledge that a question names to a snapshot.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::errors::{PinError, ReadError, SubmitError};
use super::following::TRIES;
use super::handle::Registry;
use super::message::{Message, Reply};
use super::snapshot::{AtLeast, KnownAt, Snapshot};
use super::token::Token;
use crate::domain::id::Revision;
use crate::store::index::View as _;
use crate::store::log::AppendError;
use crate::store::log::trouble::Trouble;

/// How long a question waits for what it names while the shared log is away. A log that is back is found sooner.
const WAIT_FOR_LOG: Duration = Duration::from_secs(5);

/// The pause between two looks at it.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// A question waits for an instant that is at most this far ahead of the clock of the shared log.
const SOON: Duration = Duration::from_secs(2);

impl Registry {
    /// Pins the state of knowledge that a question names.
    pub async fn pin(&self, known_at: KnownAt) -> Result<Snapshot, PinError> {
        self.try_to_open_due_days().await;
        match known_at {
            KnownAt::Head => {
                // The head is loaded afterwards, so it includes every record that was known then.
                let head_confirmed_at = self.head_confirmed_at()?;
                Ok(Snapshot { head_confirmed_at, ..self.pin_head() })
            }
            KnownAt::Revision(epoch, revision) => {
                self.refuse_other_history(epoch, revision)?;
                self.refuse_beyond_head(revision).await?;
                Ok(self.pin_revision(revision).await?)
            }
            KnownAt::Time(epoch, instant) => {
                let revision = self.revision_at(instant).await?;
                self.refuse_other_history(epoch, revision)?;
                let snapshot = self.pin_revision(revision).await?;
                self.refuse_after_fork(epoch, instant, &snapshot)?;
                Ok(snapshot)
            }
        }
    }

    /// Pins a revision of an epoch, or else of the current one, that is known at a snapshot.
    pub async fn pin_before(
        &self,
        now: &Snapshot,
        epoch: Option<Uuid>,
        revision: Revision,
    ) -> Result<Snapshot, PinError> {
        self.refuse_other_history(epoch, revision)?;
        if revision > now.revision {
            return Err(PinError::BeyondHead { asked: revision, head: now.revision });
        }
        self.shared.require_kept(revision)?;
        Ok(self.pin_revision(revision).await?)
    }

    /// Pins the head.
    pub fn pin_head(&self) -> Snapshot {
        let head = self.shared.head.load();
        let snapshot = self.shared.snapshot(&head, head.revision, Some(head.recorded_at));
        Snapshot { token: head.token, ..snapshot }
    }

    /// Returns an error unless a state of knowledge is part of this registry's history. Reads the log for a token of a
    /// revision before the head.
    pub async fn require(&self, at_least: AtLeast) -> Result<(), PinError> {
        match at_least {
            AtLeast::Revision(asked) => self.refuse_beyond_head(asked).await,
            AtLeast::Token(token) if self.head().token == Some(token) => self.shared.require_kept(token.revision),
            AtLeast::Token(token) => self.require_token(token).await,
        }
    }

    async fn require_token(&self, token: Token) -> Result<(), PinError> {
        let revision = token.revision;
        self.refuse_other_history(Some(token.epoch), revision)?;
        self.refuse_beyond_head(revision).await?;
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || shared.token_at(revision));
        let known = read.await.map_err(|_| ReadError::Interrupted)??;
        if known.is_some_and(|known| known.chain == token.chain) {
            return Ok(());
        }
        Err(PinError::AnotherRecord { at: revision })
    }

    /// Refuses a revision that has not been recorded. In a log that is shared with other processes, they may have
    /// recorded it.
    async fn refuse_beyond_head(&self, asked: Revision) -> Result<(), PinError> {
        self.shared.require_kept(asked)?;
        let mut head = self.head_revision();
        if asked > head && self.shared.is_log_shared {
            head = self.reach(asked).await?;
        }
        if asked > head { Err(PinError::BeyondHead { asked, head }) } else { Ok(()) }
    }

    /// Waits until a revision is published, or is known not to be recorded. Returns the head. While the shared log is
    /// away, it waits a while for it to be back.
    async fn reach(&self, asked: Revision) -> Result<Revision, PinError> {
        let mut published = self.shared.published.subscribe();
        let following = async {
            loop {
                if self.shared.trouble().is_none() {
                    match self.follow().await {
                        Ok(head) => return Ok(head),
                        Err(SubmitError::Read(error)) => return Err(PinError::Read(error)),
                        Err(_) => {}
                    }
                }
                self.shared.require_kept(asked)?;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        };
        tokio::select! {
            head = following => head,
            Ok(head) = async { published.wait_for(|head| *head >= asked).await.map(|head| *head) } => Ok(head),
            () = tokio::time::sleep(WAIT_FOR_LOG) => Err(self.shared.log_unavailable()),
        }
    }

    async fn pin_revision(&self, revision: Revision) -> Result<Snapshot, ReadError> {
        if let Some(snapshot) = self.shared.at_from_memory(revision) {
            return Ok(snapshot);
        }
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || shared.at(revision));
        read.await.map_err(|_| ReadError::Interrupted)?
    }

    /// Returns the last record at or before an instant. From then on no record is dated at or before that instant, even
    /// after a restart or if the clock is set back: an instant that was once answered for stays answered.
    async fn revision_at(&self, instant: Timestamp) -> Result<Revision, PinError> {
        if instant.as_microsecond() > self.shared.answered_through.load(Ordering::Acquire) {
            self.settle(instant).await?;
        }
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || shared.index.revision_at(instant));
        let revision = read.await.map_err(|_| ReadError::Interrupted)?.map_err(ReadError::from)?;
        // A restored log may date the record after the last shared one otherwise.
        self.shared.require_kept(revision.next())?;
        Ok(revision)
    }

    /// Ensures that no later record is dated at or before an instant.
    async fn settle(&self, instant: Timestamp) -> Result<(), PinError> {
        // Every later record is dated after the head.
        if instant <= self.head().recorded_at {
            return Ok(());
        }
        if self.shared.log_status.is_none() {
            return if instant > self.shared.clock.now() {
                Err(PinError::InTheFuture)
            } else {
                self.settle_now(instant).await
            };
        }
        // What is in the future, only the clock of the shared log can tell.
        let mut ahead = self.ahead_of_log(instant).await?;
        for _ in 0..TRIES {
            match SignedDuration::try_from(SOON) {
                Ok(soon) if ahead <= soon => tokio::time::sleep(ahead.try_into().unwrap_or_default()).await,
                _ => return Err(PinError::InTheFuture),
            }
            match self.settle_now(instant).await {
                Err(PinError::NotKept(error)) if let AppendError::ClockSkewed { by } = *error => ahead = by,
                settled => return settled,
            }
        }
        Err(PinError::InTheFuture)
    }

    /// How far an instant is ahead of the clock of the shared log, which is read if it may be.
    async fn ahead_of_log(&self, instant: Timestamp) -> Result<SignedDuration, PinError> {
        if self.shared.trouble().is_some() {
            return Err(self.shared.log_unavailable());
        }
        if instant <= self.shared.clock.now() {
            return Ok(SignedDuration::ZERO);
        }
        self.follow().await.map_err(|error| match error {
            SubmitError::Read(error) => PinError::Read(error),
            _ => self.shared.log_unavailable(),
        })?;
        let clock = self.shared.log_status.as_ref().and_then(|status| status.clock());
        Ok(clock.map_or(SignedDuration::ZERO, |clock| instant.duration_since(clock)))
    }

    /// Has the writer settle an instant.
    async fn settle_now(&self, instant: Timestamp) -> Result<(), PinError> {
        let (reply, settled) = Reply::channel(None);
        let sent = self.writer.send(Message::Settle(instant, reply)).await;
        sent.map_err(|_| ReadError::Interrupted)?;
        match settled.await {
            Ok(settled) => settled.map_err(|error| match Trouble::of(&error) {
                Some(trouble) => PinError::Log(Some(Arc::new(trouble))),
                None => PinError::NotKept(error),
            }),
            // The writer does not try while the shared log is away.
            Err(_) if self.shared.trouble().is_some() => Err(self.shared.log_unavailable()),
            Err(_) => Err(ReadError::Interrupted.into()),
        }
    }

    /// Refuses a revision that this history does not contain: one of an unknown epoch, or one of an earlier epoch after
    /// history forked from it.
    fn refuse_other_history(&self, epoch: Option<Uuid>, revision: Revision) -> Result<(), PinError> {
        let Some(epoch) = epoch else { return Ok(()) };
        match self.head().history.last_shared(epoch) {
            // Before the first record all histories are identical.
            None if revision > Revision::ZERO => Err(PinError::UnknownEpoch),
            Some(last_shared) if revision > last_shared => Err(PinError::HistoryChanged { last_shared }),
            None | Some(_) => Ok(()),
        }
    }

    /// Refuses an instant of an earlier epoch after the last record that this history shares with it: the records that
    /// followed there are lost, and with them when the first of them was recorded.
    fn refuse_after_fork(&self, epoch: Option<Uuid>, instant: Timestamp, snapshot: &Snapshot) -> Result<(), PinError> {
        let last_shared = epoch.and_then(|epoch| self.head().history.last_shared(epoch));
        match last_shared.filter(|last_shared| *last_shared == snapshot.revision) {
            Some(last_shared) if snapshot.recorded_at.is_some_and(|recorded_at| recorded_at < instant) => {
                Err(PinError::HistoryChanged { last_shared })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Clock;
    use super::super::open::{open_writer, start};
    use super::super::{Options, SEMANTICS_VERSION};
    use super::*;
    use crate::store::log::{Damage, ReadError as LogReadError, ReadLog, Records};
    use crate::store::record::Hash;
    use crate::store::{OpenMode, StoreOptions};

    /// A log whose every read fails.
    struct Unreadable(Revision);

    impl Unreadable {
        fn damage() -> LogReadError {
            Damage { segment: String::new(), offset: 0, reason: "a test reads it" }.into()
        }
    }

    impl ReadLog for Unreadable {
        fn head(&self) -> Revision {
            self.0
        }

        fn read(&self, _: Revision, _: Revision) -> Records {
            Box::new(std::iter::once(Err(Unreadable::damage())))
        }

        fn chain_at(&self, _: Revision) -> Result<Option<Hash>, LogReadError> {
            Err(Unreadable::damage())
        }

        fn chain_of(&self, _: Revision) -> Result<Hash, LogReadError> {
            Err(Unreadable::damage())
        }
    }

    #[tokio::test]
    async fn answers_and_tokens_of_the_head_do_not_read_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            data_dir: directory.path().to_owned(),
            registry: None,
            begins_shared_log: false,
            adopts_semantics: false,
            rules_dir: None,
            today: None,
            open_days_through: None,
            store: StoreOptions { mode: OpenMode::New("a test"), ..StoreOptions::default() },
        };
        let clock = Clock::starting_at("2026-03-02T18:00:00Z".parse().unwrap()).unwrap();
        let mut writer = open_writer(options, clock, SEMANTICS_VERSION, Uuid::from_u128(7), &mut |_| {}).unwrap();
        let log = Arc::new(Unreadable(writer.store.head()));
        Arc::get_mut(&mut writer.shared).unwrap().log = log;
        let opened = start(writer).unwrap();
        let registry = opened.registry;
        let pinned = async || registry.pin(KnownAt::Head).await.unwrap().token.unwrap();
        let first = pinned().await;
        registry.require(AtLeast::Token(first)).await.unwrap();
        registry.open_days(registry.head().today.next()).await.unwrap();
        let second = pinned().await;
        assert_eq!(second.revision, first.revision.next());
        registry.require(AtLeast::Token(second)).await.unwrap();
        let read = registry.require(AtLeast::Token(first)).await;
        assert!(matches!(read, Err(PinError::Read(ReadError::Log(_)))), "an earlier one is compared: {read:?}");
        registry.close().await;
        drop(registry);
        opened.writer.join().unwrap().unwrap();
    }
}
