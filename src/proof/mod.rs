//! Proof that a third party can check without trusting the operator: keys, signed statements, and their verification.
//!
//! Everything here is a pure function of its input, apart from the random numbers of keys and signatures. The store
//! keeps the files, and the surface decides what is signed.

pub mod claims;
pub mod included;
pub mod jwk;
pub mod jws;
pub mod key_ring;
pub mod keys;
pub mod tree;
