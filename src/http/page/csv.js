// A list with its answers, as CSV. No cell of it is a formula.

import { openUntil, standing, verdict } from "./answer.js";
import { toInput } from "./dates.js";
import { capital } from "./dom.js";

// The columns that are added, by the names of the command line, which has `reasons` and `refused` too. A test compares
// them. What follows `=` is JSON.
export const COLUMNS = { "verdict": "Answer", "sentence": "Why", "standing": "Standing", "number_on_record": "Number on record", "holder": "Holder", "effective_from": "In effect from", "term_last_day": "Term to", "as_of": "As of", "settles_on": "Employers may report until", "known_at_revision": "Known at revision", "epoch": "Epoch" };

// What a spreadsheet takes for the beginning of a formula.
const FORMULA = /^[=+\-@\t\r＝＋－＠]/;
const MUST_QUOTE = /[",\r\n]|^ | $/;

// With this mark every spreadsheet reads UTF-8.
const MARK = "\ufeff";
const ROWS_AT_ONCE = 1000;

function cell(text) {
  const guarded = FORMULA.test(text) ? `'${text}` : text;
  return MUST_QUOTE.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

function day(date) {
  return date ? toInput(date) : "";
}

// The cells of an answer. `why` has its reasons.
export function answerCells(verification, why) {
  const { credential, answer } = verification;
  const { short } = verdict(verification);
  return [
    short,
    why || `${short}.`,
    capital(verification.standing ? standing(verification.standing) : ""),
    verification.credentialNumber ?? "",
    credential?.displayName ?? "",
    day(credential?.effectiveFrom),
    day(credential?.termLastDay),
    day(answer.asOf),
    day(openUntil(verification)),
    String(answer.knownAtRevision ?? 0),
    answer.epoch,
  ];
}

// The cells of a row that has no answer.
export function refusedCells(why) {
  return ["Faulty", why, ...Object.keys(COLUMNS).slice(2).map(() => "")];
}

// A file with these headings and rows. `rows` have the `cells` of the list and those of the answer.
export function file(headings, rows) {
  const width = rows.reduce((widest, { cells }) => Math.max(widest, cells.length), headings.length);
  const line = (cells, added) => {
    const padded = [...cells, ...Array(width - cells.length).fill(""), ...added];
    return `${padded.map(cell).join(",")}\r\n`;
  };
  const parts = [MARK, line(headings, Object.values(COLUMNS))];
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    parts.push(rows.slice(at, at + ROWS_AT_ONCE).map(({ cells, added }) => line(cells, added)).join(""));
  }
  return new Blob(parts, { type: "text/csv;charset=utf-8" });
}
