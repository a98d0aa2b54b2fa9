// The rows of a list with their answers: counted, filtered, and drawn in pieces, so that a long list does not hang.

import { byId, element, say } from "./dom.js";

const PIECE = 200;

// The choices of the filter. After the first two, each is the kind of a row.
const KINDS = [
  ["all", "All"],
  ["attention", "Needs attention"],
  ["yes", "Yes"],
  ["limits", "With limits"],
  ["no", "No"],
  ["unknown", "Not known"],
  ["faulty", "Faulty"],
];

const numbers = new Intl.NumberFormat("en-US");

let rows = [];
let chosen = "all";
let drawn = 0;

export function count(number) {
  return numbers.format(number);
}

export function prepare() {
  const radios = KINDS.map(([value, name]) =>
    element(
      "label",
      {},
      element("input", { type: "radio", name: "roster-kind", value, checked: value === "all" }),
      element("span", {}, ` ${name} `),
      element("span", { class: "count", "data-kind": value }),
    ),
  );
  byId("roster-filter").append(...radios);
  byId("roster-filter").addEventListener("change", (event) => {
    chosen = event.target.value;
    draw();
    say(`${count(matching().length)} rows.`);
  });
  byId("roster-more").addEventListener("click", () => {
    const first = more();
    first?.focus();
  });
}

// Shows these rows: each has its `line`, the `person`, its `kind`, the answer in a word (`short`), and why (`why`).
export function show(next) {
  rows = next;
  chosen = "all";
  for (const radio of byId("roster-filter").querySelectorAll("input")) radio.checked = radio.value === chosen;
  for (const place of byId("roster-filter").querySelectorAll(".count")) {
    place.textContent = count(of(place.dataset.kind).length);
  }
  draw();
}

// The counts in a sentence.
export function counts() {
  const found = KINDS.slice(2).map(([kind, name]) => [of(kind).length, name.toLowerCase()]);
  const said = found.filter(([number]) => number > 0).map(([number, name]) => `${count(number)} ${name}`);
  return `${count(rows.length)} ${rows.length === 1 ? "row" : "rows"}: ${said.join(", ")}`;
}

function of(kind) {
  switch (kind) {
    case "all":
      return rows;
    case "attention":
      return rows.filter((row) => row.kind !== "yes");
    default:
      return rows.filter((row) => row.kind === kind);
  }
}

function matching() {
  return of(chosen);
}

function draw() {
  drawn = 0;
  byId("roster-rows").replaceChildren();
  more();
}

// Draws the next piece. Returns its first row.
function more() {
  const all = matching();
  const piece = all.slice(drawn, drawn + PIECE).map(line);
  byId("roster-rows").append(...piece);
  drawn += piece.length;
  const left = all.length - drawn;
  byId("roster-shown").textContent = left > 0 ? `${count(drawn)} of ${count(all.length)} rows are shown.` : "";
  byId("roster-more").hidden = left === 0;
  byId("roster-more").textContent = `Show ${count(Math.min(PIECE, left))} more`;
  byId("roster-none").hidden = all.length > 0;
  return piece[0];
}

function line({ line, person, kind, short, why }) {
  return element(
    "tr",
    { tabindex: -1 },
    element("th", { scope: "row" }, String(line)),
    element("td", {}, person),
    element("td", {}, element("strong", { class: "verdict", "data-kind": kind }, short), element("span", { class: "why" }, why)),
  );
}
