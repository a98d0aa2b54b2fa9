// What went wrong, shown where the answer would stand.

import { element, fill } from "./dom.js";
import { explained } from "./explain.js";
import { Refusal, isIdentified } from "./registry.js";

// Shows why a call has no answer. A call that was given up has no reason, and a token that was refused is asked for
// again.
export function show(place, error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Refusal)) throw error;
  if (error.code === "unauthenticated" && !isIdentified) return;
  say(place, explained(error), error.requestId && `To ask the operator about it, quote ${error.requestId}.`);
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
