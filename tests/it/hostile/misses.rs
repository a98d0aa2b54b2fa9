//! A provider and a payer that search for people by guessing: names with every birth date, family names with a number,
//! numbers, and reports of jobs. Each script runs on a server without a miss budget, where it succeeds, and on one with
//! the budget of a production start.

mod previews;

use std::collections::HashSet;
use std::time::Duration;

use cpss_registry::domain::day::Day;
use cpss_registry::domain::id::CredentialNumber;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::stream_verify_credentials_request::Kind;
use cpss_registry::proto::v1::stream_verify_credentials_response::Kind as Answered;
use cpss_registry::proto::v1::verification_result::Outcome;
use serde_json::Value;
use tempfile::TempDir;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::harness::ops::get;
use crate::harness::requests::{
    BORN, bill, date, issue, name, new_request_id, qualify, register_provider, set_prior_number, start_job, verify,
};
use crate::harness::scenes::Credentialed;
use crate::harness::{Client, Messages as _, Process, Refusal as _, TODAY};

/// The budget of a production start.
const BUDGET: &[&str] = &["--provider-misses-per-hour", "200", "--payer-misses-per-hour", "50"];

/// The maximum number of misses that become available again during a test.
const REFILLED: usize = 10;

const GIVEN: &str = "Ottoline";
const FAMILY: &str = "Example-Southey";

/// A registry with one person who works for a provider other than the caller, and one who works for the caller.
struct Town {
    data: TempDir,
    process: Process,
    registry: Client,
    hidden: Credentialed,
    own: Credentialed,
}

impl Town {
    async fn begin(flags: &[&str]) -> Town {
        let data = tempfile::tempdir().unwrap();
        let process = Process::spawn_with(data.path(), TODAY, flags);
        let registry = Client::connect(process.listening());
        let south = registry.qualified_provider("Example South").await;
        let hidden = registry.credentialed(GIVEN, FAMILY, &[&south]).await;
        let north =
            v1::RegisterProviderRequest { provider_id: "north".to_owned(), ..register_provider("Example North") };
        registry.report(north).await;
        registry.report(qualify("north", "2020-01-01")).await;
        let own = registry.specialist("Rosalind", "Example-Northey").await;
        let job = registry.job(&own, "north", "2024-01-08").await;
        let issued = registry.report(issue(&own, "2024-06-03")).await;
        let number = issued.credential.unwrap().credential_number;
        let own = Credentialed { number, specialist_id: own, jobs: vec![job], revision: issued.revision };
        Town { data, process, registry, hidden, own }
    }

    fn as_north(&self) -> Client {
        self.registry.calling_as("provider:north")
    }

    /// The audit lines of a caller.
    fn audit(&self, client: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.data.path().join("audit/reads.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["client"] == client).collect()
    }

    fn misses(&self, client: &str) -> Vec<Value> {
        self.audit(client).into_iter().filter(|line| line["miss"].is_string()).collect()
    }
}

/// The result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learned {
    Hit,
    Miss,
    Refused,
}

fn refused(reason: &str, wait: Option<Duration>) -> Learned {
    assert_eq!(reason, "TOO_MANY_MISSES");
    assert!(wait.is_some_and(|wait| wait > Duration::ZERO), "has a retry delay: {wait:?}");
    Learned::Refused
}

fn of_status(status: &Status) -> Learned {
    if status.code() == tonic::Code::NotFound {
        return Learned::Miss;
    }
    refused(&status.reason(), status.get_details_retry_info().and_then(|info| info.retry_delay))
}

fn of_verification(verification: &v1::Verification) -> Learned {
    let misses = [v1::Reason::CredentialNotOnFile, v1::Reason::NameMismatch].map(i32::from);
    if verification.reasons.iter().any(|reason| misses.contains(reason)) { Learned::Miss } else { Learned::Hit }
}

/// Sends all probes in batches. Returns the results.
async fn in_batches(client: &Client, items: &[v1::VerificationItem]) -> Vec<Learned> {
    let mut learned = Vec::new();
    for items in items.chunks(1000) {
        let batch = v1::BatchVerifyCredentialsRequest { items: items.to_vec(), ..Default::default() };
        learned.extend(client.ask(batch).await.results.into_iter().map(|result| match result.outcome.unwrap() {
            Outcome::Verification(verification) => of_verification(&verification),
            Outcome::Error(error) => {
                let status = Status::with_details(
                    error.code.into(),
                    error.message.clone(),
                    prost::Message::encode_to_vec(&error).into(),
                );
                of_status(&status)
            }
        }));
    }
    learned
}

fn count(learned: &[Learned], of: Learned) -> usize {
    learned.iter().filter(|one| **one == of).count()
}

fn by_holder(birth_date: &str) -> v1::VerificationItem {
    let holder = v1::HolderIdentity { name: Some(name(GIVEN, FAMILY)), birth_date: Some(date(birth_date)) };
    v1::VerificationItem { subject: Some(v1::verification_item::Subject::Holder(holder)), ..Default::default() }
}

fn by_number(number: &str, family_name: &str) -> v1::VerificationItem {
    let item = verify(number, None, None).item.unwrap();
    v1::VerificationItem { family_name: family_name.to_owned(), ..item }
}

fn by_prior(number: &str, family_name: &str) -> v1::VerificationItem {
    let subject = Some(v1::verification_item::Subject::PriorNumber(number.to_owned()));
    v1::VerificationItem { subject, family_name: family_name.to_owned(), ..Default::default() }
}

fn made_up(from: u64, count: u64) -> impl Iterator<Item = String> {
    (from..from + count).map(|number| CredentialNumber::from_number(number * 7919).to_string())
}

/// The birth dates of all people from 18 to 91.
fn birth_dates() -> Vec<String> {
    let first: Day = "1935-01-01".parse().unwrap();
    (0..26_663).map(|days| first.plus(days).to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_all_birth_dates_for_a_name_five_are_answered() {
    let dates = birth_dates();
    let right = dates.iter().position(|date| date == BORN).unwrap();
    let items: Vec<_> = dates.iter().map(|date| by_holder(date)).collect();

    let before = Town::begin(&[]).await;
    let learned = in_batches(&before.as_north(), &items[right - 1500..right + 500]).await;
    assert_eq!((count(&learned, Learned::Miss), learned[1500]), (1999, Learned::Hit), "she is found");
    assert_eq!(before.misses("dev:provider:north").len(), 1999);
    before.process.stop();

    for caller in ["provider:north", "payer"] {
        let after = Town::begin(BUDGET).await;
        let learned = in_batches(&after.registry.calling_as(caller), &items).await;
        assert_eq!((count(&learned, Learned::Miss), count(&learned, Learned::Hit)), (5, 0), "{caller}");
        assert_eq!(learned[right], Learned::Refused, "{caller}: a hit is refused like a miss");
        let misses = after.misses(&format!("dev:{caller}"));
        assert_eq!(misses.len(), 5, "{misses:?}");
        assert!(misses.iter().all(|line| line["miss"] == "CREDENTIAL_NOT_ON_FILE" && line["number"].is_null()));
        let text = format!("{misses:?}");
        assert!(!text.contains("Southey") && !text.contains("1935"), "no name and no birth date: {text}");
        let (_, metrics) = get(after.process.ops(), "/metrics").await;
        let counted = format!(r#"cpss_misses_total{{client="dev:{caller}",kind="CREDENTIAL_NOT_ON_FILE"}} 5"#);
        assert!(metrics.contains(&counted), "{metrics}");
        after.process.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_names_for_a_number_five_are_answered_and_of_many_numbers_an_hourly_budget() {
    let names = |number: &str| -> Vec<_> {
        (0..600).map(|at| by_number(number, &format!("Guess-{at}"))).chain([by_number(number, FAMILY)]).collect()
    };
    let before = Town::begin(&[]).await;
    let learned = in_batches(&before.as_north(), &names(&before.hidden.number)).await;
    assert_eq!((count(&learned, Learned::Miss), learned[600]), (600, Learned::Hit));
    before.process.stop();

    let after = Town::begin(BUDGET).await;
    // A payer's claims may have the same misspelling many times: it has only the overall budget.
    for (caller, least, most) in [("provider:north", 5, 5), ("payer", 50, 50 + REFILLED)] {
        let client = after.registry.calling_as(caller);
        let learned = in_batches(&client, &names(&after.hidden.number)).await;
        let misses = count(&learned, Learned::Miss);
        assert!((least..=most).contains(&misses), "{caller}: {misses}");
        assert_eq!((count(&learned, Learned::Hit), learned[600]), (0, Learned::Refused), "{caller}");
        let noted = after.misses(&format!("dev:{caller}"));
        assert_eq!(noted.len(), misses);
        assert!(noted.iter().all(|line| line["number"] == *after.hidden.number && line["miss"] == "NAME_MISMATCH"));
    }
    // The provider has 195 misses left for numbers. A payer's numbers without a name are not counted.
    let numbers: Vec<_> = made_up(1, 1000).collect();
    let items: Vec<_> = numbers.iter().map(|number| by_number(number, "")).collect();
    let learned = in_batches(&after.as_north(), &items).await;
    assert!((195..=195 + REFILLED).contains(&count(&learned, Learned::Miss)), "{learned:?}");
    assert_eq!((count(&learned, Learned::Hit), learned[999]), (0, Learned::Refused));
    let payer = in_batches(&after.registry.calling_as("payer"), &items).await;
    assert_eq!(count(&payer, Learned::Miss), 1000);
    assert_eq!(
        after.misses("dev:payer").len(),
        after.misses("dev:payer").iter().filter(|it| it["miss"] == "NAME_MISMATCH").count()
    );
    let single = v1::VerifyCredentialRequest { item: Some(items[0].clone()), ..Default::default() };
    assert_eq!(of_status(&after.as_north().refusal(single).await), Learned::Refused);
    // Every probe is in the audit by its number, answered or refused.
    let noted = after.audit("dev:provider:north");
    let refused: u64 = noted.iter().filter_map(|line| line["verdicts"]["REFUSED"].as_u64()).sum();
    let expected = 596 + count(&learned, Learned::Refused) as u64;
    assert_eq!(refused, expected);
    assert_eq!(noted.last().map(|line| &line["verdict"]), Some(&"REFUSED".into()));
    let noted: HashSet<_> =
        noted.iter().filter_map(|line| line["numbers"].as_str()).flat_map(|it| it.split(' ')).collect();
    assert!(numbers.iter().all(|number| noted.contains(number.as_str())));
    // Its own staff is still answered, even with a wrong name; so is a number that cannot exist.
    let own = &after.own.number;
    let items: Vec<_> = (0..50).flat_map(|at| [by_number(own, ""), by_number(own, &format!("Guess-{at}"))]).collect();
    let learned = in_batches(&after.as_north(), &items).await;
    assert_eq!((count(&learned, Learned::Hit), count(&learned, Learned::Miss)), (50, 50));
    let mistyped = in_batches(&after.as_north(), &[by_number("CPS-1111-1111-1", "")]).await;
    assert_eq!(mistyped, [Learned::Miss]);
    for request in [after.hidden.number.clone(), numbers[0].clone()] {
        let get = v1::GetCredentialRequest { credential_number: request, ..Default::default() };
        assert_eq!(of_status(&after.as_north().refusal(get).await), Learned::Refused);
        let noted = after.audit("dev:provider:north");
        let last = noted.last().unwrap();
        assert_eq!(
            (&last["method"], &last["verdict"]),
            (&"VerificationService/GetCredential".into(), &"REFUSED".into())
        );
    }
    let get = v1::GetCredentialRequest { credential_number: own.clone(), ..Default::default() };
    assert!(after.as_north().ask(get).await.credential.is_some());
    after.process.stop();
}

/// Old certificates were numbered in sequence: trying all numbers costs a provider and a payer a miss for each gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_prior_numbers_that_nobody_bears_an_hourly_budget_is_answered() {
    for (caller, family, budget) in [("provider:north", FAMILY, 200), ("payer", "", 50)] {
        let tried: Vec<_> = (1..=400).map(|at| by_prior(&format!("MS-{at}"), family)).collect();
        let client_name = format!("dev:{caller}");
        let before = Town::begin(&[]).await;
        before.registry.report(set_prior_number(&before.hidden.number, "MS-300")).await;
        let learned = in_batches(&before.registry.calling_as(caller), &tried).await;
        assert_eq!((count(&learned, Learned::Miss), learned[299]), (399, Learned::Hit), "{caller}: she is found");
        before.process.stop();

        let after = Town::begin(BUDGET).await;
        after.registry.report(set_prior_number(&after.hidden.number, "MS-300")).await;
        after.registry.report(set_prior_number(&after.hidden.number, "MS-2")).await;
        after.registry.report(set_prior_number(&after.own.number, "MS-own")).await;
        let client = after.registry.calling_as(caller);
        let learned = in_batches(&client, &tried).await;
        let misses = count(&learned, Learned::Miss);
        assert!((budget..=budget + REFILLED).contains(&misses), "{caller}: {misses}");
        assert_eq!((learned[1], count(&learned, Learned::Hit)), (Learned::Hit, 1), "{caller}: a hit costs nothing");
        assert_eq!(learned[299], Learned::Refused, "{caller}: a hit is refused like a miss");
        let noted = after.misses(&client_name);
        assert_eq!(noted.len(), misses);
        assert!(noted.iter().all(|line| line["miss"] == "CREDENTIAL_NOT_ON_FILE" && line["number"].is_null()));
        assert!(after.audit(&client_name).iter().any(|line| line.to_string().contains(&after.hidden.number)));
        // Nobody can bear it, so nothing is searched for.
        assert_eq!(in_batches(&client, &[by_prior("- -", family)]).await, [Learned::Miss], "{caller}");
        let own = in_batches(&client, &[by_prior("MS-own", ""), by_prior("MS-own", "Guess")]).await;
        let expected = if caller == "payer" { [Learned::Refused; 2] } else { [Learned::Hit, Learned::Miss] };
        assert_eq!(own, expected, "{caller}");
        assert_eq!(after.misses(&client_name).len(), misses, "{caller}: of own staff there is no miss");
        after.process.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_names_for_a_prior_number_five_are_answered_and_none_is_needed_to_learn_nothing() {
    let town = Town::begin(BUDGET).await;
    town.registry.report(set_prior_number(&town.hidden.number, "MS-300")).await;
    let guesses: Vec<_> = (0..60).map(|at| by_prior("ms300", &format!("Guess-{at}"))).collect();
    let right = by_prior("MS 300", FAMILY);
    let items: Vec<_> = guesses.iter().cloned().chain([right.clone()]).collect();
    let learned = in_batches(&town.as_north(), &items).await;
    assert_eq!((count(&learned, Learned::Miss), learned[60]), (5, Learned::Refused));
    let noted = town.misses("dev:provider:north");
    assert!(noted.iter().all(|line| line["number"] == *town.hidden.number && line["miss"] == "NAME_MISMATCH"));
    // Without a name the question is invalid, whether the number is on file, or can exist, and costs nothing.
    for number in ["MS-300", "MS-301", "- -"] {
        let ask = v1::VerifyCredentialRequest { item: Some(by_prior(number, "")), ..Default::default() };
        let claimed = v1::eligibility_item::Subject::PriorNumber(number.to_owned());
        let claim = v1::EligibilityItem { subject: Some(claimed), ..bill("", "north", TODAY).item.unwrap() };
        let claim = v1::CheckBillingEligibilityRequest { item: Some(claim), ..Default::default() };
        for refused in [town.as_north().refusal(ask).await, town.as_north().refusal(claim).await] {
            assert_eq!(
                (refused.reason().as_str(), refused.fields()),
                ("INVALID_ARGUMENT", vec!["item.family_name".into()]),
                "{number}"
            );
        }
    }
    assert_eq!(town.misses("dev:provider:north").len(), 5);
    // A payer has its overall budget for names, as for credential numbers.
    let payer = town.registry.calling_as("payer");
    let learned = in_batches(&payer, &[right, by_prior("MS-300", "")]).await;
    assert_eq!(learned, [Learned::Hit; 2]);
    let misses = count(&in_batches(&payer, &guesses).await, Learned::Miss);
    assert!((50..=50 + REFILLED).contains(&misses), "{misses}");
    town.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_birth_dates_in_reports_five_are_judged_also_in_dry_runs() {
    let guess = |town: &Town, birth_date: &str, validate_only: bool| v1::ReportEmploymentStartRequest {
        request_id: new_request_id(),
        birth_date: Some(date(birth_date)),
        validate_only,
        ..start_job(&town.hidden.specialist_id, "north", "2026-02-20")
    };
    let before = Town::begin(&[]).await;
    for day in 1..=9 {
        let status = before.as_north().refusal(guess(&before, &format!("1984-03-0{day}"), day % 2 == 0)).await;
        assert_eq!(of_status(&status), Learned::Miss);
    }
    assert!(before.as_north().call(guess(&before, BORN, true)).await.is_ok(), "she is found");
    before.process.stop();

    let after = Town::begin(BUDGET).await;
    let mut learned = Vec::new();
    for day in 1..=9 {
        let status = after.as_north().refusal(guess(&after, &format!("1984-03-0{day}"), day % 2 == 0)).await;
        learned.push(of_status(&status));
    }
    assert_eq!((count(&learned[..5], Learned::Miss), count(&learned[5..], Learned::Refused)), (5, 4), "{learned:?}");
    for validate_only in [true, false] {
        let right = after.as_north().refusal(guess(&after, BORN, validate_only)).await;
        assert_eq!(of_status(&right), Learned::Refused, "the right one, too");
    }
    let missing = v1::ReportEmploymentStartRequest { birth_date: None, ..guess(&after, BORN, true) };
    assert_eq!(after.as_north().refusal(missing).await.reason(), "INVALID_ARGUMENT", "which tells nothing");
    let misses = after.misses("dev:provider:north");
    assert_eq!(misses.len(), 5, "{misses:?}");
    let by_id = |line: &&Value| line["specialist_id"] == *after.hidden.specialist_id;
    assert_eq!(misses.iter().filter(by_id).count(), 5);
    let all = after.audit("dev:provider:north");
    assert!(all.iter().filter(by_id).filter(|line| line["verdict"] == "REFUSED").count() >= 6, "{all:#?}");
    // For its own staff a wrong birth date is not a guess.
    for day in 1..=9 {
        let own = v1::ReportEmploymentStartRequest {
            birth_date: Some(date(&format!("1984-03-0{day}"))),
            ..start_job(&after.own.specialist_id, "north", "2026-02-20")
        };
        assert_eq!(of_status(&after.as_north().refusal(own).await), Learned::Miss);
    }
    assert_eq!(after.misses("dev:provider:north").len(), 5);
    after.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_are_not_answered_more_often() {
    let town = Town::begin(BUDGET).await;
    let ask = |number: String| {
        let client = town.as_north();
        tokio::spawn(async move {
            match client
                .call(v1::VerifyCredentialRequest { item: Some(by_number(&number, "")), ..Default::default() })
                .await
            {
                Ok(answer) => of_verification(&answer.verification.unwrap()),
                Err(status) => of_status(&status),
            }
        })
    };
    let asked: Vec<_> = made_up(1, 600).map(ask).collect();
    let mut learned = Vec::new();
    for one in asked {
        learned.push(one.await.unwrap());
    }
    let misses = count(&learned, Learned::Miss);
    assert!((200..=200 + REFILLED).contains(&misses), "{misses}");
    assert_eq!(town.misses("dev:provider:north").len(), misses);
    town.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_over_the_rate_of_questions_is_refused_and_a_stream_waits() {
    let flags = ["--questions-per-second", "200", "--questions-burst", "1000"];
    let town = Town::begin(&flags).await;
    let payer = town.registry.calling_as("payer");
    let batch = || v1::BatchVerifyCredentialsRequest {
        items: made_up(1, 1000).map(|number| by_number(&number, "")).collect(),
        ..Default::default()
    };
    payer.ask(batch()).await;
    let refused = payer.refusal(batch()).await;
    assert_eq!(refused.reason(), "TOO_FAST");
    let wait = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(5), "{wait:?}");

    let message = |kind| v1::StreamVerifyCredentialsRequest { kind: Some(kind) };
    let items: Vec<_> = [message(Kind::Options(v1::StreamOptions::default()))]
        .into_iter()
        .chain(made_up(1, 1100).map(|number| message(Kind::Item(by_number(&number, "")))))
        .collect();
    let began = std::time::Instant::now();
    let mut results =
        payer.verification().stream_verify_credentials(tokio_stream::iter(items)).await.unwrap().into_inner();
    let mut answered = 0;
    while let Some(message) = results.next_message().await.unwrap() {
        answered += usize::from(matches!(message.kind, Some(Answered::Result(_))));
    }
    assert_eq!(answered, 1100, "all of them, in their time");
    assert!(began.elapsed() >= Duration::from_millis(400), "a hundred more than the burst, at 200 per second");
    town.process.stop();
}
