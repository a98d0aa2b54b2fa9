//! A literal implementation of the specification: one plain loop for each of its sentences, day by day.
//!
//! It shares no code with the compiled path except the types of facts and answers. Each file corresponds to a section:
//! [`facts`] to section 2, [`amendments`] to 2 and 8, [`employment`] to 3, [`standing`] to 4, [`question`] to 5 and 6,
//! [`names`] to the end of 5, [`expected_changes`] to 9, and [`number`] to 11. Speed is not a goal.

pub mod amendments;
pub mod employment;
pub mod expected_changes;
pub mod facts;
pub mod names;
pub mod number;
pub mod question;
pub mod standing;

pub use self::facts::Model;
