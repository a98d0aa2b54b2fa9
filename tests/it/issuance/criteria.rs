//! Every criterion under every shipped rule set, with both sides of its boundaries.
//!
//! Each line has: the rule set | the differences from an application that meets all criteria | the outcome | what was
//! found, or a part of it. A date without a year is in the year of the flawless application.

use cpss_registry::domain::decide::Rejection;
use cpss_registry::domain::evaluation::Assessment;
use cpss_registry::domain::fact::{Criterion, CriterionOutcome};
use cpss_registry::domain::requirements::FeeKind;

use super::case::Case;
use super::evaluation_fixture::{columns, lines, word};
use super::table;

/// Compares every line of a table with the evaluation, and the evaluation with the plain reading of the rules.
fn check(criterion: Criterion, table: &str) {
    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    for line in lines(table) {
        let [rule_set, differs, outcome, found] = columns(line);
        let case = Case::read(rule_set, differs);
        let evaluation = case.evaluate().unwrap_or_else(|rejection| panic!("{line}: {rejection:?}"));
        assert_eq!(evaluation.rule_set, rule_set, "{line}");
        let assessment = &evaluation.criteria[criterion as usize];
        if word(assessment.outcome) != outcome || !assessment.found.contains(found) {
            wrong.push(format!("{line}\n    came to {} | {}", word(assessment.outcome), assessment.found));
        }
        let known = case.fixture.known();
        let plain = table::outcomes(&case.asked, known.birth_date.unwrap(), &known.jobs);
        let outcomes: Vec<_> = evaluation.criteria.iter().map(|assessment| assessment.outcome).collect();
        assert_eq!(outcomes, plain, "{line}");
        assert_eq!(evaluation.is_eligible(), !plain.contains(&CriterionOutcome::Unmet), "{line}");
        seen.push((rule_set, assessment.outcome));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for rule_set in ["cpss-guide", "cpssp-2025"] {
        assert!(seen.iter().any(|(set, _)| *set == rule_set), "{criterion:?} is never judged under {rule_set}");
    }
    println!("{}: {} lines", word(criterion), seen.len());
}

#[test]
fn the_texts_of_a_flawless_application() {
    let judged = |rule_set: &str| {
        let evaluation = Case::read(rule_set, "-").evaluate().unwrap();
        assert!(evaluation.is_eligible() && !evaluation.is_undetermined());
        let judged = |assessment: &Assessment| {
            assert!(assessment.citation.contains("source 00"), "{assessment:?}");
            format!("{} | {} | {}", word(assessment.outcome), assessment.found, assessment.required)
        };
        evaluation.criteria.iter().map(judged).collect::<Vec<_>>()
    };
    assert_eq!(judged("cpss-guide"), lines(FLAWLESS_GUIDE).collect::<Vec<_>>());
    assert_eq!(judged("cpssp-2025"), lines(FLAWLESS_2025).collect::<Vec<_>>());
}

const FLAWLESS_GUIDE: &str = "
    MET | resident of Mississippi | resident of Mississippi
    MET | the statement was made | identifies as a current or former recipient of services, or as a family member of one
    MET | 16 or older on the day of application, with a high school diploma | 16 or older on the day of application, \
with a high school diploma or GED, or enrolled in school or a GED program and applying for Young Adult only
    MET | proficient in reading and writing | proficient in reading and writing
    MET | 400 hours | 250 hours of paid or volunteer work before applying, or a college year within the last three years
    MET | 2 references | 2 references
    MET | 1 training completed by 2019-04-01, 1 of them with the online pre-training | one training with the online \
pre-training, completed by the day the credential takes effect
    MET | 1 attempt, with a score of 80 | a score of 75 or more in one of the first 2 attempts after a training
    MET | employed on 2019-04-01, supervised by a mental health professional | employed in the state mental health \
system on the day the credential takes effect, supervised by a mental health professional
    NOT_REQUIRED | not looked at | a designation is not required
";

const FLAWLESS_2025: &str = "
    NOT_REQUIRED | not looked at | residence in Mississippi is not required
    MET | the statement was made | attests to 6 of the last 12 months in self-directed recovery
    MET | 16 or older on the day of application, with a high school diploma | 16 or older on the day of application, \
with a high school diploma or GED, or enrolled in school or a GED program
    NOT_REQUIRED | not looked at | proficiency in reading and writing is not required
    MET | 400 hours within the last three years | 100 hours of paid or volunteer work before applying, within the last \
three years
    MET | 2 references | 2 references; with fewer the registrar decides
    MET | 1 training completed by 2026-04-01, of 40 hours | one training of 34 hours or more, completed by the day the \
credential takes effect
    MET | 1 attempt, with a score of 80 | a score of 75 or more in one of the first 2 attempts after a training
    MET | employed on 2026-04-01, supervised by a mental health professional | employed in the state mental health \
system on the day the credential takes effect, supervised by a mental health professional
    MET | 1 applied for, each trained for | at least one, each with a training for it, completed by the day the \
credential takes effect; Recovery only: a training for Adult and Recovery, completed before 2021-05-01
";

#[test]
fn residency() {
    check(
        Criterion::Residency,
        "cpss-guide | -            | MET          | resident of Mississippi
         cpss-guide | no residence | UNMET        | not stated to be a resident of Mississippi
         cpssp-2025 | -            | NOT_REQUIRED | not looked at
         cpssp-2025 | no residence | NOT_REQUIRED | not looked at",
    );
}

#[test]
fn lived_experience() {
    check(
        Criterion::LivedExperience,
        "cpss-guide | statement SELF; no attestation           | MET   | the statement was made
         cpss-guide | statement FAMILY_MEMBER; no attestation | MET   | the statement was made
         cpss-guide | no statement                            | UNMET | the statement was not made
         cpssp-2025 | no statement                            | MET   | the statement was made
         cpssp-2025 | statement FAMILY_MEMBER                 | MET   | the statement was made
         cpssp-2025 | no attestation                          | UNMET | the statement was not made",
    );
}

#[test]
fn findings_never_repeat_lived_experience_or_recovery() {
    for rule_set in ["cpss-guide", "cpssp-2025"] {
        let own = Case::read(rule_set, "statement SELF").evaluate().unwrap();
        let family = Case::read(rule_set, "statement FAMILY_MEMBER").evaluate().unwrap();
        assert_eq!(own, family, "the two cannot be distinguished");
        let found = own.criteria.iter().map(|assessment| assessment.found.to_lowercase());
        let telling = ["recover", "recipient", "family", "self", "illness", "substance"];
        assert!(found.into_iter().all(|found| telling.iter().all(|word| !found.contains(word))));
    }
    let guide = |differs: &str| Case::read("cpss-guide", differs).evaluate().unwrap();
    assert_eq!(guide("no attestation"), guide("-"), "the guide does not look at the attestation");
    let later = |differs: &str| Case::read("cpssp-2025", differs).evaluate().unwrap();
    assert_eq!(later("no statement"), later("-"), "the later rules do not look at the statement");
}

#[test]
fn age_and_education() {
    check(Criterion::AgeAndEducation, AGE_AND_EDUCATION);
}

const AGE_AND_EDUCATION: &str = "
    cpss-guide | born 2003-03-03                                           | UNMET | not yet 16
    cpss-guide | born 2003-03-02                                           | MET   | 16 or older
    cpss-guide | born 2003-03-01                                           | MET   | 16 or older
    cpss-guide | education GED                                             | MET   | with a GED
    cpss-guide | education NONE                                            | UNMET | without diploma or GED
    cpss-guide | no schooling                                              | UNMET | without diploma or GED
    cpss-guide | education ENROLLED; for YOUNG_ADULT                       | MET   | and applying for Young Adult only
    cpss-guide | education ENROLLED; for ADULT_AND_RECOVERY                | UNMET | , not applying for Young Adult only
    cpss-guide | education ENROLLED; for YOUNG_ADULT, PARENT_CAREGIVER     | UNMET | , not applying for Young Adult only
    cpss-guide | education ENROLLED; for nothing                           | UNMET | , not applying for Young Adult only
    cpss-guide | education HIGH_SCHOOL_DIPLOMA; for YOUNG_ADULT, PARENT_CAREGIVER | MET   | 16 or older
    cpss-guide | born 2003-03-03; education ENROLLED; for YOUNG_ADULT      | UNMET | not yet 16
    cpssp-2025 | born 2010-03-03                                           | UNMET | not yet 16
    cpssp-2025 | born 2010-03-02                                           | MET   | 16 or older
    cpssp-2025 | born 2010-03-01                                           | MET   | 16 or older
    cpssp-2025 | education GED                                             | MET   | with a GED
    cpssp-2025 | education ENROLLED                                        | MET   | enrolled in school or a GED program
    cpssp-2025 | education NONE                                            | UNMET | without diploma or GED
    cpssp-2025 | no schooling                                              | UNMET | without diploma or GED
    cpssp-2025 | born 2008-02-29; applied 2024-02-28; effective 2026-04-01 | UNMET | not yet 16
    cpssp-2025 | born 2008-02-29; applied 2024-02-29; effective 2026-04-01 | MET   | 16 or older
    cpssp-2025 | born 2008-03-01; applied 2024-02-29; effective 2026-04-01 | UNMET | not yet 16
    cpss-guide | born 1996-02-29; applied 2012-02-28                       | UNMET | not yet 16
    cpss-guide | born 1996-02-29; applied 2012-02-29                       | MET   | 16 or older
";

#[test]
fn literacy() {
    check(
        Criterion::Literacy,
        "cpss-guide | -           | MET          | proficient in reading and writing
         cpss-guide | no literacy | UNMET        | not stated to be proficient
         cpssp-2025 | no literacy | NOT_REQUIRED | not looked at",
    );
}

#[test]
fn experience() {
    check(
        Criterion::Experience,
        "cpss-guide | hours 249              | UNMET | 249 hours
         cpss-guide | hours 249.9            | UNMET | 249.9 hours
         cpss-guide | hours 250              | MET   | 250 hours
         cpss-guide | hours 250; hours old   | MET   | 250 hours
         cpss-guide | hours 0; college year  | MET   | 0 hours, and a college year within the last three years
         cpss-guide | hours 1; hours old     | UNMET | 1 hour
         cpssp-2025 | hours 99               | UNMET | 99 hours within the last three years
         cpssp-2025 | hours 99.9             | UNMET | 99.9 hours within the last three years
         cpssp-2025 | hours 100              | MET   | 100 hours within the last three years
         cpssp-2025 | hours 100; hours old   | UNMET | 100 hours, not stated to be of the last three years
         cpssp-2025 | hours 99; college year | UNMET | 99 hours within the last three years",
    );
}

#[test]
fn references() {
    check(
        Criterion::References,
        "cpss-guide | references 0 | UNMET        | 0 references
         cpss-guide | references 1 | UNMET        | 1 reference
         cpss-guide | references 2 | MET          | 2 references
         cpssp-2025 | references 0 | UNDETERMINED | 0 references
         cpssp-2025 | references 1 | UNDETERMINED | 1 reference
         cpssp-2025 | references 2 | MET          | 2 references
         cpssp-2025 | references 3 | MET          | 3 references",
    );
    let left_open = Case::read("cpssp-2025", "references 1").evaluate().unwrap();
    assert!(left_open.is_eligible() && left_open.is_undetermined());
}

#[test]
fn training() {
    check(Criterion::Training, TRAINING);
}

const TRAINING: &str = "
    cpss-guide | no training                                | UNMET | no training completed by 2019-04-01
    cpss-guide | training 03-31                             | MET   | 1 of them with
    cpss-guide | training 04-01                             | MET   | 1 of them with
    cpss-guide | training 04-02                             | UNMET | no training completed by 2019-04-01
    cpss-guide | training 03-09 without pre-training        | UNMET | 0 of them with
    cpss-guide | training 03-09 1h                          | MET   | 1 of them with
    cpss-guide | training 03-01 without pre-training, 03-09 | MET   | 1 of them with
    cpss-guide | training 03-01 without pre-training, 04-02 | UNMET | 0 of them with
    cpssp-2025 | no training                                | UNMET | no training completed by 2026-04-01
    cpssp-2025 | training 03-09 33.9h                       | UNMET | 1 training completed by 2026-04-01, of 33.9 hours
    cpssp-2025 | training 03-09 34h                         | MET   | 1 training completed by 2026-04-01, of 34 hours
    cpssp-2025 | training 03-09 34h without pre-training    | MET   | 1 training completed by 2026-04-01, of 34 hours
    cpssp-2025 | training 03-09 17h, 03-10 17h              | UNMET | the longest of 17 hours
    cpssp-2025 | training 03-31 34h                         | MET   | 1 training completed by 2026-04-01, of 34 hours
    cpssp-2025 | training 04-01 34h                         | MET   | 1 training completed by 2026-04-01, of 34 hours
    cpssp-2025 | training 04-02 34h                         | UNMET | no training completed by 2026-04-01
    cpssp-2025 | training 03-09 20h, 04-02 34h              | UNMET | 1 training completed by 2026-04-01, of 20 hours
";

#[test]
fn examination() {
    check(Criterion::Examination, EXAMINATION);
}

const EXAMINATION: &str = "
    cpss-guide | no exam                                                  | UNMET | no attempt
    cpss-guide | exam 03-16 74.9                                          | UNMET | 1 attempt, with a score of 74.9
    cpss-guide | exam 03-16 75                                            | MET   | 1 attempt, with a score of 75
    cpss-guide | exam 03-16 60, 03-20 75                                  | MET   | the best with a score of 75
    cpss-guide | exam 03-16 60, 03-20 70, 03-25 90                        | UNMET | 2 count, the best with a score of 70
    cpssp-2025 | no exam                                                  | UNMET | no attempt
    cpssp-2025 | exam 03-16 74.9                                          | UNMET | 1 attempt, with a score of 74.9
    cpssp-2025 | exam 03-16 75                                            | MET   | 1 attempt, with a score of 75
    cpssp-2025 | exam 03-16 100, 03-20 0                                  | MET   | the best with a score of 100
    cpssp-2025 | exam 03-16 60, 03-20 75                                  | MET   | the best with a score of 75
    cpssp-2025 | exam 03-16 60, 03-20 70, 03-25 90                        | UNMET | 2 count, the best with a score of 70
    cpssp-2025 | exam 03-25 90, 03-16 60, 03-20 70                        | UNMET | 2 count, the best with a score of 70
    cpssp-2025 | exam 03-08 90                                            | UNMET | 1 attempt, of which 0 count
    cpssp-2025 | exam 03-09 90                                            | MET   | 1 attempt, with a score of 90
    cpssp-2025 | exam 04-01 90                                            | MET   | 1 attempt, with a score of 90
    cpssp-2025 | exam 04-02 90                                            | UNMET | 1 attempt, of which 0 count
    cpssp-2025 | no training                                              | UNMET | 1 attempt, of which 0 count
    cpssp-2025 | exam 03-08 60, 03-16 60, 03-20 75                        | MET   | 2 count, the best with a score of 75
    cpssp-2025 | training 03-09, 03-22; exam 03-16 60, 03-20 70, 03-25 90 | MET   | the best with a score of 90
    cpssp-2025 | training 03-09, 03-25; exam 03-16 60, 03-20 70, 03-25 90 | MET   | the best with a score of 90
    cpssp-2025 | training 03-09, 03-26; exam 03-16 60, 03-20 70, 03-25 90 | UNMET | 2 count, the best with a score of 70
    cpssp-2025 | training 03-09, 03-18 1h; exam 03-16 60, 03-19 61, 03-20 62, 03-21 90 | UNMET | 3 count, the best with a score of 62
    cpssp-2025 | training 03-09, 03-09; exam 03-16 60, 03-20 70, 03-25 90 | UNMET | 2 count, the best with a score of 70
    cpssp-2025 | exam 03-16 60, 03-16 70, 03-16 90                        | UNMET | 2 count, the best with a score of 70
    cpssp-2025 | exam 03-16 60, 03-16 90, 03-16 70                        | MET   | 2 count, the best with a score of 90
    cpssp-2025 | training 03-09, 04-02; exam 03-16 60, 03-20 70, 04-02 90 | UNMET | 2 count, the best with a score of 70
";

#[test]
fn employment() {
    check(Criterion::Employment, EMPLOYMENT);
}

const EMPLOYMENT: &str = "
    cpss-guide | job 2019-04-01.. region-1                          | MET   | employed on 2019-04-01, supervised
    cpss-guide | job 2019-04-02.. region-1                          | UNMET | no employment on record for 2019-04-01
    cpssp-2025 | no job                                             | UNMET | no employment on record for 2026-04-01
    cpssp-2025 | job 2026-04-01.. region-1                          | MET   | employed on 2026-04-01, supervised
    cpssp-2025 | job 2026-04-02.. region-1                          | UNMET | no employment on record for 2026-04-01
    cpssp-2025 | job 2026-01-05..2026-03-31 region-1                | UNMET | no employment on record for 2026-04-01
    cpssp-2025 | job 2026-01-05..2026-04-01 region-1                | MET   | employed on 2026-04-01, supervised
    cpssp-2025 | job 2026-01-05.. region-1 unsupervised             | UNMET | employed on 2026-04-01, not supervised
    cpssp-2025 | job 2026-01-05.. region-1 unsupervised; job 2026-01-05.. region-2 | MET   | employed on 2026-04-01, supervised
    cpssp-2025 | job 2026-01-05.. region-1 unsupervised; job 2026-01-05.. piney-va | UNMET | employed on 2026-04-01, not supervised
    cpssp-2025 | job 2026-01-05.. piney-va                          | UNMET | no employment on record for 2026-04-01
    cpssp-2025 | job 2026-01-05.. delta-house                       | UNMET | no employment on record for 2026-04-01
    cpssp-2025 | job 2026-01-05.. delta-house; effective 2026-04-30 | UNMET | no employment on record for 2026-04-30
    cpssp-2025 | job 2026-01-05.. delta-house; effective 2026-05-01 | MET   | employed on 2026-05-01, supervised
    cpss-guide | job 2018-01-01.. old-mill; effective 2021-04-30    | MET   | employed on 2021-04-30, supervised
    cpss-guide | job 2018-01-01.. old-mill; effective 2021-05-01    | UNMET | no employment on record for 2021-05-01
    cpss-guide | job 2018-01-01.. region-2; effective 2022-06-15    | MET   | employed on 2022-06-15, supervised
";

#[test]
fn designation() {
    check(Criterion::Designation, DESIGNATION);
}

const DESIGNATION: &str = "
    cpss-guide | for nothing                                               | NOT_REQUIRED | not looked at
    cpss-guide | for FORENSIC_PEER_RECOVERY                                | NOT_REQUIRED | not looked at
    cpssp-2025 | for nothing                                               | UNMET        | none applied for
    cpssp-2025 | for ADULT_AND_RECOVERY                                    | MET          | each trained for
    cpssp-2025 | for YOUNG_ADULT                                           | UNMET        | without the training for Young Adult
    cpssp-2025 | for ADULT_AND_RECOVERY, YOUNG_ADULT, PARENT_CAREGIVER     | UNMET        | without the training for Young Adult, Parent/Caregiver
    cpssp-2025 | for PARENT_CAREGIVER, YOUNG_ADULT; training 03-09 PARENT_CAREGIVER, 03-10 2h YOUNG_ADULT | MET          | each trained for
    cpssp-2025 | for YOUNG_ADULT; training 03-09, 04-01 2h YOUNG_ADULT     | MET          | each trained for
    cpssp-2025 | for YOUNG_ADULT; training 03-09, 04-02 2h YOUNG_ADULT     | UNMET        | without the training for Young Adult
    cpssp-2025 | for RECOVERY_ONLY; training 03-09, 2021-04-30 20h ADULT_AND_RECOVERY | MET          | each trained for
    cpssp-2025 | for RECOVERY_ONLY; training 03-09, 2021-05-01 20h ADULT_AND_RECOVERY | UNMET        | without the training for Recovery only
    cpssp-2025 | for RECOVERY_ONLY; training 2021-04-30 RECOVERY_ONLY      | UNMET        | without the training for Recovery only
    cpssp-2025 | for RECOVERY_ONLY; training 2021-04-30 PARENT_CAREGIVER   | UNMET        | without the training for Recovery only
    cpssp-2025 | for RECOVERY_ONLY; training 2021-04-30 ADULT_AND_RECOVERY | MET          | each trained for
";

#[test]
fn the_rule_set_is_that_of_the_day_of_application() {
    let table = "
        cpss-guide | applied 2011-06-01; effective 2019-04-01
        cpss-guide | applied 2012-01-01; effective 2019-04-01
        cpss-guide | applied 2021-04-30; effective 2021-04-30
        cpss-guide | applied 2021-04-30; effective 2026-04-01
        cpssp-2025 | applied 2021-05-01; effective 2026-04-01
        cpssp-2025 | applied 2026-04-01; effective 2026-04-01";
    for line in lines(table) {
        let [rule_set, differs] = columns(line);
        assert_eq!(Case::read(rule_set, differs).evaluate().unwrap().rule_set, rule_set, "{line}");
    }
    let late = Case::read("cpssp-2025", "applied 2026-04-02").evaluate();
    let Err(Rejection::Invalid(violations)) = late else { panic!("{late:?}") };
    assert_eq!(violations.listed()[0].field, "application.applied_on");
}

#[test]
fn the_order_of_selection() {
    // The day of the application counts, not the first day of the credential.
    let table = "
        EMPLOYED      | -
        EMPLOYED      | sponsor region-2
        EMPLOYED      | job 2026-03-02.. region-1 unsupervised
        SPONSORED     | job 2026-03-03.. region-1; sponsor region-2
        SPONSORED     | job 2018-01-01.. delta-house; sponsor piney-va
        MARKETABILITY | job 2026-03-03.. region-1
        MARKETABILITY | job 2018-01-01.. piney-va
        MARKETABILITY | no job";
    for line in lines(table) {
        let [priority, differs] = columns(line);
        let evaluation = Case::read("cpssp-2025", differs).evaluate().unwrap();
        assert_eq!(word(evaluation.selection_priority), priority, "{line}");
    }
    let unknown = Case::read("cpssp-2025", "sponsor nobody").evaluate();
    assert!(matches!(unknown, Err(Rejection::NotFound { kind: "provider", .. })), "{unknown:?}");
}

#[test]
fn fees_and_scholarship() {
    for rule_set in ["cpss-guide", "cpssp-2025"] {
        let evaluation = Case::read(rule_set, "-").evaluate().unwrap();
        let fees: Vec<_> = evaluation.fees.iter().map(|fee| (fee.kind, fee.amount_cents)).collect();
        assert_eq!(fees, [(FeeKind::Application, 3000), (FeeKind::Training, 5000)]);
        assert!(evaluation.fees.iter().all(|fee| fee.citation.contains("source 001")));
        assert!(!evaluation.scholarship_requested);
        assert!(Case::read(rule_set, "scholarship").evaluate().unwrap().scholarship_requested);
    }
}

#[test]
fn the_order_of_the_criteria_is_the_contracts() {
    let evaluation = Case::read("cpssp-2025", "-").evaluate().unwrap();
    let criteria: Vec<_> = evaluation.criteria.iter().map(|assessment| assessment.criterion).collect();
    assert_eq!(criteria, Criterion::ALL);
}
