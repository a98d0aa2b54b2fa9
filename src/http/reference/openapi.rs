//! The OpenAPI document.

use super::comments::Comments;
use super::operation::Operations;
use super::ordered::{Ordered, object, texts};
use super::schema::{Schemas, to};
use crate::http::contract::{Contract, PACKAGE};

/// What the document says about all methods.
const INTRODUCTION: &str = include_str!("introduction.md");

/// The file of the contract whose comment has the rules for all messages, and how they begin there.
const COMMON: &str = "ms/dmh/credential/v1/common.proto";
const RULES: &str = "Rules for all messages";

/// The messages that are details of errors.
const DETAILS: [&str; 6] = [
    "google.rpc.ErrorInfo",
    "google.rpc.BadRequest",
    "google.rpc.PreconditionFailure",
    "google.rpc.ResourceInfo",
    "google.rpc.RetryInfo",
    "google.rpc.RequestInfo",
];

/// The codes of errors.
const CODES: [&str; 16] = [
    "canceled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
];

/// Describes all methods of the contract. The document needs nothing but the descriptors, so it changes only with them.
pub(super) fn document(contract: &Contract) -> Ordered {
    let comments = Comments::of(contract.pool());
    let mut schemas = Schemas::of(contract, &comments);
    let paths = Operations::of(contract, &comments, &mut schemas).paths();
    let details = DETAILS.iter().filter_map(|name| contract.pool().get_message_by_name(name));
    let details: Vec<_> = details.map(|detail| schemas.message(&detail)).collect();
    let mut components = schemas.into_components();
    components.extend(errors(details));
    let services = contract.pool().services().filter(|service| service.package_name() == PACKAGE);
    let tags = services
        .map(|service| object([("name", service.name().into()), ("description", comments.on(&service).into())]));
    let rules = comments.on_file(COMMON);
    let rules = rules.find(RULES).and_then(|at| rules.get(at..)).unwrap_or_default();
    let info = object([
        ("title", "Registry of Certified Peer Support Specialists".into()),
        ("version", "1".into()),
        ("summary", "Verifies, issues and revokes the credentials of Mississippi's peer support specialists.".into()),
        ("description", format!("{}\n\n{rules}", INTRODUCTION.trim()).trim().into()),
        ("license", object([("name", "Apache 2.0".into()), ("identifier", "Apache-2.0".into())])),
    ]);
    object([
        ("openapi", "3.1.0".into()),
        ("info", info),
        (
            "servers",
            vec![object([("url", "/".into()), ("description", "The registry that serves this document.".into())])]
                .into(),
        ),
        (
            "security",
            vec![object([("token", Ordered::List(vec![]))]), object([("certificate", Ordered::List(vec![]))])].into(),
        ),
        ("tags", tags.collect::<Vec<_>>().into()),
        ("paths", paths),
        (
            "components",
            object([
                ("securitySchemes", security()),
                ("parameters", parameters()),
                ("headers", headers()),
                ("responses", responses()),
                ("schemas", Ordered::Object(components)),
            ]),
        ),
    ])
}

fn security() -> Ordered {
    object([
        (
            "token",
            object([
                ("type", "http".into()),
                ("scheme", "bearer".into()),
                ("description", "The token in the file that the operator sent.".into()),
            ]),
        ),
        (
            "certificate",
            object([
                ("type", "mutualTLS".into()),
                ("description", "The client certificate that the operator sent.".into()),
            ]),
        ),
    ])
}

fn parameters() -> Ordered {
    let header = |name: &str, description: &str, schema: Ordered| {
        object([
            ("name", name.into()),
            ("in", "header".into()),
            ("description", description.into()),
            ("schema", schema),
        ])
    };
    let digits = object([("type", "string".into()), ("pattern", "^[0-9]{1,10}$".into())]);
    let text = object([("type", "string".into())]);
    object([
        (
            "Timeout",
            header("connect-timeout-ms", "How long the caller waits for the whole answer, in milliseconds.", digits),
        ),
        (
            "RequestId",
            header(
                "x-request-id",
                "A UUID by which the call is found in the logs. Without it the registry chooses one.",
                text,
            ),
        ),
    ])
}

fn headers() -> Ordered {
    let header = |description: &str| {
        object([("description", description.into()), ("schema", object([("type", "string".into())]))])
    };
    object([
        ("RequestId", header("The UUID of the call in the logs.")),
        (
            "UnknownFields",
            header(
                "The fields of the question that this release does not have, with commas between them. They were ignored.",
            ),
        ),
    ])
}

/// The response that every method may give.
fn responses() -> Ordered {
    let content = object([("application/json", object([("schema", to("Error"))]))]);
    object([(
        "Error",
        object([
            ("description", "The call was refused or failed. The code says which.".into()),
            ("headers", object([("x-request-id", object([("$ref", "#/components/headers/RequestId".into())]))])),
            ("content", content),
        ]),
    )])
}

/// The schemas of errors. Their details are messages with these schemas.
fn errors(details: Vec<Ordered>) -> Vec<(String, Ordered)> {
    let text = |description: &str| object([("type", "string".into()), ("description", description.into())]);
    let code = object([
        ("type", "string".into()),
        ("description", "The code of the status in lower case. Decide by it and by the reason in ErrorInfo.".into()),
        ("enum", texts(CODES)),
    ]);
    let detail = object([
        ("type", "object".into()),
        ("description", "A detail of an error.".into()),
        (
            "properties",
            object([
                ("type", text("The name of the message, such as `google.rpc.ErrorInfo`.")),
                ("value", text("The encoded message.").with("contentEncoding", "base64")),
                (
                    "debug",
                    object([("description", "The same message as JSON. Read this.".into()), ("anyOf", details.into())]),
                ),
            ]),
        ),
        ("required", texts(["type", "value"])),
    ]);
    let list = object([("type", "array".into()), ("items", to("ErrorDetail"))]);
    let error = object([
        ("type", "object".into()),
        ("description", "Why a call was refused or failed.".into()),
        (
            "properties",
            object([
                ("code", code),
                ("message", text("A sentence for people. It may change in any release.")),
                (
                    "details",
                    list.with(
                        "description",
                        "Exactly one ErrorInfo, with a stable `reason`, and where it fits BadRequest (every field at \
                         fault), PreconditionFailure, ResourceInfo or RetryInfo. Missing if the request was not a call.",
                    ),
                ),
            ]),
        ),
        ("required", texts(["code"])),
    ]);
    let ended = object([
        ("type", "object".into()),
        ("description", "The last line of an answer that ends with an error.".into()),
        ("properties", object([("error", to("Error"))])),
        ("required", texts(["error"])),
        ("additionalProperties", false.into()),
    ]);
    vec![("Error".to_owned(), error), ("ErrorDetail".to_owned(), detail), ("ErrorLine".to_owned(), ended)]
}
