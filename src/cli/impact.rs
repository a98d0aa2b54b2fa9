//! Everyone whom a command would affect, or a record affected.

use std::collections::{BTreeMap, HashSet};

use tokio_stream::StreamExt as _;

use super::change_text::{change, whose_days};
use super::connect::Service;
use super::display_text::{day, is_lost, standing};
use super::failure::Failure;
use super::listing::ListFormat;
use super::message_json;
use crate::proto::google::r#type::Date;
use crate::proto::v1::change::Change as Of;
use crate::proto::v1::preview_impact_request::Subject;
use crate::proto::v1::preview_impact_response::Kind;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::proto::v1::{Coverage, ImpactChange, ImpactHeader, PreviewImpactRequest, Standing, StandingChange};

const COLUMNS: [&str; 3] = ["name", "change", "when"];

/// The columns for spreadsheets.
const ALL_COLUMNS: [&str; 6] = ["name", "credential_number", "change", "from", "to", "when"];

/// Prints the changes of a command or a record, with names.
pub async fn print_impact(service: Service, subject: Subject, format: ListFormat) -> Result<ImpactHeader, Failure> {
    let request = PreviewImpactRequest { subject: Some(subject), ..PreviewImpactRequest::default() };
    let answered = RecordServiceClient::new(service).preview_impact(request).await;
    let mut received = answered.map_err(|status| Failure::answered(&status))?.into_inner();
    let mut list = format.begin(if format.is_csv() { &ALL_COLUMNS } else { &COLUMNS })?;
    let (mut header, mut sum) = (ImpactHeader::default(), Sum::default());
    while let Some(message) = received.next().await {
        match message.map_err(|status| Failure::answered(&status))?.kind {
            Some(Kind::Header(received)) => header = received,
            Some(Kind::Change(it)) => {
                sum.add(&it);
                list.row(cells(&it, format), || message_json::of("ImpactChange", &it))?;
            }
            None => {}
        }
    }
    // The list may be long: the sums stand where the eye is after it.
    list.end_with_sums(&sentences(&header, &sum))?;
    Ok(header)
}

fn cells(it: &ImpactChange, format: ListFormat) -> Vec<String> {
    let when = if it.foreseen { "after today" } else { "" }.to_owned();
    let text = it.change.as_ref().map(change).unwrap_or_default();
    if !format.is_csv() {
        return vec![it.display_name.clone(), text, when];
    }
    let (number, first, last) = it.change.as_ref().map(whose_days).unwrap_or_default();
    let shown = |date: Option<Date>| date.map(day).unwrap_or_default();
    vec![it.display_name.clone(), number.to_owned(), text, shown(first), shown(last), when]
}

/// What an impact does to the credentials, each counted once.
#[derive(Debug, Default)]
struct Sum {
    changes: u64,
    /// Those with another standing on some days.
    with_other_standing: HashSet<String>,
    /// Those that become separated, so that they may not practice.
    separated: HashSet<String>,
    /// Those that are lost, by what becomes of them.
    lost: BTreeMap<&'static str, HashSet<String>>,
    /// Those that are not lost any more, by what had become of them.
    restored: BTreeMap<&'static str, HashSet<String>>,
    /// Those that a provider does not cover any more, and those that it covers from now on, by provider.
    uncovered: BTreeMap<String, HashSet<String>>,
    covered: BTreeMap<String, HashSet<String>>,
}

impl Sum {
    fn add(&mut self, it: &ImpactChange) {
        self.changes += 1;
        match it.change.as_ref().and_then(|change| change.change.as_ref()) {
            Some(Of::Standing(it)) => self.add_standing(it),
            Some(Of::Coverage(it)) => {
                let by_provider = match it.coverage() {
                    Coverage::NotCovered => &mut self.uncovered,
                    Coverage::Covered => &mut self.covered,
                    Coverage::NotKnown | Coverage::Unspecified => return,
                };
                by_provider.entry(it.provider_id.clone()).or_default().insert(it.credential_number.clone());
            }
            _ => {}
        }
    }

    fn add_standing(&mut self, it: &StandingChange) {
        let (from, to, number) = (it.from_standing(), it.to_standing(), &it.credential_number);
        self.with_other_standing.insert(number.clone());
        if to == Standing::Separated && [Standing::Current, Standing::Limited].contains(&from) {
            self.separated.insert(number.clone());
        }
        match (is_lost(from), is_lost(to)) {
            (false, true) => _ = self.lost.entry(standing(to)).or_default().insert(number.clone()),
            (true, false) => _ = self.restored.entry(standing(from)).or_default().insert(number.clone()),
            _ => {}
        }
    }

    fn sentence(&self) -> Option<String> {
        let mut standings = Vec::new();
        if !self.separated.is_empty() {
            standings.push(format!("{} separated, so that they may not practice", self.separated.len()));
        }
        standings.extend(self.lost.iter().map(|(standing, people)| format!("{} {standing}", people.len())));
        let restored = self.restored.iter();
        standings.extend(restored.map(|(standing, people)| format!("{} no longer {standing}", people.len())));
        let uncovered = self.uncovered.iter().map(|(provider, people)| {
            let as_before = people.difference(&self.with_other_standing).count();
            format!(
                "{} no longer covered by {provider}, {as_before} of them without a change of standing",
                people.len()
            )
        });
        let covered = self.covered.iter();
        let covered = covered.map(|(provider, people)| format!("{} newly covered by {provider}", people.len()));
        let standings = Some(standings.join(", ")).filter(|text| !text.is_empty());
        let parts: Vec<String> = standings.into_iter().chain(uncovered).chain(covered).collect();
        (!parts.is_empty()).then(|| format!("Of the credentials: {}.", parts.join("; ")))
    }
}

fn sentences(header: &ImpactHeader, sum: &Sum) -> Vec<String> {
    let people = match header.specialist_count {
        0 => "Nobody is affected".to_owned(),
        1 => "1 person is affected".to_owned(),
        count => format!("{count} people are affected"),
    };
    let (now, later) = (u64::from(header.change_count), u64::from(header.foreseen_change_count));
    let changes = if now == 1 { "change" } else { "changes" };
    let mut sentences =
        vec![format!("{people}: {now} {changes} up to today, and {later} after it (revision {}).", header.revision)];
    sentences.extend(sum.sentence());
    if sum.changes < now + later {
        sentences.push("The caller may not see the changes themselves.".to_owned());
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{Change, CoverageChange};

    fn sum(changes: &[Of]) -> String {
        let mut sum = Sum::default();
        for change in changes {
            sum.add(&ImpactChange { change: Some(Change { change: Some(change.clone()) }), ..ImpactChange::default() });
        }
        sum.sentence().unwrap()
    }

    fn coverage(number: &str, provider: &str, coverage: Coverage) -> Of {
        let (credential_number, provider_id) = (number.to_owned(), provider.to_owned());
        Of::Coverage(CoverageChange {
            credential_number,
            provider_id,
            coverage: coverage.into(),
            ..CoverageChange::default()
        })
    }

    fn standing_of(number: &str, from: Standing, to: Standing) -> Of {
        let credential_number = number.to_owned();
        Of::Standing(StandingChange {
            credential_number,
            from_standing: from.into(),
            to_standing: to.into(),
            ..StandingChange::default()
        })
    }

    #[test]
    fn a_transfer_and_a_second_job_are_not_summed_up_as_a_loss() {
        let transfer = ["1", "2"].into_iter().flat_map(|number| {
            [coverage(number, "old", Coverage::NotCovered), coverage(number, "new", Coverage::Covered)]
        });
        assert_eq!(
            sum(&transfer.collect::<Vec<_>>()),
            "Of the credentials: 2 no longer covered by old, 2 of them without a change of standing; 2 newly covered by \
             new."
        );
        let closed = [
            coverage("1", "old", Coverage::NotCovered),
            coverage("2", "old", Coverage::NotCovered),
            standing_of("2", Standing::Current, Standing::Separated),
            standing_of("2", Standing::Current, Standing::RevokedLossOfEmployment),
        ];
        assert_eq!(
            sum(&closed),
            "Of the credentials: 1 separated, so that they may not practice, 1 revoked on loss of employment; 2 no \
             longer covered by old, 1 of them without a change of standing."
        );
    }

    #[test]
    fn what_a_retraction_restores_is_summed_up() {
        let changes = [
            standing_of("1", Standing::RevokedLossOfEmployment, Standing::Current),
            coverage("1", "old", Coverage::Covered),
        ];
        let expected = "Of the credentials: 1 no longer revoked on loss of employment; 1 newly covered by old.";
        assert_eq!(sum(&changes), expected);
    }
}
