// Rows of a list that may be about the same person.

import { toInput } from "./dates.js";

// The number of other lines that a row names.
const MOST = 5;

function folded(text = "") {
  return text.normalize("NFKD").toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

// A number without the signs that the registry ignores in it: dashes, blanks, and what is not seen.
function numberOf(text) {
  return text.replace(/[\s\p{Pd}\p{Cf}\u2212\u2043]/gu, "").toUpperCase();
}

// What rows about the same person have in common: the number that was found or asked for, or the name and the birth date.
export function keyOf({ credentialNumber, priorNumber, holder }, verification) {
  const number = verification?.credentialNumber || credentialNumber;
  if (number) return numberOf(number);
  if (priorNumber) return `earlier ${numberOf(priorNumber)}`;
  const { name: { givenName, familyName }, birthDate } = holder;
  return [folded(givenName), folded(familyName), toInput(birthDate)].join(" ");
}

// Says in every row that shares its `key` with others in which lines these stand. Returns the lines of all such rows.
export function tell(rows) {
  const groups = new Map();
  for (const row of rows) {
    if (!row.key) continue;
    if (!groups.has(row.key)) groups.set(row.key, []);
    groups.get(row.key).push(row);
    delete row.key;
  }
  const repeated = [...groups.values()].filter((group) => group.length > 1);
  for (const group of repeated) for (const row of group) note(row, others(row, group));
  return repeated.flat().map(({ line }) => line).sort((one, other) => one - other);
}

function others(row, group) {
  const named = group.slice(0, MOST + 1).filter((it) => it !== row).slice(0, MOST).map(({ line }) => line);
  const more = group.length - 1 - named.length;
  return `Also in ${group.length === 2 ? "line" : "lines"} ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}.`;
}

function note(row, text) {
  row.why = [row.why, text].filter(Boolean).join(" ");
  row.added[1] = `${row.added[1]} ${text}`;
}
