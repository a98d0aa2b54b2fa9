// The choice of an act about somebody or something that was found, and the form of the act.

import { NOTE } from "./acts.js";
import { element, fill, terms } from "./dom.js";
import { form } from "./form.js";
import { discard, propose, withdraw } from "./record.js";

// What is said if that which a form began with is not what is on record any more, also if this form changed it.
const CHANGED = "Since you opened this form, what is on record has changed. The form now shows what is on record, except where you typed. Check it. Then choose “See what this changes” again. This is on record now:";

// Asks which of these acts, and then what it takes. `id` is the end of the form's id, and `of` names what the acts are on.
// `subject` says, for a method, what every message of it is about; `value` what a field has now, of that which `reload`
// loads again; and `said`, for a method, a message and what was typed, what is shown of it; `explain` adds to a refusal.
export function act(place, acts, { id, of, service, subject = () => ({}), value = (field) => field.value, reload, said = (method, message, typed) => typed, explain }) {
  const asked = element("div");
  const outcome = element("div", { class: "next", hidden: true });
  const choose = ([title, method, fields, always]) => {
    discard(outcome);
    const own = [...fields, NOTE];
    const begun = own.map((field) => ({ ...field, value: value(field) }));
    const outdated = begun.some((field) => field.value) ? () => changed(made, begun, async () => (await reload?.(), own.map(value))) : undefined;
    const command = (message, typed) => ({ title, of, method: `${service}/${method}`, message: { ...subject(method), ...always, ...message }, said: said(method, message, typed), refused: made.refused, explain, outdated });
    const made = form(`act-${id}`, begun, ["See what this changes", of ? `${title}, ${of}` : title], (message, typed) => propose(outcome, command(message, typed)), () => withdraw(outcome));
    fill(asked, made.element);
  };
  const choice = element("select", { id: `choice-${id}` }, acts.map(([title], index) => element("option", { value: index }, title)));
  choice.addEventListener("change", () => choose(acts[choice.value]));
  fill(place, acts.length > 1 ? element("div", { class: "field choice" }, element("label", { for: `choice-${id}` }, "Act"), choice) : element("h3", {}, acts[0][0]), asked, outcome);
  choose(acts[0]);
  (acts.length > 1 ? choice : asked.querySelector("input")).focus();
}

// What the fields of a form have now, which `load` says, as `news`, if that is not what they began with; `renew` gives it
// to the form. Undefined if nothing has changed.
async function changed(made, fields, load) {
  const values = await load();
  if (fields.every((field, at) => (field.value ?? "") === (values[at] ?? ""))) return undefined;
  const inWords = ({ choices = [] }, value) => choices.find(([code]) => code === value)?.[1] ?? value;
  const now = fields.map((field, at) => [field.label, inWords(field, values[at]) || (field.value ? "none" : "")]);
  return { news: [element("p", {}, CHANGED), terms({ class: "about" }, now)], renew: () => made.renew(values) };
}
