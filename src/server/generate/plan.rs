//! The plan of a person's career, from the first job on: what happens, and when it is reported.

use super::providers::Employers;
use super::rng::Rng;
use crate::domain::day::{Day, Period};
use crate::domain::fact::{Act, Designation, SuspensionBasis};
use crate::domain::rule_sets::RuleSet;

use Designation::{AdultAndRecovery, ForensicPeerRecovery, ParentCaregiver, YoungAdult};

/// A report about a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// The person is registered.
    Register,
    /// A job begins.
    Hire { job: u8, provider: u32, from: Day },
    /// A job ends.
    Leave { job: u8, last_day: Day },
    /// The days of a job are corrected.
    Correct { job: u8, days: Period },
    /// The last end of a job, or the last period, is retracted because it was reported by mistake.
    Withdraw,
    /// The credential is issued.
    Certify { from: Day },
    /// The credential is imported from earlier records.
    Transfer { term: Period },
    /// The credential is renewed for another term.
    Renew,
    /// A designation is granted.
    Designate(Designation, Day),
    /// The credential is suspended.
    Suspend(SuspensionBasis, Day),
    /// The credential is limited.
    Limit(Day),
    /// The credential is inactive.
    Inactive(Day),
    /// The most recently opened period ends.
    End(Day),
    /// An act takes effect.
    Act(Act, Day),
    /// The family name changes.
    Rename,
    /// The person dies.
    Die(Day),
}

/// A career that is being planned.
pub(super) struct Plan<'a> {
    rng: &'a mut Rng,
    employers: &'a Employers,
    rules: &'a RuleSet,
    through: Day,
    jobs: u8,
    steps: Vec<(Day, Step)>,
}

/// The duration of a job in days. Most jobs are short.
fn tenure(rng: &mut Rng) -> i32 {
    let mean = 1100.0;
    #[expect(clippy::cast_possible_truncation, reason = "at most some twenty years")]
    let days = (-(1.0 - rng.part()).ln() * mean).min(9000.0) as i32;
    days + 45
}

impl<'a> Plan<'a> {
    /// Plans the reports about a person whose first job begins on a day, in the order in which they are made.
    pub(super) fn draw(
        rng: &'a mut Rng,
        employers: &'a Employers,
        rules: &'a RuleSet,
        hired: Day,
        imported_on: Option<Day>,
        through: Day,
    ) -> Vec<(Day, Step)> {
        let mut plan = Plan { rng, employers, rules, through, jobs: 0, steps: Vec::new() };
        plan.career(hired, imported_on);
        let mut steps = plan.steps;
        // Reports are in the order of their days. Those of one day are in the order in which they were planned.
        steps.retain(|(reported, _)| *reported <= through);
        steps.sort_by_key(|(reported, _)| *reported);
        steps
    }

    fn report(&mut self, happened: Day, late: i32, step: Step) {
        self.steps.push((happened.plus(late), step));
    }

    /// Most reports are made within days, some far too late.
    fn lateness(&mut self) -> i32 {
        if self.rng.percent(6) { self.rng.days(25, 160) } else { self.rng.days(0, 11) }
    }

    fn career(&mut self, hired: Day, imported_on: Option<Day>) {
        let employer = self.employers.draw(self.rng);
        let first_report = imported_on.unwrap_or(hired);
        self.steps.push((first_report, Step::Register));
        self.steps.push((first_report, Step::Hire { job: 0, provider: employer, from: hired }));
        self.jobs = 1;
        let certified = match imported_on {
            Some(imported) => {
                let from = self.rng.after(hired, 30, 200).min(imported.plus(-1));
                let term = Period::from_inclusive(from, Some(self.rules.cohort_date_on_or_after(imported)));
                self.steps.push((imported, Step::Transfer { term }));
                from
            }
            None => {
                let from = self.rng.after(hired, 75, 240);
                let late = self.rng.days(0, 20);
                self.report(from, late, Step::Certify { from });
                from
            }
        };
        let mut left = hired.plus(tenure(self.rng)).max(certified.plus(60)).max(first_report.plus(60));
        let mut held_until = left;
        let mut job = 0;
        while left < self.through {
            let late = self.lateness();
            match self.rng.below(10) {
                0..3 => return self.exit(job, left, certified),
                // A gap: the credential is revoked, and reinstated after the next job has begun.
                3..5 => {
                    self.report(left, late, Step::Leave { job, last_day: left });
                    let from = self.rng.after(left, 8, 220);
                    let employer = self.employers.draw(self.rng);
                    let late = late.max(self.rng.days(0, 9));
                    self.hire(employer, from, late);
                    let reinstated = self.rng.after(from, 3, 40);
                    self.report(reinstated, late, Step::Act(Act::Reinstated, reinstated));
                    left = reinstated.plus(tenure(self.rng));
                }
                // The next job begins before this one ends, or the day after.
                5..8 => {
                    let overlap = self.rng.days(0, 60).min(20);
                    let employer = self.employers.draw(self.rng);
                    self.hire(employer, left.plus(1 - overlap), 0);
                    self.report(left, late, Step::Leave { job, last_day: left });
                    left = left.plus(tenure(self.rng));
                }
                // The end was reported by mistake, and is retracted.
                8 => {
                    self.report(left, late, Step::Leave { job, last_day: left });
                    self.report(left, late, Step::Withdraw);
                    left = left.plus(tenure(self.rng));
                    held_until = left;
                    continue;
                }
                // The end was on another day.
                _ => {
                    let from = self.rng.days(1, 9);
                    let employer = self.employers.draw(self.rng);
                    self.hire(employer, left.plus(1 - from), 0);
                    self.report(left, late, Step::Leave { job, last_day: left });
                    let days =
                        Period::from_inclusive(self.started(job).unwrap_or(hired), Some(left.plus(-1).max(hired)));
                    let corrected = self.rng.days(12, 60);
                    self.report(left, late + corrected, Step::Correct { job, days });
                    left = left.plus(tenure(self.rng));
                }
            }
            job = self.jobs - 1;
            held_until = left;
            if self.jobs > 40 {
                break;
            }
        }
        self.incidents(certified.max(first_report), held_until.min(self.through));
        self.renewals(certified.max(first_report), held_until.min(self.through.plus(180)));
    }

    fn started(&self, job: u8) -> Option<Day> {
        self.steps.iter().find_map(|(_, step)| match step {
            Step::Hire { job: hired, from, .. } if *hired == job => Some(*from),
            _ => None,
        })
    }

    fn hire(&mut self, provider: u32, from: Day, late: i32) {
        self.report(from, late, Step::Hire { job: self.jobs, provider, from });
        self.jobs += 1;
    }

    /// Plans the final end of the last job.
    fn exit(&mut self, job: u8, left: Day, certified: Day) {
        let late = self.lateness();
        match self.rng.below(12) {
            0 => {
                let death = left.plus(-1).max(certified);
                self.report(death, late, Step::Die(death));
            }
            1 => self.report(left, 0, Step::Act(Act::Retired, left)),
            2 => self.report(left, 0, Step::Act(Act::Relinquished, left)),
            3 => self.report(left, 0, Step::Act(Act::Surrendered, left)),
            _ => {}
        }
        self.report(left, late, Step::Leave { job, last_day: left });
        self.incidents(certified, left);
        self.renewals(certified, left);
    }

    /// Plans a renewal for every term that ends while the credential is held. Some are late.
    fn renewals(&mut self, from: Day, until: Day) {
        let mut ends = self.rules.cohort_date_on_or_after(from);
        while ends < until {
            let late = if self.rng.percent(5) { self.rng.days(1, 90) } else { -self.rng.days(5, 120) };
            self.report(ends, late, Step::Renew);
            ends = self.rules.cohort_date_on_or_after(ends.next());
        }
    }

    /// Plans the events during a career.
    fn incidents(&mut self, from: Day, until: Day) {
        let span = until.number() - from.number();
        if span < 200 {
            return;
        }
        let sometime = |plan: &mut Self| from.plus(plan.rng.days(10, span - 150));
        if self.rng.percent(45) {
            let day = sometime(self);
            let code = self.rng.one_of(&[ParentCaregiver, YoungAdult, ForensicPeerRecovery], AdultAndRecovery);
            self.report(day, 0, Step::Designate(code, day));
        }
        if self.rng.percent(30) {
            // A second job in parallel.
            let day = sometime(self);
            let provider = self.employers.draw_any(self.rng);
            self.second_job(provider, day);
        }
        if self.rng.percent(12) {
            let day = sometime(self);
            self.report(day, 0, Step::Rename);
        }
        if self.rng.percent(6) {
            let day = sometime(self);
            let bases = [SuspensionBasis::Disciplinary, SuspensionBasis::CeAudit, SuspensionBasis::ExternalOrder];
            let basis = self.rng.one_of(&bases, SuspensionBasis::CeAudit);
            self.passing(day, Step::Suspend(basis, day));
        }
        if self.rng.percent(4) {
            let day = sometime(self);
            self.passing(day, Step::Limit(day));
        }
        if self.rng.percent(3) {
            let day = sometime(self);
            self.passing(day, Step::Inactive(day));
        }
    }

    /// Plans a period of some months.
    fn passing(&mut self, day: Day, step: Step) {
        self.report(day, 0, step);
        if self.rng.percent(10) {
            self.report(day, 5, Step::Withdraw);
            return;
        }
        let last_day = self.rng.after(day, 20, 120);
        let late = self.rng.days(-10, 3);
        self.report(last_day, late, Step::End(last_day));
    }

    fn second_job(&mut self, provider: u32, from: Day) {
        self.hire(provider, from, 3);
        let job = self.jobs - 1;
        let last_day = self.rng.after(from, 60, 900);
        let late = self.lateness();
        self.report(last_day, late.max(4), Step::Leave { job, last_day });
    }
}
