//! The state of a copy after applying changes, in the form of the published state, so that the two can be compared.

use smallvec::SmallVec;

use super::day_runs::Runs;
use super::diff::{PublishedProvider, PublishedState};
use super::id::{CredentialNumber, ProviderId};
use super::published_credential::{ByKey, PublishedCredential};
use super::record::{Change, Coverage, ServiceStatus};
use super::standing::{Reason, Standing};

impl PublishedState {
    /// Applies the next change as a copy does: it replaces the previous value on its days.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Standing { number, days, to, reason, .. } => {
                self.of(*number).standing.set(*days, (*to, *reason));
            }
            Change::Coverage { number, provider, days, coverage } => {
                let coverages = &mut self.of(*number).coverage;
                let runs = entry(coverages, provider.clone(), || Runs::constant(Coverage::NotCovered));
                runs.set(*days, *coverage);
            }
            Change::Designation { number, code, days, held } => {
                let designations = &mut self.of(*number).designations;
                entry(designations, *code, || Runs::constant(false)).set(*days, *held);
            }
            Change::Service { provider, days, service } => self.of_provider(provider).service.set(*days, *service),
            Change::Provider { provider, identifiers, on_file } => {
                self.of_provider(provider).identifiers = on_file.then(|| identifiers.clone());
            }
            Change::Records { first_day } => self.records_begin = Some(*first_day),
        }
    }

    fn of(&mut self, number: CredentialNumber) -> &mut PublishedCredential {
        self.credentials.entry(number).or_insert_with(|| PublishedCredential {
            specialist: None,
            standing: Runs::constant((Standing::NotIssued, Some(Reason::NotYetEffective))),
            coverage: SmallVec::new(),
            designations: SmallVec::new(),
        })
    }

    fn of_provider(&mut self, id: &ProviderId) -> &mut PublishedProvider {
        self.providers.entry(id.clone()).or_insert_with(|| PublishedProvider {
            identifiers: None,
            service: Runs::constant(ServiceStatus::NotKnown),
        })
    }

    /// Removes the credentials and providers that also occur in `other`, and returns them.
    #[must_use]
    pub fn take_same(&mut self, other: &PublishedState) -> PublishedState {
        let credentials = other.credentials.keys().filter_map(|number| self.credentials.remove_entry(number));
        let providers = other.providers.keys().filter_map(|id| self.providers.remove_entry(id));
        PublishedState { credentials: credentials.collect(), providers: providers.collect(), records_begin: None }
    }

    /// Adds everything in `other`, which must hold other credentials and providers.
    pub fn add_all(&mut self, other: PublishedState) {
        self.credentials.extend(other.credentials);
        self.providers.extend(other.providers);
        self.records_begin = self.records_begin.or(other.records_begin);
    }
}

/// The value of a key. Adds one if there is none.
fn entry<K: Ord, V>(list: &mut ByKey<K, V>, key: K, otherwise: impl FnOnce() -> V) -> &mut V {
    let found = list.binary_search_by(|(other, _)| other.cmp(&key));
    let at = found.unwrap_or_else(|at| {
        list.insert(at, (key, otherwise()));
        at
    });
    &mut list[at].1
}
