//! Listens for what other replicas append. What is not heard is read a second later, at the next barrier.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::SharedLog;
use super::connect_error::{ConnectError, Refusal};
use super::session::CHANNEL;
use crate::store::incident::Incident;
use crate::store::log::replicated::Hearing;
use crate::store::random::random_byte;

/// The shortest and the longest pause between two attempts to connect.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// A session that listens. It ends when this is dropped.
pub(super) struct Listener(JoinHandle<()>);

impl Listener {
    /// Begins to listen, and connects as often as it must.
    pub(super) fn start(shared: Arc<SharedLog>, hearing: Arc<Hearing>) -> Listener {
        let runtime = shared.runtime.clone();
        Listener(runtime.spawn(listen(shared, hearing)))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn listen(shared: Arc<SharedLog>, hearing: Arc<Hearing>) {
    let (silence, [shortest, longest]) = (Incident::new(), PAUSES);
    let mut pause = shortest;
    loop {
        match once(&shared, &hearing, &silence).await {
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

/// Listens until the session ends.
async fn once(shared: &SharedLog, hearing: &Arc<Hearing>, silence: &Incident) -> Result<(), ConnectError> {
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
    link.driver.closed().await;
    Ok(())
}

/// A part of a pause, at random, so that replicas do not all connect at once.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f32(0.5 + f32::from(random_byte()) / 510.0)
}
