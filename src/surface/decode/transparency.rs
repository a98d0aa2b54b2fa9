//! Requests about the transparency log.

use super::fields::Fields;
use crate::domain::decide::Rejection;
use crate::domain::id::Revision;
use crate::proto::v1;

/// Which record shall be proven to be in which tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InclusionAsked {
    /// The record.
    pub revision: Revision,
    /// The last record in the tree. `None`: that of the latest checkpoint.
    pub size: Option<Revision>,
}

/// Which tree shall be proven to begin with which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsistencyAsked {
    /// The last record in the earlier tree.
    pub first: Revision,
    /// The last record in the later tree. `None`: that of the latest checkpoint.
    pub second: Option<Revision>,
}

/// Decodes a request for an inclusion proof.
pub fn inclusion_proof(request: &v1::GetInclusionProofRequest) -> Result<InclusionAsked, Rejection> {
    let (revision, size) = pair(("revision", request.revision), ("tree_size", request.tree_size))?;
    Ok(InclusionAsked { revision, size })
}

/// Decodes a request for a consistency proof.
pub fn consistency_proof(request: &v1::GetConsistencyProofRequest) -> Result<ConsistencyAsked, Rejection> {
    let (first, second) = pair(("first_size", request.first_size), ("second_size", request.second_size))?;
    Ok(ConsistencyAsked { first, second })
}

/// A number that is required, and a second one that is at least as great if it is given.
fn pair(
    (field, number): (&'static str, u64),
    (later, size): (&'static str, u64),
) -> Result<(Revision, Option<Revision>), Rejection> {
    let mut fields = Fields::default();
    if number == 0 {
        fields.refuse(field, "required: at least 1");
    } else if size != 0 && number > size {
        fields.refuse(field, format!("beyond {later}, which is {size}"));
    }
    fields.finish(Some((Revision(number), (size != 0).then_some(Revision(size)))))
}
