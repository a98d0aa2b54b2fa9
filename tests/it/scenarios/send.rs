//! Sending commands: by the RPC of their name, or as a row of an import.

use cpss_registry::proto::google::rpc;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as RowResult;
use cpss_registry::proto::v1::import_row::Command;
use prost::Message as _;
use tonic::{Code, Status};

use crate::harness::{Accepted as _, Client, Messages as _};

/// The result of an accepted command.
#[derive(Clone, Default)]
pub struct Outcome {
    /// The encoded response.
    pub bytes: Vec<u8>,
    /// The ids of the recorded facts.
    pub fact_ids: Vec<String>,
    /// The revision of the record, or of the head.
    pub revision: u64,
    /// The changes in the response.
    pub changes: Vec<v1::Change>,
    /// The number of changes.
    pub change_count: u32,
    /// The foreseen changes.
    pub foreseen: Vec<v1::Change>,
    /// The number of foreseen changes.
    pub foreseen_count: u32,
    /// The number of people affected.
    pub people: u32,
    /// The id of the subject.
    pub id: String,
    /// The person, if the subject is a credential or a job.
    pub specialist_id: String,
    /// The jobs.
    pub employment_ids: Vec<String>,
}

/// A command with the way to send it.
#[derive(Clone)]
pub struct Sent {
    /// The command.
    pub command: Command,
    /// The request id.
    pub request_id: String,
    /// The note.
    pub note: String,
    /// Whether it is a row of an import.
    pub by_import: bool,
}

impl Sent {
    /// Sends the command, with or without `validate_only`.
    pub async fn to(self, client: &Client, validate_only: bool) -> Result<Outcome, Status> {
        if self.by_import {
            let row = v1::ImportRow {
                request_id: self.request_id,
                validate_only,
                note: self.note,
                command: Some(self.command),
            };
            return import(client, row).await;
        }
        call(client, self, validate_only).await
    }
}

/// Extracts the common fields of a response.
macro_rules! answered {
    ($client:ident, $sent:ident, $validate_only:ident, $request:ident) => {{
        let (request_id, note) = ($sent.request_id, $sent.note);
        let mut request = $request;
        (request.request_id, request.note, request.validate_only) = (request_id, note, $validate_only);
        let answer = $client.call(request).await?;
        let outcome = Outcome {
            bytes: answer.encode_to_vec(),
            fact_ids: answer.fact_ids().to_vec(),
            revision: answer.position().1,
            changes: answer.changes().1.to_vec(),
            change_count: answer.changes().0,
            foreseen: answer.foreseen().1.to_vec(),
            foreseen_count: answer.foreseen().0,
            people: answer.specialist_count,
            ..Outcome::default()
        };
        (answer, outcome)
    }};
}

/// Defines a function that sends the commands of a service, each by its RPC.
macro_rules! calls {
    ($name:ident: $($variant:ident)* => |$answer:ident, $outcome:ident| $about:block) => {
        async fn $name(client: &Client, sent: Sent, validate_only: bool) -> Result<Outcome, Status> {
            match sent.command {
                $(Command::$variant(request) => {
                    let ($answer, mut $outcome) = answered!(client, sent, validate_only, request);
                    $about
                    Ok($outcome)
                })*
                other => panic!("not sent here: {other:?}"),
            }
        }
    };
}

calls! {
    of_a_specialist: RegisterSpecialist ChangeSpecialistName RecordDeath => |answer, outcome| {
        outcome.id = answer.specialist.unwrap_or_default().specialist_id;
        outcome.specialist_id.clone_from(&outcome.id);
    }
}

calls! {
    of_a_credential: IssueCredential RenewCredential GrantDesignation SuspendCredential LimitCredential
        GrantInactiveStatus RevokeCredential RecordSurrender RecordRelinquishment RecordRetirement
        ReinstateCredential SetPriorNumber => |answer, outcome| {
        let credential = answer.credential.unwrap_or_default();
        (outcome.id, outcome.specialist_id) = (credential.credential_number, credential.specialist_id);
    }
}

calls! {
    of_a_job: ReportEmploymentStart ReportEmploymentEnd CorrectEmployment => |answer, outcome| {
        let job = answer.employment.unwrap_or_default();
        (outcome.id, outcome.specialist_id) = (job.employment_id, job.specialist_id);
    }
}

calls! {
    of_a_provider: RegisterProvider UpdateProvider RecordQualification SuspendProvider CertifyPeerService
        SuspendPeerService => |answer, outcome| {
        outcome.id = answer.provider.unwrap_or_default().provider_id;
    }
}

calls! {
    of_a_fact: EndPeriod RetractFact => |answer, outcome| {
        outcome.id = answer.fact.unwrap_or_default().fact_id;
    }
}

calls! {
    of_a_staff: TransferEmployments => |answer, outcome| {
        outcome.employment_ids = answer.employments.into_iter().map(|job| job.employment_id).collect();
    }
}

async fn call(client: &Client, sent: Sent, validate_only: bool) -> Result<Outcome, Status> {
    match sent.command {
        Command::RegisterSpecialist(_) | Command::ChangeSpecialistName(_) | Command::RecordDeath(_) => {
            of_a_specialist(client, sent, validate_only).await
        }
        Command::IssueCredential(_)
        | Command::RenewCredential(_)
        | Command::GrantDesignation(_)
        | Command::SuspendCredential(_)
        | Command::LimitCredential(_)
        | Command::GrantInactiveStatus(_)
        | Command::RevokeCredential(_)
        | Command::RecordSurrender(_)
        | Command::RecordRelinquishment(_)
        | Command::RecordRetirement(_)
        | Command::ReinstateCredential(_)
        | Command::SetPriorNumber(_) => of_a_credential(client, sent, validate_only).await,
        Command::ReportEmploymentStart(_) | Command::ReportEmploymentEnd(_) | Command::CorrectEmployment(_) => {
            of_a_job(client, sent, validate_only).await
        }
        Command::RegisterProvider(_)
        | Command::UpdateProvider(_)
        | Command::RecordQualification(_)
        | Command::SuspendProvider(_)
        | Command::CertifyPeerService(_)
        | Command::SuspendPeerService(_) => of_a_provider(client, sent, validate_only).await,
        Command::EndPeriod(_) | Command::RetractFact(_) => of_a_fact(client, sent, validate_only).await,
        Command::TransferEmployments(_) => of_a_staff(client, sent, validate_only).await,
        Command::RecordsBegin(_) | Command::Transferred(_) => panic!("only an import has this row"),
    }
}

async fn import(client: &Client, row: v1::ImportRow) -> Result<Outcome, Status> {
    let request_id = row.request_id.clone();
    let command = row.command.clone();
    let rows = tokio_stream::once(v1::ImportRecordsRequest { row: Some(row) });
    let mut answers = client.record().import_records(rows).await?.into_inner();
    let answer = answers.next_message().await?.expect("an answer for the row");
    assert_eq!(answer.request_id, request_id, "an answer says to which row");
    assert!(answers.next_message().await?.is_none(), "one answer for one row");
    let bytes = answer.encode_to_vec();
    match answer.result.expect("a result") {
        RowResult::Outcome(found) => Ok(Outcome {
            bytes,
            revision: found.revision,
            change_count: found.change_count,
            foreseen_count: found.foreseen_change_count,
            people: found.specialist_count,
            id: match command {
                Some(Command::RegisterSpecialist(_)) => found.specialist_id.clone(),
                Some(Command::RegisterProvider(_)) => found.provider_id,
                Some(Command::ReportEmploymentStart(_)) => found.employment_id,
                _ => found.credential_number,
            },
            specialist_id: found.specialist_id,
            employment_ids: found.employment_ids,
            fact_ids: found.fact_ids,
            ..Outcome::default()
        }),
        RowResult::Error(error) => Err(as_status(&error)),
    }
}

/// Converts the error of a row to a status.
fn as_status(error: &rpc::Status) -> Status {
    Status::with_details(Code::from(error.code), error.message.clone(), error.encode_to_vec().into())
}
