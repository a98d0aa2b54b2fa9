//! ListReads: who asked about a credential, and what a client asked, as the audit has it.

use std::collections::BTreeSet;

use tonic::{Request, Response, Status};

use super::page::Page;
use super::read_audit::Found;
use super::redaction::asker;
use super::{Contract, answer, day_asked, decode, encode, status, unreadable};
use crate::domain::id::CredentialNumber;
use crate::proto::v1;
use crate::registry::list;
use crate::registry::search::FactsOf;
use crate::registry::snapshot::{KnownAt, Snapshot};
use crate::telemetry::audit::{Bounds, Query, Read, ReadPlace};

/// How many numbers the lines of a page hold in all, beside those of the last line.
const NUMBERS: usize = 10_000;

/// How much of the audit a page looks through.
const LOOKED_THROUGH: usize = 256 * 1024 * 1024;

impl Contract {
    /// A page of the audit.
    pub(super) async fn reads(
        &self,
        request: Request<v1::ListReadsRequest>,
    ) -> Result<Response<v1::ListReadsResponse>, Status> {
        const METHOD: &str = "RecordService/ListReads";
        let asker = asker(&request)?;
        let request = request.into_inner();
        let asked = decode::list_reads(&request).map_err(|rejection| status::rejected(&rejection))?;
        let page: Page<ReadPlace> = self.page(&asker, &request, KnownAt::Head).await?;
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
        let found = list::Found { entries: found.reads, next: found.next, looked_at: 0 };
        let cut = page.cut(found, encode::audited_read);
        let about = Found::person(asked.number, None);
        if asked.number.is_some() {
            self.note(&asker, METHOD, &page.snapshot, about).await?;
        } else {
            let numbers: BTreeSet<_> =
                cut.entries.iter().flat_map(|read: &Read| read.numbers.iter().map(|(number, _)| *number)).collect();
            let numbers = numbers.iter().map(|number| std::str::from_utf8(number).ok()?.parse().ok());
            self.note_all(&asker, METHOD, &page.snapshot, about, numbers).await?;
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
    /// The ids by which a question may name the holder of a credential: the person's, and those of all jobs and facts.
    async fn ids_of(&self, snapshot: &Snapshot, number: CredentialNumber) -> Result<Vec<String>, Status> {
        let file = snapshot.off_thread(move |snapshot| snapshot.file_of(&FactsOf::Credential(number))).await;
        let Some(file) = file.map_err(|error| unreadable(&error))? else { return Ok(Vec::new()) };
        let tags = self.tags();
        let jobs = file.facts.iter().filter_map(|recorded| recorded.fact.starts_job());
        let jobs = jobs.map(|(employment, _)| employment.to_string());
        let facts = file.facts.iter().map(|recorded| encode::fact_id(recorded.id, &tags));
        Ok(std::iter::once(file.id.to_string()).chain(jobs).chain(facts).collect())
    }
}

/// The status when the files of the audit cannot be searched. The cause goes to the log.
fn unsearchable(error: &std::io::Error) -> Status {
    let error = error as &dyn std::error::Error;
    tracing::error!(event = "audit_search_failed", error, "the audit could not be searched");
    status::internal()
}
