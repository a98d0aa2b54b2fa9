//! The change feed over the wire. Each guarantee of ChangeService has a test with its name.

mod copy;
pub mod crowd;
mod figures;
mod filters;
mod promises;
mod same_answers;
pub mod scenario;
mod waking;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::watch_changes_response::Event;
use tonic::{Status, Streaming};

use super::harness::{Client, Messages as _};

/// The position after a record of the current epoch.
fn after(revision: u64) -> Option<v1::ChangePosition> {
    Some(v1::ChangePosition { epoch: String::new(), revision })
}

/// A question for all changes after a record.
fn list(revision: u64) -> v1::ListChangesRequest {
    v1::ListChangesRequest { after: after(revision), page_size: 1000, ..Default::default() }
}

/// A question for the changes of a provider and its staff, from the beginning.
fn of_provider(provider_id: &str) -> v1::ListChangesRequest {
    v1::ListChangesRequest { provider_id: provider_id.to_owned(), ..list(0) }
}

/// All messages that answer a question, page by page.
async fn pages(client: &Client, question: v1::ListChangesRequest) -> Vec<v1::ChangeMessage> {
    let mut messages = Vec::new();
    let mut request = question.clone();
    loop {
        let page = client.ask(request).await;
        let most = if question.page_size == 0 { 100 } else { question.page_size };
        assert!(page.messages.len() <= most as usize, "no more than {most}");
        messages.extend(page.messages);
        if page.next_page_token.is_empty() {
            let last: Option<&v1::ChangeMessage> = messages.last();
            let progress = page.progress.expect("the head that the pages go up to");
            assert!(last.is_none_or(|last| last.revision == progress.head_revision && last.last_part), "{progress:?}");
            return messages;
        }
        request = v1::ListChangesRequest { page_token: page.next_page_token, ..question.clone() };
    }
}

/// A watcher.
struct Watcher {
    stream: Streaming<v1::WatchChangesResponse>,
}

impl Watcher {
    /// Watches the changes that a ListChanges question selects.
    async fn of(client: &Client, question: v1::ListChangesRequest) -> Watcher {
        Watcher::try_of(client, question).await.expect("a stream")
    }

    async fn try_of(client: &Client, question: v1::ListChangesRequest) -> Result<Watcher, Status> {
        let v1::ListChangesRequest { after, credential_numbers, provider_id, .. } = question;
        let request = v1::WatchChangesRequest { after, credential_numbers, provider_id };
        Ok(Watcher { stream: client.change().watch_changes(request).await?.into_inner() })
    }

    /// Watches everything after a record.
    async fn after(client: &Client, revision: u64) -> Watcher {
        Watcher::of(client, list(revision)).await
    }

    /// The next event.
    async fn event(&mut self) -> Result<Event, Status> {
        let response = self.stream.next_message().await?.expect("the stream goes on until it fails");
        Ok(response.event.expect("an event"))
    }

    /// The next message, skipping heartbeats.
    async fn message(&mut self) -> v1::ChangeMessage {
        loop {
            if let Event::Message(message) = self.event().await.expect("an event") {
                return message;
            }
        }
    }

    /// The messages up to the next heartbeat, and that heartbeat.
    async fn caught_up(&mut self) -> (Vec<v1::ChangeMessage>, v1::Progress) {
        let mut messages = Vec::new();
        loop {
            match self.event().await.expect("an event") {
                Event::Message(message) => messages.push(message),
                Event::Progress(progress) => return (messages, progress),
            }
        }
    }
}
