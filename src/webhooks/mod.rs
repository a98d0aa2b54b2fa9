//! Webhooks: the changes that a client may see, as signed POSTs to its own server.
//!
//! Each client of the list with a webhook has a task, which watches the feed with that client's rights, posts each
//! record that changes something, in order, and notes how far it came. The task holds one record. Whatever a receiver
//! does, it delays nothing but its own deliveries. A receiver gets a message again if it did not confirm each part of
//! the record, or if the server ended or the row changed before the position was written: at least once, with the same
//! `webhook-id`.

mod address;
mod backoff;
pub(crate) mod board;
mod body;
mod connection;
mod cursor;
mod delivery;
mod signature;
mod tasks;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_rustls::rustls::pki_types::CertificateDer;

use self::board::Board;
use self::body::Writer;
pub(crate) use self::cursor::Position;
use self::delivery::Delivery;
pub(crate) use self::signature::Secret;
use self::tasks::Tasks;
use crate::surface::Surface;

/// Where the changes of a client are posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Webhook {
    /// The client's name in the list of clients.
    pub client: String,
    /// An `https` URL.
    pub url: Uri,
    /// What signs: each of these, so that a receiver may know only one of them while one replaces another.
    pub secrets: Vec<Secret>,
    /// The authorities that may sign the receiver's certificate, besides those that this machine trusts.
    pub authorities: Vec<CertificateDer<'static>>,
    /// True if the receiver may have an address that is not reached over the Internet.
    pub allow_local: bool,
    /// Where the first delivery begins. None: at the head then.
    pub from_revision: Option<u64>,
}

/// The webhooks of the list of clients. A new value restarts a delivery that a receiver has ended.
pub(crate) type Webhooks = Arc<[Webhook]>;

/// What all deliveries share.
#[derive(Clone)]
pub(crate) struct Sender {
    /// What answers the calls of the clients.
    pub surface: Surface,
    /// The position of a revision, or of the head.
    pub position: Arc<dyn Fn(Option<u64>) -> Position + Send + Sync>,
    /// The time.
    pub now: fn() -> Timestamp,
    /// The directory with the positions.
    pub directory: PathBuf,
    /// False: only notes where deliveries begin, because another replica makes them.
    pub delivers: bool,
    /// How the deliveries go.
    pub board: Board,
}

/// Makes the deliveries, until this is dropped. It returns only when nobody can change the list any more.
pub(crate) async fn keep(mut list: watch::Receiver<Webhooks>, sender: Sender) {
    if list.wait_for(|webhooks| !webhooks.is_empty()).await.is_err() {
        return;
    }
    let Some(writer) = Writer::new().map(Arc::new) else {
        tracing::error!(event = "webhooks_not_started", "webhooks are not delivered: the contract cannot be read");
        return;
    };
    let mut tasks = Tasks::new(|webhook| Delivery::new(webhook, sender.clone(), Arc::clone(&writer)).run());
    loop {
        let webhooks = Arc::clone(&list.borrow_and_update());
        tasks.follow(&webhooks).await;
        sender.board.keep_only(|client| webhooks.iter().any(|webhook| webhook.client == client));
        loop {
            tokio::select! {
                changed = list.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                webhook = tasks.panicked() => {
                    tracing::error!(event = "webhook_task_panicked", "the delivery of a webhook panicked and begins again");
                    tokio::time::sleep(backoff::FIRST).await;
                    tasks.start(webhook);
                }
            }
        }
    }
}
