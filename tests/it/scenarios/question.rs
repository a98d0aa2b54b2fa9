//! Questions: from the text of a scenario to the request, and from the answer to text.

use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::{eligibility_item, known_at, verification_item};
use prost::Message as _;
use tonic::Status;

use super::expected_answers;
use super::names::{Names, designations, person_name};
use super::text::Clauses;
use crate::harness::{Call, Client, Promised};

/// A remembered state of knowledge.
#[derive(Clone)]
pub struct Moment {
    /// The revision of the head.
    pub revision: u64,
    /// The time of its commit.
    pub time: prost_types::Timestamp,
}

/// A question that is asked again later, pinned to a state of knowledge.
#[derive(Clone)]
pub enum Question {
    /// A verification.
    Verify(v1::VerifyCredentialRequest),
    /// A billing question.
    Bill(v1::CheckBillingEligibilityRequest),
    /// A question for standing periods.
    Periods(v1::ListStandingPeriodsRequest),
}

/// The part of an answer that is shown.
#[derive(Clone, Copy)]
pub enum Shows {
    /// Verdict, standing and reasons.
    Verdict,
    /// What the holder may do.
    Powers,
    /// The end of the reporting window.
    Settled,
    /// The rule set in force.
    Rules,
    /// The day of the question.
    Day,
    /// The limits of units.
    Limits,
    /// A claim.
    Claim,
    /// Standing periods.
    Periods,
}

/// An answer: its text, its bytes, and the question pinned to its state of knowledge.
pub struct Answered {
    /// As text.
    pub shows: String,
    /// The encoded response.
    pub bytes: Vec<u8>,
    /// The same question, pinned.
    pub pinned: Question,
}

/// The question in the text. `None` if it is of another kind.
pub fn question(
    head: &[&str],
    text: &mut Clauses,
    names: &Names,
    moment: impl Fn(&str) -> Result<Moment, String>,
) -> Result<Option<(Question, Shows)>, String> {
    let known_at = text.text("known").map(|text| known(&text, moment)).transpose()?;
    let verify = |item| {
        Question::Verify(v1::VerifyCredentialRequest {
            item: Some(item),
            known_at: known_at.clone(),
            ..Default::default()
        })
    };
    let bill = |item| {
        Question::Bill(v1::CheckBillingEligibilityRequest {
            item: Some(item),
            known_at: known_at.clone(),
            ..Default::default()
        })
    };
    let anyone = |as_of| v1::VerificationItem {
        subject: Some(verification_item::Subject::CredentialNumber(crate::harness::NOT_ON_FILE.to_owned())),
        as_of,
        ..Default::default()
    };
    Ok(Some(match head {
        ["verify", who @ ..] => (verify(item(who, names, text)?), Shows::Verdict),
        ["may", who @ ..] => (verify(item(who, names, text)?), Shows::Powers),
        ["settled"] => (verify(anyone(text.day("on")?)), Shows::Settled),
        ["rule", "set"] => (verify(anyone(text.day("on")?)), Shows::Rules),
        ["today"] => (verify(anyone(None)), Shows::Day),
        ["limits"] => {
            let number = crate::harness::NOT_ON_FILE.to_owned();
            (bill(claim(number, Some("nobody".to_owned()), text)?), Shows::Limits)
        }
        ["eligible"] => {
            let subject = eligibility_item::Subject::PriorNumber(text.need("prior")?);
            let item = claim(String::new(), None, text)?;
            (bill(v1::EligibilityItem { subject: Some(subject), ..item }), Shows::Claim)
        }
        ["eligible", who] => (bill(claim(names.number(who)?, None, text)?), Shows::Claim),
        ["periods", who] => {
            let request = v1::ListStandingPeriodsRequest {
                credential_number: names.number(who)?,
                first_day: text.day("from")?,
                last_day: text.day("to")?,
                known_at,
                sign: false,
            };
            (Question::Periods(request), Shows::Periods)
        }
        _ => return Ok(None),
    }))
}

/// `at NAME`, `at time NAME`, `just before NAME`, `at revision N`, `at instant T`.
fn known(text: &str, moment: impl Fn(&str) -> Result<Moment, String>) -> Result<v1::KnownAt, String> {
    use known_at::Point;
    let words: Vec<&str> = text.split_whitespace().collect();
    let point = match words[..] {
        ["at", "revision", number] => Point::Revision(number.parse().map_err(|_| format!("{number}: no revision"))?),
        ["at", "instant", instant] => {
            let instant: jiff::Timestamp = instant.parse().map_err(|_| format!("{instant} is not an instant"))?;
            Point::Time(prost_types::Timestamp { seconds: instant.as_second(), nanos: instant.subsec_nanosecond() })
        }
        ["at", "time", name] => Point::Time(moment(name)?.time),
        ["just", "before", name] => {
            let mut time = moment(name)?.time;
            (time.seconds, time.nanos) =
                if time.nanos == 0 { (time.seconds - 1, 999_999_999) } else { (time.seconds, time.nanos - 1) };
            Point::Time(time)
        }
        ["after", name] => Point::Revision(moment(name)?.revision + 1),
        ["at", name] => Point::Revision(moment(name)?.revision),
        _ => return Err(format!("known {text} means nothing")),
    };
    Ok(v1::KnownAt { epoch: String::new(), point: Some(point) })
}

/// `Ada`, or nothing with `prior`, or `holder` with `named` and `born`.
fn item(who: &[&str], names: &Names, text: &mut Clauses) -> Result<v1::VerificationItem, String> {
    use verification_item::Subject;
    let subject = match who {
        ["holder"] => Subject::Holder(v1::HolderIdentity {
            name: Some(person_name(&text.need("named")?)),
            birth_date: text.day("born")?,
        }),
        [] => Subject::PriorNumber(text.need("prior")?),
        [name] => Subject::CredentialNumber(names.number(name)?),
        _ => return Err(format!("{who:?}: one credential, or holder, is meant")),
    };
    Ok(v1::VerificationItem {
        subject: Some(subject),
        family_name: text.text("family").unwrap_or_default(),
        as_of: text.day_of("as", "of")?,
        provider_id: text.text("with").unwrap_or_default(),
        designations: designations(&text.text("for").unwrap_or_default())?,
        ..Default::default()
    })
}

fn claim(
    credential_number: String,
    provider: Option<String>,
    text: &mut Clauses,
) -> Result<v1::EligibilityItem, String> {
    use eligibility_item::BillingProvider;
    let by_id = provider.or_else(|| text.text("with")).map(BillingProvider::ProviderId);
    let by_npi = text.text("npi").map(BillingProvider::Npi);
    let by_medicaid_id = text.text("medicaid").map(BillingProvider::MedicaidId);
    let mut item = v1::EligibilityItem {
        subject: Some(eligibility_item::Subject::CredentialNumber(credential_number)),
        billing_provider: by_id.or(by_npi).or(by_medicaid_id),
        date_of_service: text.day("on")?,
        family_name: text.text("family").unwrap_or_default(),
        designation: designations(&text.text("for").unwrap_or_default())?.first().copied().unwrap_or_default(),
        ..Default::default()
    };
    let units = text.text("units").unwrap_or_default();
    let words: Vec<&str> = units.split_whitespace().collect();
    for at in (1..words.len()).step_by(2) {
        let number = words[at].parse().map_err(|_| format!("units {units}: expected numbers"))?;
        match words[at - 1] {
            "claimed" => item.units = Some(number),
            "day" => item.units_billed_that_day = Some(number),
            "year" => item.units_billed_that_year = Some(number),
            other => return Err(format!("units claimed N day N year N is meant, not {other}")),
        }
    }
    Ok(item)
}

fn pin(known_at: &mut Option<v1::KnownAt>, answer: Option<&v1::Answer>) {
    let by_time = matches!(known_at, Some(v1::KnownAt { point: Some(known_at::Point::Time(_)), .. }));
    if !by_time {
        *known_at = answer.map(|answer| crate::harness::requests::known_at(answer.known_at_revision));
    }
}

async fn call<C: Call<Response: Promised>>(client: &Client, request: &C) -> Result<(C::Response, Vec<u8>), Status> {
    let answer = client.call(request.clone()).await?;
    let bytes = answer.promised_bytes();
    Ok((answer, bytes))
}

/// The text of an answer. For a question by prior number it ends with the credential: `; of Ada`.
fn of_credential(text: String, by_prior: bool, number: &str) -> String {
    match (by_prior, number) {
        (false, _) => text,
        (true, "") => format!("{text}; of nobody"),
        (true, number) => format!("{text}; of {number}"),
    }
}

impl Question {
    /// Sends the question.
    pub async fn ask(mut self, client: &Client, shows: Shows) -> Result<Answered, Status> {
        let (shows, bytes) = match &mut self {
            Question::Verify(request) => {
                let (answer, bytes) = call(client, request).await?;
                let found = answer.verification.expect("a verification");
                pin(&mut request.known_at, found.answer.as_ref());
                let text = expected_answers::verification(&found, shows);
                let subject = request.item.as_ref().and_then(|item| item.subject.as_ref());
                let by_prior = matches!(subject, Some(verification_item::Subject::PriorNumber(_)));
                (of_credential(text, by_prior, &found.credential_number), bytes)
            }
            Question::Bill(request) => {
                let (answer, bytes) = call(client, request).await?;
                let found = answer.eligibility.expect("an eligibility");
                pin(&mut request.known_at, found.answer.as_ref());
                let has_units = request.item.as_ref().is_some_and(|item| item.units.is_some());
                let text = expected_answers::eligibility(&found, shows, has_units);
                let subject = request.item.as_ref().and_then(|item| item.subject.as_ref());
                let by_prior = matches!(subject, Some(eligibility_item::Subject::PriorNumber(_)));
                (of_credential(text, by_prior, &found.credential_number), bytes)
            }
            Question::Periods(request) => {
                let (answer, bytes) = call(client, request).await?;
                pin(&mut request.known_at, answer.answer.as_ref());
                (expected_answers::periods(&answer.periods), bytes)
            }
        };
        Ok(Answered { shows, bytes, pinned: self })
    }
}

impl Question {
    /// Sends the same question in a batch of one. Returns the answer in the form of a single call.
    pub async fn ask_in_a_batch(self, client: &Client) -> Result<Option<Vec<u8>>, Status> {
        use v1::{eligibility_result, verification_result};
        Ok(match self {
            Question::Verify(request) => {
                let (items, known_at) = (request.item.into_iter().collect(), request.known_at);
                let batch = v1::BatchVerifyCredentialsRequest { items, known_at, ..Default::default() };
                match client.call(batch).await?.results.pop().and_then(|result| result.outcome) {
                    Some(verification_result::Outcome::Verification(found)) => Some(
                        v1::VerifyCredentialResponse { verification: Some(found), ..Default::default() }
                            .encode_to_vec(),
                    ),
                    _ => Some(Vec::new()),
                }
            }
            Question::Bill(request) => {
                let (items, known_at) = (request.item.into_iter().collect(), request.known_at);
                let batch = v1::BatchCheckBillingEligibilityRequest { items, known_at, ..Default::default() };
                match client.call(batch).await?.results.pop().and_then(|result| result.outcome) {
                    Some(eligibility_result::Outcome::Eligibility(found)) => Some(
                        v1::CheckBillingEligibilityResponse { eligibility: Some(found), ..Default::default() }
                            .encode_to_vec(),
                    ),
                    _ => Some(Vec::new()),
                }
            }
            Question::Periods(_) => None,
        })
    }
}

/// The date of the clause `on`, which is required.
pub fn on(text: &mut Clauses) -> Result<Option<Date>, String> {
    text.day("on")?.map(Some).ok_or("on is missing".to_owned())
}
