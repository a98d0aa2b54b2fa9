//! Opening a registry from the files on disk.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, watch};
use uuid::Uuid;

use super::beginning::{begin, catch_up};
use super::checkpoints::Checkpoints;
use super::clock::{self, Clock};
use super::dry_run::DRY_RUNS;
use super::errors::{NewerSemantics, OpenError, ReadError, WriterFailed};
use super::handle::Registry;
use super::head::{Head, ResidentProvider};
use super::historical_cache::HistoricalCache;
use super::mailbox::Mailbox;
use super::opening_backoff::OpeningBackoff;
use super::preface::{Preface, SEMANTICS_VERSION};
use super::read_ahead::ReadAhead;
use super::recent_records::RecentRecords;
use super::registry_history::RegistryHistory;
use super::scrub::Damage;
use super::seal::Sealer;
use super::shared::Shared;
use super::specialist_cache::SpecialistCache;
use super::timeline_cache::TimelineCache;
use super::turns::Turns;
use super::watchers::Watchers;
use super::writer::Writer;
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::domain::provider::ProviderFile;
use crate::domain::rule_sets::RuleSets;
use crate::rules::{self, RuleText};
use crate::store::incident::Incident;
use crate::store::index::{Progress, View as _};
use crate::store::{self, Store, StoreOptions, Unfinished, refuse_other_place, registry_id};

/// The maximum number of commands that wait for the writer.
const QUEUE: usize = 4096;

/// How long questions at the head are answered after every record was last known, unless a caller says otherwise.
const SERVE_STALE_FOR: Duration = Duration::from_secs(60);

/// The part of the queue that is set aside for bulk callers, which wait for a slot instead of being refused.
const BULK_SLOTS: usize = 256;

/// The number of facts of recently used people that the writer caches: about 40 MB.
const FACTS_KEPT: usize = 128 * 1024;

/// Where the registry is, and how to run it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The id that the registry must have; `None` accepts any. A new registry gets it.
    pub registry: Option<Uuid>,
    /// True if a registry begins in a shared log that has no record.
    pub begins_shared_log: bool,
    /// True if the semantics of this program may be adopted: the operator agrees, and every replica that shares the log
    /// knows them.
    pub adopts_semantics: bool,
    /// A directory with additional rule files.
    pub rules_dir: Option<PathBuf>,
    /// A fixed civil day, instead of the clock's.
    pub today: Option<Day>,
    /// The last day that the calendar may open, however far ahead of the last record it is.
    pub open_days_through: Option<Day>,
    /// The options of the store.
    pub store: StoreOptions,
}

#[cfg(test)]
impl Options {
    /// The options of a test: a registry that is created if necessary.
    pub fn of_a_test(data_dir: &Path, today: Option<&str>) -> Options {
        Options {
            data_dir: data_dir.to_owned(),
            registry: None,
            begins_shared_log: true,
            adopts_semantics: false,
            rules_dir: None,
            today: today.map(|day| day.parse().unwrap()),
            open_days_through: None,
            store: StoreOptions { mode: store::OpenMode::ExistingOrNew("a test"), ..StoreOptions::default() },
        }
    }
}

/// An open registry and its writer.
pub struct Opened {
    /// The registry.
    pub registry: Registry,
    /// The writer's thread. It ends on [`Registry::close`], returning the store for the caller to close, or when the
    /// disk fails.
    pub writer: JoinHandle<Result<Store, WriterFailed>>,
}

impl Registry {
    /// Opens the registry. Reads the disk and may take long; reports progress to `progress`.
    pub fn open(options: Options, progress: &mut dyn FnMut(Progress)) -> Result<Opened, OpenError> {
        Registry::open_as(options, SEMANTICS_VERSION, progress)
    }

    /// Like [`Registry::open`], but with the semantics version of another release.
    pub fn open_as(
        options: Options,
        semantics_version: u32,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Opened, OpenError> {
        let mut writer = new_writer(options, semantics_version, progress)?;
        writer.store.finish()?;
        start(writer)
    }

    /// Like [`Registry::open_as`], but with the given clock.
    #[cfg(test)]
    pub(super) fn open_by(
        clock: Clock,
        options: Options,
        semantics_version: u32,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Opened, OpenError> {
        let mut writer = open_writer(options, clock, semantics_version, Uuid::new_v4(), progress)?;
        writer.store.finish()?;
        start(writer)
    }

    /// False once the index has failed. The process must then end.
    pub fn index_works(&self) -> bool {
        self.shared.index.require().is_ok()
    }

    /// Creates a registry that is filled afterwards. It is complete once the returned [`Unfinished`] is finished; if
    /// that is dropped, the registry is deleted.
    pub fn begin(
        options: Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Opened, Option<Unfinished>), OpenError> {
        let mut writer = new_writer(options, SEMANTICS_VERSION, progress)?;
        let unfinished = writer.store.take_unfinished();
        Ok((start(writer)?, unfinished))
    }

    /// Creates a registry with its first records, and closes it. Returns its id.
    pub fn create(options: Options) -> Result<Uuid, OpenError> {
        let Writer { shared, mut store, .. } = new_writer(options, SEMANTICS_VERSION, &mut |_| {})?;
        let id = shared.head.load().history.registry_id().unwrap_or_default();
        drop(shared);
        let unfinished = store.take_unfinished();
        store.close()?;
        unfinished.map_or(Ok(()), Unfinished::finish)?;
        Ok(id)
    }
}

/// Opens the writer with the machine's clock. If the index fails while the registry is opened, opens it a second time,
/// which rebuilds the index.
fn new_writer(
    options: Options,
    semantics_version: u32,
    progress: &mut dyn FnMut(Progress),
) -> Result<Writer, OpenError> {
    let mut open = |options: Options| {
        let clock = Clock::new(options.today)?;
        let epoch = options.registry.unwrap_or_else(Uuid::new_v4);
        open_writer(options, clock, semantics_version, epoch, progress)
    };
    match open(options.clone()) {
        Err(error) if error.is_index_failure() => {
            tracing::warn!(event = "index_reopening", error = &error as &dyn std::error::Error, "reopening the index");
            open(options)
        }
        opened => opened,
    }
}

/// Starts the writer on its own thread.
pub(super) fn start(writer: Writer) -> Result<Opened, OpenError> {
    let shared = Arc::clone(&writer.shared);
    let (sender, mailbox) = mpsc::channel(QUEUE);
    let writer = std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || writer.run(mailbox))
        .map_err(OpenError::Writer)?;
    Ok(Opened {
        registry: Registry {
            shared,
            writer: sender,
            bulk_slots: Arc::new(Semaphore::new(BULK_SLOTS)),
            dry_runs: Turns::of(DRY_RUNS),
            serve_stale_for: SERVE_STALE_FOR,
        },
        writer,
    })
}

/// Opens the store and the writer, and records everything that must come first. A new registry begins with `epoch`.
pub(super) fn open_writer(
    mut options: Options,
    clock: Clock,
    semantics_version: u32,
    epoch: Uuid,
    progress: &mut dyn FnMut(Progress),
) -> Result<Writer, OpenError> {
    let (store, preface) = open_store(&mut options, semantics_version, progress)?;
    writer_of(store, &options, clock, preface, epoch)
}

/// Opens the store, unless it is that of another registry or its log is in another place.
pub(super) fn open_store(
    options: &mut Options,
    semantics_version: u32,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Store, Preface), OpenError> {
    let rule_sets = rules::load(options.rules_dir.as_deref())?;
    // Check before touching anything in the directory of another registry. If the first record cannot be read, only the
    // index can tell the id, and it is checked after the store is open.
    check_registry_id(&options.data_dir, registry_id(&options.data_dir).ok(), options.registry)?;
    refuse_other_place(&options.data_dir, &options.store.place)?;
    let store = Store::open(&options.data_dir, std::mem::take(&mut options.store), progress)?;
    Ok((store, Preface { semantics_version, rule_sets }))
}

/// Returns the writer of an open store, after it has recorded everything that must come first.
pub(super) fn writer_of(
    store: Store,
    options: &Options,
    clock: Clock,
    preface: Preface,
    epoch: Uuid,
) -> Result<Writer, OpenError> {
    let mut writer = idle_writer_of(store, options, clock, preface, None)?;
    if writer.store.head() == Revision::ZERO {
        if writer.store.is_shared() && !options.begins_shared_log {
            return Err(OpenError::NotFilled { data_dir: options.data_dir.clone() });
        }
        begin(&mut writer, epoch)?;
    } else {
        catch_up(&mut writer)?;
    }
    Ok(writer)
}

/// Returns the writer of an open store. It has recorded nothing. The log may have moved to the place where this id is
/// that of the log.
pub(super) fn idle_writer_of(
    mut store: Store,
    options: &Options,
    clock: Clock,
    preface: Preface,
    moving_to: Option<Uuid>,
) -> Result<Writer, OpenError> {
    let mut shared = resident(&store, clock, &preface.rule_sets)?;
    let news = Arc::clone(&shared.news);
    store.on_news(Box::new(move || news.notify_one()));
    let history = Arc::clone(&shared.head.load().history);
    check_registry_id(&options.data_dir, history.registry_id(), options.registry)?;
    if let Some(moved) = history.moved_from(store.log_id()).filter(|moved| Some(moved.to.id) != moving_to) {
        return Err(OpenError::LogMoved(moved.clone()));
    }
    let (known, version) = (history.semantics_version(), preface.semantics_version);
    if known > version {
        return Err(NewerSemantics { known, version }.into());
    }
    if known < version && store.head() > Revision::ZERO && !options.adopts_semantics {
        return Err(OpenError::OlderSemantics { known, version });
    }
    shared.open_days_through = options.open_days_through.unwrap_or(Day::BEGINNING);
    shared.catch_up_due_dates(preface.semantics_version)?;
    Ok(Writer {
        shared: Arc::new(shared),
        store,
        specialist_cache: SpecialistCache::with_capacity(FACTS_KEPT),
        refused_at: None,
        refusals: Incident::new(),
        preface,
        mailbox: Mailbox::default(),
    })
}

/// Returns an error if the registry that was found is not the pinned one.
fn check_registry_id(data_dir: &Path, found: Option<Uuid>, pinned: Option<Uuid>) -> Result<(), OpenError> {
    match (found, pinned) {
        (Some(found), Some(pinned)) if found != pinned => {
            Err(OpenError::AnotherRegistry { data_dir: data_dir.to_owned(), found, pinned })
        }
        _ => Ok(()),
    }
}

/// Returns the rule sets to start with: those on record, or else those of the rule files.
fn first_rule_sets(texts: &[RuleText], history: &RegistryHistory) -> Result<Arc<RuleSets>, OpenError> {
    for text in texts {
        let known = history.adopted(Revision::LATEST).find(|adopted| adopted.set.id == text.set.id);
        if known.is_some_and(|adopted| adopted.digest != text.digest) {
            return Err(OpenError::RuleSetChanged { id: text.set.id.clone() });
        }
    }
    let sets = texts.iter().map(|text| Arc::new(text.set.clone())).collect();
    let on_record = history.rule_sets(Revision::LATEST).cloned();
    on_record.or_else(|| RuleSets::new(sets, None).map(Arc::new)).ok_or(OpenError::Read(ReadError::Interrupted))
}

/// Loads what is always in memory from the index: everything except the credentials.
pub(super) fn resident(store: &Store, clock: Clock, texts: &[RuleText]) -> Result<Shared, OpenError> {
    let index = Arc::clone(store.index());
    let history = RegistryHistory::of(&index.registry_facts()?)?;
    let rule_sets = &first_rule_sets(texts, &history)?;
    let head = store.head();
    let today = history.today(head).unwrap_or(Day::BEGINNING);
    let mut published = Head {
        revision: head,
        recorded_at: index.recorded_at(head)?.unwrap_or(Timestamp::UNIX_EPOCH),
        today,
        day_ends_at: clock.day_ends_at(today),
        rule_sets: Arc::clone(rule_sets),
        history: Arc::new(history),
        token: None,
    };
    published.token = published.token_of(store.tip());
    // Other processes may have recorded something since that this one does not know yet.
    let answered_through = if store.is_shared() { Timestamp::UNIX_EPOCH } else { store.answered_through() };
    let shared = Shared {
        sealer: Sealer::of(store.request_key()),
        log: store.log_reader(),
        is_log_shared: store.is_shared(),
        log_status: store.log_status(),
        request_key: *store.request_key(),
        signing_keys: Arc::new(store.signing_keys(clock::now()).map_err(store::OpenError::from)?),
        checkpoints: Checkpoints::default(),
        news: Arc::default(),
        head: ArcSwap::from_pointee(published),
        published: watch::Sender::new(head),
        read_ahead: ReadAhead::default(),
        recent_records: RecentRecords::default(),
        watchers: Watchers::default(),
        clock,
        figures: Arc::default(),
        progress: Arc::default(),
        open_days_through: Day::BEGINNING,
        opening_backoff: OpeningBackoff::default(),
        damage: Arc::new(Damage::noted(store.damage_note())),
        answered_through: AtomicI64::new(answered_through.as_microsecond()),
        is_prefaced: AtomicBool::new(true),
        timeline_cache: TimelineCache::default(),
        providers: papaya::HashMap::default(),
        provider_ids: RwLock::default(),
        historical_cache: HistoricalCache::default(),
        identifiers: papaya::HashMap::default(),
        index,
    };
    let rule_sets_since = shared.head.load().history.rule_sets_since();
    shared.index.every_provider(&mut |id, facts| {
        let file = Arc::new(ProviderFile::new(id, facts, rule_sets));
        shared.insert_provider(ResidentProvider { changed_at: file.changed_at().max(rule_sets_since), file });
        ControlFlow::Continue(())
    })?;
    Ok(shared)
}
