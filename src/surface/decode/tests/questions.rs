//! Tests of decoding questions about credentials and claims.

use super::*;

fn an_item() -> v1::VerificationItem {
    v1::VerificationItem {
        subject: Some(v1::verification_item::Subject::CredentialNumber(number())),
        family_name: "O'Brien".into(),
        as_of: first_of_march(),
        provider_id: "region-8".into(),
        designations: vec![5, 1, 5],
        correlation_id: "é".repeat(100),
    }
}

#[test]
fn all_fields_of_a_question_are_read() {
    let item = an_item();
    let ask = verification_item(ItemPath::Single, Some(&item)).unwrap();
    assert_eq!(ask.subject, AskSubject::Number(Some(CredentialNumber::from_number(7))));
    assert_eq!((ask.family_name.as_deref(), ask.as_of), (Some("obrien"), Some(day("2026-03-01"))));
    assert_eq!(ask.provider, Some(AskProvider::Id("region-8")));
    let codes: Vec<Designation> = ask.designations.iter().collect();
    assert_eq!(codes, [Designation::AdultAndRecovery, Designation::RecoveryOnly]);
}

#[test]
fn a_number_that_cannot_exist_is_still_a_question() {
    let subject = Some(v1::verification_item::Subject::CredentialNumber("12345".into()));
    let item = v1::VerificationItem { subject, provider_id: "not an id".into(), ..Default::default() };
    let ask = verification_item(ItemPath::Single, Some(&item)).unwrap();
    assert_eq!((ask.subject, ask.as_of, ask.family_name), (AskSubject::Number(None), None, None));
    assert_eq!(ask.provider, Some(AskProvider::Id("not an id")));
}

#[test]
fn a_holder_is_named_by_one_name_and_the_birth_date() {
    let holder = v1::HolderIdentity { name: a_name(), birth_date: date("1990-02-03") };
    let subject = Some(v1::verification_item::Subject::Holder(holder));
    let mut item = v1::VerificationItem { subject, ..Default::default() };
    let ask = verification_item(ItemPath::Single, Some(&item)).unwrap();
    let AskSubject::Holder(holder) = ask.subject else { panic!("not a holder") };
    assert_eq!((holder.name.family.as_str(), holder.birth_date), ("munoz", day("1990-02-03")));
    // A question may contain invisible characters, because a name on record may contain them.
    let Some(v1::verification_item::Subject::Holder(asked)) = &mut item.subject else { panic!("not a holder") };
    asked.name.as_mut().unwrap().family_name = "Mu\u{200B}ñoz\n".into();
    let AskSubject::Holder(holder) = verification_item(ItemPath::Single, Some(&item)).unwrap().subject else {
        panic!()
    };
    assert_eq!(holder.name.family, "munoz");
    item.family_name = "?".into();
    assert_eq!(faults(verification_item(ItemPath::Single, Some(&item))), ["item.family_name", "item.family_name"]);
    item.family_name = "Muñoz".into();
    item.subject = Some(v1::verification_item::Subject::Holder(v1::HolderIdentity::default()));
    let expected = ["item.family_name", "item.holder.name", "item.holder.birth_date"];
    assert_eq!(faults(verification_item(ItemPath::Single, Some(&item))), expected);
}

#[test]
fn the_faults_of_a_question_are_reported_under_its_path() {
    assert_eq!(faults(verification_item(ItemPath::Single, None)), ["item"]);
    let mut item = an_item();
    item.subject = None;
    item.as_of = Some(Date { year: 2026, month: 3, day: 0 });
    item.designations = vec![1, 0, 6];
    item.correlation_id.push('x');
    let expected = [
        "items[3].subject",
        "items[3].as_of",
        "items[3].designations[1]",
        "items[3].designations[2]",
        "items[3].correlation_id",
    ];
    assert_eq!(faults(verification_item(ItemPath::Indexed(3), Some(&item))), expected);
    item = an_item();
    item.subject = Some(v1::verification_item::Subject::CredentialNumber(String::new()));
    assert_eq!(faults(verification_item(ItemPath::Single, Some(&item))), ["item.credential_number"]);
}

#[test]
fn a_claim_names_its_day_and_who_bills() {
    use eligibility_item::{BillingProvider, Subject};
    let mut item = v1::EligibilityItem {
        subject: Some(Subject::CredentialNumber(number())),
        billing_provider: Some(BillingProvider::Npi("1234567893".into())),
        date_of_service: first_of_march(),
        designation: v1::Designation::YoungAdult as i32,
        units: Some(4),
        units_billed_that_day: Some(0),
        ..Default::default()
    };
    let claim = eligibility_item(ItemPath::Single, Some(&item)).unwrap();
    let npi = Identifier { kind: IdentifierKind::Npi, value: "1234567893".into() };
    assert_eq!(claim.ask.provider, Some(AskProvider::Identifier(npi)));
    assert_eq!((claim.date_of_service, claim.ask.as_of), (day("2026-03-01"), Some(day("2026-03-01"))));
    assert_eq!(claim.units, None);
    item.units_billed_that_year = Some(7);
    let units = Units { claimed: 4, billed_that_day: 0, billed_that_year: 7 };
    assert_eq!(eligibility_item(ItemPath::Single, Some(&item)).unwrap().units, Some(units));
    item = v1::EligibilityItem { billing_provider: Some(BillingProvider::ProviderId(String::new())), ..item };
    assert_eq!(faults(eligibility_item(ItemPath::Single, Some(&item))), ["item.provider_id"]);
    let expected = ["item.subject", "item.billing_provider", "item.date_of_service"];
    assert_eq!(faults(eligibility_item(ItemPath::Single, Some(&Default::default()))), expected);
}

#[test]
fn a_malformed_npi_is_named_among_the_faults_and_left_to_what_is_on_file_without_any() {
    use eligibility_item::{BillingProvider, Subject};
    let by = |npi: &str| v1::EligibilityItem {
        subject: Some(Subject::CredentialNumber(number())),
        billing_provider: Some(BillingProvider::Npi(npi.into())),
        date_of_service: first_of_march(),
        ..Default::default()
    };
    let asked = |npi: &str| {
        let identifier = Identifier { kind: IdentifierKind::Npi, value: npi.into() };
        Some(AskProvider::Identifier(identifier))
    };
    let blanks = by("\u{a0}1234567893 \t");
    assert_eq!(eligibility_item(ItemPath::Single, Some(&blanks)).unwrap().ask.provider, asked("1234567893"));
    let malformed = by("1234567890");
    assert_eq!(eligibility_item(ItemPath::Single, Some(&malformed)).unwrap().ask.provider, asked("1234567890"));
    let undated = v1::EligibilityItem { date_of_service: None, ..malformed };
    assert_eq!(
        faults(eligibility_item(ItemPath::Indexed(7), Some(&undated))),
        ["items[7].date_of_service", "items[7].npi"]
    );
    assert_eq!(faults(eligibility_item(ItemPath::Single, Some(&by("  ")))), ["item.npi"]);
}

#[test]
fn a_prior_number_is_folded_and_one_that_cannot_exist_is_asked() {
    let verification = |number: &str| {
        let subject = Some(v1::verification_item::Subject::PriorNumber(number.into()));
        verification_item(ItemPath::Single, Some(&v1::VerificationItem { subject, ..an_item() }))
            .map(|ask| (ask.number(), ask.subject))
    };
    let claim = |number: &str| {
        let subject = Some(eligibility_item::Subject::PriorNumber(number.into()));
        let billing_provider = Some(eligibility_item::BillingProvider::ProviderId("region-8".into()));
        let date_of_service = first_of_march();
        let item = v1::EligibilityItem { subject, billing_provider, date_of_service, ..Default::default() };
        eligibility_item(ItemPath::Single, Some(&item)).map(|claim| (claim.ask.number(), claim.ask.subject))
    };
    let prior = |number: Option<&str>| AskSubject::PriorNumber(number.map(|number| number.parse().unwrap()));
    for (written, read) in [("ms-00 O1", Some("MS00O1")), (" - ", None), ("7\0", None), (&"7".repeat(33), None)] {
        assert_eq!(verification(written).unwrap(), (None, prior(read)), "{written:?}");
        assert_eq!(claim(written).unwrap(), (None, prior(read)), "{written:?}");
    }
    assert_eq!(faults(verification("")), ["item.prior_number"]);
    assert_eq!(faults(claim("")), ["item.prior_number"]);
}

#[test]
fn the_minimum_knowledge_is_a_revision_or_a_token() {
    let at_least = |min_revision, min_token: &str| {
        let options = v1::StreamOptions { min_revision, min_token: min_token.into(), ..Default::default() };
        stream_options(&options).map(|asked| asked.at_least)
    };
    let token = Token::new(Uuid::from_u128(3), Revision(9), [7; 8]);
    let text = token.to_string();
    assert_eq!(at_least(0, ""), Ok(AtLeast::Revision(Revision::ZERO)));
    assert_eq!(at_least(9, ""), Ok(AtLeast::Revision(Revision(9))));
    assert_eq!(at_least(0, &text), Ok(AtLeast::Token(token)));
    for (min_revision, text) in [(9, &*text), (0, &text[1..]), (0, "x"), (0, " ")] {
        assert_eq!(faults(at_least(min_revision, text)), ["min_token"], "{min_revision} {text}");
    }
    let known_at = Some(v1::KnownAt { epoch: "first".into(), point: None });
    let options = v1::StreamOptions { known_at, min_token: "x".into(), ..Default::default() };
    assert_eq!(faults(stream_options(&options)), ["known_at.epoch", "min_token"], "the faults of both");
}

#[test]
fn knowledge_is_asked_for_by_revision_or_instant() {
    use known_at::Point;
    let at = |epoch: &str, point| known_at(Some(&v1::KnownAt { epoch: epoch.into(), point }));
    let time = |seconds, nanos| Some(Point::Time(prost_types::Timestamp { seconds, nanos }));
    let epoch = Uuid::from_u128(3);
    assert_eq!((known_at(None), at("", None)), (Ok(KnownAt::Head), Ok(KnownAt::Head)));
    assert_eq!(at("", Some(Point::Revision(0))), Ok(KnownAt::Revision(None, Revision::ZERO)));
    assert_eq!(at(&epoch.to_string(), Some(Point::Revision(9))), Ok(KnownAt::Revision(Some(epoch), Revision(9))));
    let instant: Timestamp = "2026-03-01T12:00:00.000000001Z".parse().unwrap();
    assert_eq!(at("", time(1_772_366_400, 1)), Ok(KnownAt::Time(None, instant)));
    assert_eq!(faults(at("", time(i64::MAX, 0))), ["known_at.time"]);
    assert_eq!(faults(at("first", time(0, -1))), ["known_at.epoch", "known_at.time"]);
}
