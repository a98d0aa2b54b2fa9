// Roster: every row of a list, with its verdict. The registry reads the list; then the page asks about its rows, as any
// client would, and from one state of knowledge.

import { knownInWords, reasons, unnamed, verdict } from "./answer.js";
import * as csv from "./csv.js";
import { dayFault, dayInWords, fromInput } from "./dates.js";
import { byId, capital, download, element, fill, say } from "./dom.js";
import { plain } from "./explain.js";
import * as list from "./list.js";
import { Refusal, call } from "./registry.js";
import * as providers from "./providers.js";
import * as repeated from "./repeated.js";
import * as rows from "./rows.js";
import * as trouble from "./trouble.js";

// The number of questions that a batch may have.
const BATCH = 1000;

// How often a batch is asked that the registry cannot take at the moment, and how long the page waits at most.
const TRIES = 5;
const LONGEST_WAIT_SECONDS = 30;

// The maximum number of lines that a sentence names.
const MOST_LINES = 20;

let running = new AbortController();
let answered;

export function prepare() {
  rows.prepare();
  const place = byId("roster");
  byId("roster-form").addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
  byId("roster-clear").addEventListener("click", () => {
    forget();
    byId("list").focus();
  });
  byId("roster-download").addEventListener("click", save);
  // A file that misses the zone would replace the page.
  for (const name of ["dragover", "dragenter"]) place.addEventListener(name, (event) => dragged(event, true));
  for (const name of ["dragleave", "drop"]) place.addEventListener(name, (event) => dragged(event, false));
  place.addEventListener("drop", ({ dataTransfer }) => {
    if (dataTransfer.files.length === 0) return;
    byId("list").files = dataTransfer.files;
    byId("roster-form").requestSubmit();
  });
}

function dragged(event, isOver) {
  event.preventDefault();
  byId("drop").classList.toggle("over", isOver);
}

export function forget() {
  byId("roster-form").reset();
  clear();
}

export function clear() {
  running.abort();
  answered = undefined;
  for (const id of ["roster-trouble", "roster-progress", "roster-answer"]) byId(id).hidden = true;
  for (const id of ["roster-trouble", "roster-counts", "roster-state", "roster-warnings", "roster-notes"]) byId(id).replaceChildren();
  byId("roster").removeAttribute("aria-busy");
  rows.show([]);
  showFault("list", "");
  showFault("roster-day", "");
  showFault("roster-provider", "");
}

function showFault(id, text) {
  byId(`${id}-fault`).textContent = text;
  if (text) byId(id).setAttribute("aria-invalid", "true");
  else byId(id).removeAttribute("aria-invalid");
}

async function check() {
  clear();
  const { files } = byId("list");
  showFault("list", files.length === 1 ? "" : files.length === 0 ? "Choose the list." : "Choose one list.");
  showFault("roster-day", dayFault(byId("roster-day")));
  const providerId = byId("roster-provider").value.trim();
  showFault("roster-provider", providers.fault(providerId));
  const faulty = ["list", "roster-day", "roster-provider"].find((id) => byId(id).hasAttribute("aria-invalid"));
  if (faulty) return byId(faulty).focus();
  running = new AbortController();
  const { signal } = running;
  byId("roster").setAttribute("aria-busy", "true");
  try {
    progress("The registry reads the list.");
    const found = await list.read(files[0], signal);
    const about = { asOf: fromInput(byId("roster-day").value), providerId };
    const { state, advice } = await ask(found.rows, about, signal);
    show(found, { state, advice, providerId }, files[0].name);
  } catch (error) {
    failed(error);
  } finally {
    if (!signal.aborted) {
      byId("roster-progress").hidden = true;
      byId("roster").removeAttribute("aria-busy");
    }
  }
}

function failed(error) {
  const place = byId("roster-trouble");
  const [fault] = error.code === "invalid_argument" ? error.fields : [];
  if (fault?.field === "list") trouble.say(place, `This list cannot be read: ${plain(fault.description)}.`);
  else if (error.reason === "TOO_LARGE") trouble.say(place, `This list cannot be read: ${error.message}.`);
  else return trouble.show(place, error);
  place.focus();
}

function progress(text, done, all) {
  byId("roster-progress").hidden = false;
  byId("roster-progress-text").textContent = text;
  const bar = byId("roster-progress-bar");
  if (all) Object.assign(bar, { value: done, max: all });
  else bar.removeAttribute("value");
}

// Asks about every row that can be asked, and notes what the registry says. All answers are from the state of knowledge of
// the first, which is returned, with what to do about reasons that the answers have.
async function ask(all, about, signal) {
  for (const row of all) if (row.faults) note(row, refusal(plain(row.faults.join(" "))));
  const asked = all.filter((row) => row.item);
  // What to do, with the lines of the rows to which it applies.
  const advice = new Map();
  let state;
  for (let at = 0; at < asked.length; at += BATCH) {
    progress(`${rows.count(at)} of ${rows.count(asked.length)} rows are answered.`, at, asked.length);
    const batch = asked.slice(at, at + BATCH);
    const knownAt = state && { epoch: state.epoch, revision: state.knownAtRevision };
    const items = batch.map(({ item }) => ({ ...item, ...about }));
    const { results } = await patiently(() => call("VerificationService/BatchVerifyCredentials", { items, knownAt }, signal), signal);
    results.forEach(({ verification, error }, index) => {
      state ??= verification?.answer;
      if (verification) providers.noteAsked(about.providerId, verification);
      for (const { text, remedy } of verification ? reasons(verification) : []) if (remedy) noteLine(advice, `${text} ${remedy}`, batch[index].line);
      batch[index].key = repeated.keyOf(batch[index].item, verification);
      note(batch[index], verification ? given(batch[index].item, verification) : refusal(`Not answered: ${plain(error?.message ?? "no answer came")}.`));
    });
  }
  return { state, advice: [...advice].map(([text, lines]) => (lines.length === asked.length ? text : `${linesInWords(lines)}: ${text}`)) };
}

function noteLine(advice, text, line) {
  if (!advice.has(text)) advice.set(text, []);
  advice.get(text).push(line);
}

// Names the lines of rows that may be about the same person as other ones.
function sayRepeated(lines) {
  return lines.length > 0 ? `${linesInWords(lines)}: these rows have the same credential, number, or name and birth date as other rows. See “Also in” in each row.` : "";
}

function linesInWords(lines) {
  const more = lines.length > MOST_LINES ? ` and ${rows.count(lines.length - MOST_LINES)} more` : "";
  return `${lines.length === 1 ? "Line" : "Lines"} ${lines.slice(0, MOST_LINES).join(", ")}${more}`;
}

// Replaces the question of a row by what came of it: a long list takes no more memory than it must.
function note(row, found) {
  delete row.item;
  delete row.faults;
  Object.assign(row, found);
}

function given(item, verification) {
  const { short, kind } = verdict(verification);
  const why = [...reasons(verification).map(({ text }) => text), unnamed(item, verification)].filter(Boolean).join(" ");
  return { kind, short, why, added: csv.answerCells(verification, why) };
}

function refusal(why) {
  return { kind: "faulty", short: "Faulty", why, added: csv.refusedCells(why) };
}

// Asks again if the registry says that it is too busy at the moment.
async function patiently(act, signal) {
  for (let time = 1; ; time++) {
    try {
      return await act();
    } catch (error) {
      const isBusy = error instanceof Refusal && ["TOO_FAST", "TOO_MANY"].includes(error.reason);
      if (!isBusy || time === TRIES || error.retrySeconds > LONGEST_WAIT_SECONDS) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, error.retrySeconds) * 1000));
      signal.throwIfAborted();
    }
  }
}

// Says of columns that look like days of service or providers that no row was asked for what stands in them.
function notRead({ days, providers }, state, providerId) {
  const columns = [...days, ...providers].map((heading) => `\`${heading}\``);
  if (columns.length === 0 || !state) return "";
  const named = columns.length === 1 ? `The column ${columns[0]} is` : `The columns ${columns.slice(0, -1).join(", ")} and ${columns.at(-1)} are`;
  const asked = `every row was asked for ${dayInWords(state.asOf)}, and ${providerId ? `for the provider ${providerId}` : "for any provider"}`;
  return `${named} not read: ${asked}.${days.length > 0 ? " For dates of service use `cpss-registry claims`." : ""}`;
}

function show(found, { state, advice, providerId }, name) {
  answered = { ...found, name };
  const twice = repeated.tell(found.rows);
  rows.show(found.rows);
  byId("roster-counts").textContent = `${rows.counts()}.`;
  const asOf = state ? `As of ${dayInWords(state.asOf)}. Known at ${knownInWords(state)}.` : "No row was asked.";
  fill(byId("roster-state"), asOf, advice.map((text) => element("span", { class: "remedy" }, text)));
  const warnings = [...found.warnings.map((text) => `${capital(plain(text))}.`), notRead(found, state, providerId), sayRepeated(twice)].filter(Boolean);
  fill(byId("roster-warnings"), warnings.map((text) => element("li", {}, text)));
  byId("roster-warnings").hidden = warnings.length === 0;
  byId("roster-notes").replaceChildren(...found.notes.map((text) => element("li", {}, plain(text))));
  byId("roster-read").hidden = found.notes.length === 0;
  byId("roster-answer").hidden = false;
  say([byId("roster-counts").textContent, ...warnings].join(" "));
  byId("roster-counts").focus();
}

// Offers the list with its answers.
function save() {
  const { headings, rows, name } = answered;
  download(`${name.replace(/\.[^.]*$/, "")}.answers.csv`, csv.file(headings, rows));
}
