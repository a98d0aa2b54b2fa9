//! Random reports that interact: few people and providers, a few months, days that pass. Some reports are refused; the
//! others form a history. The random numbers depend on a seed only.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as RowResult;
use cpss_registry::proto::v1::import_row::Command;
use cpss_registry::proto::v1::{
    Designation, Identifier, IdentifierKind, QualificationBasis, RevocationBasis, SuspensionBasis,
};
use jiff::civil::{Date, date};
use jiff::{Span, ToSpan as _};

use crate::harness::requests::{
    self, end_period, new_request_id, register_provider, register_specialist, retract, start_job,
};
use crate::harness::{Client, Messages as _};
use crate::histories::Random;

/// No fact has an earlier day.
pub const FIRST: Date = date(2025, 11, 1);
/// The first day of a history.
pub const BEGINNING: &str = "2026-01-05";

/// The reporter, and what is on file.
pub struct RandomReporter {
    random: Random,
    registry: Client,
    /// The registry's today.
    pub today: Date,
    pub providers: Vec<String>,
    pub numbers: Vec<String>,
    people: Vec<String>,
    jobs: Vec<String>,
    facts: Vec<String>,
    /// The numbers of recorded and refused commands.
    pub counted: (usize, usize),
}

fn wire(day: Date) -> Option<cpss_registry::proto::google::r#type::Date> {
    Some(requests::date(&day.to_string()))
}

/// The identifiers of providers: few, so that they move from one provider to another.
pub fn identifiers() -> Vec<Identifier> {
    let medicaid = |value: &str| Identifier { kind: IdentifierKind::MedicaidId.into(), value: value.to_owned() };
    let npi = |value: &str| Identifier { kind: IdentifierKind::Npi.into(), value: value.to_owned() };
    vec![medicaid("00220001"), medicaid("00220002"), npi("1234567893"), npi("1245319599")]
}

impl RandomReporter {
    /// A reporter with some providers and people on file.
    pub async fn begin(registry: &Client, seed: u64) -> RandomReporter {
        let mut reporter = RandomReporter {
            random: Random::new(seed),
            registry: registry.clone(),
            today: BEGINNING.parse().unwrap(),
            providers: Vec::new(),
            numbers: Vec::new(),
            people: Vec::new(),
            jobs: Vec::new(),
            facts: Vec::new(),
            counted: (0, 0),
        };
        for _ in 0..3 {
            reporter.register_provider().await;
        }
        for _ in 0..6 {
            reporter.register_person().await;
        }
        reporter
    }

    /// Some random reports.
    pub async fn report_some(&mut self, reports: usize) {
        for _ in 0..reports {
            self.step().await;
        }
    }

    async fn send(&mut self, command: Command) -> Option<v1::ImportOutcome> {
        let row = v1::ImportRow { request_id: new_request_id(), command: Some(command), ..Default::default() };
        let rows = tokio_stream::once(v1::ImportRecordsRequest { row: Some(row) });
        let client = self.registry.on_day(&self.today.to_string());
        let mut answers = client.record().import_records(rows).await.unwrap().into_inner();
        match answers.next_message().await.unwrap().unwrap().result.unwrap() {
            RowResult::Outcome(outcome) => {
                self.facts.extend(outcome.fact_ids.iter().cloned());
                self.counted.0 += 1;
                Some(outcome)
            }
            RowResult::Error(error) => {
                assert!(error.code != 13 && error.code != 15, "{error:?}");
                self.counted.1 += 1;
                None
            }
        }
    }

    /// A day of the window, or shortly after today.
    fn day(&mut self) -> Date {
        let width = self.today.since(FIRST).unwrap().get_days() + 8;
        FIRST.saturating_add(i64::from(self.random.between(0, width)).days())
    }

    /// Random days, sometimes without an end.
    fn days(&mut self) -> (Date, Option<Date>) {
        let first = self.day();
        let last = first.saturating_add(i64::from(self.random.between(0, 25)).days());
        (first, self.random.chance(65).then_some(last))
    }

    fn one_of(&mut self, from: fn(&RandomReporter) -> &Vec<String>) -> String {
        let at = self.random.index(from(self).len().max(1));
        from(self).get(at).cloned().unwrap_or_else(|| "nobody".to_owned())
    }

    fn some_identifiers(&mut self) -> Vec<Identifier> {
        identifiers().into_iter().filter(|_| self.random.chance(25)).collect()
    }

    async fn register_provider(&mut self) {
        let identifiers = self.some_identifiers();
        let request = v1::RegisterProviderRequest {
            request_id: String::new(),
            identifiers,
            ..register_provider("Sable Creek Example Center")
        };
        if let Some(outcome) = self.send(Command::RegisterProvider(request)).await {
            self.providers.push(outcome.provider_id.clone());
            let first_day = wire(FIRST.saturating_sub(Span::new().days(30)));
            self.qualify(&outcome.provider_id, first_day, None).await;
        }
    }

    async fn qualify(
        &mut self,
        provider_id: &str,
        first_day: Option<cpss_registry::proto::google::r#type::Date>,
        last_day: Option<Date>,
    ) {
        let valid_through = self.random.chance(35).then(|| self.day());
        let request = v1::RecordQualificationRequest {
            provider_id: provider_id.to_owned(),
            basis: QualificationBasis::DmhCertified.into(),
            first_day,
            last_day: last_day.and_then(wire),
            valid_through: valid_through.and_then(wire),
            ..Default::default()
        };
        self.send(Command::RecordQualification(request)).await;
    }

    async fn register_person(&mut self) {
        let request =
            v1::RegisterSpecialistRequest { request_id: String::new(), ..register_specialist("Casimir", "Example") };
        let Some(person) = self.send(Command::RegisterSpecialist(request)).await else { return };
        self.people.push(person.specialist_id.clone());
        for _ in 0..self.random.between(1, 3) {
            let provider = self.one_of(|reporter| &reporter.providers);
            self.start_job(&person.specialist_id, &provider, FIRST, None).await;
        }
        self.issue(&person.specialist_id).await;
    }

    async fn issue(&mut self, person: &str) {
        let effective_from = FIRST.saturating_add(i64::from(self.random.between(0, 20)).days());
        let term = i64::from(self.random.between(20, 200)).days();
        let request = v1::TransferredCredential {
            specialist_id: person.to_owned(),
            effective_from: wire(effective_from),
            term_last_day: wire(effective_from.saturating_add(term)),
            designations: (1..=5).filter(|_| self.random.chance(40)).collect(),
            rule_set_id: "cpssp-2025".to_owned(),
            ..Default::default()
        };
        if let Some(issued) = self.send(Command::Transferred(request)).await {
            self.numbers.push(issued.credential_number);
        }
    }

    async fn start_job(&mut self, person: &str, provider: &str, first: Date, last: Option<Date>) {
        let request = v1::ReportEmploymentStartRequest {
            request_id: String::new(),
            last_day: last.and_then(wire),
            ..start_job(person, provider, &first.to_string())
        };
        if let Some(started) = self.send(Command::ReportEmploymentStart(request)).await {
            self.jobs.push(started.employment_id);
        }
    }

    async fn step(&mut self) {
        match self.random.between(0, 99) {
            0..=9 => self.today = self.today.saturating_add(i64::from(self.random.between(1, 3)).days()),
            10..=29 => self.happen_to_provider().await,
            30..=49 => self.happen_to_job().await,
            50..=58 => {
                let (fact, day) = (self.one_of(|reporter| &reporter.facts), self.day());
                let request = end_period(&fact, &day.to_string(), "");
                let request = v1::EndPeriodRequest { request_id: String::new(), ..request };
                self.send(Command::EndPeriod(request)).await;
            }
            59..=69 => {
                // The last reports are the most likely to be wrong.
                let recent = if self.random.chance(60) { 6 } else { self.facts.len() };
                let back = self.random.index(recent);
                let at = self.facts.len().saturating_sub(back + 1);
                let request = v1::RetractFactRequest { request_id: String::new(), ..retract(&self.facts[at], "") };
                self.send(Command::RetractFact(request)).await;
            }
            70..=72 if self.people.len() < 10 => self.register_person().await,
            73 => {
                let first_day = wire(FIRST.saturating_add(i64::from(self.random.between(0, 40)).days()));
                self.send(Command::RecordsBegin(v1::RecordsBegin { first_day })).await;
            }
            74 => {
                let person = self.one_of(|reporter| &reporter.people);
                self.issue(&person).await;
            }
            _ => self.happen_to_credential().await,
        }
    }

    async fn happen_to_provider(&mut self) {
        let provider_id = self.one_of(|reporter| &reporter.providers);
        let (first, last) = self.days();
        let (first_day, last_day) = (wire(first), last.and_then(wire));
        let command = match self.random.between(0, 9) {
            0..=2 => return self.qualify(&provider_id, first_day, last).await,
            3 if self.providers.len() < 5 => return self.register_provider().await,
            3 | 4 => Command::UpdateProvider(v1::UpdateProviderRequest {
                provider_id,
                legal_name: "Sable Creek Example Center".to_owned(),
                facility_type: v1::FacilityType::CommunityMentalHealthCenter.into(),
                county: "Hinds".to_owned(),
                identifiers: self.some_identifiers(),
                ..Default::default()
            }),
            5 => {
                let (provider_id, first_day, last_day) = (provider_id, first_day, last_day.or(first_day));
                Command::SuspendProvider(v1::SuspendProviderRequest {
                    provider_id,
                    first_day,
                    last_day,
                    ..Default::default()
                })
            }
            6 | 7 => Command::CertifyPeerService(v1::CertifyPeerServiceRequest {
                provider_id,
                first_day,
                last_day,
                ..Default::default()
            }),
            8 => {
                let (provider_id, first_day, last_day) = (provider_id, first_day, last_day.or(first_day));
                Command::SuspendPeerService(v1::SuspendPeerServiceRequest {
                    provider_id,
                    first_day,
                    last_day,
                    ..Default::default()
                })
            }
            _ => Command::TransferEmployments(v1::TransferEmploymentsRequest {
                from_provider_id: provider_id,
                to_provider_id: self.one_of(|reporter| &reporter.providers),
                last_day: first_day,
                ..Default::default()
            }),
        };
        self.send(command).await;
    }

    async fn happen_to_job(&mut self) {
        let (first, last) = self.days();
        let employment_id = self.one_of(|reporter| &reporter.jobs);
        match self.random.between(0, 9) {
            0..=4 => {
                let (person, provider) =
                    (self.one_of(|reporter| &reporter.people), self.one_of(|reporter| &reporter.providers));
                self.start_job(&person, &provider, first, last).await;
            }
            5..=7 => {
                let request = requests::end_job(&employment_id, &first.to_string());
                let request = v1::ReportEmploymentEndRequest { request_id: String::new(), ..request };
                self.send(Command::ReportEmploymentEnd(request)).await;
            }
            _ => {
                let request = v1::CorrectEmploymentRequest {
                    employment_id,
                    first_day: wire(first),
                    last_day: last.and_then(wire),
                    ..Default::default()
                };
                self.send(Command::CorrectEmployment(request)).await;
            }
        }
    }

    async fn happen_to_credential(&mut self) {
        let credential_number = self.one_of(|reporter| &reporter.numbers);
        let (first, last) = self.days();
        let (first_day, last_day) = (wire(first), last.and_then(wire));
        macro_rules! command {
            ($kind:ident, $request:ident { $($field:ident $(: $value:expr)?),* }) => {
                Command::$kind(v1::$request { credential_number, $($field $(: $value)?,)* ..Default::default() })
            };
        }
        let command = match self.random.between(0, 19) {
            0..=2 => {
                let basis = SuspensionBasis::try_from(self.random.between(1, 3)).unwrap().into();
                command!(SuspendCredential, SuspendCredentialRequest { basis, first_day, last_day })
            }
            3 | 4 => command!(LimitCredential, LimitCredentialRequest { text: "in words".into(), first_day, last_day }),
            5 | 6 => command!(GrantInactiveStatus, GrantInactiveStatusRequest { first_day, last_day }),
            7..=9 => {
                let code = Designation::try_from(self.random.between(1, 5)).unwrap().into();
                command!(GrantDesignation, GrantDesignationRequest { code, first_day, last_day })
            }
            10 => command!(
                RevokeCredential,
                RevokeCredentialRequest { effective_from: first_day, basis: RevocationBasis::Disciplinary.into() }
            ),
            11 => command!(RecordSurrender, RecordSurrenderRequest { effective_from: first_day }),
            12 => command!(
                RenewCredential,
                RenewCredentialRequest { effective_from: first_day, continuing_education_hours: 100.0 }
            ),
            13 if self.random.chance(20) => Command::RecordDeath(v1::RecordDeathRequest {
                specialist_id: self.one_of(|reporter| &reporter.people),
                death_date: wire(first.min(self.today)),
                ..Default::default()
            }),
            _ => command!(ReinstateCredential, ReinstateCredentialRequest { effective_from: first_day }),
        };
        self.send(command).await;
    }
}
