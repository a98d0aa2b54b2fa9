//! A third rule set from a file: 30 days of grace for separations that begin in its period, without changing any answer
//! about an earlier day.

use cpss_registry::domain::day::Day;
use cpss_registry::domain::decide::Grounds;
use cpss_registry::domain::sets::Designations;
use cpss_registry::domain::verdict::{AskedProvider, Finding, Found, Known, Question, Settlement};
use cpss_registry::rules::{self, RuleText};

use super::evaluation_fixture::{EvaluationFixture, columns, day, period, scenes, shipped, word};
use super::scenario::Scenario;

/// The first day of the third rule set.
const FROM: &str = "2026-07-01";

/// The text of the shipped rule set, with these lines replacing those with the same keys.
fn changed(lines: &[&str]) -> String {
    let text = shipped().remove(1).content;
    let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let change = |line: &str| lines.iter().find(|new| key(new) == key(line)).map_or(line, |new| new).to_owned() + "\n";
    text.lines().map(change).collect()
}

/// The shipped rule sets and the third one, from a directory as `--rules` reads it.
fn with_third(lines: &[&str]) -> Vec<RuleText> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("third.toml"), changed(lines)).unwrap();
    std::fs::write(directory.path().join("notes.txt"), "no rules").unwrap();
    let sets = rules::load(Some(directory.path())).unwrap();
    assert_eq!(sets.iter().map(|text| text.set.id.as_str()).collect::<Vec<_>>(), ["cpss-guide", "cpssp-2025", "third"]);
    sets
}

fn with_grace() -> Vec<RuleText> {
    with_third(&["id = \"third\"", "from = 2026-07-01", "grace_days = 30"])
}

/// Events of a job since 2010: the standing under the shipped rule sets, and with the third one.
const SEPARATIONS: &str = "
    quit 2026-06-29:
        shipped | 2026-06-29 CURRENT, 2026-06-30 REVOKED_LOSS_OF_EMPLOYMENT
        third   | 2026-06-29 CURRENT, 2026-06-30 REVOKED_LOSS_OF_EMPLOYMENT, 2026-07-01 REVOKED_LOSS_OF_EMPLOYMENT
    quit 2026-06-30:
        shipped | 2026-06-30 CURRENT, 2026-07-01 REVOKED_LOSS_OF_EMPLOYMENT
        third   | 2026-06-30 CURRENT, 2026-07-01 SEPARATED, 2026-07-30 SEPARATED, 2026-07-31 REVOKED_LOSS_OF_EMPLOYMENT
    quit 2026-07-15:
        shipped | 2026-07-15 CURRENT, 2026-07-16 REVOKED_LOSS_OF_EMPLOYMENT
        third   | 2026-07-15 CURRENT, 2026-07-16 SEPARATED, 2026-08-14 SEPARATED, 2026-08-15 REVOKED_LOSS_OF_EMPLOYMENT
    quit 2026-06-30; job 2026-07-31.. region-1:
        shipped | 2026-07-31 REVOKED_LOSS_OF_EMPLOYMENT
        third   | 2026-07-30 SEPARATED, 2026-07-31 CURRENT
    quit 2026-06-30; job 2026-08-01.. region-1:
        shipped | 2026-08-01 REVOKED_LOSS_OF_EMPLOYMENT
        third   | 2026-07-30 SEPARATED, 2026-07-31 REVOKED_LOSS_OF_EMPLOYMENT, 2026-08-01 REVOKED_LOSS_OF_EMPLOYMENT
    quit 2026-06-30; job 2026-07-15..2026-07-15 region-1:
        shipped | 2026-07-15 REVOKED_LOSS_OF_EMPLOYMENT
        third   | 2026-07-15 CURRENT, 2026-07-16 SEPARATED, 2026-08-14 SEPARATED, 2026-08-15 REVOKED_LOSS_OF_EMPLOYMENT
    quit 2026-06-30; job 2026-06-30..2026-07-04 piney-va:
        shipped | 2026-07-01 REVOKED_LOSS_OF_EMPLOYMENT
        third   | 2026-07-01 SEPARATED, 2026-07-31 REVOKED_LOSS_OF_EMPLOYMENT
    renew from 2026-06-01 hours 20; quit 2027-09-15:
        shipped | 2027-09-16 REVOKED_LOSS_OF_EMPLOYMENT
        third   | 2027-09-16 SEPARATED, 2027-10-15 SEPARATED, 2027-10-16 REVOKED_LOSS_OF_EMPLOYMENT
    quit 2027-09-15:
        shipped | 2027-09-16 REVOKED_LOSS_OF_EMPLOYMENT
        third   | 2027-09-30 SEPARATED, 2027-10-01 LAPSED, 2027-10-16 LAPSED
";

fn fixture_of(sets: Vec<RuleText>, history: &str) -> EvaluationFixture {
    let fixture = EvaluationFixture::under(sets, day("1990-06-15"));
    let before = "job 2010-01-01.. region-1; transferred 2019-10-01..2023-09-30; renew hours 20";
    Scenario::of(fixture, &format!("{before}; {history}")).fixture
}

#[test]
fn separations_that_begin_in_its_period_have_its_grace() {
    for (history, line) in scenes(SEPARATIONS) {
        let [sets, standings] = columns(line);
        let fixture = fixture_of(if sets == "third" { with_grace() } else { shipped() }, history);
        for expected in standings.split(", ") {
            let (date, standing) = expected.split_once(' ').unwrap();
            assert_eq!(word(fixture.standing(day(date))), standing, "{history}: {line}: on {date}");
        }
    }
    println!("{} lines", scenes(SEPARATIONS).count());
}

#[test]
fn a_separated_holder_keeps_the_credential_but_may_not_practice() {
    let fixture = fixture_of(with_grace(), "quit 2026-06-30");
    let timeline = fixture.timeline();
    let found = answer(&fixture, Found::Credential(&timeline), day("2026-07-01"), None);
    let reasons: Vec<String> = found.0.reasons.iter().map(word).collect();
    assert_eq!(reasons, ["SEPARATED_MAY_NOT_PRACTICE", "NO_QUALIFYING_EMPLOYMENT"]);
    assert_eq!((word(found.0.verdict), found.0.may_practice), ("NOT_CONFIRMED".into(), Some(false)));
    assert!(timeline.days.at(day("2026-07-30")).standing.is_held());
    assert_eq!(timeline.days.at(day("2026-07-31")).separated_since, Some(day("2026-07-01")));
}

/// The answer about a day, and whether it is settled when all days have passed.
fn answer(fixture: &EvaluationFixture, found: Found<'_>, as_of: Day, provider: Option<&str>) -> (Finding, Settlement) {
    let known = Known { rule_sets: Some(&fixture.rule_sets), today: Some(day("2030-01-01")) };
    let file = provider.and_then(|id| fixture.provider(&id.parse().unwrap()));
    let provider = provider.map(|id| AskedProvider { id, timeline: file.as_ref().map(|file| file.timeline.as_ref()) });
    let designations = Designations::default();
    let question = Question { found, as_of, provider, designations, billing: provider.is_some(), name: None };
    (question.answer(known), known.settlement(as_of))
}

#[test]
fn answers_about_earlier_days_do_not_change() {
    let third = ["id = \"third\"", "from = 2026-07-01", "grace_days = 30"];
    let other = ["window_working_days = 3", "qualifying_bases = [\"DMH_OPERATED\"]", "notice_days = 5"];
    let hostile = [third, other].concat();
    let mut same = 0;
    let mut differ = [0, 0];
    for (history, line) in scenes(SEPARATIONS).filter(|(_, line)| line.starts_with("third")) {
        let under = |sets| fixture_of(sets, history);
        let shipped = under(shipped());
        for (at, fixture) in [under(with_grace()), under(with_third(&hostile))].into_iter().enumerate() {
            let days = period("2019-09-25..2026-12-31");
            for number in days.start.number()..days.end.number() {
                let as_of = Day::from_number(number);
                for provider in [None, Some("region-1"), Some("piney-va")] {
                    let [before, after] = [&shipped, &fixture].map(|fixture| {
                        let timeline = fixture.timeline();
                        (answer(fixture, Found::Credential(&timeline), as_of, provider), *timeline.days.at(as_of))
                    });
                    if as_of < day(FROM) {
                        assert_eq!(before, after, "{line}: {as_of}");
                        same += 1;
                    } else {
                        differ[at] += u32::from(before != after);
                    }
                }
            }
        }
    }
    assert!(differ.iter().all(|days| *days > 100), "{differ:?}");
    println!("{same} equal answers before {FROM}; {differ:?} different ones from then on");
}

#[test]
fn applications_are_judged_by_it_from_its_first_day() {
    let sets = with_third(&[
        "id = \"third\"",
        "from = 2026-07-01",
        "hours = 200",
        "recovery_only_trained_before = 2020-01-01",
    ]);
    let mut case = super::case::Case::read("cpssp-2025", "hours 150; for RECOVERY_ONLY");
    case.fixture.rule_sets = EvaluationFixture::under(sets, day("1990-06-15")).rule_sets;
    for (applied_on, rule_set, hours, before) in
        [("2026-06-30", "cpssp-2025", "100 hours", "2021-05-01"), ("2026-07-01", "third", "200 hours", "2020-01-01")]
    {
        case.asked.application.applied_on = day(applied_on);
        case.asked.effective_from = day("2026-08-01");
        let evaluation = case.evaluate().unwrap();
        let required = |at: usize| evaluation.criteria[at].required.clone();
        assert_eq!(evaluation.rule_set, rule_set);
        assert!(required(4).starts_with(hours), "{}", required(4));
        assert!(required(9).ends_with(before), "the text follows the data: {}", required(9));
    }
}
