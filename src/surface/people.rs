//! Searches for people on file, with or without a credential: FindSpecialists, and the possible duplicates of a
//! registration.

use tonic::{Request, Response, Status};

use super::page::{Page, Room};
use super::read_audit::AuditEntry;
use super::redaction::{CallContext, context};
use super::{Contract, answer, day_asked, decode, encode, status, unreadable};
use crate::domain::id::{CredentialNumber, Revision};
use crate::domain::specialist::Specialist;
use crate::proto::v1;
use crate::registry::list::Place;
use crate::registry::people::FoundPerson;
use crate::registry::snapshot::KnownAt;

impl Contract {
    /// Returns a page of the people that match.
    pub(super) async fn people(
        &self,
        request: Request<v1::FindSpecialistsRequest>,
    ) -> Result<Response<v1::FindSpecialistsResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let asked = decode::find_specialists(&request);
        let (filter, known_at) = asked.map_err(|rejection| status::rejected(&rejection))?;
        let page: Page<Place> = self.page(&context, &request, known_at).await?;
        let today = day_asked(&page.snapshot, "as_of", None)?;
        let window = page.window.clone();
        let search = page.snapshot.off_thread(move |snapshot| snapshot.people(&filter, window));
        let found = search.await.map_err(|error| unreadable(&error))?;
        let cut = page.cut(found, |found| encode::found_specialist(found, today));
        let (method, about) = ("CredentialService/FindSpecialists", AuditEntry::default());
        self.audit_list(&context, method, &page.snapshot, about, cut.entries.iter().map(credential)).await?;
        Ok(Response::new(v1::FindSpecialistsResponse {
            specialists: cut.messages,
            next_page_token: cut.next_page_token,
            answer: Some(answer(&page.snapshot, today)),
        }))
    }

    /// Returns the people who may be a person that was registered, as known at a revision.
    pub(super) async fn possible_duplicates(
        &self,
        context: &CallContext,
        person: &Specialist,
        revision: Revision,
    ) -> Result<Vec<v1::FoundSpecialist>, Status> {
        let snapshot = self.pin_at(KnownAt::Revision(None, revision)).await?;
        let person = person.clone();
        let search = snapshot.off_thread(move |snapshot| snapshot.possible_duplicates(&person));
        let found = search.await.map_err(|error| unreadable(&error))?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let today = day_asked(&snapshot, "as_of", None)?;
        let (method, about) = ("CredentialService/RegisterSpecialist", AuditEntry::default());
        self.audit_list(context, method, &snapshot, about, found.iter().map(credential)).await?;
        let mut room = Room::of_a_page();
        let messages = found.iter().map(|found| encode::found_specialist(found, today));
        Ok(messages.take_while(|message| room.takes(message)).collect())
    }
}

/// Returns the number by which the audit names a person.
fn credential(found: &FoundPerson) -> Option<CredentialNumber> {
    found.person.the_credential().map(|credential| credential.number)
}
