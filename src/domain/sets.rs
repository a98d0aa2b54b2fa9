//! Sets of reasons and of designations: bit sets in the order of the contract.

use super::fact::Designation;
use super::standing::{Reason, Verdict, Weight};

/// A set of reasons, iterated in the order of the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons(u64);

impl Reasons {
    /// Adds a reason.
    pub fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u32;
    }

    /// Whether the set contains the reason.
    pub fn contains(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u32) != 0
    }

    /// The reasons in their order.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        ones(self.0).filter_map(|at| Reason::ALL.get(at).copied())
    }

    /// The reasons of a given weight.
    const fn of_weight(weight: Weight) -> Reasons {
        let mut set = 0;
        let mut at = 0;
        while at < Reason::ALL.len() {
            if Reason::ALL[at].weight() as u8 == weight as u8 {
                set |= 1 << at;
            }
            at += 1;
        }
        Reasons(set)
    }

    /// The verdict: not confirmed if any reason fails; otherwise undetermined if any is unknown; otherwise confirmed,
    /// with limits if the credential is limited.
    pub fn verdict(self) -> Verdict {
        const FAILS: Reasons = Reasons::of_weight(Weight::Fails);
        const UNKNOWN: Reasons = Reasons::of_weight(Weight::Unknown);
        if self.0 & FAILS.0 != 0 {
            Verdict::NotConfirmed
        } else if self.0 & UNKNOWN.0 != 0 {
            Verdict::Undetermined
        } else if self.contains(Reason::Limited) {
            Verdict::ConfirmedWithLimits
        } else {
            Verdict::Confirmed
        }
    }
}

impl FromIterator<Reason> for Reasons {
    fn from_iter<I: IntoIterator<Item = Reason>>(reasons: I) -> Self {
        let mut set = Reasons::default();
        reasons.into_iter().for_each(|reason| set.add(reason));
        set
    }
}

/// A set of designations, iterated in the order of the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Designations(u8);

impl Designations {
    /// Adds a designation.
    pub fn add(&mut self, code: Designation) {
        self.0 |= 1 << code as u8;
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the set contains the designation.
    pub fn contains(self, code: Designation) -> bool {
        self.0 & (1 << code as u8) != 0
    }

    /// The designations that are not in `other`.
    #[must_use]
    pub fn without(self, other: Designations) -> Designations {
        Designations(self.0 & !other.0)
    }

    /// The designations in their order.
    pub fn iter(self) -> impl Iterator<Item = Designation> {
        ones(self.0.into()).filter_map(|at| Designation::ALL.get(at).copied())
    }
}

impl FromIterator<Designation> for Designations {
    fn from_iter<I: IntoIterator<Item = Designation>>(codes: I) -> Self {
        let mut set = Designations::default();
        codes.into_iter().for_each(|code| set.add(code));
        set
    }
}

/// The positions of the set bits, in ascending order.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (at < u64::BITS).then_some(at as usize)
    })
}
