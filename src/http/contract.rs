//! The methods of the contract, as HTTP serves them.

use std::collections::HashMap;
use std::sync::Arc;

use prost::bytes::Bytes;
use prost_reflect::{DescriptorError, DescriptorPool, MessageDescriptor};

use super::json::{Fault, from_json};
pub(super) use crate::auth::PACKAGE;
use crate::proto::{self, SERVICES};

/// The maximum size of a message in JSON. It has a few times the length of the encoded message, whose size the surface
/// limits.
const LARGEST_PLAIN: usize = 128 * 1024;
const LARGEST_LARGE: usize = 2 * 1024 * 1024;

/// The fields of a request that is not about persons, providers or numbers of either.
const IMPERSONAL: [&str; 6] = ["as_of", "known_at", "revision", "tree_size", "first_size", "second_size"];

/// The methods of the contract by their paths, with the types of their messages.
pub struct Contract {
    pool: DescriptorPool,
    methods: HashMap<&'static str, Arc<Method>>,
}

/// The descriptors are not those of the contract.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// They cannot be read.
    #[error(transparent)]
    Descriptors(#[from] DescriptorError),
    /// They lack a method, which is named by its path.
    #[error("the descriptors lack {0}")]
    Missing(&'static str),
}

/// A method.
#[derive(Debug)]
pub(super) struct Method {
    /// `Service/Method`.
    pub name: String,
    /// The request message.
    pub input: MessageDescriptor,
    /// The response message.
    pub output: MessageDescriptor,
    /// True if several requests may be sent.
    pub takes_stream: bool,
    /// True if several responses may be sent.
    pub gives_stream: bool,
    /// True if it may record facts.
    pub writes: bool,
    /// True if its request may stand in a URL: nothing in it is personal, and it records nothing.
    pub may_get: bool,
    /// The maximum size of a message in JSON, in bytes.
    pub largest: usize,
}

impl Contract {
    /// Reads the descriptors of the contract.
    pub fn new() -> Result<Contract, ContractError> {
        Contract::of(proto::types()?)
    }

    fn of(pool: DescriptorPool) -> Result<Contract, ContractError> {
        let mut methods = HashMap::new();
        for method in SERVICES.iter().flat_map(|service| service.methods) {
            let service = pool.get_service_by_name(&format!("{PACKAGE}.{}", method.service));
            let described =
                service.and_then(|service| service.methods().find(|described| described.name() == method.name));
            let described = described.ok_or(ContractError::Missing(method.path))?;
            methods.insert(method.path, Arc::new(Method::of(method, &described)));
        }
        Ok(Contract { pool, methods })
    }

    /// The types of all messages.
    pub(super) fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// Reads a request of the method with this path from JSON, without sending it. `None` if there is no such method.
    pub fn read_json(&self, path: &str, json: &[u8]) -> Option<Result<Bytes, Fault>> {
        let method = self.method(path)?;
        Some(from_json(json, &method.input).map(|read| read.message))
    }

    /// All methods, in the order of the contract.
    pub(super) fn methods(&self) -> impl Iterator<Item = &Method> {
        let paths = SERVICES.iter().flat_map(|service| service.methods).map(|method| method.path);
        paths.filter_map(|path| self.method(path)).map(|method| &**method)
    }

    /// The method with this path.
    pub(super) fn method(&self, path: &str) -> Option<&Arc<Method>> {
        self.methods.get(path)
    }
}

impl Method {
    fn of(method: &proto::Method, described: &prost_reflect::MethodDescriptor) -> Method {
        let is_stream = described.is_client_streaming() || described.is_server_streaming();
        let is_impersonal = described.input().fields().all(|field| IMPERSONAL.contains(&field.name()));
        Method {
            name: format!("{}/{}", method.service, method.name),
            input: described.input(),
            output: described.output(),
            takes_stream: described.is_client_streaming(),
            gives_stream: described.is_server_streaming(),
            writes: method.writes,
            may_get: !is_stream && !method.writes && is_impersonal,
            largest: if is_stream || method.takes_many { LARGEST_LARGE } else { LARGEST_PLAIN },
        }
    }

    /// True if it takes one request and gives one response.
    pub(super) fn is_unary(&self) -> bool {
        !self.takes_stream && !self.gives_stream
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::Kind;

    use super::*;

    #[test]
    fn every_method_is_served() {
        let contract = Contract::new().unwrap();
        for method in SERVICES.iter().flat_map(|service| service.methods) {
            let served = contract.method(method.path).unwrap_or_else(|| panic!("{} is not served", method.path));
            assert_eq!(served.name, format!("{}/{}", method.service, method.name));
        }
    }

    #[test]
    fn descriptors_without_a_method_are_an_error() {
        let lacking = Contract::of(DescriptorPool::new()).map(drop).unwrap_err();
        assert!(
            matches!(lacking, ContractError::Missing(path) if path.starts_with("/ms.dmh.credential.v1.")),
            "{lacking}"
        );
    }

    #[test]
    fn only_questions_without_personal_fields_may_stand_in_a_url() {
        let contract = Contract::new().unwrap();
        let mut may_get: Vec<_> =
            contract.methods.values().filter(|method| method.may_get).map(|method| &*method.name).collect();
        may_get.sort_unstable();
        let expected = [
            "CredentialService/ListRuleSets",
            "LogService/GetCheckpoint",
            "LogService/GetConsistencyProof",
            "LogService/GetInclusionProof",
            "LogService/GetSigningKeys",
            "OperationsService/GetCaller",
            "OperationsService/GetStatus",
            "ProviderService/GetProgramStatistics",
        ];
        assert_eq!(may_get, expected);
    }

    #[test]
    fn json_can_write_every_field_of_every_request() {
        let contract = Contract::new().unwrap();
        let mut open: Vec<_> = contract.methods.values().map(|method| method.input.clone()).collect();
        let mut seen = std::collections::BTreeSet::new();
        while let Some(message) = open.pop() {
            if !seen.insert(message.full_name().to_owned()) {
                continue;
            }
            let is_known = !message.full_name().starts_with("google.protobuf.")
                || message.full_name() == "google.protobuf.Timestamp";
            assert!(is_known, "{} has a form of its own in JSON, which the reader does not have", message.full_name());
            for field in message.fields() {
                assert!(
                    !field.is_map() && !field.is_group(),
                    "{} is of a kind that the reader does not have",
                    field.full_name()
                );
                let is_written = !matches!(
                    field.kind(),
                    Kind::Float
                        | Kind::Sint32
                        | Kind::Sint64
                        | Kind::Fixed32
                        | Kind::Fixed64
                        | Kind::Sfixed32
                        | Kind::Sfixed64
                );
                assert!(is_written, "{} is a number of a kind that the reader does not have", field.full_name());
                open.extend(field.kind().as_message().cloned());
            }
        }
        assert!(seen.len() > 50, "{}", seen.len());
    }
}
