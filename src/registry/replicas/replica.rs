//! A registry whose writer runs only when it is seen to.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::OnceLock;

use jiff::Timestamp;
use tempfile::TempDir;
use uuid::Uuid;

use super::super::clock::Clock;
use super::super::errors::{OpenError, SubmitError, WriterFailed};
use super::super::message::{Message, Outcome, Reply};
use super::super::open::{Options, writer_of};
use super::super::preface::{Preface, SEMANTICS_VERSION};
use super::super::receipt::Receipt;
use super::super::submission::Submission;
use super::super::writer::Writer;
use super::super::{Content, Numbers};
use crate::domain::command::{Command, TransferCredential, Who};
use crate::domain::day::{Day, Period};
use crate::domain::fact::{
    Designation, FacilityType, ProviderPeriodKind, ProviderRow, QualificationBasis, Reporter, Role,
};
use crate::domain::id::{ProviderId, Revision, SpecialistId};
use crate::domain::name::PersonName;
use crate::rules::{self, RuleText};
use crate::store::index::View as _;
use crate::store::log::LogEngine;
use crate::store::{OpenMode, Store, StoreOptions};

/// When every test begins.
pub const BEGIN: &str = "2026-03-02T18:00:00Z";

/// The id of the registry.
const EPOCH: Uuid = Uuid::from_u128(7);

/// A replica.
pub struct Replica {
    pub writer: Writer,
    /// The directory, if it is removed with the replica.
    pub directory: Option<TempDir>,
}

impl Replica {
    /// Opens a replica in a new directory. It joins the registry in the log, or begins one.
    pub fn open(engine: &dyn LogEngine) -> Replica {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let replica = Replica::open_at(directory.path(), engine);
        Replica { directory: Some(directory), ..replica }
    }

    /// Opens a replica in its directory.
    pub fn open_at(directory: &Path, engine: &dyn LogEngine) -> Replica {
        Replica::try_open_at(directory, engine, true).unwrap()
    }

    /// Opens a replica in its directory. It begins a registry only if it may.
    pub fn try_open_at(directory: &Path, engine: &dyn LogEngine, may_begin: bool) -> Result<Replica, OpenError> {
        let options = Options { begins_shared_log: may_begin, ..Options::of_a_test(directory, None) };
        Replica::open_as(&options, engine, SEMANTICS_VERSION)
    }

    /// Opens a replica with the semantics version of another release.
    pub fn open_as(options: &Options, engine: &dyn LogEngine, semantics_version: u32) -> Result<Replica, OpenError> {
        let directory = &options.data_dir;
        let stored = StoreOptions {
            mode: OpenMode::ExistingOrNew("a test"),
            new_request_key: Some([7; 32]),
            ..options.store.clone()
        };
        let mut store = Store::open_with(engine, directory, stored, &mut |_| {}).unwrap();
        store.finish().unwrap();
        static RULE_SETS: OnceLock<Vec<RuleText>> = OnceLock::new();
        let rule_sets = RULE_SETS.get_or_init(|| rules::load(None).unwrap()).clone();
        let preface = Preface { semantics_version, rule_sets };
        let clock = Clock::starting_at(BEGIN.parse().unwrap()).unwrap();
        let writer = writer_of(store, options, clock, preface, EPOCH)?;
        Ok(Replica { writer, directory: None })
    }

    /// Sets the clock. It never goes back.
    pub fn set_clock(&self, instant: Timestamp) {
        self.writer.shared.clock.set(instant);
    }

    /// Has the writer process one message.
    pub fn process<T>(&mut self, message: impl FnOnce(Reply<T>) -> Message) -> Result<T, WriterFailed> {
        let (reply, mut answer) = Reply::channel(None);
        self.writer.process(vec![message(reply)])?;
        Ok(answer.try_recv().unwrap())
    }

    /// Decides a command.
    pub fn submit(&mut self, submission: Submission) -> Result<Outcome, SubmitError> {
        self.process(|reply| Message::Submit(Box::new(submission), reply)).unwrap()
    }

    /// Decides a command, which must be recorded now.
    pub fn record(&mut self, request_id: u128, command: Command) -> Receipt {
        match self.submit(submission(request_id, command)) {
            Ok(Outcome::Decided(receipt)) => *receipt,
            Ok(Outcome::Recorded(at)) => panic!("recorded before, at {at}"),
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Publishes every record of the log.
    pub fn follow(&mut self) -> Revision {
        self.process(Message::Follow).unwrap().unwrap()
    }

    /// The head, and everything that can be answered from it, as text.
    pub fn answers(&self) -> String {
        let shared = &self.writer.shared;
        let head = shared.head.load();
        let snapshot = shared.snapshot(&head, head.revision, Some(head.recorded_at));
        let mut answers = format!("{} {} {} {:?}\n", head.revision, head.recorded_at, head.today, head.token);
        for provider in snapshot.providers() {
            answers += &format!("{provider:?}\n");
        }
        for (number, holder) in shared.index.credentials().unwrap() {
            answers += &format!("{number} {:?}\n", shared.snapshot(&head, head.revision, None).compile(holder, number));
        }
        let mut people = Vec::new();
        shared
            .index
            .every_specialist(&mut |id, facts| {
                people.push(format!("{id} {facts:?}\n"));
                ControlFlow::Continue(())
            })
            .unwrap();
        for number in shared.timeline_cache.numbers() {
            let resident = shared.timeline_cache.get(number).unwrap();
            let holder = shared.index.specialist_of_credential(number).unwrap().unwrap();
            let compiled = snapshot.compile(holder, number).unwrap();
            assert_eq!(format!("{:?}", Some(resident.timeline)), format!("{compiled:?}"), "in memory as on disk");
        }
        answers + &people.concat()
    }
}

/// A submission of a command.
pub fn submission(request_id: u128, command: Command) -> Submission {
    let role = match command {
        Command::RegisterProvider { .. } | Command::UpdateProvider { .. } | Command::OpenProviderPeriod { .. } => {
            Role::Certifier
        }
        _ => Role::Registrar,
    };
    Submission {
        reporter: Reporter { client: "a test".into(), role },
        method: "/a/test",
        request_id: Uuid::from_u128(request_id),
        content: Content::default(),
        validate_only: false,
        note: String::new(),
        command,
        numbers: Numbers::From(u64::try_from(request_id).unwrap()),
    }
}

/// Registers a provider.
pub fn register(provider: &str) -> Command {
    Command::RegisterProvider { id: Some(provider_id(provider)), row: row(provider) }
}

pub fn provider_id(provider: &str) -> ProviderId {
    provider.parse().unwrap()
}

/// Registers a person.
pub fn person(given: &str) -> Command {
    let name = PersonName { given: given.into(), family: "Example-Stone".into(), suffix: String::new() };
    Command::RegisterSpecialist { name, birth_date: "1984-02-29".parse().unwrap() }
}

/// Reports that a person works for a provider.
pub fn hire(who: SpecialistId, provider: &str, start: Day) -> Command {
    Command::StartEmployment {
        who: Who::Specialist(who),
        birth_date: None,
        provider: provider_id(provider),
        position: "peer".into(),
        supervised: true,
        days: Period { start, end: Day::FOREVER },
    }
}

fn row(name: &str) -> ProviderRow {
    ProviderRow {
        legal_name: name.to_owned(),
        facility_type: FacilityType::CommunityMentalHealthCenter,
        county: "Hinds".to_owned(),
        identifiers: Vec::new(),
    }
}

/// Certifies a provider, so that it covers its staff.
pub fn certify(provider: &str, days: Period) -> Command {
    let kind = ProviderPeriodKind::Qualified(QualificationBasis::DmhCertified);
    Command::OpenProviderPeriod { provider: provider_id(provider), kind, days, valid_through: None }
}

/// Imports the credential of a person.
pub fn credential(specialist: SpecialistId, term: Period) -> Command {
    let designations = vec![Designation::AdultAndRecovery];
    Command::TransferCredential(TransferCredential {
        specialist,
        term,
        designations,
        rule_set: None,
        prior_numbers: Vec::new(),
    })
}
