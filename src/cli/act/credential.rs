//! The acts on a credential.

use clap::ValueEnum;

use super::{Acting, Days};
use crate::cli::Outcome;
use crate::cli::dates::read_date;
use crate::cli::failure::Failure;
use crate::cli::personal::{Field, PersonalInput};
use crate::cli::question::read_designation;
use crate::proto::google::r#type::Date;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::{
    Designation, GrantDesignationRequest, GrantInactiveStatusRequest, LimitCredentialRequest,
    RecordRelinquishmentRequest, RecordRetirementRequest, RecordSurrenderRequest, ReinstateCredentialRequest,
    RenewCredentialRequest, RevocationBasis, RevokeCredentialRequest, SetPriorNumberRequest, SuspendCredentialRequest,
    SuspensionBasis,
};

/// The examples of `reinstate`.
pub const REINSTATE: &str = "\
Examples:
  echo 'family_name: Tate' |
    cpss-registry report start CPS-F1VP-N7DH-M --provider region-3-cmhc --first-day $(date +%F) --person -
  cpss-registry act reinstate CPS-F1VP-N7DH-M --effective-from $(date +%F) --yes";

/// An act that takes effect on a day.
#[derive(Debug, clap::Args)]
pub struct Dated {
    /// The credential number
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The first day on which it has effect, such as 2026-03-02 or 3/2/2026
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    effective_from: Date,
    #[command(flatten)]
    acting: Acting,
}

/// Makes the request of an act that takes effect on a day.
macro_rules! dated {
    ($it:ident, $request:ident) => {
        $request {
            note: $it.acting.note(),
            credential_number: $it.number.clone(),
            effective_from: Some($it.effective_from),
            ..$request::default()
        }
    };
}

impl Dated {
    pub(super) fn revoke(self) -> Result<Outcome, Failure> {
        let basis = RevocationBasis::Disciplinary.into();
        let request = RevokeCredentialRequest { basis, ..dated!(self, RevokeCredentialRequest) };
        self.acting.record(&Command::RevokeCredential(request))
    }

    pub(super) fn surrender(self) -> Result<Outcome, Failure> {
        self.acting.record(&Command::RecordSurrender(dated!(self, RecordSurrenderRequest)))
    }

    pub(super) fn relinquish(self) -> Result<Outcome, Failure> {
        self.acting.record(&Command::RecordRelinquishment(dated!(self, RecordRelinquishmentRequest)))
    }

    pub(super) fn retire(self) -> Result<Outcome, Failure> {
        self.acting.record(&Command::RecordRetirement(dated!(self, RecordRetirementRequest)))
    }

    pub(super) fn reinstate(self) -> Result<Outcome, Failure> {
        self.acting.record(&Command::ReinstateCredential(dated!(self, ReinstateCredentialRequest)))
    }
}

/// Renew a credential for another term
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cpss-registry act renew CPS-28MS-MN2K-Z --hours 20 --yes")]
pub struct Renew {
    /// The credential number
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The hours of continuing education in the term that is renewed
    #[arg(long, value_name = "HOURS")]
    hours: f64,
    /// The first day of the new term [default: the day after the last term]
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    effective_from: Option<Date>,
    #[command(flatten)]
    acting: Acting,
}

impl Renew {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = RenewCredentialRequest {
            note: self.acting.note(),
            credential_number: self.number,
            effective_from: self.effective_from,
            continuing_education_hours: self.hours,
            ..RenewCredentialRequest::default()
        };
        self.acting.record(&Command::RenewCredential(request))
    }
}

/// Grant a designation
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cpss-registry act grant CPS-28MS-MN2K-Z YOUNG_ADULT --first-day $(date +%F) --yes")]
pub struct Grant {
    /// The credential number
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The designation, such as YOUNG_ADULT
    #[arg(value_name = "DESIGNATION", value_parser = read_designation)]
    designation: Designation,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    acting: Acting,
}

impl Grant {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = GrantDesignationRequest {
            note: self.acting.note(),
            credential_number: self.number,
            code: self.designation.into(),
            first_day: Some(self.days.first_day),
            last_day: self.days.last_day,
            ..GrantDesignationRequest::default()
        };
        self.acting.record(&Command::GrantDesignation(request))
    }
}

/// Suspend a credential
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cpss-registry act suspend CPS-28MS-MN2K-Z --basis ce-audit --first-day $(date +%F) --yes"
)]
pub struct Suspend {
    /// The credential number
    #[arg(value_name = "NUMBER")]
    number: String,
    /// Why; only `disciplinary` reads as discipline
    #[arg(long, value_enum)]
    basis: Basis,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    acting: Acting,
}

/// The bases of a suspension.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Basis {
    Disciplinary,
    CeAudit,
    ExternalOrder,
}

impl Suspend {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let basis = match self.basis {
            Basis::Disciplinary => SuspensionBasis::Disciplinary,
            Basis::CeAudit => SuspensionBasis::CeAudit,
            Basis::ExternalOrder => SuspensionBasis::ExternalOrder,
        };
        let request = SuspendCredentialRequest {
            note: self.acting.note(),
            credential_number: self.number,
            basis: basis.into(),
            first_day: Some(self.days.first_day),
            last_day: self.days.last_day,
            ..SuspendCredentialRequest::default()
        };
        self.acting.record(&Command::SuspendCredential(request))
    }
}

/// Limit a credential; the text of the limitation is asked for
#[derive(Debug, clap::Args)]
#[command(after_help = LIMIT)]
pub struct Limit {
    /// The credential number
    #[arg(value_name = "NUMBER")]
    number: String,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    input: PersonalInput,
    #[command(flatten)]
    acting: Acting,
}

const LIMIT: &str = "\
Example:
  echo 'text: Works with groups only.' |
    cpss-registry act limit CPS-28MS-MN2K-Z --first-day $(date +%F) --person - --yes";

/// The limitation. It is about a person, so it is no argument.
const LIMITATION: Field = Field { name: "text", prompt: "Limitation", is_optional: false };

impl Limit {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = LimitCredentialRequest {
            note: self.acting.note(),
            credential_number: self.number,
            text: self.input.read(&[LIMITATION])?.text(LIMITATION),
            first_day: Some(self.days.first_day),
            last_day: self.days.last_day,
            ..LimitCredentialRequest::default()
        };
        self.acting.record(&Command::LimitCredential(request))
    }
}

/// Grant inactive status: held without a job, but not for practice
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cpss-registry act inactive CPS-28MS-MN2K-Z --first-day $(date +%F) --yes")]
pub struct Inactive {
    /// The credential number
    #[arg(value_name = "NUMBER")]
    number: String,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    acting: Acting,
}

impl Inactive {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = GrantInactiveStatusRequest {
            note: self.acting.note(),
            credential_number: self.number,
            first_day: Some(self.days.first_day),
            last_day: self.days.last_day,
            ..GrantInactiveStatusRequest::default()
        };
        self.acting.record(&Command::GrantInactiveStatus(request))
    }
}

/// Record the number of an earlier certificate of the holder; questions and lists may then name it
#[derive(Debug, clap::Args)]
#[command(after_help = PRIOR_NUMBER)]
pub struct PriorNumber {
    /// The credential number
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The number of the earlier certificate; dashes, blanks and case do not matter
    #[arg(value_name = "PRIOR_NUMBER")]
    prior_number: String,
    #[command(flatten)]
    acting: Acting,
}

const PRIOR_NUMBER: &str = "\
Examples:
  cpss-registry act prior-number CPS-28MS-MN2K-Z MS-00318 --dry-run
  cpss-registry act prior-number CPS-28MS-MN2K-Z MS-00318 --yes

A credential may have several prior numbers. No two credentials have the same one: `act retract` takes a wrong one back.";

impl PriorNumber {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = SetPriorNumberRequest {
            note: self.acting.note(),
            credential_number: self.number,
            prior_number: self.prior_number,
            ..SetPriorNumberRequest::default()
        };
        self.acting.record(&Command::SetPriorNumber(request))
    }
}
