//! PreviewImpact: everything that a command would change, or that a record changed, with the names of the people
//! concerned. The changes are held in memory and sent in groups; the people of a group are in the audit before it is
//! sent.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::pin::Pin;
use std::vec;

use futures_util::stream;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::accepted::{Impacted, change};
use super::decode::JudgedAs;
use super::limits::fair;
use super::list_budget::{ALL_LISTS_BYTES, ListShare};
use super::mutation::refused;
use super::read_audit::{self, AuditEntry, PersonId};
use super::redaction::{CallContext, context};
use super::{Contract, decode, drop_in_background, status, unpinned, unreadable};
use crate::auth::{self, Right, Rows};
use crate::domain::id::{CredentialNumber, FactId, Revision};
use crate::domain::record::Change;
use crate::proto::v1;
use crate::proto::v1::import_row::Command as Row;
use crate::proto::v1::preview_impact_request::Subject;
use crate::proto::v1::preview_impact_response::Kind;
use crate::registry::snapshot::{KnownAt, Snapshot};
use crate::registry::{Impact, PinError};
use crate::telemetry::audit::BatchSummary;

const PATH: &str = "/ms.dmh.credential.v1.RecordService/PreviewImpact";
const METHOD: &str = "RecordService/PreviewImpact";

/// The number of changes that are sent together.
const GROUP: usize = 256;

/// Above this number of changes, the memory is freed in the background.
const FREE_IN_BACKGROUND: usize = 1000;

/// The messages of a PreviewImpact.
pub(super) type ImpactStream = Pin<Box<dyn Stream<Item = Result<v1::PreviewImpactResponse, Status>> + Send>>;

impl Contract {
    /// Returns the impact of a command or a record.
    pub(super) async fn impact(
        &self,
        request: Request<v1::PreviewImpactRequest>,
    ) -> Result<Response<ImpactStream>, Status> {
        let context = context(&request)?;
        let v1::PreviewImpactRequest { subject, epoch } = request.into_inner();
        let (context, impacted) = match subject {
            None => return Err(status::invalid_field("subject", "required: command or revision")),
            Some(Subject::Command(row)) => self.impact_of_command(context, &row).await?,
            Some(Subject::Revision(revision)) => {
                let impacted = self.impact_of_record(&context, revision, &epoch).await?;
                (context, impacted)
            }
        };
        let mut sending = Box::new(self.sending(context, impacted)?);
        // The header goes out with the first changes, after their people are in the audit.
        sending.read_group().await?;
        let messages = stream::try_unfold(sending, |mut sending| async move {
            Ok(sending.next().await?.map(|message| (message, sending)))
        });
        Ok(Response::new(Box::pin(fair(messages))))
    }

    /// Judges a command of this caller, with the caller's right to give it.
    async fn impact_of_command(
        &self,
        context: CallContext,
        row: &v1::ImportRow,
    ) -> Result<(CallContext, Impacted), Status> {
        let Some(command) = &row.command else {
            return Err(status::invalid_field("command.command", "required"));
        };
        let Some((right, judged_as)) = right_to_give(&context, command) else {
            let denied = status::permission_denied("the caller's role may not give this command");
            self.permitted(&context, Err(denied.clone())).await?;
            return Err(denied);
        };
        if let Row::ReportEmploymentStart(start) = command {
            let named = Some(start.provider_id.as_str()).filter(|id| !id.is_empty());
            self.permitted(&context, context.refuse_other(named)).await?;
        }
        self.catch_up_with(decode::fact_of_row(row)).await?;
        let asked = decode::previewed_command(row, judged_as, &self.tags());
        let context = CallContext { right, ..context };
        let impacted = self.preview(&context, PATH, asked).await?;
        Ok((context, impacted))
    }

    /// Returns the impact of a record that the caller may see.
    async fn impact_of_record(&self, context: &CallContext, revision: u64, epoch: &str) -> Result<Impacted, Status> {
        let asked = decode::previewed_record(revision, epoch).map_err(|rejection| status::rejected(&rejection))?;
        let first = PersonId::Fact(FactId { revision: asked.revision, index: 0 });
        self.audit_read(context, METHOD, &self.registry.pin_head(), AuditEntry::named(first)).await?;
        let not_found = || status::not_found("record", &revision.to_string());
        let snapshot = match self.registry.pin(KnownAt::Revision(asked.epoch, asked.revision)).await {
            Ok(snapshot) => snapshot,
            Err(PinError::BeyondHead { .. }) => return Err(not_found()),
            Err(error) => return Err(unpinned("revision", error)),
        };
        let sees_all = context.right.rows == Rows::Everything;
        let reported_by = (!sees_all).then(|| context.caller.role.clone());
        let found = self.registry.impact(asked.revision, reported_by).await;
        let mut impact = found.map_err(|error| refused(&error, uuid::Uuid::nil()))?.ok_or_else(not_found)?;
        let shown = context.redact_impact(&mut impact);
        let Impact { revision, changes, foreseen, specialist_count: _ } = impact;
        let epoch = snapshot.epoch.to_string();
        Ok(Impacted { epoch, revision, shown, changes, foreseen, unassigned: BTreeSet::new(), new: None })
    }

    /// Starts to send an impact.
    fn sending(&self, context: CallContext, impacted: Impacted) -> Result<Sending, Status> {
        let Impacted { epoch, revision, shown, changes, foreseen, unassigned, new } = impacted;
        let snapshot = self.registry.pin_head();
        let mut sending = Sending {
            tally: self.tally(&context, METHOD, &snapshot),
            context,
            snapshot,
            ready: VecDeque::from([header(epoch, revision, shown.counts())]),
            share: self.lists.share(),
            changes: changes.into_iter(),
            foreseen: foreseen.into_iter(),
            unassigned,
            new,
        };
        let changes = sending.left();
        take_room(&mut sending.share, changes)?;
        Ok(sending)
    }
}

/// Takes the memory that changes need.
fn take_room(share: &mut ListShare, changes: usize) -> Result<(), Status> {
    let bytes = changes * size_of::<Change>();
    if bytes > ALL_LISTS_BYTES {
        return Err(status::too_large("the impact is too large to be sent: read the changes from the feed"));
    }
    if !share.take(bytes) {
        return Err(status::too_many("too many impacts and staff lists are being sent: try again later"));
    }
    Ok(())
}

/// Returns the caller's right to give a command, and what it is judged as.
fn right_to_give<'a>(context: &'a CallContext, command: &Row) -> Option<(Right, JudgedAs<'a>)> {
    let right = |name: &str| auth::methods().find(|method| method.name == name)?.right(&context.caller.role);
    let by_rpc = decode::rpc_of(command).and_then(right).map(|right| (right, JudgedAs::Rpc(context.own())));
    by_rpc.or_else(|| right("ImportRecords").map(|right| (right, JudgedAs::ImportRow)))
}

fn header(
    epoch: String,
    revision: Revision,
    (changes, foreseen, people): (u32, u32, u32),
) -> v1::PreviewImpactResponse {
    let header = v1::ImpactHeader {
        epoch,
        revision: revision.0,
        change_count: changes,
        foreseen_change_count: foreseen,
        specialist_count: people,
    };
    v1::PreviewImpactResponse { kind: Some(Kind::Header(header)) }
}

/// An impact that is being sent.
struct Sending {
    context: CallContext,
    /// The head, for the names of people.
    snapshot: Snapshot,
    /// The people in the messages, for the audit.
    tally: BatchSummary,
    /// Messages whose people are in the audit, so that they may be sent.
    ready: VecDeque<v1::PreviewImpactResponse>,
    share: ListShare,
    changes: vec::IntoIter<Change>,
    foreseen: vec::IntoIter<Change>,
    /// The ids that are not assigned.
    unassigned: BTreeSet<String>,
    /// A credential that is not on file yet, with the name of its holder.
    new: Option<(CredentialNumber, String)>,
}

impl Sending {
    /// Returns the number of changes that are not sent yet.
    fn left(&self) -> usize {
        self.changes.len() + self.foreseen.len()
    }

    /// Returns the next message; `None` at the end.
    async fn next(&mut self) -> Result<Option<v1::PreviewImpactResponse>, Status> {
        if self.ready.is_empty() {
            self.read_group().await?;
        }
        Ok(self.ready.pop_front())
    }

    /// Gets the next changes ready.
    async fn read_group(&mut self) -> Result<(), Status> {
        let up_to_today = self.changes.by_ref().map(|change| (change, false));
        let later = self.foreseen.by_ref().map(|change| (change, true));
        let group: Vec<_> = up_to_today.chain(later).take(GROUP).collect();
        let people: BTreeSet<_> = group.iter().filter_map(|(change, _)| change.credential()).collect();
        let is_new = |number: CredentialNumber| self.new.as_ref().is_some_and(|(new, _)| *new == number);
        let on_file: Vec<_> = people.into_iter().filter(|number| !is_new(*number)).collect();
        let mut names = self.names(&on_file).await?;
        names.extend(self.new.clone());
        let messages = group.iter().map(|(of, foreseen)| v1::ImpactChange {
            change: Some(change(of, &self.unassigned)),
            foreseen: *foreseen,
            display_name: of.credential().and_then(|number| names.get(&number)).cloned().unwrap_or_default(),
        });
        let messages = messages.map(|change| v1::PreviewImpactResponse { kind: Some(Kind::Change(change)) });
        self.ready.extend(messages);
        Ok(())
    }

    /// Writes people to the audit, and returns the names that the caller may see.
    async fn names(&mut self, people: &[CredentialNumber]) -> Result<HashMap<CredentialNumber, String>, Status> {
        if people.is_empty() {
            return Ok(HashMap::new());
        }
        for number in people {
            read_audit::add_listed(&mut self.tally, Some(*number))?;
        }
        read_audit::written(self.tally.write()).await?;
        let seen = people.iter().filter(|number| self.context.sees_holder(&self.snapshot, **number)).copied().collect();
        self.snapshot.holder_names(seen).await.map_err(|error| unreadable(&error))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.left() > FREE_IN_BACKGROUND {
            let (changes, foreseen) = (std::mem::take(&mut self.changes), std::mem::take(&mut self.foreseen));
            drop_in_background((changes, foreseen, std::mem::take(&mut self.unassigned), self.share.hand_over()));
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::surface::list_budget::ListBudget;

    #[test]
    fn the_changes_that_are_held_are_limited_of_one_impact_and_of_all() {
        let reason =
            |taken: Result<(), Status>| taken.unwrap_err().get_error_details().error_info().unwrap().reason.clone();
        let most = ALL_LISTS_BYTES / size_of::<Change>();
        let budget = ListBudget::default();
        let (mut one, mut other) = (budget.share(), budget.share());
        assert_eq!(reason(take_room(&mut one, most + 1)), "TOO_LARGE");
        take_room(&mut one, most).unwrap();
        assert_eq!(reason(take_room(&mut other, most)), "TOO_MANY");
        drop(one);
        take_room(&mut other, most).unwrap();
    }
}
