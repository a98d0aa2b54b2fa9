//! The specification of the answers, read literally: one plain loop for each of its sentences, day by day.
//!
//! Nothing here shares code with the compiled path but the types of the facts and the words of the answers. Each file
//! is to be held beside one section: [`facts`] beside section 2, [`amendments`] beside 2 and 8, [`employment`] beside 3,
//! [`standing`] beside 4, [`question`] beside 5 and 6, [`names`] beside the end of 5, [`expected_changes`] beside 9, [`number`] beside 11.
//! Speed is no aim.

pub mod amendments;
pub mod employment;
pub mod expected_changes;
pub mod facts;
pub mod names;
pub mod number;
pub mod question;
pub mod standing;

pub use self::facts::Model;
