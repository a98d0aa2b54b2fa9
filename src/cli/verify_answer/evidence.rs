//! The file that is checked: a statement, and perhaps the proof that its record is in the transparency log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::packed::unpacked;
use crate::proof::included::InclusionProof;

/// What a file has.
#[derive(Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The statement: a compact JWS.
    pub statement: String,
    /// The proof, if the file has one.
    pub proof: Option<InclusionProof>,
}

/// A file in JSON.
#[derive(Deserialize)]
struct File {
    #[serde(alias = "signedReceipt", alias = "signed_answer", alias = "signedAnswer")]
    signed_receipt: String,
    #[serde(alias = "inclusionProof")]
    inclusion_proof: Option<Proof>,
}

/// The answer of GetInclusionProof, as the HTTP port writes it.
#[derive(Deserialize)]
struct Proof {
    /// Left out if it is 0.
    #[serde(default, rename = "leafIndex", alias = "leaf_index")]
    leaf_index: Value,
    leaf: String,
    #[serde(rename = "treeSize", alias = "tree_size")]
    tree_size: Value,
    #[serde(default)]
    hashes: Vec<String>,
    checkpoint: String,
}

impl Evidence {
    /// Reads a file. Returns what is wrong with it.
    pub fn read(text: &str) -> Result<Evidence, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if let Some(statement) = unpacked(text) {
            return Ok(Evidence { statement: statement?, proof: None });
        }
        if !text.starts_with('{') {
            return Ok(Evidence { statement: text.to_owned(), proof: None });
        }
        let File { signed_receipt, inclusion_proof } =
            serde_json::from_str(text).map_err(|error| format!("it is not the JSON that `--help` names: {error}"))?;
        let proof = inclusion_proof.map(|proof| {
            proof.decoded().ok_or("inclusion_proof is not the answer of GetInclusionProof with a checkpoint".to_owned())
        });
        Ok(Evidence { statement: signed_receipt, proof: proof.transpose()? })
    }
}

impl Proof {
    fn decoded(&self) -> Option<InclusionProof> {
        let hash = |text: &String| STANDARD.decode(text).ok()?.try_into().ok();
        Some(InclusionProof {
            leaf_index: if self.leaf_index.is_null() { 0 } else { number(&self.leaf_index)? },
            leaf: hash(&self.leaf)?,
            tree_size: number(&self.tree_size)?,
            hashes: self.hashes.iter().map(hash).collect::<Option<_>>()?,
            checkpoint: self.checkpoint.clone(),
        })
    }
}

/// A number of 64 bits, in quotes or not.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
