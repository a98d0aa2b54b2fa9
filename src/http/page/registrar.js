// Registrar's desk: people, facts to review, applications, terms that end, and statistics.

import * as application from "./application.js";
import { byId, fill } from "./dom.js";
import * as people from "./people.js";
import * as record from "./record.js";
import * as statistics from "./statistics.js";
import { showReview, showTerms } from "./watch.js";

const PARTS = {
  people: (place) => people.show(place, evaluate),
  review: showReview,
  application: application.show,
  terms: showTerms,
  statistics: statistics.show,
};

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
  PARTS[part](place(), ...rest);
}

// Shows the form of an application of somebody.
function evaluate(specialistId) {
  choose("application", specialistId);
  place().querySelector("input").focus();
}

// Takes away what is shown, with what was typed: it is about somebody.
export function clear() {
  fill(place());
}

export function forget() {
  clear();
  record.forget();
}
