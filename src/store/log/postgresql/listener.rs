//! Tells other replicas what this one appends, and listens for what they append. What is not heard is read a second
//! later, at the next barrier.
//!
//! The session is not the one that appends: the next append need not wait for a notification.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::SharedLog;
use super::connect_error::{ConnectError, Refusal};
use super::link::Link;
use crate::store::incident::Incident;
use crate::store::log::replicated::Hearing;
use crate::store::random::random_byte;

/// The channel on which replicas tell each other what they appended.
const CHANNEL: &str = "cpss_registry";

const NOTIFY: &str = "SELECT pg_notify($1, $2)";

/// The latest notification that other replicas should get. One that is replaced before it was sent is not missed: a
/// later one says more.
pub(super) type News = watch::Sender<Option<String>>;

/// The shortest and the longest pause between two attempts to connect.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// A session that tells and listens. It ends when this is dropped.
pub(super) struct Listener(JoinHandle<()>);

impl Listener {
    /// Begins to tell and to listen, and connects as often as it must.
    pub(super) fn start(shared: Arc<SharedLog>, hearing: Arc<Hearing>, news: &News) -> Listener {
        let (runtime, news) = (shared.runtime.clone(), news.subscribe());
        Listener(runtime.spawn(listen(shared, hearing, news)))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn listen(shared: Arc<SharedLog>, hearing: Arc<Hearing>, mut news: watch::Receiver<Option<String>>) {
    let (silence, [shortest, longest]) = (Incident::new(), PAUSES);
    let mut pause = shortest;
    loop {
        match once(&shared, &hearing, &mut news, &silence).await {
            Ok(()) => pause = shortest,
            Err(error) => {
                if let Some(times) = silence.occurred_for(&error.cause_text()) {
                    let error = &error as &dyn Error;
                    tracing::warn!(
                        event = "log_news_lost",
                        times,
                        error,
                        "what other replicas append is not announced here: it is read a second later"
                    );
                }
                pause = (pause * 2).min(longest);
            }
        }
        tokio::time::sleep(jittered(pause)).await;
    }
}

/// Tells and listens until the session ends.
async fn once(
    shared: &SharedLog,
    hearing: &Arc<Hearing>,
    news: &mut watch::Receiver<Option<String>>,
    silence: &Incident,
) -> Result<(), ConnectError> {
    let hearing = Arc::clone(hearing);
    let hear = Arc::new(move |text: &str| {
        hearing.hear(text);
    });
    let mut link = shared.settings.connect_to_hear(shared.now, hear).await?;
    let (listen, patience) = (format!("LISTEN {CHANNEL}"), shared.settings.patience);
    let listening = tokio::time::timeout(patience, link.client.batch_execute(&listen)).await;
    let refused = |refusal| ConnectError::of(&link.node, refusal);
    listening.map_err(|_| refused(Refusal::TimedOut(patience)))?.map_err(|error| refused(Refusal::Database(error)))?;
    if silence.resolve() {
        tracing::info!(event = "log_news_heard", "what other replicas append is announced again");
    }
    let Link { client, driver, .. } = &mut link;
    tokio::select! {
        () = driver.closed() => {}
        () = tell(client, news) => {}
    }
    Ok(())
}

/// Sends each notification, or the latest one if several came while one was sent, until the session ends.
async fn tell(client: &Client, news: &mut watch::Receiver<Option<String>>) {
    let Ok(notify) = client.prepare(NOTIFY).await else { return };
    while news.changed().await.is_ok() {
        let text = news.borrow_and_update().clone();
        if client.execute(&notify, &[&CHANNEL, &text]).await.is_err() {
            break;
        }
    }
}

/// A part of a pause, at random, so that replicas do not all connect at once.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f32(0.5 + f32::from(random_byte()) / 510.0)
}
