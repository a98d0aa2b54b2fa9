//! Asks a restored registry about credentials, and compares its answers with what was recorded when they changed, and
//! with those of a server.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message as _;

use crate::cli::connect::Connection;
use crate::cli::dates::of_civil;
use crate::cli::display_text;
use crate::cli::failure::Failure;
use crate::proto::google::r#type::Date;
use crate::proto::v1;
use crate::proto::v1::change::Change;
use crate::proto::v1::change_service_client::ChangeServiceClient;
use crate::proto::v1::credential_service_client::CredentialServiceClient;
use crate::proto::v1::known_at::Point;
use crate::proto::v1::verification_item::Subject;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::registry::clock::Clock;
use crate::server::scratch::ScratchCaller;

const TIMEOUT: Duration = Duration::from_secs(30);

/// The days before today that are asked about.
const DAYS_AGO: [i32; 4] = [0, 30, 180, 400];

/// The most credentials that a feed can be limited to.
pub const MOST: usize = 1000;

/// What the comparison found.
pub struct Asked {
    /// The number of questions.
    pub questions: usize,
    /// The number of those that a server was asked, too.
    pub compared_with_server: usize,
    /// What differs, without names.
    pub findings: Vec<String>,
}

/// A day as its year, month and day, which is ordered.
type Day = (i32, i32, i32);

/// Asks about credentials of a restored registry, which knows what the server knew at a revision.
pub async fn ask(
    restored: &ScratchCaller,
    server: Option<&Connection>,
    revision: u64,
    count: usize,
) -> Result<Asked, Failure> {
    let mut numbers = numbers(restored).await?;
    let every = numbers.len().div_ceil(count).max(1);
    numbers = numbers.into_iter().step_by(every).collect();
    let recorded = recorded(restored, &numbers).await?;
    let mut here = VerificationServiceClient::new(restored.clone());
    let mut there = match server {
        Some(connection) => Some(VerificationServiceClient::new(connection.open(TIMEOUT).await?)),
        None => None,
    };
    let today = Clock::new(None).map_err(|error| Failure::of("cannot tell the day", &error))?.civil_day();
    let mut asked = Asked { questions: 0, compared_with_server: 0, findings: Vec::new() };
    for number in &numbers {
        for ago in DAYS_AGO {
            let day = of_civil(today.plus(-ago).to_civil());
            asked.questions += 1;
            let of_head = question(number, day, None);
            let answer = here.verify_credential(of_head).await.map_err(|status| Failure::answered(&status))?;
            let standing = answer.into_inner().verification.and_then(|verification| verification.standing);
            let standing = standing.unwrap_or(v1::Standing::NotIssued.into());
            let expected = recorded.get(number).map_or(v1::Standing::NotIssued.into(), |runs| standing_on(runs, &day));
            if standing != expected {
                asked.findings.push(format!("{number} on {}: another standing than on record", display_text::day(day)));
            }
            if let Some(there) = &mut there {
                asked.compared_with_server += 1;
                let then = || question(number, day, Some(revision));
                let ours = here.verify_credential(then()).await.map_err(|status| Failure::answered(&status))?;
                let theirs = there.verify_credential(then()).await.map_err(|status| Failure::answered(&status))?;
                if ours.into_inner().encode_to_vec() != theirs.into_inner().encode_to_vec() {
                    asked
                        .findings
                        .push(format!("{number} on {}: another answer than the server's", display_text::day(day)));
                }
            }
        }
    }
    Ok(asked)
}

fn question(number: &str, day: Date, revision: Option<u64>) -> v1::VerifyCredentialRequest {
    let item = v1::VerificationItem {
        subject: Some(Subject::CredentialNumber(number.to_owned())),
        as_of: Some(day),
        ..v1::VerificationItem::default()
    };
    let known_at =
        revision.map(|revision| v1::KnownAt { point: Some(Point::Revision(revision)), ..Default::default() });
    v1::VerifyCredentialRequest { item: Some(item), known_at, ..Default::default() }
}

/// The numbers of all credentials.
async fn numbers(restored: &ScratchCaller) -> Result<Vec<String>, Failure> {
    let mut client = CredentialServiceClient::new(restored.clone());
    let (mut numbers, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListCredentialsRequest { page_size: 1000, page_token, ..Default::default() };
        let page = client.list_credentials(request).await.map_err(|status| Failure::answered(&status))?.into_inner();
        numbers.extend(page.credentials.into_iter().map(|credential| credential.credential_number));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(numbers);
        }
    }
}

/// A run of days on which a credential has a standing.
struct Run {
    first: Day,
    last: Option<Day>,
    standing: i32,
}

/// The standings of credentials as they were recorded when they changed, in the order of the changes.
async fn recorded(restored: &ScratchCaller, numbers: &[String]) -> Result<HashMap<String, Vec<Run>>, Failure> {
    let mut recorded: HashMap<_, Vec<_>> = HashMap::new();
    if numbers.is_empty() {
        return Ok(recorded);
    }
    let mut client = ChangeServiceClient::new(restored.clone());
    let mut page_token = String::new();
    loop {
        let credential_numbers = numbers.to_vec();
        let request = v1::ListChangesRequest { credential_numbers, page_size: 1000, page_token, ..Default::default() };
        let page = client.list_changes(request).await.map_err(|status| Failure::answered(&status))?.into_inner();
        for change in page.messages.into_iter().flat_map(|message| message.changes) {
            let Some(Change::Standing(change)) = change.change else { continue };
            let run = Run {
                first: change.first_day.as_ref().map_or((0, 0, 0), ordered),
                last: change.last_day.as_ref().map(ordered),
                standing: change.to_standing,
            };
            recorded.entry(change.credential_number).or_default().push(run);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(recorded);
        }
    }
}

fn ordered(day: &Date) -> Day {
    (day.year, day.month, day.day)
}

/// The standing on a day: that of the last change which applies to it.
fn standing_on(runs: &[Run], day: &Date) -> i32 {
    let day = ordered(day);
    let applies = |run: &&Run| run.first <= day && run.last.is_none_or(|last| day <= last);
    runs.iter().rev().find(applies).map_or(v1::Standing::NotIssued.into(), |run| run.standing)
}
