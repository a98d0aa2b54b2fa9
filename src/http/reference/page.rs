//! The page for people: the OpenAPI document as one HTML page that needs nothing from elsewhere.

use std::fmt::Write as _;

use super::markup::html;
use super::ordered::Ordered;
use crate::http::escaped;
use crate::http::media::JSON_LINES;

/// The style of the page, which stands in it.
pub(super) const STYLE: &str = include_str!("style.css");

/// The page about the methods and the schemas of an OpenAPI document.
pub(super) fn page(document: &Ordered) -> String {
    let title = escaped(document.at(&["info"]).map_or("", |info| info.text("title")));
    let mut page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>\n"
    );
    page.push_str(&html(document.at(&["info"]).map_or("", |info| info.text("description"))));
    page.push_str("<p><a href=\"/openapi.json\">The same as OpenAPI 3.1</a></p>\n");
    page.push_str(&contents(document));
    for tag in document.get("tags").map_or(&[][..], Ordered::elements) {
        let name = tag.text("name");
        page.push_str(&heading(2, name, name));
        page.push_str(&html(tag.text("description")));
        for (path, operation) in operations(document, name) {
            page.push_str(&described(path, operation));
        }
    }
    page.push_str(&heading(2, "schemas", "Messages and enums"));
    for (name, schema) in document.at(&["components", "schemas"]).map_or(&[][..], Ordered::fields) {
        page.push_str(&heading(3, name, name));
        page.push_str(&of_schema(schema));
    }
    page.push_str("</body></html>\n");
    page
}

/// The operations by POST with a tag, with their paths.
fn operations<'a>(document: &'a Ordered, tag: &str) -> impl Iterator<Item = (&'a str, &'a Ordered)> {
    let paths = document.get("paths").map_or(&[][..], Ordered::fields).iter();
    let posted = paths.filter_map(|(path, operations)| Some((path.as_str(), operations.get("post")?)));
    let of_tag = move |operation: &Ordered| operation.get("tags").map(Ordered::elements) == Some(&[tag.into()]);
    posted.filter(move |(_, operation)| of_tag(operation))
}

/// Links to all services and methods.
fn contents(document: &Ordered) -> String {
    let mut contents = "<nav>".to_owned();
    for tag in document.get("tags").map_or(&[][..], Ordered::elements) {
        let name = tag.text("name");
        let links = operations(document, name).map(|(path, operation)| {
            format!("<li><a href=\"#{}\">{}</a></li>", operation.text("operationId"), last(path))
        });
        let links: String = links.collect();
        // Writing to a string never fails.
        writeln!(contents, "<p><a href=\"#{name}\">{name}</a></p><ul>{links}</ul>").unwrap_or_default();
    }
    contents + "<p><a href=\"#schemas\">Messages and enums</a></p></nav>\n"
}

/// A heading that links to itself.
fn heading(level: u8, id: &str, text: &str) -> String {
    format!("<h{level} id=\"{id}\"><a href=\"#{id}\">{text}</a></h{level}>\n")
}

/// A method.
fn described(path: &str, operation: &Ordered) -> String {
    let mut text = heading(3, operation.text("operationId"), last(path));
    text.push_str(&html(operation.text("description")));
    let body = operation.at(&["requestBody", "content"]).map_or(&[][..], Ordered::fields);
    let request = body.first().and_then(|(_, media)| media.get("schema"));
    let answers = operation.at(&["responses", "200", "content"]).map_or(&[][..], Ordered::fields);
    let answer = answers.first().and_then(|(_, media)| media.get("schema"));
    // Writing to a string never fails.
    writeln!(
        text,
        "<p>Request: {}. Response: {}. Content types: {}; of the response: {}.</p>",
        request.map(kind).unwrap_or_default(),
        answer.map(kind).unwrap_or_default(),
        types(body),
        types(answers),
    )
    .unwrap_or_default();
    let errors = operation.get("responses").map_or(&[][..], Ordered::fields).iter();
    let errors = errors.filter(|(status, _)| status.starts_with('4') || status.starts_with('5'));
    let errors: String = errors
        .map(|(status, error)| format!("<dt>{status}</dt><dd>{}</dd>", html(error.text("description"))))
        .collect();
    let rest = "<dt>others</dt><dd><p>See <a href=\"#Error\">Error</a>.</p></dd>";
    writeln!(text, "<p>Errors by HTTP status:</p><dl>{errors}{rest}</dl>").unwrap_or_default();
    if let Some((media, sent)) = body.first() {
        writeln!(
            text,
            "<pre>{}</pre>",
            escaped(&curl(path, media, sent, answers.first().is_some_and(|(first, _)| first == JSON_LINES)))
        )
        .unwrap_or_default();
    }
    text
}

/// The line that sends the example of a method, which may answer in lines.
fn curl(path: &str, media: &str, sent: &Ordered, in_lines: bool) -> String {
    let to = format!("-H \"Authorization: Bearer $TOKEN\" \"https://$REGISTRY{path}\"");
    let quoted = |example: &Ordered| {
        let json = serde_json::to_string(example).unwrap_or_default();
        format!("'{}'", json.replace('\'', "'\\''"))
    };
    if media == JSON_LINES {
        let lines = sent.get("examples").map_or(&[][..], Ordered::fields).iter();
        let lines: Vec<_> = lines.filter_map(|(_, line)| Some(quoted(line.get("value")?))).collect();
        let types = format!("-H \"Content-Type: {JSON_LINES}\" -H \"Accept: {JSON_LINES}\"");
        return format!("printf '%s\\n' {} |\n  curl --data-binary @- {types} {to}", lines.join(" "));
    }
    let example = sent.get("example").map(quoted).unwrap_or_default();
    let lines = if in_lines { format!("-N -H \"Accept: {JSON_LINES}\" ") } else { String::new() };
    format!("curl --json {example} {lines}{to}")
}

/// The fields of a message, or the values of an enum.
fn of_schema(schema: &Ordered) -> String {
    let mut text = html(schema.text("description"));
    let fields = schema.get("properties").map_or(&[][..], Ordered::fields).iter();
    let fields: String = fields
        .map(|(name, field)| {
            let about = html(field.text("description"));
            format!("<dt><code>{}</code> {}</dt><dd>{about}</dd>\n", escaped(name), kind(field))
        })
        .collect();
    if !fields.is_empty() {
        // Writing to a string never fails.
        write!(text, "<dl>{fields}</dl>").unwrap_or_default();
    }
    text
}

/// The type of a value, in words.
fn kind(schema: &Ordered) -> String {
    if let Some(name) = schema.text("$ref").rsplit('/').next().filter(|name| !name.is_empty()) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(ways) = schema.get("anyOf") {
        return ways.elements().iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let of = |field: &str| schema.get(field).map(kind).unwrap_or_default();
    match schema.text("type") {
        "array" => format!("list of {}", of("items")),
        "object" => format!("object of {}", of("additionalProperties")),
        "string" if schema.get("contentEncoding").is_some() => "bytes in base 64".to_owned(),
        "string" if schema.text("format") == "date-time" => "time".to_owned(),
        "string" if schema.text("format").ends_with("int64") => "whole number, as text".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => "whole number".to_owned(),
        other => other.to_owned(),
    }
}

fn types(content: &[(String, Ordered)]) -> String {
    content.iter().map(|(media, _)| format!("<code>{media}</code>")).collect::<Vec<_>>().join(", ")
}

/// The last part of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
