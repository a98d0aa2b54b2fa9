//! Section 2: from the list of recorded facts to the state at a revision.

use std::collections::BTreeSet;
use std::sync::Arc;

use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::fact::{
    Act, CredentialPeriodKind, Designation, Fact, ProviderFact, ProviderPeriodKind, ProviderRow, QualificationBasis,
    Recorded, RegistryFact, SpecialistFact, SuspensionBasis,
};
use cpss_registry::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use cpss_registry::domain::rule_sets::RuleSet;

/// The days of a period with inclusive ends.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    pub first: Day,
    pub last: Option<Day>,
}

impl Days {
    pub fn of(period: Period) -> Days {
        Days { first: period.start, last: period.last_day() }
    }

    pub fn include(self, day: Day) -> bool {
        self.first <= day && self.last.is_none_or(|last| day <= last)
    }
}

/// The state at a revision.
#[derive(Debug)]
pub struct Model {
    /// The known rule sets, in the order of adoption.
    pub rule_sets: Vec<Arc<RuleSet>>,
    /// The date of the last `DayOpened`.
    pub today: Option<Day>,
    /// The last `RecordsBegin`.
    pub records_begin: Option<Day>,
    pub providers: Vec<ModelProvider>,
    pub people: Vec<ModelPerson>,
}

#[derive(Debug)]
pub struct ModelProvider {
    pub id: ProviderId,
    /// `None`: not on file.
    pub row: Option<ProviderRow>,
    pub qualifications: Vec<Certificate>,
    pub suspensions: Vec<Days>,
    pub service_certifications: Vec<Certificate>,
    pub service_suspensions: Vec<Days>,
}

#[derive(Clone, Copy, Debug)]
pub struct Certificate {
    pub fact: FactId,
    /// `None` for the certification of a service.
    pub basis: Option<QualificationBasis>,
    pub days: Days,
    pub valid_through: Option<Day>,
}

#[derive(Debug)]
pub struct ModelPerson {
    /// Whether a name of the person was redacted: it is empty.
    pub is_redacted: bool,
    pub death_date: Option<Day>,
    pub jobs: Vec<ModelJob>,
    pub credentials: Vec<ModelCredential>,
}

#[derive(Debug)]
pub struct ModelJob {
    pub provider: ProviderId,
    pub days: Days,
}

#[derive(Debug)]
pub struct ModelCredential {
    pub number: CredentialNumber,
    pub holder: SpecialistId,
    /// The issuance.
    pub issued: FactId,
    /// Whether the issuance is retracted.
    pub void: bool,
    pub effective_from: Day,
    /// The term of the issuance.
    pub term: Days,
    /// The terms of renewals.
    pub renewals: Vec<Days>,
    pub acts: Vec<(Day, Act)>,
    pub designations: Vec<(Designation, Days)>,
    pub suspensions: Vec<(SuspensionBasis, Days)>,
    pub limitations: Vec<Days>,
    pub inactive: Vec<Days>,
    /// The numbers of earlier certificates, each once.
    pub prior_numbers: Vec<String>,
}

/// The facts known at a revision, and which of them are retracted.
pub struct KnownFacts<'a> {
    known: Vec<&'a Recorded<Fact>>,
    retractions: Vec<(FactId, FactId)>,
}

impl<'a> KnownFacts<'a> {
    pub fn at(facts: &'a [Recorded<Fact>], revision: Revision) -> KnownFacts<'a> {
        let known: Vec<_> = facts.iter().filter(|recorded| recorded.id.revision <= revision).collect();
        let retractions = known.iter().filter_map(|recorded| Some((recorded.id, target(&recorded.fact)?))).collect();
        KnownFacts { known, retractions }
    }

    /// "A retraction can itself be retracted": only one that is not retracted counts.
    pub fn is_retracted(&self, fact: FactId) -> bool {
        self.retractions.iter().any(|(retraction, target)| *target == fact && !self.is_retracted(*retraction))
    }

    /// "A retracted fact is left out of everything."
    pub fn not_retracted(&self) -> Vec<&'a Recorded<Fact>> {
        self.known.iter().copied().filter(|recorded| !self.is_retracted(recorded.id)).collect()
    }
}

/// The fact that this one retracts, if it is a retraction.
pub fn target(fact: &Fact) -> Option<FactId> {
    match fact {
        Fact::Provider(_, ProviderFact::Retracted(retraction))
        | Fact::Specialist(_, SpecialistFact::Retracted(retraction)) => Some(retraction.target),
        _ => None,
    }
}

/// "The days of a period are those of the fact that opened it, with `last_day` replaced by the last `PeriodEnded` that
/// is not retracted."
fn days_of(counting: &[&Recorded<Fact>], opened: FactId, days: Period) -> Days {
    let mut days = Days::of(days);
    for recorded in counting {
        if let Fact::Provider(_, ProviderFact::PeriodEnded(end)) | Fact::Specialist(_, SpecialistFact::PeriodEnded(end)) =
            &recorded.fact
            && end.target == opened
        {
            days.last = Some(end.last_day);
        }
    }
    days
}

/// "A qualification (per provider and basis) or peer service certification without a last day also ends, at the latest,
/// the day before the next one of that provider begins (same first day: the one recorded last counts)."
fn replaced(certificates: &[Certificate]) -> Vec<Certificate> {
    let mut counting = Vec::new();
    for certificate in certificates {
        let mut certificate = *certificate;
        let others = || certificates.iter().filter(|other| other.basis == certificate.basis);
        if others().any(|other| other.days.first == certificate.days.first && other.fact > certificate.fact) {
            continue;
        }
        let next = others().map(|other| other.days.first).filter(|first| *first > certificate.days.first).min();
        if certificate.days.last.is_none() {
            certificate.days.last = next.map(Day::previous);
        }
        counting.push(certificate);
    }
    counting
}

impl ModelProvider {
    fn nothing(id: &ProviderId) -> ModelProvider {
        ModelProvider {
            id: id.clone(),
            row: None,
            qualifications: Vec::new(),
            suspensions: Vec::new(),
            service_certifications: Vec::new(),
            service_suspensions: Vec::new(),
        }
    }

    fn read(id: &ProviderId, counting: &[&Recorded<Fact>]) -> ModelProvider {
        let mut provider = ModelProvider::nothing(id);
        for recorded in counting {
            let Fact::Provider(of, fact) = &recorded.fact else { continue };
            if of != id {
                continue;
            }
            match fact {
                ProviderFact::Registered(row) | ProviderFact::Updated(row) => provider.row = Some(row.clone()),
                ProviderFact::PeriodOpened { kind, days, valid_through } => {
                    let days = days_of(counting, recorded.id, *days);
                    let certificate =
                        |basis| Certificate { fact: recorded.id, basis, days, valid_through: *valid_through };
                    match kind {
                        ProviderPeriodKind::Qualified(basis) => {
                            provider.qualifications.push(certificate(Some(*basis)));
                        }
                        ProviderPeriodKind::PeerServiceCertified => {
                            provider.service_certifications.push(certificate(None));
                        }
                        ProviderPeriodKind::Suspended => provider.suspensions.push(days),
                        ProviderPeriodKind::PeerServiceSuspended => provider.service_suspensions.push(days),
                    }
                }
                ProviderFact::PeriodEnded(_) | ProviderFact::Retracted(_) => {}
            }
        }
        // "As if never reported": a provider whose registration is retracted has no state. The specification says so
        // for the service (section 6: "a provider not on file has neither") and is silent about the rest.
        let is_registration = |fact: &Fact| matches!(fact, Fact::Provider(of, ProviderFact::Registered(_)) if of == id);
        if !counting.iter().any(|recorded| is_registration(&recorded.fact)) {
            return ModelProvider::nothing(id);
        }
        provider.qualifications = replaced(&provider.qualifications);
        provider.service_certifications = replaced(&provider.service_certifications);
        provider
    }
}

impl ModelPerson {
    fn read(id: SpecialistId, known: &KnownFacts<'_>, counting: &[&Recorded<Fact>]) -> ModelPerson {
        let mut person =
            ModelPerson { is_redacted: false, death_date: None, jobs: Vec::new(), credentials: Vec::new() };
        for recorded in &known.known {
            if let Fact::Specialist(of, SpecialistFact::CredentialIssued(issuance)) = &recorded.fact
                && *of == id
            {
                // "Retracting an issuance makes the credential VOID."
                let void = known.is_retracted(recorded.id);
                let credential = ModelCredential::read(issuance.number, issuance.term, counting);
                person.credentials.push(ModelCredential { holder: id, issued: recorded.id, void, ..credential });
            }
        }
        for recorded in counting {
            match &recorded.fact {
                Fact::Specialist(
                    of,
                    SpecialistFact::Registered { name, .. } | SpecialistFact::NameChanged { name },
                ) if *of == id => {
                    person.is_redacted |= name.given.is_empty() && name.family.is_empty();
                }
                Fact::Specialist(of, SpecialistFact::Died { death_date }) if *of == id => {
                    person.death_date = Some(*death_date);
                }
                Fact::Specialist(of, SpecialistFact::EmploymentStarted { employment, provider, days, .. })
                    if *of == id =>
                {
                    let days = spell(*employment, Days::of(*days), counting);
                    person.jobs.push(ModelJob { provider: provider.clone(), days });
                }
                _ => {}
            }
        }
        person
    }
}

/// "A job's first day is that of its last Corrected, else Started; its last day that of its last Ended or Corrected,
/// else of Started; a period left ending before it begins has no days."
fn spell(job: EmploymentId, started: Days, counting: &[&Recorded<Fact>]) -> Days {
    let mut spell = started;
    for recorded in counting {
        match &recorded.fact {
            Fact::Specialist(_, SpecialistFact::EmploymentCorrected { employment, days }) if *employment == job => {
                spell = Days::of(*days);
            }
            Fact::Specialist(_, SpecialistFact::EmploymentEnded { employment, last_day, .. }) if *employment == job => {
                spell.last = Some(*last_day);
            }
            _ => {}
        }
    }
    spell
}

impl ModelCredential {
    /// The credential, without its holder and issuance.
    fn read(number: CredentialNumber, term: Period, counting: &[&Recorded<Fact>]) -> ModelCredential {
        let mut credential = ModelCredential {
            number,
            holder: SpecialistId::from_number(0),
            issued: FactId { revision: Revision::ZERO, index: 0 },
            void: false,
            effective_from: term.start,
            term: Days::of(term),
            renewals: Vec::new(),
            acts: Vec::new(),
            designations: Vec::new(),
            suspensions: Vec::new(),
            limitations: Vec::new(),
            inactive: Vec::new(),
            prior_numbers: Vec::new(),
        };
        for recorded in counting {
            let Fact::Specialist(_, fact) = &recorded.fact else { continue };
            match fact {
                SpecialistFact::CredentialRenewed { number: of, term } if *of == number => {
                    credential.renewals.push(Days::of(*term));
                }
                SpecialistFact::Acted { number: of, act, effective_from } if *of == number => {
                    credential.acts.push((*effective_from, *act));
                }
                // "Set again on the same credential: accepted, no second entry."
                SpecialistFact::PriorNumberSet { number: of, prior } if *of == number => {
                    let prior = prior.to_string();
                    if !credential.prior_numbers.contains(&prior) {
                        credential.prior_numbers.push(prior);
                    }
                }
                SpecialistFact::PeriodOpened { number: of, kind, days } if *of == number => {
                    let days = days_of(counting, recorded.id, *days);
                    match kind {
                        CredentialPeriodKind::Designation(code) => credential.designations.push((*code, days)),
                        CredentialPeriodKind::Suspended(basis) => credential.suspensions.push((*basis, days)),
                        CredentialPeriodKind::Limited(_) => credential.limitations.push(days),
                        CredentialPeriodKind::Inactive => credential.inactive.push(days),
                    }
                }
                _ => {}
            }
        }
        credential
    }
}

impl Model {
    /// The state according to the facts up to a revision. `rule_sets` are those that the adoptions name.
    pub fn known_at(facts: &[Recorded<Fact>], rule_sets: &[Arc<RuleSet>], revision: Revision) -> Model {
        let known = KnownFacts::at(facts, revision);
        let counting = known.not_retracted();
        let mut model = Model {
            rule_sets: Vec::new(),
            today: None,
            records_begin: None,
            providers: Vec::new(),
            people: Vec::new(),
        };
        let (mut providers, mut people) = (BTreeSet::new(), BTreeSet::new());
        for recorded in &known.known {
            match &recorded.fact {
                Fact::Registry(RegistryFact::DayOpened { date }) => model.today = Some(*date),
                Fact::Registry(RegistryFact::RecordsBegin { first_day }) => model.records_begin = Some(*first_day),
                Fact::Registry(RegistryFact::RuleSetAdopted { id, .. }) => {
                    model.rule_sets.extend(rule_sets.iter().find(|set| set.id == *id).cloned());
                }
                Fact::Registry(_) => {}
                Fact::Provider(id, _) => drop(providers.insert(id.clone())),
                Fact::Specialist(id, _) => drop(people.insert(*id)),
            }
        }
        model.providers = providers.iter().map(|id| ModelProvider::read(id, &counting)).collect();
        model.people = people.into_iter().map(|id| ModelPerson::read(id, &known, &counting)).collect();
        model
    }

    pub fn provider(&self, id: &ProviderId) -> Option<&ModelProvider> {
        self.providers.iter().find(|provider| provider.id == *id)
    }

    /// The credentials that bear a prior number.
    pub fn bearing(&self, prior: &str) -> Vec<&ModelCredential> {
        let all = self.credentials().map(|(_, credential)| credential);
        all.filter(|credential| credential.prior_numbers.iter().any(|number| number == prior)).collect()
    }

    /// "Borne by several: the one not VOID at `known_at`, else the last issued."
    pub fn bearer(&self, prior: &str) -> Option<&ModelCredential> {
        let bearing = self.bearing(prior);
        let last = bearing.iter().max_by_key(|credential| credential.issued);
        bearing.iter().find(|credential| !credential.void).or(last).copied()
    }

    /// Every issued credential, with its holder.
    pub fn credentials(&self) -> impl Iterator<Item = (&ModelPerson, &ModelCredential)> {
        self.people.iter().flat_map(|person| person.credentials.iter().map(move |credential| (person, credential)))
    }

    /// "The rule set in force on D is the one known at `known_at` with the latest first in-force day not after D (a
    /// tie: adopted last); before the first such day, the earliest set."
    pub fn rule_set_on(&self, day: Day) -> Option<&RuleSet> {
        let mut in_force: Option<&RuleSet> = None;
        for set in self.rule_sets.iter().filter(|set| set.in_force_from <= day) {
            if in_force.is_none_or(|other| set.in_force_from >= other.in_force_from) {
                in_force = Some(set);
            }
        }
        if in_force.is_some() {
            return in_force;
        }
        let mut earliest: Option<&RuleSet> = None;
        for set in &self.rule_sets {
            if earliest.is_none_or(|other| set.in_force_from <= other.in_force_from) {
                earliest = Some(set);
            }
        }
        earliest
    }
}
