//! Credential numbers as people write them: parsing, compared with the specification.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::list_facts_request::Subject;
use cpss_registry::proto::v1::{eligibility_result, verification_item, verification_result};
use tonic::Code;

use super::harness::requests::{bill, date, end_job, issue, periods, suspend, verify};
use super::harness::scenes::EFFECTIVE_FROM;
use super::harness::{NOT_ON_FILE, Refusal as _, TODAY, TestServer};
use super::histories::Random;
use super::model::number::{TAKEN_OUT, canonical};

/// A spelling of an id as people and spreadsheets write it, sometimes mistyped.
pub fn spelling(random: &mut Random, id: &str) -> String {
    let taken_out: Vec<char> = TAKEN_OUT.chars().collect();
    let id = if random.chance(30) { id.split_once('-').unwrap().1 } else { id };
    let mut written = String::new();
    for letter in id.chars() {
        match letter {
            '-' => {
                let dash = *random.pick(&taken_out);
                written.extend([Some('-'), None, Some(dash), Some(' ')][random.index(4)]);
            }
            '0' => written.push(*random.pick(&['0', '0', 'O', 'o'])),
            '1' => written.push(*random.pick(&['1', '1', 'I', 'i', 'L', 'l'])),
            letter if random.chance(30) => written.push(letter.to_ascii_lowercase()),
            letter => written.push(letter),
        }
        if random.chance(4) {
            written.push(*random.pick(&taken_out));
        }
    }
    if random.chance(30) { mistyped(random, &written) } else { written }
}

fn mistyped(random: &mut Random, written: &str) -> String {
    let mut letters: Vec<char> = written.chars().collect();
    let at = random.index(letters.len());
    match random.index(5) {
        0 => letters[at] = *random.pick(&['0', '7', 'K', 'U', 'u', '_', '.', '\0', '\u{ff11}', '\u{661}', 'é']),
        1 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        3 => letters.splice(0..0, std::iter::repeat_n('-', 66 - letters.len())).for_each(drop),
        _ => letters.reverse(),
    }
    letters.into_iter().collect()
}

fn is_said(reasons: &[i32], reason: v1::Reason) -> bool {
    reasons.contains(&reason.into())
}

#[tokio::test]
async fn numbers_are_parsed_as_people_write_them_and_returned_in_canonical_form() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Bogue Chitto Example Center").await;
    let mut on_file = Vec::new();
    for name in ["Odalys", "Percival", "Quentin", "Rosalind"] {
        on_file.push(registry.credentialed(name, "Example", &[&employer]).await.number);
    }
    let mut random = Random::new(28);
    let known: Vec<String> = on_file.iter().cloned().chain([NOT_ON_FILE.to_owned()]).collect();
    let spellings: Vec<String> = (0..1000).map(|at| spelling(&mut random, &known[at % known.len()])).collect();

    let verifications = v1::BatchVerifyCredentialsRequest {
        items: spellings.iter().map(|number| verify(number, None, None).item.unwrap()).collect(),
        ..Default::default()
    };
    let claims = v1::BatchCheckBillingEligibilityRequest {
        items: spellings.iter().map(|number| bill(number, &employer.provider_id, TODAY).item.unwrap()).collect(),
        ..Default::default()
    };
    let verified = registry.ask(verifications).await.results;
    let billed = registry.ask(claims).await.results;
    let (mut found, mut mistyped) = (0, 0);
    for (written, (verified, billed)) in spellings.iter().zip(verified.into_iter().zip(billed)) {
        let Some(verification_result::Outcome::Verification(verified)) = verified.outcome else {
            panic!("{verified:?}")
        };
        let Some(eligibility_result::Outcome::Eligibility(billed)) = billed.outcome else { panic!("{billed:?}") };
        let expected = canonical("CPS", written);
        let is_on_file = expected.as_ref().is_some_and(|number| on_file.contains(number));
        found += usize::from(is_on_file);
        mistyped += usize::from(expected.is_none());
        let echoed = [&verified.credential_number, &billed.credential_number];
        assert_eq!(echoed, [expected.as_deref().unwrap_or_default(); 2], "{written:?}");
        for reasons in [&verified.reasons, &billed.reasons] {
            assert_eq!(is_said(reasons, v1::Reason::CredentialNotOnFile), !is_on_file, "{written:?}");
            assert_eq!(is_said(reasons, v1::Reason::NumberMistyped), expected.is_none(), "{written:?}");
        }
    }
    assert!(found > 400 && mistyped > 150 && found + mistyped < 900, "{found} found, {mistyped} mistyped");
    server.stop().await;
}

#[tokio::test]
async fn a_mistyped_number_has_its_reason_in_order_also_in_the_empty_registry() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let mistyped = "CPS-0000-0000-1";
    let reasons = |reasons: &[v1::Reason]| reasons.iter().copied().map(i32::from).collect::<Vec<_>>();
    use v1::Reason::{CredentialNotOnFile, DateInFuture, NumberMistyped, ReportingWindowOpen};
    let answer = registry.verify(mistyped, "2026-03-03", None).await;
    assert_eq!(answer.reasons, reasons(&[CredentialNotOnFile, DateInFuture, NumberMistyped, ReportingWindowOpen]));
    assert_eq!(
        (answer.verdict(), answer.standing, answer.credential_number),
        (v1::Verdict::NotConfirmed, None, String::new())
    );
    let answer = registry.verify(mistyped, TODAY, 0).await;
    assert_eq!(
        answer.reasons,
        reasons(&[CredentialNotOnFile, NumberMistyped, ReportingWindowOpen]),
        "the empty registry"
    );
    let answer = registry.verify(NOT_ON_FILE, TODAY, 0).await;
    assert_eq!(answer.reasons, reasons(&[CredentialNotOnFile, ReportingWindowOpen]));
    assert_eq!(answer.credential_number, NOT_ON_FILE, "not on file, and echoed");
    let billed = registry.ask(bill(" - ", "nobody", TODAY)).await.eligibility.unwrap();
    assert_eq!(billed.reasons, reasons(&[CredentialNotOnFile, NumberMistyped, ReportingWindowOpen]));
    let empty = registry.refusal(verify("", None, None)).await;
    assert_eq!((empty.code(), empty.fields()), (Code::InvalidArgument, vec!["item.credential_number".to_owned()]));
    server.stop().await;
}

#[tokio::test]
async fn commands_and_lists_parse_ids_like_questions() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Chunky Example Center").await;
    let person = registry.credentialed("Sunniva", "Example", &[&employer]).await;
    let mut random = Random::new(11);
    let facts = |subject| v1::ListFactsRequest { subject: Some(subject), ..Default::default() };
    let mut refused = 0;
    for _ in 0..60 {
        let number = spelling(&mut random, &person.number);
        let specialist = spelling(&mut random, &person.specialist_id);
        let job = spelling(&mut random, &person.jobs[0]);
        let (own_number, own_id, own_job) = (&person.number, &person.specialist_id, &person.jobs[0]);
        let is_own = |prefix: &str, written: &str, own: &String| canonical(prefix, written).as_ref() == Some(own);
        let answers = [
            (is_own("CPS", &number, own_number), registry.call(periods(&number, None)).await.err()),
            (
                is_own("CPS", &number, own_number),
                registry.call(facts(Subject::CredentialNumber(number.clone()))).await.err(),
            ),
            (
                is_own("SP", &specialist, own_id),
                registry.call(facts(Subject::SpecialistId(specialist.clone()))).await.err(),
            ),
            (is_own("EM", &job, own_job), registry.call(facts(Subject::EmploymentId(job.clone()))).await.err()),
        ];
        for (is_own, refusal) in answers {
            let code = refusal.as_ref().map(tonic::Status::code);
            assert_eq!(code, (!is_own).then_some(Code::NotFound), "{number:?}, {specialist:?}, {job:?}");
            refused += usize::from(refusal.is_some());
        }
    }
    assert!((40..160).contains(&refused), "{refused} of 240 refused");

    let not_found = (Code::NotFound, "NOT_FOUND".to_owned());
    let (number, specialist, job) = ("CPS-0000-0000-1", "SP-0000-0000-1", "EM-0000-0000-1");
    assert_eq!(registry.refusal(suspend(number, "2026-02-20", None)).await.code_and_reason(), not_found);
    assert_eq!(registry.refusal(issue(specialist, EFFECTIVE_FROM)).await.code_and_reason(), not_found);
    assert_eq!(registry.refusal(end_job(job, "2026-02-20")).await.code_and_reason(), not_found);
    let lower = person.number.to_lowercase().replace('-', "\u{2013}");
    registry.report(suspend(&lower, "2026-02-20", Some("2026-02-21"))).await;
    let job = person.jobs[0].to_lowercase().replace('-', " ");
    registry.report(end_job(&job, "2026-02-27")).await;
    server.stop().await;
}

#[tokio::test]
async fn a_question_by_holder_gets_the_number_for_own_staff_and_for_roles_that_see_all() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Delisle Example Center").await;
    let other = registry.qualified_provider("Escatawpa Example Center").await;
    let person = registry.credentialed("Tamsin", "Example", &[&employer]).await;
    let holder = |given: &str| {
        let name = Some(super::harness::requests::name(given, "Example"));
        let holder = v1::HolderIdentity { name, birth_date: Some(date("1984-02-29")) };
        let subject = Some(verification_item::Subject::Holder(holder));
        let item = Some(v1::VerificationItem { subject, ..Default::default() });
        v1::VerifyCredentialRequest { item, ..Default::default() }
    };
    let (own, other) = (format!("provider:{}", employer.provider_id), format!("provider:{}", other.provider_id));
    for (caller, sees) in
        [("registrar", true), ("auditor", true), ("payer", true), (own.as_str(), true), (other.as_str(), false)]
    {
        let client = registry.calling_as(caller);
        let answer = client.verification_of(holder("Tamsin")).await;
        assert_eq!(answer.verdict(), v1::Verdict::Confirmed, "{caller}");
        assert_eq!(answer.credential_number, if sees { person.number.as_str() } else { "" }, "{caller}");
        let answer = client.verification_of(holder("Nobody")).await;
        assert_eq!(answer.credential_number, "", "{caller}: there is none");
        let answer = client.verify(&person.number.to_lowercase(), None, None).await;
        assert_eq!(answer.credential_number, person.number, "{caller}: the number asked about");
        let billed = registry.ask(bill(&person.number.to_lowercase(), &employer.provider_id, TODAY)).await;
        assert_eq!(billed.eligibility.unwrap().credential_number, person.number);
    }
    server.stop().await;
}
