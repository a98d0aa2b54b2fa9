//! Prior numbers compared with the model: random commands about few people and few numbers, and questions about every
//! state of knowledge that they lead to. `CPSS_PRIOR_NUMBERS` sets the number of histories.

mod imported;

use std::collections::BTreeSet;

use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::fact::{Fact, Issuance, IssuanceBasis, Recorded, Reporter, Retraction, SpecialistFact};
use cpss_registry::domain::id::{CredentialNumber, FactId, Revision, SpecialistId};
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::{roster_row, verification_item};
use jiff::Timestamp;
use tokio_stream::StreamExt as _;
use tonic::Status;

use super::harness::requests::{date, issue, known_at, retract, set_prior_number, verify};
use super::harness::scenes::{Credentialed, EFFECTIVE_FROM, Qualified};
use super::harness::{Client, Refusal, TODAY, TestServer};
use super::histories::Random;
use super::model::Model;
use super::model::facts::KnownFacts;
use super::model::number::folded_prior;

const PEOPLE: [&str; 4] = ["Odalys", "Percival", "Quentin", "Rosalind"];
const COMMANDS: usize = 120;

/// The prior numbers in a history, each in two spellings.
const PRIOR: [[&str; 2]; 4] =
    [["MS-1", "ms\u{2013}1"], ["1998/2", " 1998 / 2\u{200b}"], ["O0Il", "o 0 i l"], ["é3", "é-3"]];

/// What happened so far.
struct Played {
    registry: Client,
    random: Random,
    people: Vec<SpecialistId>,
    credentials: Vec<CredentialNumber>,
    facts: Vec<Recorded<Fact>>,
    /// The ids of the facts on the wire.
    fact_ids: Vec<String>,
    /// The commands accepted, and refused by reason.
    accepted: usize,
    refused: BTreeSet<&'static str>,
}

/// A command, and the fact that it records.
enum Command {
    Set(CredentialNumber, &'static str),
    Retract(usize),
    Issue(SpecialistId),
}

fn recorded(id: FactId, person: SpecialistId, fact: SpecialistFact) -> Recorded<Fact> {
    let (reporter, fact) = (Reporter::registry(), Fact::Specialist(person, fact));
    Recorded { id, recorded_at: Timestamp::UNIX_EPOCH, reporter, imported: false, note: String::new(), fact }
}

fn issuance(number: CredentialNumber) -> SpecialistFact {
    let first: Day = EFFECTIVE_FROM.parse().unwrap();
    SpecialistFact::CredentialIssued(Issuance {
        number,
        term: Period::from_inclusive(first, None),
        designations: Vec::new(),
        rule_set: String::new(),
        basis: IssuanceBasis::Evaluated,
        findings: Vec::new(),
        decision_note: String::new(),
    })
}

fn now(facts: &[Recorded<Fact>]) -> Model {
    Model::known_at(facts, &[], Revision::LATEST)
}

impl Played {
    async fn begin(registry: Client, seed: u64) -> Played {
        let employer = registry.qualified_provider("Bogue Chitto Example Center").await;
        let mut people = Vec::new();
        for name in PEOPLE {
            let person = registry.specialist(name, "Example").await;
            registry.job(&person, &employer.provider_id, "2024-01-08").await;
            people.push(person.parse().unwrap());
        }
        Played {
            registry,
            random: Random::new(seed),
            people,
            credentials: Vec::new(),
            facts: Vec::new(),
            fact_ids: Vec::new(),
            accepted: 0,
            refused: BTreeSet::new(),
        }
    }

    fn command(&mut self) -> Command {
        match self.random.between(0, 99) {
            0..=44 if !self.credentials.is_empty() => {
                let spellings = *self.random.pick(&PRIOR);
                Command::Set(*self.random.pick(&self.credentials), self.random.pick::<&str>(&spellings))
            }
            45..=84 if !self.facts.is_empty() => Command::Retract(self.random.index(self.facts.len())),
            _ => Command::Issue(*self.random.pick(&self.people)),
        }
    }

    /// The person and the fact of a command. For an issuance the number is made up until it is known.
    fn fact(&self, command: &Command) -> (SpecialistId, SpecialistFact) {
        match command {
            Command::Set(number, prior) => {
                let model = now(&self.facts);
                let holder = model.credentials().find(|(_, credential)| credential.number == *number).unwrap().1.holder;
                (holder, SpecialistFact::PriorNumberSet { number: *number, prior: prior.parse().unwrap() })
            }
            Command::Retract(at) => {
                let Fact::Specialist(person, _) = self.facts[*at].fact else { unreachable!() };
                let retraction = Retraction { target: self.facts[*at].id, reason: String::new() };
                (person, SpecialistFact::Retracted(retraction))
            }
            Command::Issue(person) => (*person, issuance(CredentialNumber::from_number(0))),
        }
    }

    /// The reason for which the specification refuses a command: the first line that applies.
    fn expected(&self, command: &Command) -> Option<&'static str> {
        let before = now(&self.facts);
        let void = |number| before.credentials().any(|(_, credential)| credential.number == number && credential.void);
        let (person, fact) = self.fact(command);
        let id = FactId { revision: Revision(u64::MAX - 1), index: 0 };
        let facts: Vec<_> = self.facts.iter().cloned().chain([recorded(id, person, fact)]).collect();
        let after = now(&facts);
        let held =
            after.credentials().filter(|(_, credential)| credential.holder == person && !credential.void).count();
        let taken = |prior: &[&str; 2]| {
            let bearing = after.bearing(&folded_prior(prior[0]).unwrap());
            bearing.iter().filter(|credential| !credential.void).count() > 1
        };
        match command {
            Command::Set(number, _) if void(*number) => Some("CREDENTIAL_VOID"),
            Command::Retract(at) if KnownFacts::at(&self.facts, Revision::LATEST).is_retracted(self.facts[*at].id) => {
                Some("ALREADY_RETRACTED")
            }
            _ if held > 1 => Some("ALREADY_CREDENTIALED"),
            _ if PRIOR.iter().any(taken) => Some("PRIOR_NUMBER_TAKEN"),
            _ => None,
        }
    }

    async fn send(&self, command: &Command, validate_only: bool) -> Result<(String, u64, String), Status> {
        match command {
            Command::Set(number, prior) => {
                let request =
                    v1::SetPriorNumberRequest { validate_only, ..set_prior_number(&number.to_string(), prior) };
                self.registry.call(request).await.map(|it| (it.fact_id, it.revision, String::new()))
            }
            Command::Retract(at) => {
                let request = v1::RetractFactRequest { validate_only, ..retract(&self.fact_ids[*at], "by mistake") };
                self.registry.call(request).await.map(|it| (it.fact_id, it.revision, String::new()))
            }
            Command::Issue(person) => {
                let request =
                    v1::IssueCredentialRequest { validate_only, ..issue(&person.to_string(), EFFECTIVE_FROM) };
                let number = |it: &v1::IssueCredentialResponse| it.credential.clone().unwrap().credential_number;
                self.registry.call(request).await.map(|it| (it.fact_id.clone(), it.revision, number(&it)))
            }
        }
    }

    /// Sends a random command, first with `validate_only`, and compares the outcome with the model's.
    async fn step(&mut self) {
        let command = self.command();
        let expected = self.expected(&command);
        for validate_only in [true, false] {
            let sent = self.send(&command, validate_only).await;
            let reason = sent.as_ref().err().map(Refusal::reason);
            assert_eq!(reason.as_deref(), expected, "command {}", self.accepted);
            let (false, Ok((fact_id, revision, number))) = (validate_only, sent) else { continue };
            let (person, mut fact) = self.fact(&command);
            if let Command::Issue(_) = command {
                let number = number.parse().unwrap();
                self.credentials.push(number);
                fact = issuance(number);
            }
            let id = FactId { revision: Revision(revision), index: 0 };
            self.facts.push(recorded(id, person, fact));
            self.fact_ids.push(fact_id);
        }
        match expected {
            Some(reason) => drop(self.refused.insert(reason)),
            None => self.accepted += 1,
        }
    }

    /// Asks by every prior number, as known at every revision, and compares with the question by credential number.
    async fn ask_everything(&self, registry: &Client) {
        let first = self.facts[0].id.revision.0 - 1;
        let last = self.facts.last().unwrap().id.revision.0;
        let mut borne = 0;
        for revision in first..=last {
            let model = Model::known_at(&self.facts, &[], Revision(revision));
            let by = |subject| v1::VerificationItem {
                subject: Some(subject),
                as_of: Some(date(TODAY)),
                ..Default::default()
            };
            let spellings = PRIOR.iter().flatten();
            let mut items: Vec<_> = spellings
                .clone()
                .map(|prior| by(verification_item::Subject::PriorNumber((*prior).to_owned())))
                .collect();
            let bearers: Vec<_> =
                spellings.map(|prior| model.bearer(&folded_prior(prior).unwrap()).map(|one| one.number)).collect();
            let numbers = bearers.iter().flatten().map(ToString::to_string);
            items.extend(numbers.map(|number| by(verification_item::Subject::CredentialNumber(number))));
            let known_at = Some(known_at(revision));
            let batch = v1::BatchVerifyCredentialsRequest { items, known_at, ..Default::default() };
            let mut answers: Vec<_> = registry.ask(batch).await.results.into_iter().map(|it| it.outcome).collect();
            let mut by_number = answers.split_off(bearers.len()).into_iter();
            for (answer, bearer) in answers.into_iter().zip(bearers) {
                if bearer.is_some() {
                    assert_eq!(answer, by_number.next().unwrap(), "known at {revision}");
                    borne += 1;
                    continue;
                }
                let Some(v1::verification_result::Outcome::Verification(found)) = answer else { panic!("{answer:?}") };
                let not_on_file = [v1::Reason::CredentialNotOnFile, v1::Reason::ReportingWindowOpen].map(i32::from);
                assert_eq!((found.reasons.as_slice(), found.credential_number.as_str()), (&not_on_file[..], ""));
            }
        }
        assert!(borne > 100, "{borne} answers about somebody");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prior_numbers_are_accepted_and_answered_as_the_model_says() {
    let histories = std::env::var("CPSS_PRIOR_NUMBERS").map_or(2, |text| text.parse().expect("a number"));
    for seed in 1..=histories {
        println!("seed {seed}");
        let server = TestServer::start(TODAY).await;
        let mut played = Played::begin(server.client(), seed).await;
        for _ in 0..COMMANDS {
            played.step().await;
        }
        played.ask_everything(&server.client()).await;
        // The index is written to a base, and read from it.
        let server = server.restart(TODAY).await;
        played.ask_everything(&server.client()).await;
        let reasons = ["ALREADY_CREDENTIALED", "ALREADY_RETRACTED", "CREDENTIAL_VOID", "PRIOR_NUMBER_TAKEN"];
        assert_eq!(played.refused, BTreeSet::from(reasons), "every refusal occurs");
        assert!(played.accepted > COMMANDS / 4, "{} accepted", played.accepted);
        server.stop().await;
    }
}

/// A person whose credential has the prior number MS-417, and the employer.
async fn with_prior_number(registry: &Client) -> (Qualified, Credentialed) {
    let employer = registry.qualified_provider("Bogue Chitto Example Center").await;
    let person = registry.credentialed("Odalys", "Example", &[&employer]).await;
    registry.report(set_prior_number(&person.number, "MS-417")).await;
    (employer, person)
}

#[tokio::test]
async fn a_staff_list_may_name_people_by_their_prior_numbers() {
    use v1::reconcile_roster_request::Kind;
    use v1::reconcile_roster_response::Kind as Found;
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let (employer, _) = with_prior_number(&registry).await;
    let row = |prior: &str| {
        let subject = Some(roster_row::Subject::PriorNumber(prior.to_owned()));
        Kind::Row(v1::RosterRow { subject, correlation_id: prior.to_owned(), ..Default::default() })
    };
    let options = v1::RosterOptions { provider_id: employer.provider_id.clone(), ..Default::default() };
    let messages = [Kind::Options(options), row("ms 417"), row("ms 418"), row("-")];
    let messages = messages.map(|kind| v1::ReconcileRosterRequest { kind: Some(kind) });
    let answers = registry.employment().reconcile_roster(tokio_stream::iter(messages)).await.unwrap();
    let answers: Vec<_> = answers.into_inner().map(|answer| answer.unwrap().kind.unwrap()).collect().await;
    let unmatched = answers.iter().filter_map(|answer| match answer {
        Found::Difference(it) => match it.kind.as_ref().unwrap() {
            v1::roster_difference::Kind::MissingFromRegistry(row) => Some(row.correlation_id.as_str()),
            other => panic!("{other:?}"),
        },
        Found::Summary(summary) => {
            assert_eq!((summary.row_count, summary.matched_count, summary.difference_count), (3, 1, 2));
            None
        }
    });
    assert_eq!(unmatched.collect::<Vec<_>>(), ["ms 418", "-"]);
    server.stop().await;
}

#[tokio::test]
async fn a_prior_number_that_cannot_exist_is_not_on_file_and_never_mistyped() {
    let server = TestServer::start(TODAY).await;
    for number in ["7".repeat(33), "-".to_owned(), "7\0".to_owned(), "CPS-1111-1111-1".to_owned()] {
        let mut question = verify("", None, None);
        question.item.as_mut().unwrap().subject = Some(verification_item::Subject::PriorNumber(number.clone()));
        let found = server.client().ask(question).await.verification.unwrap();
        let reasons = [v1::Reason::CredentialNotOnFile, v1::Reason::ReportingWindowOpen].map(i32::from);
        assert_eq!((found.reasons.as_slice(), found.credential_number.as_str()), (&reasons[..], ""), "{number:?}");
    }
    server.stop().await;
}

/// The audit names the credential that a question by prior number found, also where the answer does not.
#[tokio::test]
async fn the_audit_names_the_credential_that_bears_the_number() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let (employer, person) = with_prior_number(&registry).await;
    let own = format!("provider:{}", employer.provider_id);
    // The number in the answer, and the prior numbers, as far as the caller may see them.
    let number = person.number.as_str();
    for (caller, family_name, number, prior_numbers) in [
        ("payer", "", number, Some(vec![])),
        ("auditor", "Other", number, None),
        (own.as_str(), "", number, Some(vec!["MS417".to_owned()])),
        ("provider:elsewhere", "Example", "", None),
    ] {
        let mut question = verify("", None, None);
        let item = question.item.as_mut().unwrap();
        item.subject = Some(verification_item::Subject::PriorNumber("ms417".to_owned()));
        item.family_name = family_name.to_owned();
        let found = registry.calling_as(caller).ask(question).await.verification.unwrap();
        let shown = found.credential.map(|credential| credential.prior_numbers);
        assert_eq!((found.credential_number.as_str(), shown), (number, prior_numbers), "{caller}");
        let reads = v1::ListReadsRequest {
            credential_number: person.number.clone(),
            client: format!("dev:{caller}"),
            ..Default::default()
        };
        let reads = registry.calling_as("auditor").ask(reads).await.reads;
        assert!(reads.iter().any(|read| read.method.ends_with("VerifyCredential")), "{caller}: {reads:?}");
    }
    server.stop().await;
}
