//! The budget of misses: it limits how often a caller may ask about people who are not on file, so that nobody finds a
//! person by trial and error.
//!
//! A miss is an answer that says that a person is not on file, or has another name. Misses are counted per provider,
//! and per client for payers; never per connection or per row of the list. A caller reserves the cost of a miss before
//! the lookup, and gets it back if the person was found. So parallel calls cannot miss more often than the budget
//! allows. When the budget is exhausted, a question is refused before the lookup, so that the refusal reveals nothing.
//!
//! In addition, a caller has five wrong guesses per day for one name, number or id. A guess is a birth date, or a
//! family name that a provider gives. The subject of a guess is kept as a keyed hash.
//!
//! The counts belong to this process, and start at zero.

mod wrong_guesses;

use std::borrow::Borrow;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use papaya::HashMap;

use self::wrong_guesses::WrongGuesses;
use super::Caller;
use crate::domain::fact::Role;
use crate::domain::id::ProviderId;

/// The time in which an exhausted budget refills.
const REFILL: Duration = Duration::from_secs(3600);

/// The default misses per hour of each role, if the client's row does not set them. None: unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissLimits {
    /// The limit of a provider.
    pub provider_per_hour: Option<NonZeroU32>,
    /// The limit of a payer.
    pub payer_per_hour: Option<NonZeroU32>,
}

/// The budgets of all callers. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Misses {
    limits: MissLimits,
    providers: Arc<HashMap<ProviderId, Arc<Budget>>>,
    clients: Arc<HashMap<Box<str>, Arc<Budget>>>,
}

/// The misses of one provider or client.
#[derive(Debug)]
pub struct Budget {
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The number of counted misses at `at`, including reserved ones.
    counted: f64,
    at: Instant,
    wrong_guesses: WrongGuesses,
}

/// A caller's budget, with its limit per hour.
#[derive(Clone, Debug)]
pub struct Allowance {
    per_hour: Option<NonZeroU32>,
    budget: Arc<Budget>,
}

/// A reserved miss, taken before the lookup. If it is dropped, the miss stays counted: a client that cancels a call may
/// learn its outcome in another way.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    /// The keyed hash of the subject of the guess.
    guessed: Option<u64>,
}

/// The budget is exhausted. The value is the time until the next miss is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyMisses(pub Duration);

impl Misses {
    /// Creates budgets with these limits.
    pub fn new(limits: MissLimits) -> Misses {
        Misses { limits, ..Misses::default() }
    }

    /// Returns the budget of a caller. Callers are those of the list, so there are few. None if its misses are not
    /// limited.
    pub fn of(&self, caller: &Caller) -> Option<Allowance> {
        let (budget, default) = match &caller.role {
            Role::Provider(id) => (of(&self.providers, id, || id.clone()), self.limits.provider_per_hour),
            Role::Payer => {
                let client = caller.client.as_str();
                (of(&self.clients, client, || client.into()), self.limits.payer_per_hour)
            }
            Role::Registry
            | Role::Registrar
            | Role::RegistrarAndCertifier
            | Role::Certifier
            | Role::Auditor
            | Role::Operator => return None,
        };
        Some(Allowance { per_hour: caller.misses_per_hour.or(default), budget })
    }
}

fn of<K, Q>(budgets: &HashMap<K, Arc<Budget>>, key: &Q, new_key: impl FnOnce() -> K) -> Arc<Budget>
where
    K: Hash + Eq + Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    let budgets = budgets.pin();
    match budgets.get(key) {
        Some(budget) => Arc::clone(budget),
        None => Arc::clone(budgets.get_or_insert_with(new_key(), || Arc::new(Budget::new(Instant::now())))),
    }
}

impl Allowance {
    /// Reserves a miss. `guessed` is the subject of a birth date or name, if one is given.
    pub fn reserve(&self, guessed: Option<impl Hash>, now: Instant) -> Result<Option<Reservation>, TooManyMisses> {
        let Some(per_hour) = self.per_hour else { return Ok(None) };
        let guessed = guessed.map(|subject| self.budget.hasher.hash_one(subject));
        self.budget.state().take(per_hour, guessed, now)?;
        Ok(Some(Reservation { budget: Arc::clone(&self.budget), guessed }))
    }
}

impl Budget {
    fn new(now: Instant) -> Budget {
        let state = State { counted: 0.0, at: now, wrong_guesses: WrongGuesses::since(now) };
        Budget { hasher: RandomState::new(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, per_hour: NonZeroU32, guessed: Option<u64>, now: Instant) -> Result<(), TooManyMisses> {
        let most = f64::from(per_hour.get());
        let per_second = most / REFILL.as_secs_f64();
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        // After the limit was lowered, the excess does not have to be waited for.
        self.counted = (self.counted - elapsed * per_second).clamp(0.0, most);
        self.at = self.at.max(now);
        let over = self.counted + 1.0 - most;
        if over > 0.0 {
            return Err(TooManyMisses(Duration::from_secs_f64(over / per_second)));
        }
        if let Some(guessed) = guessed {
            self.wrong_guesses.take(guessed, per_hour, now).map_err(TooManyMisses)?;
        }
        self.counted += 1.0;
        Ok(())
    }
}

impl Reservation {
    /// Returns the reserved miss: the person was found, or nothing was looked up.
    pub fn give_back(self) {
        let mut state = self.budget.state();
        state.counted = (state.counted - 1.0).max(0.0);
        if let Some(guessed) = self.guessed {
            state.wrong_guesses.give_back(guessed);
        }
    }
}

#[cfg(test)]
mod tests;
