//! The methods of the contract as operations of the OpenAPI document.

use std::collections::BTreeMap;

use prost_reflect::MethodDescriptor;
use tonic::Code;

use super::comments::Comments;
use super::ordered::{Ordered, object};
use super::schema::{Schemas, to};
use crate::http::contract::{Contract, Method, PACKAGE};
use crate::http::media::{CONNECT_JSON, EVENTS, JSON, JSON_LINES};
use crate::http::{error, events};
use crate::proto::google::rpc;

/// A request for each method, or several if it takes a stream. Tests send them to a server with sample data.
const EXAMPLES: &str = include_str!("examples.json");

/// What is needed to describe the methods.
pub(super) struct Operations<'a, 'c> {
    contract: &'a Contract,
    comments: &'a Comments,
    schemas: &'a mut Schemas<'c>,
    examples: Ordered,
}

impl<'a, 'c> Operations<'a, 'c> {
    pub(super) fn of(
        contract: &'a Contract,
        comments: &'a Comments,
        schemas: &'a mut Schemas<'c>,
    ) -> Operations<'a, 'c> {
        // Tests read the file.
        let examples = serde_json::from_str(EXAMPLES).unwrap_or_else(|_| object([]));
        Operations { contract, comments, schemas, examples }
    }

    /// The paths of all methods.
    pub(super) fn paths(mut self) -> Ordered {
        let mut paths = Vec::new();
        for method in self.contract.methods() {
            let Some((service, name)) = method.name.split_once('/') else { continue };
            let of_service = self.contract.pool().get_service_by_name(&format!("{PACKAGE}.{service}"));
            let Some(described) = of_service.and_then(|service| service.methods().find(|it| it.name() == name)) else {
                continue;
            };
            let mut path = object([("post", self.post(method, &described))]);
            if method.may_get {
                path = path.with("get", self.get(method, &described));
            }
            paths.push((format!("/{PACKAGE}.{}", method.name), path));
        }
        Ordered::Object(paths)
    }

    fn post(&mut self, method: &Method, described: &MethodDescriptor) -> Ordered {
        let input = self.schemas.message(&method.input);
        let examples = self.examples.get(&method.name).cloned().unwrap_or_else(|| object([]));
        let media = if method.takes_stream {
            let named = examples.elements().iter().enumerate();
            let named = named.map(|(at, example)| (format!("line{}", at + 1), object([("value", example.clone())])));
            object([("schema", input.clone()), ("examples", named.collect())])
        } else {
            object([("schema", input.clone()), ("example", examples)])
        };
        let content = match (method.takes_stream, method.is_unary()) {
            (true, _) => object([(JSON_LINES, media), (CONNECT_JSON, object([("schema", input)]))]),
            (false, true) => object([(JSON, media)]),
            (false, false) => object([(JSON, media), (CONNECT_JSON, object([("schema", input)]))]),
        };
        let about = if method.takes_stream {
            "A stream: one message in a line, or in an envelope of the Connect protocol."
        } else if method.is_unary() {
            "The message."
        } else {
            "The message. Accept `application/x-ndjson` for an answer in lines; send an envelope for one in envelopes."
        };
        let body = object([("description", about.into()), ("required", true.into()), ("content", content)]);
        self.operation(method, described, "")
            .with("parameters", parameters(vec![]))
            .with("requestBody", body)
            .with("responses", self.responses(method, described))
    }

    fn get(&mut self, method: &Method, described: &MethodDescriptor) -> Ordered {
        let input = self.schemas.message(&method.input);
        let example = self.examples.get(&method.name).cloned().unwrap_or_else(|| object([]));
        let encoding = object([
            ("name", "encoding".into()),
            ("in", "query".into()),
            ("required", true.into()),
            ("description", "How the message is written.".into()),
            ("schema", object([("type", "string".into()), ("enum", vec!["json".into()].into())])),
            ("example", "json".into()),
        ]);
        let message = object([
            ("name", "message".into()),
            ("in", "query".into()),
            ("required", true.into()),
            ("description", "The message, percent-encoded.".into()),
            ("content", object([(JSON, object([("schema", input), ("example", example)]))])),
        ]);
        self.operation(method, described, "_get")
            .with("parameters", parameters(vec![encoding, message]))
            .with("responses", self.responses(method, described))
    }

    fn operation(&self, method: &Method, described: &MethodDescriptor, suffix: &str) -> Ordered {
        let (service, name) = method.name.split_once('/').unwrap_or_default();
        let comment = self.comments.on(described);
        object([
            ("tags", vec![service.into()].into()),
            ("operationId", format!("{service}_{name}{suffix}").into()),
            ("summary", summary(comment).into()),
            ("description", comment.into()),
        ])
    }

    /// The answer, and the errors that the comments of the method and its fields name.
    fn responses(&mut self, method: &Method, described: &MethodDescriptor) -> Ordered {
        let output = self.schemas.message(&method.output);
        let line = |of: Ordered| object([("schema", object([("anyOf", vec![of, to("ErrorLine")].into())]))]);
        let content = if method.is_unary() {
            let list = method.output.fields().find(|field| field.is_list() && field.name() == "results");
            let list = list.and_then(|list| list.kind().as_message().cloned());
            let whole = object([(JSON, object([("schema", output)]))]);
            match list {
                Some(element) => whole.with(JSON_LINES, object([("schema", self.schemas.message(&element))])),
                None => whole,
            }
        } else {
            let streamed = object([(JSON_LINES, line(output.clone())), (CONNECT_JSON, line(output))]);
            let text = object([("schema", object([("type", "string".into())]))]);
            if events::can_serve(method) { streamed.with(EVENTS, text) } else { streamed }
        };
        let about = match (method.is_unary(), content.fields().len()) {
            (true, 1) => "The response.",
            (true, _) => "The response, or one result in a line.",
            (false, _) => "A stream: one message in a line, or in an envelope of the Connect protocol.",
        };
        let header = |name: &str| object([("$ref", format!("#/components/headers/{name}").into())]);
        let mut headers = object([("x-request-id", header("RequestId"))]);
        if !method.writes {
            headers = headers.with("x-unknown-fields", header("UnknownFields"));
        }
        let answer = object([("description", about.into()), ("headers", headers), ("content", content)]);
        let mut responses = object([("200", answer)]);
        if method.is_unary() {
            for (status, errors) in self.errors(method, described) {
                responses = responses.with(&status.to_string(), refusal(&errors.join("\n")));
            }
        }
        responses.with("default", object([("$ref", "#/components/responses/Error".into())]))
    }

    /// The errors that the comments name, by HTTP status.
    fn errors(&self, method: &Method, described: &MethodDescriptor) -> BTreeMap<u16, Vec<String>> {
        let fields: Vec<_> = method.input.fields().collect();
        let comments =
            [self.comments.on(described)].into_iter().chain(fields.iter().map(|field| self.comments.on(field)));
        let mut found = BTreeMap::<_, Vec<String>>::from([(
            error::http_status(Code::InvalidArgument).as_u16(),
            vec![line("INVALID_ARGUMENT", None)],
        )]);
        for (name, reason) in comments.flat_map(named) {
            let Some(code) = rpc::Code::from_str_name(name) else { continue };
            let errors = found.entry(error::http_status(Code::from_i32(code.into())).as_u16()).or_default();
            let line = line(name, reason);
            if !errors.contains(&line) {
                errors.push(line);
            }
        }
        found
    }
}

/// The errors that a comment names: a code in capitals, and perhaps a reason in backticks after it.
fn named(comment: &str) -> Vec<(&str, Option<&str>)> {
    let words: Vec<_> = comment.split_whitespace().collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let name = word.trim_matches(|letter: char| !letter.is_ascii_uppercase());
        let is_denied = words.get(..at).is_some_and(|before| before.ends_with(&["not", "return"]));
        if rpc::Code::from_str_name(name).is_none() || word.starts_with('`') || is_denied {
            continue;
        }
        // A code that ends a sentence has no reason.
        let next = words.get(at + 1).filter(|next| word.ends_with(name) && next.starts_with('`'));
        let reason = next.and_then(|next| next.split('`').nth(1));
        let is_reason = |reason: &&str| reason.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        found.push((name, reason.filter(is_reason)));
    }
    found
}

fn line(name: &str, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("* `{}` with the reason `{reason}`", name.to_lowercase()),
        None => format!("* `{}`", name.to_lowercase()),
    }
}

fn refusal(errors: &str) -> Ordered {
    object([("description", errors.into()), ("content", object([(JSON, object([("schema", to("Error"))]))]))])
}

fn parameters(mut own: Vec<Ordered>) -> Ordered {
    own.extend(
        ["Timeout", "RequestId"].map(|name| object([("$ref", format!("#/components/parameters/{name}").into())])),
    );
    own.into()
}

/// The first sentence of a comment.
fn summary(comment: &str) -> String {
    let text = comment.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split_once(". ").map_or(text.trim_end_matches('.'), |(first, _)| first).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_errors_in_a_comment_are_found_with_their_reasons() {
        let comment = "Beyond the head: OUT_OF_RANGE. Or FAILED_PRECONDITION `HISTORY_CHANGED`, with `x` in it. NOT_FOUND `x`. \
            It does not return ABORTED. REASON_NOT_ON_FILE and `DATA_LOSS` are no codes.";
        let expected = [("OUT_OF_RANGE", None), ("FAILED_PRECONDITION", Some("HISTORY_CHANGED")), ("NOT_FOUND", None)];
        assert_eq!(named(comment), expected);
        assert_eq!(summary("Returns a\nthing. And more."), "Returns a thing");
    }
}
