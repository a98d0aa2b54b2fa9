//! ChangeService: the feed of changes.

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream;
use prost::Message as _;
use tokio::task::yield_now;
use tokio::time::Instant;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::decode::{After, ChangesAbout, ChangesAsked};
use super::limits::fair;
use super::miss::Miss;
use super::page::Room;
use super::read_audit::{self, Found};
use super::redaction::{Asker, asker};
use super::searches::Sought;
use super::{Contract, decode, encode, status, unpinned, unreadable};
use crate::domain::id::{CredentialNumber, Revision};
use crate::domain::record::Change;
use crate::proto::v1;
use crate::proto::v1::change_service_server::ChangeService;
use crate::proto::v1::watch_changes_response::Event;
use crate::registry::Registry;
use crate::registry::feed::{Feed, FeedError, Part, Position, View, Watcher};
use crate::registry::snapshot::KnownAt;
use crate::telemetry::audit::BatchSummary;

/// How many changes of a page are read before other tasks run.
const CHANGES_IN_A_TURN: usize = 1000;

/// About how many bytes of messages wait for the audit together.
const GROUP_BYTES: usize = 16 * 1024;

/// How often a watcher gets a message while there is no change: well within the 5 seconds of the contract.
const SIGN_OF_LIFE: Duration = Duration::from_secs(4);

#[tonic::async_trait]
impl ChangeService for Contract {
    type WatchChangesStream = Pin<Box<dyn Stream<Item = Result<v1::WatchChangesResponse, Status>> + Send>>;

    async fn watch_changes(
        &self,
        request: Request<v1::WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        let asker = asker(&request)?;
        let asked = decode::watch_changes(request.get_ref(), asker.own());
        let asked = asked.map_err(|rejection| status::rejected(&rejection))?;
        let after = self.position(asked.after).await?;
        let method = "ChangeService/WatchChanges";
        let view = self.view(&asker, method, asked).await?;
        let watcher = self.registry.watcher(&view);
        let watch = Watch {
            scope: Scope::of(&view),
            tally: self.tally(&asker, method, &self.registry.pin_head()),
            feed: self.feed(&asker, view, after).await?,
            registry: self.registry.clone(),
            watcher,
            ready: VecDeque::new(),
            next_sign: None,
        };
        let messages = stream::unfold(Some(watch), |watch| async move {
            let mut watch = watch?;
            match watch.next().await {
                Ok(event) => Some((Ok(v1::WatchChangesResponse { event: Some(event) }), Some(watch))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(fair(messages))))
    }

    async fn list_changes(
        &self,
        request: Request<v1::ListChangesRequest>,
    ) -> Result<Response<v1::ListChangesResponse>, Status> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let asked = decode::list_changes(&request, asker.own());
        let asked = asked.map_err(|rejection| status::rejected(&rejection))?;
        let page = self.page(&asker, &request, KnownAt::Head).await?;
        let (head, size) = (page.snapshot.revision, page.window.size);
        let after = match page.window.after {
            Some(after) => after,
            None => self.position(asked.after).await?,
        };
        let method = "ChangeService/ListChanges";
        let view = self.view(&asker, method, asked).await?;
        let scope = Scope::of(&view);
        let mut feed = self.feed(&asker, view, after).await?;
        let (mut messages, mut room) = (Vec::new(), Room::of_a_page());
        let mut tally = self.tally(&asker, method, &page.snapshot);
        let (mut sent, mut changes) = (feed.position(), 0);
        while messages.len() < size
            && let Some(part) = feed.next(head).await.map_err(|error| unreadable(&error))?
        {
            let message = message(&part);
            if !room.takes(&message) {
                break;
            }
            note_people(&mut tally, &part)?;
            changes += message.changes.len();
            messages.push(message);
            sent = feed.position();
            if changes >= CHANGES_IN_A_TURN {
                yield_now().await;
                changes = 0;
            }
        }
        read_audit::written(tally.close()).await?;
        let next_page_token = if sent.revision < head { page.token(&sent) } else { String::new() };
        let progress = Some(progress(&self.registry, head, &scope));
        Ok(Response::new(v1::ListChangesResponse { messages, next_page_token, progress }))
    }
}

impl Contract {
    /// The position after which changes are asked for, if it is one of this history.
    pub(super) async fn position(&self, after: After) -> Result<Position, Status> {
        let pinned = self.registry.pin(KnownAt::Revision(after.epoch, after.revision)).await;
        pinned.map_err(|error| unpinned("after", error))?;
        Ok(Position { revision: after.revision, parts: 0 })
    }

    /// What a caller asks for, as far as the caller may see it. A provider's feed is of its own staff, also where
    /// credentials are named. Those are in the audit before they are judged.
    async fn view(&self, asker: &Asker, method: &'static str, asked: ChangesAsked) -> Result<View, Status> {
        let own = asker.own();
        let named = match &asked.about {
            ChangesAbout::Credentials(numbers) => numbers.as_slice(),
            ChangesAbout::Everyone | ChangesAbout::Provider(_) => &[],
        };
        let numbers = named.iter().copied().map(Some);
        self.note_all(asker, method, &self.registry.pin_head(), Found::default(), numbers).await?;
        let (provider, credentials) = match asked.about {
            ChangesAbout::Everyone => (None, None),
            ChangesAbout::Credentials(numbers) => {
                // In the order asked: which one is named must not reveal which of them are on file.
                let is_hidden =
                    |number: &&CredentialNumber| own.is_some_and(|own| !self.registry.is_staff(own, **number));
                if let Some(number) = numbers.iter().find(is_hidden) {
                    let (snapshot, sought) = (self.registry.pin_head(), Some(Sought::by_number(*number, false)));
                    let search = self.begin_search(asker, sought, &snapshot).await?;
                    self.conclude_search(asker, method, search, &snapshot, Some(Miss::NotFound)).await?;
                    return Err(status::not_found("credential", &number.to_string()));
                }
                (own.cloned(), Some(HashSet::from_iter(numbers)))
            }
            ChangesAbout::Provider(provider) => {
                asker.refuse_other(Some(provider.as_str()))?;
                (Some(provider), None)
            }
        };
        Ok(View { provider, credentials, without_designations: !asker.sees_designations() })
    }

    /// The feed that a caller asks for.
    async fn feed(&self, asker: &Asker, view: View, after: Position) -> Result<Feed, Status> {
        let is_own = asker.own().is_some();
        self.registry.feed(after, view, is_own).await.map_err(|error| match error {
            FeedError::NoSuchCredential(number) => status::not_found("credential", &number.to_string()),
            FeedError::NoSuchProvider(provider) => status::not_found("provider", provider.as_str()),
            FeedError::Read(error) => unreadable(&error),
        })
    }
}

/// What a copy of a feed can answer about. Every progress message says it.
struct Scope {
    designations_withheld: bool,
    provider_id: String,
}

impl Scope {
    fn of(view: &View) -> Scope {
        let provider_id = view.provider.as_ref().map(ToString::to_string).unwrap_or_default();
        Scope { designations_withheld: view.without_designations, provider_id }
    }
}

/// A watcher.
struct Watch {
    scope: Scope,
    /// Whom its messages are about, for the audit.
    tally: BatchSummary,
    feed: Feed,
    registry: Registry,
    watcher: Watcher,
    /// Messages whose people are in the audit: they may go out.
    ready: VecDeque<v1::ChangeMessage>,
    /// When the next sign of life is due; none: as soon as everything is sent.
    next_sign: Option<Instant>,
}

impl Watch {
    /// The next event: every part up to the head; then progress, at once and at intervals.
    async fn next(&mut self) -> Result<Event, Status> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Event::Message(message));
            }
            let head = self.registry.head_revision();
            self.read_group(head).await?;
            if !self.ready.is_empty() {
                self.next_sign = None;
                continue;
            }
            let Some(next_sign) = self.next_sign.filter(|due| *due > Instant::now()) else {
                self.next_sign = Some(Instant::now() + SIGN_OF_LIFE);
                return Ok(Event::Progress(progress(&self.registry, head, &self.scope)));
            };
            tokio::select! {
                () = self.watcher.due() => {}
                () = tokio::time::sleep_until(next_sign) => {}
            }
        }
    }

    /// Reads the next messages up to the head, no more than about a group's bytes, and writes whom they are about to the
    /// audit, once for all of them. A message that waited for the audit by itself would go out in a frame by itself, and
    /// clients end connections with many small frames that they have not read yet.
    async fn read_group(&mut self, head: Revision) -> Result<(), Status> {
        let mut bytes = 0;
        while bytes < GROUP_BYTES
            && let Some(part) = self.feed.next(head).await.map_err(|error| unreadable(&error))?
        {
            let message = message(&part);
            note_people(&mut self.tally, &part)?;
            bytes += message.encoded_len();
            self.ready.push_back(message);
        }
        if bytes == 0 { Ok(()) } else { read_audit::written(self.tally.write()).await }
    }
}

/// Adds the people in a message to those whom the audit has, each once.
fn note_people(tally: &mut BatchSummary, part: &Part<'_>) -> Result<(), Status> {
    let mut noted = HashSet::new();
    for number in part.changes.iter().filter_map(Change::credential) {
        if noted.insert(number) {
            read_audit::add_listed(tally, Some(number))?;
        }
    }
    Ok(())
}

fn message(part: &Part<'_>) -> v1::ChangeMessage {
    v1::ChangeMessage {
        epoch: part.epoch.to_string(),
        revision: part.revision.0,
        recorded_at: Some(encode::timestamp(part.recorded_at)),
        part: part.part,
        last_part: part.is_last,
        changes: part.changes.iter().map(encode::change).collect(),
        today: part.today.map(encode::date),
    }
}

fn progress(registry: &Registry, head: Revision, scope: &Scope) -> v1::Progress {
    v1::Progress {
        epoch: registry.epoch_of(head).to_string(),
        head_revision: head.0,
        time: Some(encode::timestamp(registry.clock().now())),
        designations_withheld: scope.designations_withheld,
        provider_id: scope.provider_id.clone(),
    }
}
