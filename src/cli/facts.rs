//! The facts about a person, a credential, a job or a provider.

use super::connect::Service;
use super::failure::Failure;
use super::pages::all_pages;
use crate::proto::google::r#type::Date;
use crate::proto::v1::known_at::Point;
use crate::proto::v1::list_facts_request::Subject;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::proto::v1::{Fact, KnownAt, ListFactsRequest};

/// The facts about a subject, in the order in which they were recorded.
#[derive(Debug)]
pub struct Facts {
    /// The facts.
    pub facts: Vec<Fact>,
    /// The state of knowledge that they are from.
    pub known_at: Option<KnownAt>,
    /// Today, as known then.
    pub today: Option<Date>,
}

/// Asks for all facts about a subject, as known at one revision.
pub async fn facts_of(service: Service, subject: Option<Subject>, known_at: Option<KnownAt>) -> Result<Facts, Failure> {
    let mut client = RecordServiceClient::new(service);
    let (mut known_at, mut today, mut facts) = (known_at, None, Vec::new());
    let ask = async |page_token: String| {
        let (subject, asked_at) = (subject.clone(), known_at.clone());
        let request = ListFactsRequest { subject, known_at: asked_at, page_size: 1000, page_token };
        let page = client.list_facts(request).await?.into_inner();
        let answer = page.answer.unwrap_or_default();
        let point = Some(Point::Revision(answer.known_at_revision));
        known_at = Some(KnownAt { epoch: answer.epoch, point });
        today = answer.as_of;
        Ok((page.facts, page.next_page_token))
    };
    let take = |fact: Fact| {
        facts.push(fact);
        Ok(())
    };
    all_pages(ask, take).await?;
    Ok(Facts { facts, known_at, today })
}
