//! Tests of encoding answers and changes.

use std::sync::LazyLock;

use prost::Message;

use super::*;
use crate::registry::token::Token;

static TOKEN: LazyLock<Token> = LazyLock::new(|| Token::new(Uuid::nil(), Revision(5), [7; 8]));

fn finding(reasons: &[Reason], standing: Option<Standing>) -> Finding {
    let reasons: Reasons = reasons.iter().copied().collect();
    let missing: Designations = [Designation::RecoveryOnly].into_iter().collect();
    let may_practice = standing.map(Standing::allows_practice);
    let settlement = Settlement { settles_on: Some(day("2026-03-26")), settled: true };
    Finding { verdict: reasons.verdict(), reasons, missing, standing, may_practice, settlement }
}

fn an_answer_from(rule_sets: &RuleSets) -> AnsweredFrom<'_> {
    AnsweredFrom {
        epoch: Uuid::nil(),
        revision: Revision(5),
        recorded_at: Some("2026-03-01T12:00:00Z".parse().unwrap()),
        known: Known { rule_sets: Some(rule_sets), today: Some(day("2026-03-27")) },
        semantics_version: 1,
        token: Some(&TOKEN),
        head_confirmed_at: Some("2026-03-27T15:00:00.123456Z".parse().unwrap()),
    }
}

/// Decodes a written message, and checks that nothing is lost.
fn read<M: Message + Default>(wire: Wire) -> M {
    let bytes = wire.into_bytes();
    let message = M::decode(bytes.as_slice()).unwrap();
    assert_eq!(message.encode_to_vec(), bytes);
    message
}

fn verification(finding: Finding) -> v1::Verification {
    let rule_sets = RuleSets::new(vec![rules(0).into()], None).unwrap();
    let mut wire = Wire::default();
    let answer = Verification { number: Some(NUMBER), as_of: day("2026-03-06"), finding, credential: None };
    answer.write(&mut wire, 1, &an_answer_from(&rule_sets));
    read::<v1::VerifyCredentialResponse>(wire).verification.unwrap()
}

/// Returns a credential as written with an answer.
pub(super) fn written(timeline: &Timeline, as_of: Day, holder: Holder) -> v1::Credential {
    let rule_sets = RuleSets::new(vec![rules(0).into()], None).unwrap();
    let mut wire = Wire::default();
    let answer =
        Verification { number: None, as_of, finding: finding(&[], None), credential: Some((timeline, holder)) };
    answer.write(&mut wire, 1, &an_answer_from(&rule_sets));
    read::<v1::VerifyCredentialResponse>(wire).verification.unwrap().credential.unwrap()
}

fn eligibility(finding: Finding, limits: Option<CoverageLimits>) -> v1::Eligibility {
    let rule_sets = RuleSets::new(vec![rules(0).into()], None).unwrap();
    let mut wire = Wire::default();
    let answer = Eligibility { number: Some(NUMBER), as_of: day("2026-03-06"), finding, limits };
    answer.write(&mut wire, 1, &an_answer_from(&rule_sets));
    read::<v1::CheckBillingEligibilityResponse>(wire).eligibility.unwrap()
}

#[test]
fn a_verification_says_what_is_held_used_and_practiced_unless_a_reason_is_given_alone() {
    let holds = |standing| {
        let answer = verification(finding(&[], Some(standing)));
        (answer.holds_credential, answer.may_use_title, answer.may_practice)
    };
    assert_eq!(holds(Standing::Current), (Some(true), Some(true), Some(true)));
    assert_eq!(holds(Standing::Suspended), (Some(true), Some(false), Some(false)));
    assert_eq!(holds(Standing::Inactive), (Some(true), Some(true), Some(false)));
    assert_eq!(holds(Standing::Lapsed), (Some(false), Some(false), Some(false)));
    let alone = verification(finding(&[Reason::NameMismatch, Reason::DateInFuture], None));
    assert_eq!(alone.verdict, v1::Verdict::NotConfirmed as i32);
    assert_eq!(alone.reasons, [v1::Reason::NameMismatch as i32, v1::Reason::DateInFuture as i32]);
    assert_eq!((alone.holds_credential, alone.may_use_title, alone.may_practice), (None, None, None));
    assert_eq!((alone.standing, alone.credential, alone.answer.is_some()), (None, None, true));
    assert_eq!(alone.credential_number, NUMBER.to_string());
}

#[test]
fn limits_accompany_the_verdict() {
    let rule_sets = RuleSets::new(vec![rules(0).into()], None).unwrap();
    let units = Units { claimed: 4, billed_that_day: 3, billed_that_year: 199 };
    let limits = rule_sets.coverage_limits(day("2026-06-30"), Some(units), true);
    let answer = eligibility(finding(&[Reason::Limited], Some(Standing::Limited)), Some(limits));
    assert!(answer.eligible);
    assert_eq!(answer.credential_number, NUMBER.to_string());
    let coverage = answer.coverage.unwrap();
    assert_eq!((coverage.year_first_day, coverage.year_last_day), (wire("2025-07-01"), wire("2026-06-30")));
    assert_eq!((coverage.payable_units, coverage.limit_reasons), (Some(1), vec![1, 2]));
    let unknown = rule_sets.coverage_limits(day("2026-07-01"), None, true);
    let unknown = eligibility(finding(&[], None), Some(unknown)).coverage.unwrap();
    assert_eq!((unknown.payable_units, unknown.limit_reasons.len()), (None, 0));
    assert!(is_eligible(Verdict::Confirmed) && !is_eligible(Verdict::Undetermined));
    let nothing = eligibility(finding(&[Reason::DateInFuture], None), None);
    assert_eq!((nothing.eligible, nothing.coverage.unwrap().daily_unit_limit), (false, 0));
}

#[test]
fn an_answer_names_the_knowledge_it_is_based_on() {
    let rule_sets = RuleSets::new(vec![rules(0).into()], None).unwrap();
    let mut from = an_answer_from(&rule_sets);
    let built = answer(&from, day("2026-03-06"));
    assert_eq!(verification(finding(&[], None)).answer.as_ref(), Some(&built), "written is as built");
    assert_eq!(eligibility(finding(&[], None), None).answer.as_ref(), Some(&built), "written is as built");
    assert_eq!((built.rule_set_id.as_str(), built.settled, built.settles_on), ("the-rules", true, wire("2026-03-26")));
    assert_eq!((built.known_at_revision, built.as_of), (5, wire("2026-03-06")));
    assert_eq!((built.token, built.epoch), (TOKEN.to_string(), Uuid::nil().to_string()));
    assert_eq!(built.head_confirmed_at.map(|at| at.nanos), Some(123_456_000));
    (from.token, from.head_confirmed_at) = (None, None);
    (from.revision, from.recorded_at, from.known) = (Revision::ZERO, None, Known { rule_sets: None, today: None });
    let empty = answer(&from, day("2026-03-06"));
    assert_eq!((empty.rule_set_id.as_str(), empty.settled, empty.settles_on), ("", false, None));
    assert_eq!((empty.token.as_str(), empty.known_at_time, empty.head_confirmed_at), ("", None, None));
    assert_eq!(empty.epoch, Uuid::nil().to_string());
}

#[test]
fn changes_are_shown_with_inclusive_days() {
    let (number, provider, days) = (NUMBER, a_provider(), between("2026-01-01", "2026-01-31"));
    let of = |shown: Change| change(&shown).change.unwrap();
    let (from, to) = (Standing::Suspended, Standing::Current);
    let standing = of(Change::Standing { number, days, from, to, reason: None });
    let v1::change::Change::Standing(shown) = standing else { panic!("{standing:?}") };
    assert_eq!((shown.first_day, shown.last_day, shown.reason), (wire("2026-01-01"), wire("2026-01-31"), 0));
    let coverage = of(Change::Coverage { number, provider: provider.clone(), days, coverage: Coverage::NotKnown });
    assert!(
        matches!(coverage, v1::change::Change::Coverage(shown) if shown.coverage == 3 && shown.provider_id == "region-8")
    );
    let designation = of(Change::Designation { number, code: Designation::YoungAdult, days, held: true });
    assert!(matches!(designation, v1::change::Change::Designation(shown) if shown.held && shown.code == 3));
    let service = of(Change::Service { provider: provider.clone(), days, service: ServiceStatus::NotCertified });
    assert!(matches!(service, v1::change::Change::Service(shown) if shown.service == 2));
    let identifiers = a_row().identifiers;
    let row = of(Change::Provider { provider, identifiers, on_file: true });
    assert!(matches!(row, v1::change::Change::Provider(shown) if shown.on_file && shown.identifiers.len() == 1));
    let records = of(Change::Records { first_day: day("2020-01-01") });
    assert!(matches!(records, v1::change::Change::Records(shown) if shown.first_day == wire("2020-01-01")));
}
