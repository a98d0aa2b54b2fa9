//! Playing a scenario: the server, the names, and the execution of each line.

use cpss_registry::proto::v1::import_row::Command;
use tonic::{Code, Status};

use super::command::command;
use super::disclosed::{sees_nothing_before, written_down};
use super::expected_answers;
use super::lists::list_question;
use super::names::Names;
use super::question::{Answered, Moment, Question, question};
use super::send::{Outcome, Sent};
use super::text::{Clauses, Line};
use crate::harness::requests::new_request_id;
use crate::harness::{Client, Codec, Refusal as _, TODAY, TestServer};

/// The prefixes of a command or a question.
#[derive(Default)]
struct Prefix {
    refused: Option<String>,
    caller: Option<String>,
    by_import: bool,
    would: bool,
    again: bool,
}

/// An answer that must be reproduced at the end.
struct Kept {
    line: usize,
    question: Question,
    shows: super::question::Shows,
    bytes: Vec<u8>,
}

/// An accepted command that must get the same response again at the end.
struct Accepted {
    line: usize,
    sent: Sent,
    caller: Option<String>,
    bytes: Vec<u8>,
}

/// How the registry is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Grpc,
    Http(Codec),
}

impl Way {
    pub const ALL: [Way; 3] = [Way::Grpc, Way::Http(Codec::Json), Way::Http(Codec::Proto)];
}

/// A scenario in execution.
pub struct World {
    way: Way,
    server: TestServer,
    today: String,
    names: Names,
    moments: std::collections::BTreeMap<String, Moment>,
    kept: Vec<Kept>,
    accepted: Vec<Accepted>,
    last: Outcome,
    line: usize,
}

/// Prints the line if a test panics there.
struct At<'a>(&'a str, usize);

impl Drop for At<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("at {}.txt:{}", self.0, self.1);
        }
    }
}

impl World {
    /// Plays a scenario on an empty registry. Returns the failures.
    pub async fn play(way: Way, theme: &str, lines: &[Line]) -> Vec<String> {
        let today =
            lines.iter().find_map(|line| line.text.strip_prefix("today 2").map(|_| &line.text[6..])).unwrap_or(TODAY);
        let mut world = World::begin(way, today).await;
        let mut failures = Vec::new();
        for line in lines.iter().filter(|line| !line.text.starts_with("today 2")) {
            world.line = line.number;
            let at = At(theme, line.number);
            let mut done = world.line(&line.text).await;
            if line.text == "restart" {
                world = world.restart().await;
                done = world.ask_again().await.and(world.send_again().await);
            }
            if let Err(failure) = done {
                failures.push(format!("{theme}.txt:{}: {}\n    {failure}", line.number, line.text));
            }
            drop(at);
        }
        if let Err(failure) = world.ask_again().await {
            failures.push(format!("{theme}.txt: {failure}"));
        }
        let data = world.server.stop().await;
        failures.extend(written_down(data.path(), lines).map(|name| format!("{theme}.txt: {name} is in the audit")));
        failures
    }

    async fn begin(way: Way, today: &str) -> World {
        World {
            way,
            server: TestServer::start(today).await,
            today: today.to_owned(),
            names: Names::default(),
            moments: std::collections::BTreeMap::new(),
            kept: Vec::new(),
            accepted: Vec::new(),
            last: Outcome::default(),
            line: 0,
        }
    }

    async fn restart(mut self) -> World {
        self.server = self.server.restart(&self.today).await;
        self
    }

    fn client(&self, caller: Option<&str>) -> Client {
        let client = match self.way {
            Way::Grpc => self.server.client(),
            Way::Http(codec) => self.server.over_http(codec),
        };
        let client = client.on_day(&self.today);
        caller.map_or(client.clone(), |caller| client.calling_as(caller))
    }

    async fn line(&mut self, text: &str) -> Result<(), String> {
        if let Some(today) = text.strip_prefix("on ") {
            today.clone_into(&mut self.today);
            self.client(None).head().await;
            return Ok(());
        }
        if let Some(name) = text.strip_prefix("remember ") {
            let answer = self.client(None).ask(cpss_registry::proto::v1::ListRuleSetsRequest::default()).await.answer;
            let answer = answer.ok_or("no answer")?;
            let time = answer.known_at_time.ok_or("no time")?;
            self.moments.insert(name.to_owned(), Moment { revision: answer.known_at_revision, time });
            return Ok(());
        }
        if text == "restart" {
            return Ok(());
        }
        if let Some((what, expected)) = text.split_once(": ") {
            match what {
                "changes" => return self.expect_changes(expected, true),
                "foreseen" => return self.expect_changes(expected, false),
                "people" => return same(expected, &self.last.people.to_string()),
                _ => {}
            }
        }
        let (prefix, text) = prefixes(text);
        if let Some((asked, expected)) = text.split_once(" -> ") {
            return self.ask(&prefix, asked, Some(expected)).await;
        }
        match text.split_whitespace().next() {
            Some("verify" | "eligible" | "periods" | "shown" | "facts" | "staff" | "statistics" | "evaluate") => {
                self.ask(&prefix, text, None).await
            }
            _ => self.command(&prefix, text).await,
        }
    }

    fn expect_changes(&self, expected: &str, known: bool) -> Result<(), String> {
        let (changes, count) = if known {
            (&self.last.changes, self.last.change_count)
        } else {
            (&self.last.foreseen, self.last.foreseen_count)
        };
        let shows = expected_answers::changes(changes, |line| self.names.named(line));
        if usize::try_from(count) != Ok(shows.len()) {
            return Err(format!("{count} changes are counted, and {} shown", shows.len()));
        }
        let mut expected: Vec<&str> = expected.split(" | ").map(str::trim).filter(|line| *line != "none").collect();
        if expected.contains(&"...") {
            expected.retain(|line| *line != "..." && !shows.iter().any(|shows| shows == line));
            return if expected.is_empty() { Ok(()) } else { same(&expected.join(" | "), &shows.join(" | ")) };
        }
        expected.sort_unstable();
        same(&expected.join("\n              "), &shows.join("\n              "))
    }

    async fn ask(&mut self, prefix: &Prefix, asked: &str, expected: Option<&str>) -> Result<(), String> {
        let client = self.client(prefix.caller.as_deref());
        let mut text = Clauses::of(asked)?;
        let head = text.head();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let moment = |name: &str| self.moments.get(name).cloned().ok_or(format!("{name} was not remembered"));
        if let Some(list) = list_question(&head, &mut text, &self.names)? {
            text.finish()?;
            return self.judge(prefix, list.ask(&client, &self.names).await, expected);
        }
        let asked = question(&head, &mut text, &self.names, moment)?;
        let (asked, shows) = asked.ok_or(format!("{head:?} is not a question"))?;
        text.finish()?;
        let answered = asked.ask(&client, shows).await;
        if let (Ok(Answered { bytes, pinned, .. }), None) = (&answered, &prefix.caller) {
            let (line, bytes, question) = (self.line, bytes.clone(), pinned.clone());
            self.kept.push(Kept { line, question, shows, bytes });
        }
        self.judge(prefix, answered.map(|answered| answered.shows), expected)
    }

    fn judge(&self, prefix: &Prefix, answer: Result<String, Status>, expected: Option<&str>) -> Result<(), String> {
        match (answer, &prefix.refused, expected) {
            (Ok(shows), None, Some(expected)) => same(expected, &self.names.named(&shows)),
            (Ok(shows), _, _) => Err(format!("should have been refused: {shows}")),
            (Err(status), Some(expected), _) => refusal(expected, &status),
            (Err(status), None, _) => Err(format!("is refused: {}", in_words(&status))),
        }
    }

    async fn command(&mut self, prefix: &Prefix, text: &str) -> Result<(), String> {
        if let Some((register, qualifies)) = text.split_once(" qualifies ") {
            self.one_command(prefix, register).await?;
            let id = register.split_whitespace().nth(1).unwrap_or_default();
            return self.one_command(prefix, &format!("qualify {id} {qualifies}")).await;
        }
        self.one_command(prefix, text).await
    }

    async fn one_command(&mut self, prefix: &Prefix, text: &str) -> Result<(), String> {
        let mut text = Clauses::of(text)?;
        let (command, name) = command(&mut text, &self.names)?;
        let (label, note) = (text.text("called"), text.text("note").unwrap_or_default());
        let request_id = match text.text("request") {
            Some(name) => self.names.requests.entry(name).or_insert_with(new_request_id).clone(),
            None => new_request_id(),
        };
        text.finish()?;
        let note = if note == "LONG" { "n".repeat(501) } else { note };
        let sent = Sent { command, request_id, note, by_import: prefix.by_import };
        let client = self.client(prefix.caller.as_deref());
        if let Some(expected) = &prefix.refused {
            return self.refuse(expected, sent, &client).await;
        }
        if prefix.again {
            return self.again(&sent, &client).await;
        }
        if prefix.would {
            self.last = sent.to(&client, true).await.map_err(|status| in_words(&status))?;
            return Ok(());
        }
        let outcome = accept(&sent, &client).await?;
        self.name(&sent.command, &outcome, name.as_deref(), label.as_deref());
        let (bytes, caller) = (outcome.bytes.clone(), prefix.caller.clone());
        self.accepted.push(Accepted { line: self.line, sent, caller, bytes });
        self.last = outcome;
        Ok(())
    }

    /// Expects a refusal, with and without `validate_only`, and no record.
    async fn refuse(&self, expected: &str, sent: Sent, client: &Client) -> Result<(), String> {
        let head = self.client(None).head().await;
        let reused = expected == "REQUEST_ID_REUSED";
        for validate_only in [true, false].into_iter().skip(usize::from(reused)) {
            match sent.clone().to(client, validate_only).await {
                Ok(_) => return Err(format!("should have been refused (validate_only: {validate_only})")),
                Err(status) => refusal(expected, &status)?,
            }
        }
        same(&head.to_string(), &self.client(None).head().await.to_string())
    }

    /// Expects the same response as before, and no record.
    async fn again(&self, sent: &Sent, client: &Client) -> Result<(), String> {
        let before = self.accepted.iter().find(|before| before.sent.request_id == sent.request_id);
        let before = before.ok_or("was not sent before")?;
        let head = self.client(None).head().await;
        let outcome = sent.clone().to(client, false).await.map_err(|status| in_words(&status))?;
        if outcome.bytes != before.bytes {
            return Err("has another answer than the first time".to_owned());
        }
        same(&head.to_string(), &self.client(None).head().await.to_string())
    }

    fn name(&mut self, command: &Command, outcome: &Outcome, name: Option<&str>, label: Option<&str>) {
        let names = &mut self.names;
        let mut labels: Vec<String> = label.map(str::to_owned).into_iter().collect();
        if let Some(name) = name {
            let (kind, ids) = match command {
                Command::RegisterSpecialist(_) => ("person", &mut names.people),
                Command::ReportEmploymentStart(_) => ("job", &mut names.jobs),
                _ => ("credential", &mut names.numbers),
            };
            ids.insert(name.to_owned(), outcome.id.clone());
            labels.push(format!("{kind}:{name}"));
        }
        if let Command::RegisterProvider(request) = command {
            labels.push(format!("provider:{}", request.provider_id));
        }
        for label in &labels {
            for (at, fact_id) in outcome.fact_ids.iter().enumerate() {
                let label = if at == 0 { label.clone() } else { format!("{label}/{at}") };
                names.facts.insert(label, fact_id.clone());
            }
            for (at, job) in outcome.employment_ids.iter().enumerate() {
                names.jobs.insert(format!("{label}/{}", at + 1), job.clone());
            }
        }
    }

    /// Asks every question again and expects the same bytes.
    async fn ask_again(&self) -> Result<(), String> {
        let client = self.client(None);
        for kept in &self.kept {
            let answered = kept.question.clone().ask(&client, kept.shows).await;
            let answered =
                answered.map_err(|status| format!("line {} asked again: {}", kept.line, in_words(&status)))?;
            if answered.bytes != kept.bytes {
                return Err(format!("line {} asked again has another answer: {}", kept.line, answered.shows));
            }
            let batch = kept.question.clone().ask_in_a_batch(&client).await.map_err(|status| in_words(&status))?;
            if batch.is_some_and(|bytes| bytes != kept.bytes) {
                return Err(format!("line {} asked in a batch has another answer", kept.line));
            }
        }
        Ok(())
    }

    /// Sends every accepted command again and expects the same response.
    async fn send_again(&self) -> Result<(), String> {
        for accepted in &self.accepted {
            let client = self.client(accepted.caller.as_deref());
            let outcome = accepted.sent.clone().to(&client, false).await;
            let outcome =
                outcome.map_err(|status| format!("line {} sent again: {}", accepted.line, in_words(&status)))?;
            if outcome.bytes != accepted.bytes {
                return Err(format!("line {} sent again has another answer", accepted.line));
            }
        }
        Ok(())
    }
}

/// Sends a command with `validate_only`, for real, and a second time.
async fn accept(sent: &Sent, client: &Client) -> Result<Outcome, String> {
    let refused = |status: Status| format!("is refused: {}", in_words(&status));
    let announced = sent.clone().to(client, true).await.map_err(refused)?;
    let outcome = sent.clone().to(client, false).await.map_err(refused)?;
    if announced.revision + 1 != outcome.revision || !announced.fact_ids.is_empty() {
        return Err(format!("judged at {}, recorded as {}", announced.revision, outcome.revision));
    }
    if sees_nothing_before(sent, client) {
        let again = sent.clone().to(client, false).await.map_err(refused)?;
        return if again.bytes == outcome.bytes {
            Ok(outcome)
        } else {
            Err("sent again, it has another answer".into())
        };
    }
    let effect = |it: &Outcome| format!("{} {} for {}", it.change_count, it.foreseen_count, it.people);
    same(&effect(&outcome), &effect(&announced))?;
    let mints = matches!(sent.command, Command::IssueCredential(_) | Command::Transferred(_));
    if !mints && (announced.changes != outcome.changes || announced.foreseen != outcome.foreseen) {
        return Err(format!("validate_only returned {:?}, {:?}", announced.changes, announced.foreseen));
    }
    let again = sent.clone().to(client, false).await.map_err(refused)?;
    if again.bytes == outcome.bytes { Ok(outcome) } else { Err("sent again, it has another answer".to_owned()) }
}

fn prefixes(text: &str) -> (Prefix, &str) {
    let (mut prefix, mut text) = (Prefix::default(), text);
    while let Some((before, rest)) = text.split_once(": ") {
        match before.split_once(' ').map_or((before, ""), |(word, rest)| (word, rest)) {
            ("refused", expected) => match expected.split_once(" as ") {
                Some((expected, caller)) => {
                    (prefix.refused, prefix.caller) = (Some(expected.to_owned()), Some(caller.to_owned()));
                }
                None => prefix.refused = Some(expected.to_owned()),
            },
            ("as", caller) => prefix.caller = Some(caller.to_owned()),
            ("import", "") => prefix.by_import = true,
            ("would", "") => prefix.would = true,
            ("again", "") => prefix.again = true,
            _ => break,
        }
        text = rest;
    }
    (prefix, text)
}

fn same(expected: &str, got: &str) -> Result<(), String> {
    if expected == got { Ok(()) } else { Err(format!("expected: {expected}\n         got: {got}")) }
}

/// A refusal as text: its reason and the invalid fields.
fn in_words(status: &Status) -> String {
    let mut shows = vec![status.reason()];
    let mut fields = status.fields();
    fields.sort();
    shows.extend(fields);
    if shows[0] == "CRITERIA_UNMET" {
        let unmet = status.preconditions().into_iter().map(|(_, criterion)| criterion);
        shows.extend(unmet.map(|criterion| criterion.trim_start_matches("CRITERION_").to_owned()));
    }
    shows.join(" ")
}

/// Checks the reason of a refusal, and the code and details that belong to it.
fn refusal(expected: &str, status: &Status) -> Result<(), String> {
    let reason = status.reason();
    let code = match reason.as_str() {
        "INVALID_ARGUMENT" => Code::InvalidArgument,
        "NOT_FOUND" => Code::NotFound,
        "PROVIDER_EXISTS" | "IDENTIFIER_TAKEN" | "EMPLOYMENT_EXISTS" | "PRIOR_NUMBER_TAKEN" | "REQUEST_ID_REUSED" => {
            Code::AlreadyExists
        }
        "PERMISSION_DENIED" => Code::PermissionDenied,
        _ if expected == "OUT_OF_RANGE" => Code::OutOfRange,
        _ => Code::FailedPrecondition,
    };
    if status.code() != code {
        return Err(format!("expected {expected} with {code:?}, got {reason} with {:?}", status.code()));
    }
    if code == Code::FailedPrecondition && status.preconditions().iter().any(|(kind, _)| *kind != reason) {
        return Err(format!("{reason} is reported as {:?}", status.preconditions()));
    }
    if code == Code::OutOfRange { Ok(()) } else { same(expected, &in_words(status)) }
}
