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
use super::read_audit::{self, AuditEntry};
use super::redaction::{CallContext, context};
use super::searches::SearchTarget;
use super::{Contract, decode, encode, status, unpinned, unreadable};
use crate::auth::FEED;
use crate::domain::id::{CredentialNumber, Revision};
use crate::domain::record::Change;
use crate::proto::v1;
use crate::proto::v1::change_service_server::ChangeService;
use crate::proto::v1::watch_changes_response::Event;
use crate::registry::Registry;
use crate::registry::feed::{Feed, FeedError, Part, Position, View, Watcher};
use crate::registry::snapshot::KnownAt;
use crate::telemetry::audit::BatchSummary;

/// The number of changes of a page that are read before other tasks run.
const CHANGES_IN_A_TURN: usize = 1000;

/// The approximate size of the messages that wait for the audit together.
const GROUP_BYTES: usize = 16 * 1024;

/// The heartbeat interval of a watcher without changes: well within the 5 seconds that the contract promises.
const HEARTBEAT: Duration = Duration::from_secs(4);

#[tonic::async_trait]
impl ChangeService for Contract {
    type WatchChangesStream = Pin<Box<dyn Stream<Item = Result<v1::WatchChangesResponse, Status>> + Send>>;

    async fn watch_changes(
        &self,
        request: Request<v1::WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        let context = context(&request)?;
        let asked = decode::watch_changes(request.get_ref(), context.own());
        let asked = asked.map_err(|rejection| status::rejected(&rejection))?;
        let after = self.position(asked.after).await?;
        let view = self.view(&context, FEED, asked).await?;
        let watcher = self.registry.watcher(&view);
        let watch = Watch {
            scope: Scope::of(&view),
            tally: self.tally(&context, FEED, &self.registry.pin_head()),
            feed: self.feed(&context, view, after).await?,
            registry: self.registry.clone(),
            watcher,
            ready: VecDeque::new(),
            next_heartbeat: None,
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
        let context = context(&request)?;
        let request = request.into_inner();
        let asked = decode::list_changes(&request, context.own());
        let asked = asked.map_err(|rejection| status::rejected(&rejection))?;
        let page = self.page(&context, &request, KnownAt::Head).await?;
        let (head, size) = (page.snapshot.revision, page.window.size);
        let after = match page.window.after {
            Some(after) => after,
            None => self.position(asked.after).await?,
        };
        let method = "ChangeService/ListChanges";
        let view = self.view(&context, method, asked).await?;
        let scope = Scope::of(&view);
        let mut feed = self.feed(&context, view, after).await?;
        let (mut messages, mut room) = (Vec::new(), Room::of_a_page());
        let mut tally = self.tally(&context, method, &page.snapshot);
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
    /// Returns the position after which the changes begin, if it is in this history.
    pub(super) async fn position(&self, after: After) -> Result<Position, Status> {
        let pinned = self.registry.pin(KnownAt::Revision(after.epoch, after.revision)).await;
        pinned.map_err(|error| unpinned("after", error))?;
        Ok(Position { revision: after.revision, parts: 0 })
    }

    /// Returns the changes that a caller asks for, as far as it may see them. A provider's feed only contains its own
    /// staff, even if it names credentials. Named credentials are in the audit before they are checked.
    async fn view(&self, context: &CallContext, method: &'static str, asked: ChangesAsked) -> Result<View, Status> {
        let own = context.own();
        let named = match &asked.about {
            ChangesAbout::Credentials(numbers) => numbers.as_slice(),
            ChangesAbout::Everyone | ChangesAbout::Provider(_) => &[],
        };
        let numbers = named.iter().copied().map(Some);
        self.audit_list(context, method, &self.registry.pin_head(), AuditEntry::default(), numbers).await?;
        let (provider, credentials) = match asked.about {
            ChangesAbout::Everyone => (None, None),
            ChangesAbout::Credentials(numbers) => {
                // Check in the order of the request, so that the number that is refused does not reveal which others
                // are on file.
                let is_hidden =
                    |number: &&CredentialNumber| own.is_some_and(|own| !self.registry.is_staff(own, **number));
                if let Some(number) = numbers.iter().find(is_hidden) {
                    let (snapshot, target) = (self.registry.pin_head(), Some(SearchTarget::by_number(*number, false)));
                    let search = self.begin_search(context, target, &snapshot).await?;
                    self.conclude_search(context, method, search, &snapshot, Some(Miss::NotFound)).await?;
                    return Err(status::not_found("credential", &number.to_string()));
                }
                (own.cloned(), Some(HashSet::from_iter(numbers)))
            }
            ChangesAbout::Provider(provider) => {
                self.permitted(context, context.refuse_other(Some(provider.as_str()))).await?;
                (Some(provider), None)
            }
        };
        Ok(View { provider, credentials, without_designations: !context.sees_designations() })
    }

    /// Opens the feed for a view.
    async fn feed(&self, context: &CallContext, view: View, after: Position) -> Result<Feed, Status> {
        let is_own = context.own().is_some();
        self.registry.feed(after, view, is_own).await.map_err(|error| match error {
            FeedError::NoSuchCredential(number) => status::not_found("credential", &number.to_string()),
            FeedError::NoSuchProvider(provider) => status::not_found("provider", provider.as_str()),
            FeedError::Read(error) => unreadable(&error),
        })
    }
}

/// What a copy of the feed can answer about. Every progress message repeats it.
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

/// A `WatchChanges` stream.
struct Watch {
    scope: Scope,
    /// The people in its messages, for the audit.
    tally: BatchSummary,
    feed: Feed,
    registry: Registry,
    watcher: Watcher,
    /// Messages whose people are in the audit, so that they may be sent.
    ready: VecDeque<v1::ChangeMessage>,
    /// When the next heartbeat is due; `None`: as soon as all changes are sent.
    next_heartbeat: Option<Instant>,
}

impl Watch {
    /// Returns the next event: every part up to the head, then a progress message, which is repeated at intervals.
    async fn next(&mut self) -> Result<Event, Status> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                self.watcher.sent(Some(Revision(message.revision).previous()));
                return Ok(Event::Message(message));
            }
            // Progress says that everything was sent.
            self.registry.require_current().map_err(|error| unpinned("after", error))?;
            let head = self.registry.head_revision();
            self.read_group(head).await?;
            if !self.ready.is_empty() {
                self.next_heartbeat = None;
                continue;
            }
            let Some(next_heartbeat) = self.next_heartbeat.filter(|due| *due > Instant::now()) else {
                self.next_heartbeat = Some(Instant::now() + HEARTBEAT);
                self.watcher.sent(Some(head));
                return Ok(Event::Progress(progress(&self.registry, head, &self.scope)));
            };
            self.watcher.sent(None);
            tokio::select! {
                () = self.watcher.due() => {}
                () = tokio::time::sleep_until(next_heartbeat) => {}
            }
        }
    }

    /// Reads the next messages up to the head, about one group, and writes their people to the audit together. If each
    /// message waited for the audit separately, each would be sent in its own small frame, and clients close
    /// connections with many small unread frames.
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

/// Adds the people in a message to the tally, each once.
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
