//! Answers as text, complete: everything is compared.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::change::Change as Kind;
use cpss_registry::proto::v1::{Standing, Verdict};

use super::question::Shows;
use crate::harness::words::{day, designation, reason, standing, verdict};

/// The text of a verification.
pub fn verification(found: &v1::Verification, shows: Shows) -> String {
    check_powers(found);
    let answer = found.answer.clone().expect("an answer");
    match shows {
        Shows::Powers => powers(found),
        Shows::Settled => {
            let state = if answer.settled { "settled" } else { "open" };
            format!("{}; {state}", answer.settles_on.map_or("never".to_owned(), |settles_on| day(Some(settles_on))))
        }
        Shows::Rules => {
            if answer.rule_set_id.is_empty() {
                "none".to_owned()
            } else {
                answer.rule_set_id
            }
        }
        Shows::Day => day(answer.as_of),
        _ => {
            let said = found.standing.map_or("-", standing);
            let mut shows = with_reasons(format!("{} {said}", verdict(found.verdict)), &found.reasons);
            if !found.missing_designations.is_empty() {
                let missing = found.missing_designations.iter().map(|code| designation(*code));
                shows.push_str(&format!("; missing {}", missing.collect::<Vec<_>>().join(" ")));
            }
            shows
        }
    }
}

fn with_reasons(shows: String, reasons: &[i32]) -> String {
    let reasons: Vec<&str> = reasons.iter().map(|number| reason(*number)).collect();
    if reasons.is_empty() { shows } else { format!("{shows}; {}", reasons.join(" ")) }
}

fn powers(found: &v1::Verification) -> String {
    let powers =
        [(found.holds_credential, "hold"), (found.may_use_title, "use title"), (found.may_practice, "practice")];
    if powers.iter().any(|(power, _)| power.is_none()) {
        return "not said".to_owned();
    }
    let may: Vec<&str> = powers.iter().filter(|(power, _)| *power == Some(true)).map(|(_, name)| *name).collect();
    if may.is_empty() { "nothing".to_owned() } else { may.join(", ") }
}

/// Checks what follows from the standing alone.
fn check_powers(found: &v1::Verification) {
    use Standing::{Current, Inactive, Limited, Separated, Suspended};
    let Some(number) = found.standing else { return };
    let standing = Standing::try_from(number).unwrap();
    let held = [Suspended, Inactive, Separated, Limited, Current].contains(&standing);
    assert_eq!(found.holds_credential, Some(held), "held as the standing says: {found:?}");
    assert_eq!(found.may_use_title, Some(held && standing != Suspended), "the title as well: {found:?}");
    let practice = found.may_practice.unwrap();
    assert!(!practice || standing == Current || standing == Limited, "practice needs the standing: {found:?}");
    let reasons: Vec<&str> = found.reasons.iter().map(|number| reason(*number)).collect();
    assert_eq!(reasons.contains(&"LIMITED"), standing == Limited, "LIMITED is said of it alone: {found:?}");
    let open = !found.answer.as_ref().unwrap().settled;
    assert_eq!(reasons.contains(&"REPORTING_WINDOW_OPEN"), open, "the window is open until settled: {found:?}");
    let confirmed = found.verdict().as_str_name().starts_with("VERDICT_CONFIRMED");
    assert!(!confirmed || practice || reasons.contains(&"DATE_IN_FUTURE"), "a confirmed one may practice: {found:?}");
    assert_eq!(found.verdict() == Verdict::ConfirmedWithLimits, confirmed && standing == Limited, "{found:?}");
}

/// The text of a claim or of its limits.
pub fn eligibility(found: &v1::Eligibility, shows: Shows, has_units: bool) -> String {
    let said = verdict(found.verdict);
    assert_eq!(found.eligible, said.starts_with("CONFIRMED"), "{found:?}");
    let limits = found.coverage.clone().expect("the limits");
    if matches!(shows, Shows::Limits) {
        let (first_day, last_day) = (day(limits.year_first_day), day(limits.year_last_day));
        return format!(
            "{} a day, {} a year; {first_day}..{last_day}",
            limits.daily_unit_limit, limits.yearly_unit_limit
        );
    }
    let eligible = if found.eligible { "yes" } else { "no" };
    let mut shows = with_reasons(format!("{eligible} {said}"), &found.reasons);
    if has_units {
        let payable = limits.payable_units.map_or("unset".to_owned(), |units| units.to_string());
        shows.push_str(&format!("; payable {payable}"));
    }
    for number in limits.limit_reasons {
        let name = v1::LimitReason::try_from(number).unwrap().as_str_name();
        shows.push_str(&format!(" {}", name.strip_prefix("LIMIT_REASON_").unwrap()));
    }
    shows
}

/// Standing periods, separated by bars.
pub fn periods(periods: &[v1::StandingPeriod]) -> String {
    let lines = crate::harness::words::period_lines(periods);
    if lines.is_empty() { "none".to_owned() } else { lines.join(" | ").replace(", ", ",") }
}

/// The sort key of changes: kind, subject, first day.
fn key(change: &v1::Change) -> (u8, String, String, i32, String) {
    match change.change.clone().expect("a change") {
        Kind::Standing(it) => (0, it.credential_number, String::new(), 0, day(it.first_day)),
        Kind::Coverage(it) => (1, it.credential_number, it.provider_id, 0, day(it.first_day)),
        Kind::Designation(it) => (2, it.credential_number, String::new(), it.code, day(it.first_day)),
        Kind::Service(it) => (3, it.provider_id, String::new(), 0, day(it.first_day)),
        Kind::Provider(it) => (4, it.provider_id, String::new(), 0, String::new()),
        Kind::Records(it) => (5, String::new(), String::new(), 0, day(it.first_day)),
    }
}

/// Changes as lines sorted by text, because a scenario does not know which number sorts first.
pub fn changes(changes: &[v1::Change], in_words: impl Fn(&str) -> String) -> Vec<String> {
    assert!(changes.is_sorted_by_key(key), "in order: {changes:?}");
    let mut lines: Vec<String> = crate::harness::words::lines(changes).iter().map(|line| in_words(line)).collect();
    lines.sort();
    lines
}
