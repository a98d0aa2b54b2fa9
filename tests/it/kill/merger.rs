//! Staff whose jobs are transferred repeatedly between two providers: each time one record with many facts.

use std::time::Duration;

use cpss_registry::proto::v1;

use super::random;
use super::work::assert_cut_off;
use crate::harness::requests::{date, new_request_id};
use crate::harness::scenes::HIRED;
use crate::harness::{Client, TODAY};

const STAFF: usize = 6;
/// The number of transfers per round; the facts add up.
const MOVES: usize = 10;

type Moved = v1::TransferEmploymentsResponse;

/// The staff, and the requests about it.
#[derive(Default)]
pub struct Merger {
    providers: [String; 2],
    moved: Vec<(v1::TransferEmploymentsRequest, Moved)>,
    cut_off: Option<v1::TransferEmploymentsRequest>,
}

impl Merger {
    /// Registers two providers, with staff at the first one.
    pub async fn begin(client: &Client) -> Merger {
        let mut providers = [String::new(), String::new()];
        for provider in &mut providers {
            *provider = client.qualified_provider("Example Merger").await.provider_id;
        }
        for number in 0..STAFF {
            let specialist_id = client.specialist("Ambrose", &format!("Example-Staff-{number}")).await;
            client.job(&specialist_id, &providers[0], HIRED).await;
        }
        Merger { providers, moved: Vec::new(), cut_off: None }
    }

    /// The revisions of the responses.
    pub fn revisions(&self) -> impl Iterator<Item = u64> {
        self.moved.iter().map(|(_, moved)| moved.revision)
    }

    /// Transfers the staff several times, or until it is cut off.
    pub async fn write_until_cut(&mut self, client: &Client) {
        for _ in 0..MOVES {
            let request = self.next();
            match client.call(request.clone()).await {
                Ok(moved) => self.remember(request, moved),
                Err(status) => {
                    assert_cut_off(&status);
                    self.cut_off = Some(request);
                    return;
                }
            }
            // The kill should sometimes hit a transfer in progress.
            tokio::time::sleep(Duration::from_millis(random(30))).await;
        }
    }

    /// Before anything is sent again: all staff are with one provider.
    pub async fn compare(&self, client: &Client) {
        let mut with = Vec::new();
        for provider in &self.providers {
            let (provider_id, as_of) = (provider.clone(), Some(date(TODAY)));
            let roster = v1::ListEmploymentsRequest { provider_id, as_of, page_size: 1000, ..Default::default() };
            with.push(client.ask(roster).await.employments.len());
        }
        with.sort_unstable();
        assert_eq!(with, [0, STAFF], "jobs that move together are in one place");
    }

    /// Sends the interrupted transfer again, twice, and asserts equal responses.
    pub async fn settle(&mut self, client: &Client) {
        if let Some(request) = self.cut_off.take() {
            let moved = client.ask(request.clone()).await;
            assert_eq!(client.ask(request.clone()).await, moved, "one effect");
            self.remember(request, moved);
        }
        self.compare(client).await;
        if let Some((request, moved)) = self.moved.last() {
            assert_eq!(&client.ask(request.clone()).await, moved, "the same request gets the same answer");
        }
    }

    /// The number of records that transfer all jobs.
    pub fn moves(&self) -> usize {
        self.moved.len()
    }

    /// Sends all acknowledged transfers again.
    pub async fn replay(&self, client: &Client) {
        for (request, moved) in &self.moved {
            assert_eq!(&client.ask(request.clone()).await, moved, "the same request gets the same answer");
        }
    }

    fn remember(&mut self, request: v1::TransferEmploymentsRequest, moved: Moved) {
        assert_eq!(moved.fact_ids.len(), 2 * STAFF, "every job ends and begins");
        self.moved.push((request, moved));
    }

    /// The next transfer: back to the other provider, a day after the last one.
    fn next(&self) -> v1::TransferEmploymentsRequest {
        let [from, to] = [0, 1].map(|end| self.providers[(self.moved.len() + end) % 2].clone());
        let first: jiff::civil::Date = HIRED.parse().unwrap();
        let days = jiff::Span::new().days(i64::try_from(self.moved.len()).unwrap());
        v1::TransferEmploymentsRequest {
            request_id: new_request_id(),
            from_provider_id: from,
            to_provider_id: to,
            last_day: Some(date(&first.checked_add(days).unwrap().to_string())),
            ..Default::default()
        }
    }
}
