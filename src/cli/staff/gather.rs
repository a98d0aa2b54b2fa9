//! Asking for the jobs with a provider, with names, and for what the holders' credentials are worth.

use std::time::Duration;

use tokio_stream::StreamExt as _;
use tonic::Status;

use super::member::Member;
use crate::cli::connect::{Connection, Service};
use crate::cli::dates::{civil, of_civil};
use crate::cli::failure::Failure;
use crate::cli::question::Moment;
use crate::proto::google::r#type::Date;
use crate::proto::v1::employment_service_client::EmploymentServiceClient;
use crate::proto::v1::known_at::Point;
use crate::proto::v1::reconcile_roster_request::Kind as Sent;
use crate::proto::v1::reconcile_roster_response::Kind as Received;
use crate::proto::v1::roster_difference::Kind as Difference;
use crate::proto::v1::verification_item::Subject;
use crate::proto::v1::verification_result::Outcome;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::proto::v1::{
    Answer, BatchVerifyCredentialsRequest, KnownAt, ReconcileRosterRequest, RosterOptions, Verification,
    VerificationItem,
};

const TIMEOUT: Duration = Duration::from_secs(600);

/// The questions in one batch.
const BATCH: usize = 500;

/// The staff, and the day and state of knowledge.
pub struct Gathered {
    /// One entry for each job.
    pub members: Vec<Member>,
    /// The day and the state of knowledge.
    pub answer: Answer,
}

/// Asks for the staff of a provider.
pub async fn gather(connection: &Connection, provider: &str, moment: &Moment) -> Result<Gathered, Failure> {
    let service = connection.open(TIMEOUT).await?;
    let gathered = async {
        let Gathered { mut members, answer } = jobs(service.clone(), provider, moment).await?;
        let point = Some(Point::Revision(answer.known_at_revision));
        let known_at = KnownAt { epoch: answer.epoch.clone(), point };
        let today = answer.as_of;
        let answers = verify(&service, &known_at, members.iter().map(|member| asked(member, today))).await?;
        for (member, verification) in members.iter_mut().zip(answers) {
            member.verification = verification;
        }
        let after_ends = members.iter().map(|member| asked(member, member.job.last_day.and_then(next_day)));
        let answers = verify(&service, &known_at, after_ends).await?;
        for (member, verification) in members.iter_mut().zip(answers) {
            member.after_end = verification;
        }
        Ok(Gathered { members, answer })
    };
    gathered.await.map_err(|status: Status| Failure::about_provider(&status))
}

/// The jobs with a provider. An empty list is compared with the registry: all jobs are missing from it, and the
/// registry names them.
async fn jobs(service: Service, provider: &str, moment: &Moment) -> Result<Gathered, Status> {
    let options = RosterOptions { provider_id: provider.to_owned(), as_of: moment.as_of, known_at: moment.known_at() };
    let sent = tokio_stream::iter([ReconcileRosterRequest { kind: Some(Sent::Options(options)) }]);
    let mut received = EmploymentServiceClient::new(service).reconcile_roster(sent).await?.into_inner();
    let mut members = Vec::new();
    while let Some(message) = received.next().await {
        match message?.kind {
            Some(Received::Difference(difference)) => {
                if let Some(Difference::MissingFromList(job)) = difference.kind {
                    members.push(Member::new(difference.display_name, job));
                }
            }
            Some(Received::Summary(summary)) => {
                let answer = summary.answer.unwrap_or_default();
                return Ok(Gathered { members, answer });
            }
            None => {}
        }
    }
    Err(Status::unavailable("the list of jobs ended without its summary"))
}

/// The question about the credential of a member on a day. `None`: there is no credential, or no such day.
fn asked(member: &Member, day: Option<Date>) -> Option<VerificationItem> {
    let number = Some(&member.job.credential_number).filter(|number| !number.is_empty())?;
    let subject = Some(Subject::CredentialNumber(number.clone()));
    Some(VerificationItem { subject, as_of: Some(day?), ..VerificationItem::default() })
}

/// Asks all questions, in batches.
async fn verify(
    service: &Service,
    known_at: &KnownAt,
    items: impl Iterator<Item = Option<VerificationItem>>,
) -> Result<Vec<Option<Verification>>, Status> {
    let items: Vec<Option<VerificationItem>> = items.collect();
    let mut answers = vec![None; items.len()];
    let asked: Vec<(usize, &VerificationItem)> =
        items.iter().enumerate().filter_map(|(at, item)| Some((at, item.as_ref()?))).collect();
    let mut client = VerificationServiceClient::new(service.clone());
    for batch in asked.chunks(BATCH) {
        let request = BatchVerifyCredentialsRequest {
            items: batch.iter().map(|(_, item)| (*item).clone()).collect(),
            known_at: Some(known_at.clone()),
            ..BatchVerifyCredentialsRequest::default()
        };
        let results = client.batch_verify_credentials(request).await?.into_inner().results;
        for ((at, _), result) in batch.iter().zip(results) {
            match result.outcome {
                Some(Outcome::Verification(verification)) => answers[*at] = Some(verification),
                Some(Outcome::Error(error)) => return Err(Status::internal(error.message)),
                None => return Err(Status::internal("a question was not answered")),
            }
        }
    }
    Ok(answers)
}

/// The day after a day.
fn next_day(date: Date) -> Option<Date> {
    civil(date)?.tomorrow().ok().map(of_civil)
}
