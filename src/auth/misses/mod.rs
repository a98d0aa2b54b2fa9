//! The budget of misses: how often a caller may ask about people who are not there, so that nobody finds a person by
//! trying.
//!
//! A miss is an answer that says that a person is not on file, or has another name. It is counted by provider, or by
//! client for a payer, never by connection or by row of the list. A caller takes what a miss costs before the person is
//! looked up, and gets it back when the person was found: calls that run in parallel cannot miss more than is left. Once
//! nothing is left, a question is refused before it is looked up, so that the refusal tells nothing.
//!
//! Beside that, a caller has five wrong guesses in a day for one name, number or id: birth dates, and a provider's family
//! names. What they were for is kept as a keyed hash.
//!
//! The counts are those of this process and start at zero with it.

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

/// What a budget fills again in.
const REFILL: Duration = Duration::from_secs(3600);

/// How many misses in an hour each role may have, where the client's row says nothing. None: as many as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissLimits {
    /// A provider.
    pub provider_per_hour: Option<NonZeroU32>,
    /// A payer.
    pub payer_per_hour: Option<NonZeroU32>,
}

/// The budgets of all callers. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Misses {
    limits: MissLimits,
    providers: Arc<HashMap<ProviderId, Arc<Budget>>>,
    clients: Arc<HashMap<Box<str>, Arc<Budget>>>,
}

/// What one provider or client has missed.
#[derive(Debug)]
pub struct Budget {
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many misses are counted at the instant, those among them that are only reserved.
    counted: f64,
    at: Instant,
    wrong_guesses: WrongGuesses,
}

/// A caller's budget, and how much it may have in an hour.
#[derive(Clone, Debug)]
pub struct Allowance {
    per_hour: Option<NonZeroU32>,
    budget: Arc<Budget>,
}

/// What a miss costs, taken before anything is looked up. If it is dropped, it stays spent: a client that cancels a call may
/// still learn its outcome in another way.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    /// What was guessed at, hashed.
    guessed: Option<u64>,
}

/// Too many misses: so long until the next is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyMisses(pub Duration);

impl Misses {
    /// With these limits.
    pub fn new(limits: MissLimits) -> Misses {
        Misses { limits, ..Misses::default() }
    }

    /// The budget of a caller. Callers are those of the list, so these are few. None: its misses are not counted.
    pub fn of(&self, caller: &Caller) -> Option<Allowance> {
        let (budget, default) = match &caller.role {
            Role::Provider(id) => (of(&self.providers, id, || id.clone()), self.limits.provider_per_hour),
            Role::Payer => {
                let client = caller.client.as_str();
                (of(&self.clients, client, || client.into()), self.limits.payer_per_hour)
            }
            Role::Registry | Role::Registrar | Role::RegistrarAndCertifier | Role::Certifier | Role::Auditor => {
                return None;
            }
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
    /// Takes what a miss costs. `guessed`: what a birth date or a name is given for, if one is.
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
        // Where the limit was lowered meanwhile, what is over it does not have to be waited for.
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
    /// The person was found, or nothing was looked up: it was no miss.
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
