//! ListReads: who asked about a credential, or what a client asked, according to the audit.

use std::collections::BTreeSet;

use tonic::{Request, Response, Status};

use super::page::Page;
use super::read_audit::AuditEntry;
use super::redaction::context;
use super::{Contract, answer, day_asked, decode, encode, status, unreadable};
use crate::domain::id::CredentialNumber;
use crate::proto::v1;
use crate::registry::list;
use crate::registry::search::FactsOf;
use crate::registry::snapshot::{KnownAt, Snapshot};
use crate::telemetry::audit::{Bounds, Query, Read, ReadPlace};

/// The maximum number of credential numbers on a page, apart from those of its last line.
const NUMBERS: usize = 10_000;

/// The number of bytes of the audit that a page searches.
const LOOKED_THROUGH: usize = 256 * 1024 * 1024;

impl Contract {
    /// Returns a page of the audit.
    pub(super) async fn reads(
        &self,
        request: Request<v1::ListReadsRequest>,
    ) -> Result<Response<v1::ListReadsResponse>, Status> {
        const METHOD: &str = "RecordService/ListReads";
        let context = context(&request)?;
        let request = request.into_inner();
        let asked = decode::list_reads(&request).map_err(|rejection| status::rejected(&rejection))?;
        let page: Page<ReadPlace> = self.page(&context, &request, KnownAt::Head).await?;
        let clock = self.registry.clock();
        let ids = match asked.number {
            Some(number) => self.ids_of(&page.snapshot, number).await?,
            None => Vec::new(),
        };
        let query = Query {
            number: asked.number.map(CredentialNumber::text),
            ids,
            client: asked.client,
            from: asked.first_day.map(|day| clock.begins(day)),
            until: asked.last_day.map(|day| clock.begins(day.next())),
        };
        let bounds = Bounds { lines: page.window.size, numbers: NUMBERS, bytes: LOOKED_THROUGH };
        let found = self.audit.search(query, page.window.after, bounds).await.map_err(|error| unsearchable(&error))?;
        let unreadable_files = found.unreadable;
        let found = list::Found { entries: found.reads, next: found.next, examined: 0 };
        let cut = page.cut(found, encode::audited_read);
        let about = AuditEntry::person(asked.number, None);
        if asked.number.is_some() {
            self.audit_read(&context, METHOD, &page.snapshot, about).await?;
        } else {
            let numbers: BTreeSet<_> =
                cut.entries.iter().flat_map(|read: &Read| read.numbers.iter().map(|(number, _)| *number)).collect();
            let numbers = numbers.iter().map(|number| std::str::from_utf8(number).ok()?.parse().ok());
            self.audit_list(&context, METHOD, &page.snapshot, about, numbers).await?;
        }
        let today = day_asked(&page.snapshot, "as_of", None)?;
        Ok(Response::new(v1::ListReadsResponse {
            reads: cut.messages,
            next_page_token: cut.next_page_token,
            unreadable_files,
            answer: Some(answer(&page.snapshot, today)),
        }))
    }
}

impl Contract {
    /// Returns the ids by which a question may name the holder of a credential: the person's, and those of all jobs and
    /// facts.
    async fn ids_of(&self, snapshot: &Snapshot, number: CredentialNumber) -> Result<Vec<String>, Status> {
        let file = snapshot.off_thread(move |snapshot| snapshot.file_of(&FactsOf::Credential(number))).await;
        let Some(file) = file.map_err(|error| unreadable(&error))? else { return Ok(Vec::new()) };
        let tags = self.tags();
        let jobs = file.facts().iter().filter_map(|recorded| recorded.fact.starts_job());
        let jobs = jobs.map(|(employment, _)| employment.to_string());
        let facts = file.facts().iter().map(|recorded| encode::fact_id(recorded.id, &tags));
        Ok(std::iter::once(file.id.to_string()).chain(jobs).chain(facts).collect())
    }
}

/// Returns the status for an audit that cannot be searched. Logs the cause.
fn unsearchable(error: &std::io::Error) -> Status {
    let error = error as &dyn std::error::Error;
    tracing::error!(event = "audit_search_failed", error, "the audit could not be searched");
    status::internal()
}
