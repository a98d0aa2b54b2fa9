//! `rules`: which rules apply when, and why the registry says so.

use std::time::Duration;

use super::connect::Connection;
use super::display_text::{code, day, words};
use super::failure::Failure;
use super::lines::Lines;
use super::question::Moment;
use super::table::table;
use super::{Outcome, block_on, message_json, print, print_json_line, terminal};
use crate::proto::google::r#type::Date;
use crate::proto::v1::credential_service_client::CredentialServiceClient;
use crate::proto::v1::{
    Criterion, InForceBasis, ListRuleSetsRequest, ListRuleSetsResponse, QualificationBasis, RuleSet, UnitYear,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Show which rules apply when, with their sources
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Rules {
    #[command(flatten)]
    moment: Moment,
    #[command(flatten)]
    connection: Connection,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry rules
  cpss-registry rules --as-of 4/30/2021

With --as-of: the rules that were in force on that day. Without: all that were adopted.";

impl Rules {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let listed = block_on(self.ask())?;
        let today = listed.answer.as_ref().and_then(|answer| answer.as_of);
        let asked = |set: &&RuleSet| self.moment.as_of.is_none_or(|day| is_in_force(set, day));
        let sets: Vec<&RuleSet> = listed.rule_sets.iter().filter(asked).collect();
        if self.json {
            for set in sets {
                print_json_line(&message_json::of("RuleSet", set)?)?;
            }
            return Ok(Outcome::Done);
        }
        let in_force = |date: Date| {
            let id = listed.rule_sets.iter().find(|set| is_in_force(set, date)).map(|set| &*set.rule_set_id);
            format!("On {} the rules are those of {}.\n", day(date), id.unwrap_or("the earliest rule set"))
        };
        print(&self.moment.as_of.or(today).map(in_force).unwrap_or_default())?;
        let limit = terminal::width();
        sets.into_iter().try_for_each(|set| print(&format!("\n{}", text(set, limit))))?;
        Ok(Outcome::Done)
    }

    async fn ask(&self) -> Result<ListRuleSetsResponse, Failure> {
        let channel = self.connection.open(TIMEOUT).await?;
        let request = ListRuleSetsRequest { known_at: self.moment.known_at() };
        let listed = CredentialServiceClient::new(channel).list_rule_sets(request).await;
        Ok(listed.map_err(|status| Failure::answered(&status))?.into_inner())
    }
}

fn is_in_force(set: &RuleSet, date: Date) -> bool {
    let order = |date: Date| (date.year, date.month, date.day);
    set.in_force_from.is_some_and(|from| order(from) <= order(date))
        && set.in_force_to.is_none_or(|to| order(date) <= order(to))
}

fn text(set: &RuleSet, limit: Option<usize>) -> String {
    let mut lines = Lines::under(&format!("{}  {}", set.rule_set_id, set.title), limit);
    let from = set.in_force_from.map(day).unwrap_or_default();
    let to = set.in_force_to.map_or_else(|| "until another set follows".to_owned(), |to| format!("to {}", day(to)));
    lines.line("in force", &format!("{from} {to} ({})", basis(set.in_force_basis())));
    lines.line("adopted", &format!("in revision {}", set.adopted_revision));
    lines.line("employment", &employment(set));
    let bases = set.qualifying_bases.iter();
    let bases: Vec<_> =
        bases.map(|basis| words(&code(*basis, QualificationBasis::as_str_name, "QUALIFICATION_BASIS_"))).collect();
    lines.line("providers", &format!("qualify if {}", bases.join(", ")));
    let window = set.reporting_window_working_days;
    lines.line("reports", &format!("are due {window} working days after the day that they are about"));
    lines.line("terms", &terms(set));
    let year = match set.unit_year() {
        UnitYear::StateFiscal => "state fiscal year",
        UnitYear::Calendar | UnitYear::Unspecified => "calendar year",
    };
    let (daily, yearly) = (set.daily_unit_limit, set.yearly_unit_limit);
    lines.line("billing", &format!("at most {daily} units a day and {yearly} a {year}"));
    let mut label = "sources";
    for source in &set.citations {
        lines.line(label, source);
        label = "";
    }
    let criteria: Vec<Vec<String>> = set
        .criteria
        .iter()
        .map(|criterion| {
            let name = words(&code(criterion.criterion, Criterion::as_str_name, "CRITERION_"));
            vec![name, criterion.required.clone(), criterion.citation.clone()]
        })
        .collect();
    format!(
        "{}\n{}",
        lines.into_text(),
        table(&["criterion", "required", "why"], &criteria, Some(terminal::table_width()))
    )
}

fn basis(basis: InForceBasis) -> &'static str {
    match basis {
        InForceBasis::Stated => "the source states these days",
        InForceBasis::Inferred => "these days are inferred from the sources",
        InForceBasis::Unknown | InForceBasis::Unspecified => "the sources do not state these days",
    }
}

fn employment(set: &RuleSet) -> String {
    match set.grace_days {
        0 => "the credential is revoked from the first day without a job".to_owned(),
        days => format!("the credential is revoked after {days} days without a job"),
    }
}

fn terms(set: &RuleSet) -> String {
    let first = set.cohort_date.map(day).unwrap_or_default();
    let hours = set.continuing_education_hours_per_year;
    let renewal = if hours > 0.0 {
        format!("a renewal takes {hours} hours of continuing education for each whole year")
    } else {
        "a renewal takes no continuing education".to_owned()
    };
    format!("end on {first} and every {} years after that; {renewal}", set.cohort_interval_years)
}
