//! The acts on a provider.

use std::time::Duration;

use clap::Subcommand;

use super::{Acting, Days};
use crate::cli::codes::read_code;
use crate::cli::dates::read_date;
use crate::cli::failure::Failure;
use crate::cli::{Outcome, block_on};
use crate::proto::google::r#type::Date;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::provider_service_client::ProviderServiceClient;
use crate::proto::v1::{
    CertifyPeerServiceRequest, FacilityType, GetProviderRequest, Identifier, IdentifierKind, Provider,
    QualificationBasis, RecordQualificationRequest, RegisterProviderRequest, SuspendPeerServiceRequest,
    SuspendProviderRequest, UpdateProviderRequest,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Record an act of the certifier on a provider: register, qualify, certify its service, suspend
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE, subcommand_required = true, arg_required_else_help = true)]
pub struct OnProvider {
    #[command(subcommand)]
    kind: Kind,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry act provider qualify region-3-cmhc --basis dmh-certified --first-day 2020-01-01 --dry-run
  cpss-registry providers region-3-cmhc

To close a provider, end its qualification: `providers` shows the fact, `act end` ends it. --affected shows everyone who
would lose the credential.";

#[derive(Debug, Subcommand)]
enum Kind {
    Register(Register),
    Update(Update),
    Qualify(Qualify),
    CertifyService(CertifyService),
    /// Suspend a provider: its staff keep their credentials, and may not practice there
    #[command(
        after_help = "Example:\n  cpss-registry act provider suspend region-3-cmhc --first-day $(date +%F) --yes"
    )]
    Suspend(Suspend),
    /// Suspend the certification of a provider's peer support service: nothing there may be billed
    #[command(
        after_help = "Example:\n  cpss-registry act provider suspend-service region-3-cmhc --first-day $(date +%F) --yes"
    )]
    SuspendService(Suspend),
}

impl OnProvider {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.kind {
            Kind::Register(act) => act.run(),
            Kind::Update(act) => act.run(),
            Kind::Qualify(act) => act.run(),
            Kind::CertifyService(act) => act.run(),
            Kind::Suspend(act) => act.provider(),
            Kind::SuspendService(act) => act.service(),
        }
    }
}

/// Register a provider
#[derive(Debug, clap::Args)]
#[command(after_help = REGISTER)]
struct Register {
    /// The legal name
    #[arg(value_name = "LEGAL_NAME")]
    legal_name: String,
    /// The id of the provider [default: the registry assigns one]
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    id: String,
    /// The type of facility, such as COMMUNITY_MENTAL_HEALTH_CENTER
    #[arg(long = "type", value_name = "TYPE", value_parser = read_facility_type)]
    facility_type: FacilityType,
    /// The county
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    county: String,
    /// A National Provider Identifier of the organization; may be repeated
    #[arg(long, value_name = "NUMBER")]
    npi: Vec<String>,
    /// A provider number of the Division of Medicaid; may be repeated
    #[arg(long, value_name = "NUMBER")]
    medicaid_id: Vec<String>,
    #[command(flatten)]
    acting: Acting,
}

const REGISTER: &str = "\
Example:
  cpss-registry act provider register 'Example Day Center' --id example-day --type day-treatment --county Hinds --yes";

impl Register {
    fn run(self) -> Result<Outcome, Failure> {
        let npi = of_kind(IdentifierKind::Npi, self.npi);
        let request = RegisterProviderRequest {
            note: self.acting.note(),
            provider_id: self.id,
            legal_name: self.legal_name,
            facility_type: self.facility_type.into(),
            county: self.county,
            identifiers: npi.chain(of_kind(IdentifierKind::MedicaidId, self.medicaid_id)).collect(),
            ..RegisterProviderRequest::default()
        };
        self.acting.record(&Command::RegisterProvider(request))
    }
}

/// Change what is on record about a provider; what is not given stays as it is
#[derive(Debug, clap::Args)]
#[command(after_help = UPDATE)]
struct Update {
    /// The provider
    #[arg(value_name = "ID")]
    provider: String,
    /// The new legal name
    #[arg(long, value_name = "LEGAL_NAME")]
    name: Option<String>,
    /// The new type of facility, such as COMMUNITY_MENTAL_HEALTH_CENTER
    #[arg(long = "type", value_name = "TYPE", value_parser = read_facility_type)]
    facility_type: Option<FacilityType>,
    /// The new county
    #[arg(long, value_name = "NAME")]
    county: Option<String>,
    /// The National Provider Identifiers, in place of those on record; may be repeated; - for none
    #[arg(long, value_name = "NUMBER")]
    npi: Vec<String>,
    /// The provider numbers of the Division of Medicaid, in place of those on record; may be repeated; - for none
    #[arg(long, value_name = "NUMBER")]
    medicaid_id: Vec<String>,
    #[command(flatten)]
    acting: Acting,
}

const UPDATE: &str = "\
Example:
  cpss-registry act provider update region-3-cmhc --county Lee --yes";

impl Update {
    fn run(self) -> Result<Outcome, Failure> {
        let on_record = block_on(self.on_record())?;
        let numbers = |kind: IdentifierKind, given: Vec<String>| -> Vec<Identifier> {
            if given.is_empty() {
                on_record.identifiers.iter().filter(|it| it.kind() == kind).cloned().collect()
            } else {
                of_kind(kind, given.into_iter().filter(|number| number != "-").collect()).collect()
            }
        };
        let npi = numbers(IdentifierKind::Npi, self.npi);
        let medicaid_ids = numbers(IdentifierKind::MedicaidId, self.medicaid_id);
        let request = UpdateProviderRequest {
            note: self.acting.note(),
            provider_id: self.provider,
            legal_name: self.name.unwrap_or(on_record.legal_name),
            facility_type: self.facility_type.map_or(on_record.facility_type, Into::into),
            county: self.county.unwrap_or(on_record.county),
            identifiers: [npi, medicaid_ids].concat(),
            ..UpdateProviderRequest::default()
        };
        self.acting.record(&Command::UpdateProvider(request))
    }

    /// What is on record about the provider.
    async fn on_record(&self) -> Result<Provider, Failure> {
        let mut service = ProviderServiceClient::new(self.acting.recording.connection.open(TIMEOUT).await?);
        let request = GetProviderRequest { provider_id: self.provider.clone(), ..GetProviderRequest::default() };
        let answered = service.get_provider(request).await.map_err(|status| Failure::answered(&status))?;
        Ok(answered.into_inner().provider.unwrap_or_default())
    }
}

/// Record that DMH operates, certifies, funds or licenses a provider; a renewal is recorded in the same way
#[derive(Debug, clap::Args)]
#[command(after_help = QUALIFY)]
struct Qualify {
    /// The provider
    #[arg(value_name = "ID")]
    provider: String,
    /// How it qualifies: dmh-operated, dmh-certified, dmh-funded or dmh-licensed
    #[arg(long, value_name = "BASIS", value_parser = read_basis)]
    basis: QualificationBasis,
    #[command(flatten)]
    certified: Certified,
    #[command(flatten)]
    acting: Acting,
}

const QUALIFY: &str = "\
Example:
  cpss-registry act provider qualify region-3-cmhc --basis dmh-funded --first-day $(date +%F) --yes";

/// The days of a qualification or a certification.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Certified {
    #[command(flatten)]
    days: Days,
    /// The expiry date on the certificate. Nothing ends on it, but answers are undetermined after it until a renewal is
    /// recorded
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    valid_through: Option<Date>,
}

impl Qualify {
    fn run(self) -> Result<Outcome, Failure> {
        let Certified { days, valid_through } = self.certified;
        let request = RecordQualificationRequest {
            note: self.acting.note(),
            provider_id: self.provider,
            basis: self.basis.into(),
            first_day: Some(days.first_day),
            last_day: days.last_day,
            valid_through,
            ..RecordQualificationRequest::default()
        };
        self.acting.record(&Command::RecordQualification(request))
    }
}

/// Certify the peer support service of a provider, which billing depends on
#[derive(Debug, clap::Args)]
#[command(after_help = CERTIFY)]
struct CertifyService {
    /// The provider
    #[arg(value_name = "ID")]
    provider: String,
    #[command(flatten)]
    certified: Certified,
    #[command(flatten)]
    acting: Acting,
}

const CERTIFY: &str = "\
Example:
  cpss-registry act provider certify-service region-3-cmhc --first-day $(date +%F) --yes";

impl CertifyService {
    fn run(self) -> Result<Outcome, Failure> {
        let Certified { days, valid_through } = self.certified;
        let request = CertifyPeerServiceRequest {
            note: self.acting.note(),
            provider_id: self.provider,
            first_day: Some(days.first_day),
            last_day: days.last_day,
            valid_through,
            ..CertifyPeerServiceRequest::default()
        };
        self.acting.record(&Command::CertifyPeerService(request))
    }
}

/// A suspension.
#[derive(Debug, clap::Args)]
struct Suspend {
    /// The provider
    #[arg(value_name = "ID")]
    provider: String,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    acting: Acting,
}

impl Suspend {
    fn provider(self) -> Result<Outcome, Failure> {
        let request = SuspendProviderRequest {
            note: self.acting.note(),
            provider_id: self.provider,
            first_day: Some(self.days.first_day),
            last_day: self.days.last_day,
            ..SuspendProviderRequest::default()
        };
        self.acting.record(&Command::SuspendProvider(request))
    }

    fn service(self) -> Result<Outcome, Failure> {
        let request = SuspendPeerServiceRequest {
            note: self.acting.note(),
            provider_id: self.provider,
            first_day: Some(self.days.first_day),
            last_day: self.days.last_day,
            ..SuspendPeerServiceRequest::default()
        };
        self.acting.record(&Command::SuspendPeerService(request))
    }
}

fn of_kind(kind: IdentifierKind, numbers: Vec<String>) -> impl Iterator<Item = Identifier> {
    numbers.into_iter().map(move |value| Identifier { kind: kind.into(), value })
}

/// Reads a type of facility.
pub fn read_facility_type(text: &str) -> Result<FacilityType, String> {
    read_code(text, FacilityType::as_str_name, "FACILITY_TYPE_")
}

fn read_basis(text: &str) -> Result<QualificationBasis, String> {
    read_code(text, QualificationBasis::as_str_name, "QUALIFICATION_BASIS_")
}
