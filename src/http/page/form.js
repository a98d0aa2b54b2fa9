// Forms made of a list of fields, and what was typed into them as a message of the contract.

import { dayFault, dayInWords, fromInput } from "./dates.js";
import { element } from "./dom.js";
import { explained, faultInWords } from "./explain.js";

// Makes a form. `submit` has the text of its button, or a list of the text and what the button is for, which tells it from
// others with the same text. A field has its path in the message as `name`, a `label`, and, as needed: a `type` (text,
// which is the default, date, number, flag, choice, or several), a `hint`, `required`, `choices` as pairs of value and
// text, and a first `value`; a number may be `whole`, and a flag has the text that is shown for it without a tick as `no`; `finds`
// has the kinds of what it names, and `missed` may say why it was not found; the texts of a field with `into` go into
// that list, as entries of its `kind`; fields with the same `group` stand together under it. `act` gets the message,
// and what was typed as pairs of label and text, with a third part that is true for those fields that only name
// somebody (`named`). `changed` is called when something else is typed. Returns the element; `refused`, which shows
// the faults that the registry found, and says whether all of them have a place; and `renew`, which gives the fields, in
// their order, other first values, and those inputs that still have the first value the other one.
export function form(id, fields, submit, act, changed = () => {}) {
  const inputs = fields.map((field) => input(`${id}-${field.name.replace(/\W/g, "-")}`, field));
  const made = element(
    "form",
    { id, autocomplete: "off", novalidate: true },
    groups(inputs).map(({ name, rows }) => element(name ? "fieldset" : "div", { class: "group" }, name ? element("legend", {}, name) : "", element("div", { class: "fields" }, rows))),
    element("div", { class: "send" }, submitted(submit)),
  );
  made.addEventListener("input", changed);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    const message = read(inputs);
    if (message) act(message, typed(inputs));
  });
  const refused = (error) => {
    const { code, fields: violations, kind } = error;
    const missed = code === "not_found" && inputs.find(({ field }) => field.finds?.includes(kind));
    if (missed) {
      show(missed, missed.field.missed?.(kind, missed.control.value.trim()) ?? explained(error));
      missed.control.focus();
      return true;
    }
    if (code !== "invalid_argument" || violations.length === 0) return false;
    const label = (path) => ofField(inputs, path)?.field.label;
    const found = violations.map(({ field, description }) => [ofField(inputs, field), faultInWords(description, label)]);
    const known = found.filter(([of]) => of);
    for (const [of, fault] of known) show(of, fault);
    known[0]?.[0].control.focus();
    return known.length === found.length;
  };
  return { element: made, refused, renew: (values) => inputs.forEach((it, at) => renew(it, values[at])) };
}

function submitted(submit) {
  const [text, of] = [submit].flat();
  return element("button", { type: "submit", class: "primary", "aria-label": of && `${text}: ${of}` }, text);
}

function renew({ field, control }, value) {
  if (value === field.value) return;
  if (control.value === (field.value ?? "")) control.value = value ?? "";
  control.defaultValue = value ?? "";
  field.value = value;
}

// The rows of the inputs, by the group of their fields.
function groups(inputs) {
  const all = [];
  for (const { field, row } of inputs) {
    if (all.at(-1)?.name !== field.group || all.length === 0) all.push({ name: field.group, rows: [] });
    all.at(-1).rows.push(row);
  }
  return all;
}

// The input of a field of the contract, such as `name.family_name` or `first_day.month`.
function ofField(inputs, path) {
  const camel = path.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()).replace(/\[(\d+)\]/g, ".$1");
  const [, list, at] = /^(\w+)\.(\d+)/.exec(camel) ?? [];
  const entered = inputs.filter(({ field }) => list && field.into === list).flatMap((it) => entries(it).map(() => it));
  return entered[at] ?? inputs.find(({ field }) => camel === field.name || camel.startsWith(`${field.name}.`));
}

function input(id, field) {
  const { type = "text", label, hint, choices, value } = field;
  const described = { id, "aria-describedby": `${id}-fault` };
  const fault = element("p", { id: `${id}-fault`, class: "fault" });
  const title = [label, hint ? element("span", { class: "hint" }, hint) : ""];
  const labelled = (control, wide) => ({ field, control, fault, row: element("div", { class: wide ? "field whole" : "field" }, element("label", { for: id }, title), control, fault) });
  switch (type) {
    case "flag": {
      const control = element("input", { ...described, type: "checkbox", checked: value });
      return { field, control, fault, row: element("div", { class: "field flag" }, element("label", {}, control, " ", element("span", {}, title)), fault) };
    }
    case "several": {
      const boxes = choices.map(([of, text]) => element("label", {}, element("input", { type: "checkbox", value: of }), " ", element("span", {}, text)));
      const control = element("fieldset", { ...described, class: "designations", tabindex: -1 }, element("legend", {}, title), boxes);
      return { field, control, fault, row: element("div", { class: "field whole" }, control, fault) };
    }
    case "choice":
      return labelled(element("select", described, element("option", { value: "" }, field.none ?? "Choose"), choices.map(([of, text]) => element("option", { value: of, selected: of === value }, text))));
    case "date":
      return labelled(element("input", { ...described, type, min: "1900-01-01", max: "2200-12-31", value }));
    default:
      return labelled(element("input", { ...described, type: "text", spellcheck: "false", autocapitalize: field.capitals ?? "none", list: field.list, inputmode: type === "number" ? "decimal" : undefined, value }), field.wide);
  }
}

// The texts of an input that stand with commas between them.
function entries({ control }) {
  return control.value.split(",").map((it) => it.trim()).filter(Boolean);
}

// The value of an input, or the fault of it.
function valueOf({ field: { type, required, whole }, control }) {
  const missing = (what) => ({ fault: required ? what : undefined });
  switch (type) {
    case "flag":
      return { value: control.checked || undefined };
    case "several":
      return { value: [...control.querySelectorAll(":checked")].map((box) => box.value) };
    case "date": {
      const fault = dayFault(control, !required);
      if (fault) return { fault };
      return control.value ? { value: fromInput(control.value) } : missing("Enter the whole date.");
    }
    case "number": {
      if (control.value.trim() === "") return missing("Enter a number.");
      const number = numberOf(control.value.trim());
      if (whole && !(Number.isInteger(number) && number >= 0)) return { fault: "Enter a whole number, such as 2." };
      return Number.isFinite(number) ? { value: number } : { fault: "Enter a number, such as 2.5." };
    }
    case "choice":
      return control.value ? { value: control.value } : missing("Choose one.");
    default:
      return control.value.trim() ? { value: control.value.trim() } : missing("This is needed.");
  }
}

// A number as it is typed, also with commas between thousands. NaN if it is none.
function numberOf(text) {
  return Number(/^\d{1,3}(,\d{3})+(\.\d+)?$/.test(text) ? text.replaceAll(",", "") : text);
}

function show({ control, fault }, text) {
  fault.textContent = text;
  if (text) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

// What was typed or chosen, each with its label. What was left empty is left out.
function typed(inputs) {
  const pairs = inputs.map(({ field, control }) => [field.group ? `${field.group}: ${field.label}` : field.label, inWords(field, control), field.named]);
  return pairs.filter(([, text]) => text);
}

function inWords({ type, no = "" }, control) {
  switch (type) {
    case "flag":
      return control.checked ? "Yes" : no;
    case "several":
      return [...control.querySelectorAll("label:has(:checked)")].map((box) => box.textContent.trim()).join(", ");
    case "choice":
      return control.value && control.selectedOptions[0].textContent;
    case "date":
      return control.value && dayInWords(fromInput(control.value));
    default:
      return control.value.trim();
  }
}

// The message that the inputs make. Undefined if something is missing, which is then shown.
function read(inputs) {
  const message = {};
  let first;
  for (const it of inputs) {
    const { value, fault } = valueOf(it);
    show(it, fault ?? "");
    if (fault) first ??= it.control;
    if (it.field.into) (message[it.field.into] ??= []).push(...entries(it).map((value) => ({ kind: it.field.kind, value })));
    else if (value !== undefined) put(message, it.field.name.split("."), value);
  }
  first?.focus();
  return first ? undefined : message;
}

// Puts a value where its path leads. A part of a path that is a number is a place in a list.
function put(message, [name, ...rest], value) {
  if (rest.length === 0) message[name] = value;
  else put((message[name] ??= /^\d/.test(rest[0]) ? [] : {}), rest, value);
}
