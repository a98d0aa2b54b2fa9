// What went wrong, shown where the answer would stand.

import { element, fill } from "./dom.js";
import { explained } from "./explain.js";
import { Refusal, isIdentified } from "./registry.js";

// Whether nothing is said of an error: a call that was given up has no reason, and a token that was refused is asked for
// again.
export function isSilent(error) {
  return error.name === "AbortError" || (error.code === "unauthenticated" && !isIdentified);
}

// With these the registry works as it should, and its operator has nothing to look for.
const BY_RULE = ["invalid_argument", "failed_precondition", "not_found", "already_exists"];

// Shows why a call has no answer, if there is something to say.
export function show(place, error) {
  if (isSilent(error)) return;
  if (!(error instanceof Refusal)) throw error;
  say(place, explained(error), error.requestId && !BY_RULE.includes(error.code) && `To ask the operator about it, quote ${error.requestId}.`);
  place.focus();
}

// Shows it in a place of its own, under which `more` may stand.
export function within(place, error, ...more) {
  if (error.name === "AbortError") return;
  const why = element("div", { class: "trouble", role: "alert", tabindex: -1 });
  place.hidden = false;
  fill(place, why, more);
  show(why, error);
}

// Shows a text, and an aside.
export function say(place, text, aside) {
  place.replaceChildren(element("p", {}, text), aside ? element("p", { class: "aside" }, aside) : "");
  place.hidden = false;
}
