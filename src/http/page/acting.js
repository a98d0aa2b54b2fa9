// The choice of an act about somebody or something that was found, and the form of the act.

import { NOTE } from "./acts.js";
import { element, fill } from "./dom.js";
import { form } from "./form.js";
import { discard, propose, withdraw } from "./record.js";

// Asks which of these acts, and then what it takes. `id` is the end of the form's id. `subject` says, for a method,
// what every message of it is about; `value` what a field has now; and `said`, for a method, a message and what was
// typed, what is shown of it; `explain` adds to a refusal.
export function act(place, acts, { id, service, subject = () => ({}), value = (field) => field.value, said = (method, message, typed) => typed, explain }) {
  const asked = element("div");
  const outcome = element("div", { class: "next", hidden: true });
  const choose = ([title, method, fields, always]) => {
    discard(outcome);
    const command = (message, typed) => ({ title, method: `${service}/${method}`, message: { ...subject(method), ...always, ...message }, said: said(method, message, typed), refused: made.refused, explain });
    const now = [...fields, NOTE].map((field) => ({ ...field, value: value(field) }));
    const made = form(`act-${id}`, now, "See what this changes", (message, typed) => propose(outcome, command(message, typed)), () => withdraw(outcome));
    fill(asked, made.element);
  };
  const choice = element("select", { id: `choice-${id}` }, acts.map(([title], index) => element("option", { value: index }, title)));
  choice.addEventListener("change", () => choose(acts[choice.value]));
  fill(place, acts.length > 1 ? element("div", { class: "field choice" }, element("label", { for: `choice-${id}` }, "Act"), choice) : element("h3", {}, acts[0][0]), asked, outcome);
  choose(acts[0]);
  (acts.length > 1 ? choice : asked.querySelector("input")).focus();
}
