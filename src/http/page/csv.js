// A list with its answers, as CSV. No cell of it is a formula.

import { reasons, verdict } from "./answer.js";
import { toInput } from "./dates.js";

// The columns that are added: those of the command line. A test compares them. What follows `=` is JSON.
export const COLUMNS = ["verdict", "sentence", "standing", "reasons", "number_on_record", "holder", "effective_from", "term_last_day", "as_of", "settles_on", "known_at_revision", "epoch", "refused"];

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

const bare = (code, prefix) => String(code ?? "").replace(prefix, "");

// The cells of an answer.
export function answerCells(verification) {
  const { credential, answer } = verification;
  const why = reasons(verification);
  return [
    bare(verification.verdict, "VERDICT_"),
    why.length > 0 ? why.map(({ text }) => text).join(" ") : `${verdict(verification).short}.`,
    bare(verification.standing, "STANDING_"),
    (verification.reasons ?? []).map((code) => bare(code, "REASON_")).join(" "),
    verification.credentialNumber ?? "",
    credential?.displayName ?? "",
    day(credential?.effectiveFrom),
    day(credential?.termLastDay),
    day(answer.asOf),
    day(answer.settlesOn),
    String(answer.knownAtRevision ?? 0),
    answer.epoch,
    "",
  ];
}

// The cells of a row that has no answer.
export function refusedCells(why) {
  return [...COLUMNS.slice(1).map(() => ""), why];
}

// A file with these headings and rows. `rows` have the `cells` of the list and those of the answer.
export function file(headings, rows) {
  const width = rows.reduce((widest, { cells }) => Math.max(widest, cells.length), headings.length);
  const line = (cells, added) => {
    const padded = [...cells, ...Array(width - cells.length).fill(""), ...added];
    return `${padded.map(cell).join(",")}\r\n`;
  };
  const parts = [MARK, line(headings, COLUMNS)];
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    parts.push(rows.slice(at, at + ROWS_AT_ONCE).map(({ cells, added }) => line(cells, added)).join(""));
  }
  return new Blob(parts, { type: "text/csv;charset=utf-8" });
}
