//! The same questions to the copy and to the registry.

use std::path::Path;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::eligibility_item::{BillingProvider, Subject};
use cpss_registry::proto::v1::eligibility_result::Outcome;
use cpss_registry::proto::v1::{Designation, IdentifierKind, Verdict};
use jiff::ToSpan as _;
use jiff::civil::Date;
use rusqlite::{Connection, OpenFlags, named_params};

use super::random_reporter::{FIRST, RandomReporter, identifiers};
use crate::harness::requests::{date, known_at};
use crate::harness::{Client, NOT_ON_FILE};

/// The output of `mirror --query`.
pub const ELIGIBILITY: &str = include_str!("../../../src/cli/mirror/eligibility.sql");

/// The line that holds the claims.
const ONE_CLAIM: &str = "VALUES (:credential_number, :provider_kind, :provider, :day, :designation)";

/// A claim.
#[derive(Clone, Debug)]
pub struct Claim {
    pub number: String,
    pub kind: &'static str,
    pub provider: String,
    pub day: Date,
    pub designation: Option<Designation>,
}

/// The answer: eligible or not, and the verdict. `None`: the copy cannot answer.
pub type Answer = (Option<bool>, Option<String>);

impl Claim {
    /// A claim of a provider by its id.
    pub fn of(number: &str, provider: &str, day: Date) -> Claim {
        Claim { number: number.to_owned(), kind: "PROVIDER_ID", provider: provider.to_owned(), day, designation: None }
    }

    fn item(&self) -> v1::EligibilityItem {
        let provider = self.provider.clone();
        v1::EligibilityItem {
            subject: Some(Subject::CredentialNumber(self.number.clone())),
            billing_provider: Some(match self.kind {
                "NPI" => BillingProvider::Npi(provider),
                "MEDICAID_ID" => BillingProvider::MedicaidId(provider),
                _ => BillingProvider::ProviderId(provider),
            }),
            date_of_service: Some(date(&self.day.to_string())),
            designation: self.designation.unwrap_or_default().into(),
            ..Default::default()
        }
    }

    fn designation_name(&self) -> Option<&'static str> {
        self.designation.map(|code| code.as_str_name().trim_start_matches("DESIGNATION_"))
    }
}

/// All claims for the history of a reporter: every credential and an unknown one, every provider by id and identifiers,
/// every day up to today. With `codes`, also every designation.
pub fn every_claim(reporter: &RandomReporter, codes: bool) -> Vec<Claim> {
    let mut providers: Vec<(&'static str, String)> =
        reporter.providers.iter().map(|id| ("PROVIDER_ID", id.clone())).collect();
    providers.push(("PROVIDER_ID", "not-on-file".to_owned()));
    if !codes {
        providers.extend(identifiers().into_iter().map(|identifier| {
            let is_npi = identifier.kind() == IdentifierKind::Npi;
            (if is_npi { "NPI" } else { "MEDICAID_ID" }, identifier.value)
        }));
    }
    let designations: Vec<Option<Designation>> =
        if codes { (1..=5).map(|code| Designation::try_from(code).ok()).collect() } else { vec![None] };
    let mut claims = Vec::new();
    for number in reporter.numbers.iter().map(String::as_str).chain([NOT_ON_FILE]) {
        for (kind, provider) in &providers {
            let mut day = FIRST.saturating_sub(2.days());
            while day <= reporter.today {
                for designation in &designations {
                    let (number, provider) = (number.to_owned(), provider.clone());
                    claims.push(Claim { number, kind, provider, day, designation: *designation });
                }
                day = day.tomorrow().unwrap();
            }
        }
    }
    claims
}

/// The registry's answers as known at a revision.
pub async fn registry(client: &Client, claims: &[Claim], revision: u64) -> Vec<Answer> {
    let mut answers = Vec::new();
    for claims in claims.chunks(1000) {
        let request = v1::BatchCheckBillingEligibilityRequest {
            items: claims.iter().map(Claim::item).collect(),
            known_at: Some(known_at(revision)),
            ..Default::default()
        };
        answers.extend(client.ask(request).await.results.into_iter().map(|result| match result.outcome {
            Some(Outcome::Eligibility(it)) => {
                let verdict = it.verdict().as_str_name().trim_start_matches("VERDICT_").to_owned();
                (Some(it.eligible), Some(verdict))
            }
            other => panic!("{other:?}"),
        }));
    }
    answers
}

/// A copy, opened read-only.
pub struct Reader(pub Connection);

impl Reader {
    /// Opens the copy.
    pub fn open(path: &Path) -> Reader {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        Reader(connection)
    }

    /// Whether there is a copy: a mirror killed early has not begun one.
    pub fn exists(path: &Path) -> bool {
        let there = || Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok();
        there().is_some_and(|it| it.query_row("SELECT count(*) FROM mirror", [], |row| row.get::<_, i64>(0)).is_ok())
    }

    /// The revision of the copy.
    pub fn revision(&self) -> u64 {
        self.0.query_row("SELECT revision FROM mirror", [], |row| row.get(0)).unwrap()
    }

    /// Answers the claims one by one. Returns the revision that all answers are from.
    pub fn answers(&self, claims: &[Claim]) -> (u64, Vec<Answer>) {
        self.0.execute_batch("BEGIN").unwrap();
        let revision = self.revision();
        let mut question = self.0.prepare_cached(ELIGIBILITY).unwrap();
        let answers = claims.iter().map(|claim| {
            let claim = named_params! {
                ":credential_number": claim.number,
                ":provider_kind": claim.kind,
                ":provider": claim.provider,
                ":day": claim.day.to_string(),
                ":designation": claim.designation_name(),
            };
            question.query_row(claim, |row| Ok((row.get("eligible")?, row.get("verdict")?))).unwrap()
        });
        let answers = answers.collect();
        self.0.execute_batch("COMMIT").unwrap();
        (revision, answers)
    }

    /// Answers a table of claims in one query.
    pub fn answers_of_a_table(&self, claims: &[Claim]) -> Vec<Answer> {
        assert!(ELIGIBILITY.contains(ONE_CLAIM));
        let question = ELIGIBILITY.replace(ONE_CLAIM, "SELECT number, kind, provider, day, designation FROM claims");
        self.0
            .execute_batch(
                "CREATE TEMP TABLE claims (id INTEGER PRIMARY KEY, number, kind, provider, day, designation)",
            )
            .unwrap();
        let mut insert = self.0.prepare("INSERT INTO claims VALUES (NULL, ?, ?, ?, ?, ?)").unwrap();
        for claim in claims {
            let day = claim.day.to_string();
            let row = (&claim.number, claim.kind, &claim.provider, day, claim.designation_name());
            insert.execute(row).unwrap();
        }
        let mut question = self.0.prepare(&question).unwrap();
        let rows = question.query_map([], |row| Ok((row.get("eligible")?, row.get("verdict")?))).unwrap();
        let answers: Vec<Answer> = rows.map(Result::unwrap).collect();
        self.0.execute_batch("DROP TABLE claims").unwrap();
        answers
    }

    /// All rows of the copy, as text.
    pub fn everything(&self) -> Vec<String> {
        let mut all = Vec::new();
        for table in ["mirror", "standing", "coverage", "designation", "service", "provider", "provider_identifier"] {
            let mut statement = self.0.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| {
                (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at)).collect::<Result<Vec<_>, _>>()
            };
            let rows = statement.query_map([], row).unwrap();
            all.extend(rows.map(|row| format!("{table}: {:?}", row.unwrap())));
        }
        all.sort();
        all
    }
}

/// Compares the answers, and counts the verdicts in the order of the contract.
pub fn compare(claims: &[Claim], copied: &[Answer], expected: &[Answer], revision: u64) -> [usize; 5] {
    assert_eq!((claims.len(), claims.len()), (copied.len(), expected.len()));
    let mut seen = [0; 5];
    for (claim, (copied, expected)) in claims.iter().zip(copied.iter().zip(expected)) {
        assert_eq!(copied, expected, "{claim:?}, known at {revision}");
        let verdict = Verdict::from_str_name(&format!("VERDICT_{}", expected.1.as_deref().unwrap())).unwrap();
        seen[verdict as usize] += 1;
    }
    seen
}
