// The form: what is asked.

import { dayFault, dayInWords, fromInput, toInput } from "./dates.js";
import { byId, element } from "./dom.js";
import { faultInWords } from "./explain.js";
import * as providers from "./providers.js";
import * as unsent from "./unsent.js";
import words from "./words.js";

// The input of each field of the contract, to show a fault beside it.
const INPUTS = {
  "item.credential_number": "number",
  "item.prior_number": "prior",
  "item.holder.name.given_name": "given",
  "item.holder.name.family_name": "family",
  "item.holder.name": "family",
  "item.holder.birth_date": "birth",
  "item.family_name": "family",
  "item.as_of": "day",
  "item.provider_id": "provider",
};

// The maximum length of a text, in characters.
const LONGEST = 200;

const REQUIRED = {
  number: [["number", "Enter the credential number."]],
  prior: [["prior", "Enter the number of the earlier certificate."]],
  holder: [
    ["family", "Enter the family name."],
    ["birth", "Enter the whole birth date."],
  ],
};

// Makes the form ready.
export function prepare() {
  const boxes = Object.entries(words.designations).map(([value, name]) =>
    element("label", {}, element("input", { type: "checkbox", value }), " ", element("span", {}, name)),
  );
  byId("designations").append(...boxes);
  byId("more").addEventListener("input", sayMore);
  for (const radio of ways()) radio.addEventListener("change", showWay);
  showWay();
}

function ways() {
  return document.querySelectorAll("input[name=way]");
}

function way() {
  return [...ways()].find((radio) => radio.checked).value;
}

// Shows the fields of the way that is chosen.
export function showWay() {
  for (const part of byId("question").querySelectorAll("[data-way]")) {
    part.hidden = !part.dataset.way.split(" ").includes(way());
  }
  clearFaults();
  sayMore();
}

// Sets the day to the one that is shown: without a day it is today.
export function setDay(day) {
  unsent.follow(byId("question"), () => (byId("day").value = day ? toInput(day) : ""));
  sayMore();
}

// Says beside the summary what is set in the part that it opens and closes.
function sayMore() {
  const day = fromInput(text("day"));
  const set = [day ? dayInWords(day) : "", text("provider"), ...checked().map((box) => words.designations[box.value])].filter(Boolean);
  byId("more-set").textContent = set.length > 0 ? `Set: ${set.join(", ")}` : "";
}

function checked() {
  return [...byId("designations").querySelectorAll("input")].filter((box) => box.checked);
}

// Takes the number that was typed for an earlier number.
export function takeAsEarlier() {
  byId("prior").value = byId("number").value;
  byId("number").value = "";
  ways().forEach((radio) => (radio.checked = radio.value === "prior"));
  showWay();
}

function text(id) {
  return byId(id).value.trim();
}

// What is missing, or is no day, in the fields that the way requires.
function missing() {
  const isNone = (id) => text(id) === "" && !byId(id).validity.badInput;
  return REQUIRED[way()].map(([id, fault]) => [id, isNone(id) ? fault : id === "birth" ? dayFault(byId(id), false) : ""]);
}

// What is longer than a name or a number can be.
function tooLong() {
  const asked = [...byId("question").querySelectorAll("input[type=text]")].filter((input) => !input.closest("[hidden]"));
  return asked.filter(({ value }) => value.trim().length > LONGEST).map(({ id }) => [id, `This is too long. Enter at most ${LONGEST} characters.`]);
}

// What the form asks: an item of the contract. Undefined if something is missing, which is then shown.
export function item() {
  clearFaults();
  const faults = [...missing(), ...tooLong(), ["day", dayFault(byId("day"))], ["provider", providers.fault(text("provider"))]].filter(([, fault]) => fault);
  if (faults.length > 0) {
    showFaults(faults);
    return undefined;
  }
  const asked = { designations: checked().map((box) => box.value), providerId: text("provider"), asOf: fromInput(text("day")) };
  const familyName = text("family");
  switch (way()) {
    case "number":
      return { ...asked, credentialNumber: text("number"), familyName };
    case "prior":
      return { ...asked, priorNumber: text("prior"), familyName };
    default:
      return { ...asked, holder: { name: { givenName: text("given"), familyName }, birthDate: fromInput(text("birth")) } };
  }
}

// Shows the faults that the registry found in fields. False if one of them has no input.
export function showViolations(violations) {
  const faults = violations.map(({ field, description }) => [INPUTS[field.replace(/\.(year|month|day)$/, "")], description]);
  const known = faults.filter(([id]) => id);
  showFaults(known.map(([id, fault]) => [id, faultInWords(fault)]));
  return known.length > 0 && known.length === faults.length;
}

function showFaults(faults) {
  for (const [id, fault] of faults) {
    byId(`${id}-fault`).textContent = fault;
    byId(id).setAttribute("aria-invalid", "true");
    if (byId("more").contains(byId(id))) byId("more").open = true;
  }
  if (faults.length > 0) byId(faults[0][0]).focus();
}

function clearFaults() {
  for (const fault of byId("question").querySelectorAll(".fault")) fault.textContent = "";
  for (const input of byId("question").querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}
