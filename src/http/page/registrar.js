// The desk of the registrar, the certifier, and the auditor: people, facts to review, applications, terms that end, providers, and statistics.

import * as application from "./application.js";
import { byId, element, fill } from "./dom.js";
import * as people from "./people.js";
import * as providers from "./providers_desk.js";
import * as record from "./record.js";
import * as statistics from "./statistics.js";
import * as watch from "./watch.js";

const PARTS = {
  people: (place) => people.show(place, evaluate),
  review: watch.showReview,
  application: application.show,
  terms: watch.showTerms,
  providers: providers.show,
  statistics: statistics.show,
};

// The parts in which something is typed, which are kept while another one is shown.
const KEPT = ["people", "application", "providers"];
const kept = new Map();

// The parts that are kept, whether they are shown or not.
export function parts() {
  return [...kept.values()];
}

function place() {
  return byId("registrar-part");
}

function ways() {
  return [...document.querySelectorAll("input[name=desk-way]")];
}

export function prepare() {
  for (const radio of ways()) radio.addEventListener("change", () => choose(radio.value));
}

// Shows the part that was chosen, or the first that the caller may use, unless it is shown already.
export function open() {
  if (place().childElementCount > 0) return;
  const allowed = ways().filter((radio) => !radio.closest("label").hidden);
  choose((allowed.find((radio) => radio.checked) ?? allowed[0]).value);
}

function choose(part, ...rest) {
  ways().find((radio) => radio.value === part).checked = true;
  const isKept = kept.has(part) && rest.length === 0;
  const own = isKept ? kept.get(part) : element("div");
  fill(place(), own);
  if (isKept) return;
  if (KEPT.includes(part)) kept.set(part, own);
  PARTS[part](own, ...rest);
}

// Shows the form of an application of somebody.
function evaluate(specialistId) {
  choose("application", specialistId);
  place().querySelector("input").focus();
}

// Takes away what is shown, with what was typed: it is about somebody.
export function clear() {
  kept.clear();
  fill(place());
}

export function forget() {
  clear();
  record.forget();
  watch.forget();
}
