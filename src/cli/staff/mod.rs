//! `staff`: who works for a provider, with names, standings, terms that end soon and planned ends that revoke.

mod gather;
mod member;

use super::connect::Connection;
use super::display_text::day;
use super::failure::Failure;
use super::listing::ListFormat;
use super::question::Moment;
use super::{Outcome, block_on, table, terminal};
use crate::proto::v1::Answer;

use self::gather::{Gathered, gather};
use self::member::{FOR_PEOPLE, FOR_SPREADSHEETS, Member};

/// List who works for a provider on a day
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Staff {
    /// The provider [default: that of the profile, else the caller itself]
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    #[command(flatten)]
    moment: Moment,
    #[command(flatten)]
    format: ListFormat,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry staff --as provider:region-1-cmhc
  cpss-registry staff --provider region-1-cmhc --as-of 1/31/2026 --format csv >jobs-on-record.csv

A provider sees its own staff. The notes say whose term ends soon, who leaves, and whom that revokes.";

impl Staff {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let provider = self.provider.clone().or(self.connection.profile()?.provider).unwrap_or_default();
        let Gathered { mut members, answer } = block_on(Box::pin(gather(&self.connection, &provider, &self.moment)))?;
        members.sort_by_cached_key(Member::sort_key);
        let mut list = self.format.begin(if self.format.is_csv() { &FOR_SPREADSHEETS } else { &FOR_PEOPLE })?;
        for member in &members {
            let cells = if self.format.is_csv() { member.for_spreadsheets() } else { member.for_people() };
            list.row(cells, || member.json())?;
        }
        list.end(&sentences(&provider, &members, &answer))?;
        Ok(Outcome::Done)
    }
}

fn sentences(provider: &str, members: &[Member], answer: &Answer) -> Vec<String> {
    let of_first = members.first().map_or("the caller", |member| &member.job.provider_id);
    let place = if provider.is_empty() { of_first } else { provider };
    let date = answer.as_of.map(day).unwrap_or_default();
    let jobs = match members.len() {
        0 => format!("Nobody has a job with {place} on {date}"),
        1 => format!("1 job with {place} includes {date}"),
        count => format!("{count} jobs with {place} include {date}"),
    };
    let mut sentences = vec![format!("{jobs}, as known at revision {}.", answer.known_at_revision)];
    for (what, of) in [
        ("The term has ended of", Member::has_ended as fn(&Member) -> bool),
        ("The term ends soon of", Member::ends_soon),
        ("A planned end revokes the credential of", Member::is_revoked_by_end),
    ] {
        let mut names: Vec<&str> = members.iter().filter(|it| of(it)).map(|it| it.display_name.as_str()).collect();
        names.dedup();
        if !names.is_empty() {
            // Many names would be one line that is too long to read.
            let sentence = format!("{what} {}.", names.join(", "));
            sentences.push(table::sentence(&sentence, Some(terminal::table_width())));
        }
    }
    sentences
}
