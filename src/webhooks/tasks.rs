//! The tasks of the deliveries: one for each webhook on the list.

use std::collections::HashMap;
use std::future;

use tokio::task::{AbortHandle, JoinSet};

use super::Webhook;

/// The tasks. They end when this is dropped.
pub(super) struct Tasks<R> {
    /// Makes the deliveries of a webhook.
    run: R,
    set: JoinSet<()>,
    /// The last task of each client.
    started: HashMap<String, (Webhook, AbortHandle)>,
}

impl<R, F> Tasks<R>
where
    R: Fn(Webhook) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    pub(super) fn new(run: R) -> Tasks<R> {
        Tasks { run, set: JoinSet::new(), started: HashMap::new() }
    }

    /// Ends what is not on the list, and then starts what is on it and does not run. A task has ended before another
    /// begins for the same client.
    pub(super) async fn follow(&mut self, list: &[Webhook]) {
        let unlisted = self.started.values().filter(|(webhook, _)| !list.contains(webhook));
        let ending: Vec<_> = unlisted.map(|(_, task)| task.clone()).collect();
        ending.iter().for_each(AbortHandle::abort);
        while ending.iter().any(|task| !task.is_finished()) && self.set.join_next().await.is_some() {}
        self.started.retain(|_, (webhook, task)| list.contains(webhook) && !task.is_finished());
        for webhook in list {
            if !self.started.contains_key(&webhook.client) {
                self.start(webhook.clone());
            }
        }
    }

    /// Starts the deliveries of a webhook.
    pub(super) fn start(&mut self, webhook: Webhook) {
        let task = self.set.spawn((self.run)(webhook.clone()));
        self.started.insert(webhook.client.clone(), (webhook, task));
    }

    /// Waits until a task panics, and returns its webhook.
    pub(super) async fn panicked(&mut self) -> Webhook {
        while let Some(ended) = self.set.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
                && let Some((webhook, _)) = self.started.values().find(|(_, task)| task.id() == error.id())
            {
                return webhook.clone();
            }
        }
        future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn webhook(client: &str, url: &str) -> Webhook {
        Webhook {
            client: client.to_owned(),
            url: url.parse().unwrap(),
            secrets: Vec::new(),
            authorities: Vec::new(),
            allow_local: false,
            from_revision: None,
        }
    }

    /// What the tasks did, in order.
    #[derive(Clone, Default)]
    struct Done(Arc<Mutex<Vec<String>>>);

    impl Done {
        fn add(&self, what: &str, client: &str) {
            self.0.lock().unwrap().push(format!("{what} {client}"));
        }

        fn count(&self, what: &str, client: &str) -> usize {
            let wanted = format!("{what} {client}");
            self.0.lock().unwrap().iter().filter(|done| **done == wanted).count()
        }

        fn has(&self, what: &str, client: &str) -> bool {
            self.count(what, client) > 0
        }
    }

    /// Says that its task ended.
    struct End(Done, String);

    impl Drop for End {
        fn drop(&mut self) {
            self.0.add("ended", &self.1);
        }
    }

    /// The task of `gone` ends, that of `broken` panics at first, and the others run on.
    async fn run(done: Done, webhook: Webhook) {
        let _end = End(done.clone(), webhook.client.clone());
        let is_first = !done.has("started", &webhook.client);
        done.add("started", &webhook.client);
        match webhook.client.as_str() {
            "gone" => {}
            "broken" if is_first => panic!("as the test wants"),
            _ => future::pending().await,
        }
    }

    /// Waits until that was done so often.
    async fn until(done: &Done, what: &str, client: &str, times: usize) {
        while done.count(what, client) < times {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn after_a_panic_only_that_delivery_begins_again_and_those_that_ended_wait_for_the_list() {
        let done = Done::default();
        let mut tasks = Tasks::new(|webhook| run(done.clone(), webhook));
        let list = ["gone", "broken"].map(|client| webhook(client, "https://h.example"));
        tasks.follow(&list).await;
        let broken = tasks.panicked().await;
        assert_eq!(broken, list[1]);
        tasks.start(broken);
        until(&done, "ended", "gone", 1).await;
        until(&done, "ended", "broken", 1).await;
        until(&done, "started", "broken", 2).await;
        assert_eq!((done.count("started", "gone"), done.count("started", "broken")), (1, 2));
        tasks.follow(&list).await;
        until(&done, "started", "gone", 2).await;
        assert_eq!((done.count("started", "gone"), done.count("started", "broken")), (2, 2));
    }

    #[tokio::test]
    async fn a_row_that_changes_gets_a_new_task_when_the_old_one_has_ended() {
        let done = Done::default();
        let mut tasks = Tasks::new(|webhook| run(done.clone(), webhook));
        tasks.follow(&[webhook("a", "https://h.example"), webhook("b", "https://h.example")]).await;
        until(&done, "started", "a", 1).await;
        until(&done, "started", "b", 1).await;
        done.0.lock().unwrap().clear();
        tasks.follow(&[webhook("a", "https://new.example"), webhook("b", "https://h.example")]).await;
        assert!(done.has("ended", "a"), "it has ended before the new one was started");
        until(&done, "started", "a", 1).await;
        assert_eq!(*done.0.lock().unwrap(), ["ended a", "started a"], "the other runs on");
        done.0.lock().unwrap().clear();
        tasks.follow(&[]).await;
        assert_eq!(done.0.lock().unwrap().len(), 2, "both ended");
    }
}
