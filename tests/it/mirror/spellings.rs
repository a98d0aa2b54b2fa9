//! Numbers and identifiers as people write them, in a copy and in the registry.

use cpss_registry::domain::id::CredentialNumber;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::eligibility_item::BillingProvider;
use rusqlite::{Connection, named_params};

use super::answers::{Claim, ELIGIBILITY, Reader, compare, registry};
use super::program::copy_once;
use super::random_reporter::BEGINNING;
use crate::harness::requests::{bill, new_request_id, qualify};
use crate::harness::{NOT_ON_FILE, Refusal as _, TestServer};
use crate::histories::Random;
use crate::numbers::spelling;

/// Every character: the copy ignores the same characters in a number as the registry.
#[test]
fn a_copy_ignores_the_same_characters_in_a_number() {
    let begin = ELIGIBILITY.find("ignored (first, last) AS (VALUES").unwrap();
    let end = begin + ELIGIBILITY[begin..].find("\n),").unwrap();
    let sql = format!("WITH {}) SELECT first, last FROM ignored", &ELIGIBILITY[begin..end]);
    let connection = Connection::open_in_memory().unwrap();
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement.query_map([], |row| Ok(row.get::<_, u32>(0)?..=row.get(1)?)).unwrap();
    let ranges: Vec<_> = rows.map(Result::unwrap).collect();
    assert!(ranges.len() > 40);
    let differ: Vec<char> = ('\0'..=char::MAX)
        .filter(|letter| {
            let is_read = format!("CPS-0000{letter}0000-0").parse::<CredentialNumber>().is_ok();
            is_read != ranges.iter().any(|range| range.contains(&u32::from(*letter)))
        })
        .collect();
    assert!(
        differ.is_empty(),
        "{}",
        differ.iter().map(|letter| letter.escape_unicode().to_string()).collect::<String>()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_parses_numbers_like_the_registry() {
    let server = TestServer::start(BEGINNING).await;
    let client = server.client();
    let employer = client.qualified_provider("Fannin Example Center").await;
    let mut numbers = vec![NOT_ON_FILE.to_owned()];
    for name in ["Ursula", "Vashti", "Winifred"] {
        numbers.push(client.credentialed(name, "Example", &[&employer]).await.number);
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("copy.db");
    copy_once(&file, server.address());
    let reader = Reader::open(&file);
    let mut random = Random::new(41);
    let claims: Vec<Claim> = (0..2000)
        .map(|at| spelling(&mut random, &numbers[at % numbers.len()]))
        .map(|number| Claim::of(&number, &employer.provider_id, BEGINNING.parse().unwrap()))
        .collect();
    let expected = registry(&client, &claims, reader.revision()).await;
    let seen = compare(&claims, &reader.answers_of_a_table(&claims), &expected, reader.revision());
    assert_eq!(reader.answers(&claims).1, expected, "one claim at a time");
    let (confirmed, not_confirmed) = (v1::Verdict::Confirmed as usize, v1::Verdict::NotConfirmed as usize);
    assert!(seen[confirmed] > 800 && seen[not_confirmed] > 800, "{seen:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_does_not_answer_invalid_questions() {
    let server = TestServer::start(BEGINNING).await;
    let client = server.client();
    let identifier = |kind: v1::IdentifierKind, value: &str| v1::Identifier { kind: kind.into(), value: value.into() };
    let provider = v1::RegisterProviderRequest {
        request_id: new_request_id(),
        provider_id: "fannin".into(),
        legal_name: "Fannin Example Center".into(),
        facility_type: v1::FacilityType::Outpatient.into(),
        identifiers: vec![
            identifier(v1::IdentifierKind::Npi, "1234567893"),
            identifier(v1::IdentifierKind::MedicaidId, "00990001"),
        ],
        ..Default::default()
    };
    client.report(provider).await;
    client.report(qualify("fannin", "2020-01-01")).await;
    let employer = crate::harness::scenes::Qualified { provider_id: "fannin".into(), qualification: String::new() };
    let number = client.credentialed("Xanthe", "Example", &[&employer]).await.number;
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("copy.db");
    copy_once(&file, server.address());
    let reader = Reader::open(&file);
    let mut not_answered = 0;
    for number in [number.as_str(), ""] {
        for (kind, values) in [
            (
                "NPI",
                &["1234567893", " 1234567893\u{a0}\n", "1245319599", "1234567890", "12345", "123456789X", "", " "][..],
            ),
            ("MEDICAID_ID", &["00990001", "\t00990001 ", "00990002", "", "\u{3000}"]),
            ("PROVIDER_ID", &["fannin", "fannin ", "nobody", "", " "]),
        ] {
            for value in values {
                let provider = (*value).to_owned();
                let mut request = bill(number, "", BEGINNING);
                request.item.as_mut().unwrap().billing_provider = Some(match kind {
                    "NPI" => BillingProvider::Npi(provider),
                    "MEDICAID_ID" => BillingProvider::MedicaidId(provider),
                    _ => BillingProvider::ProviderId(provider),
                });
                let expected = match client.call(request).await {
                    Ok(answer) => {
                        let verdict = answer.eligibility.unwrap().verdict().as_str_name();
                        Some(verdict.trim_start_matches("VERDICT_").to_owned())
                    }
                    Err(refused) => {
                        assert_eq!(refused.reason(), "INVALID_ARGUMENT", "{kind} {value:?}");
                        None
                    }
                };
                not_answered += usize::from(expected.is_none());
                let claim = named_params! {
                    ":credential_number": number, ":provider_kind": kind, ":provider": value, ":day": BEGINNING,
                    ":designation": None::<&str>,
                };
                let copied: Option<String> = reader.0.query_row(ELIGIBILITY, claim, |row| row.get("verdict")).unwrap();
                assert_eq!(copied, expected, "{number:?} {kind} {value:?}");
            }
        }
    }
    assert_eq!(not_answered, 18 + 8, "all without a number, and of the others those without a provider");
    server.stop().await;
}
