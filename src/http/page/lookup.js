// Look up: what is asked about one credential, and what is shown.

import * as answer from "./answer.js";
import { dateOf, dayInWords, dayNumber, endOfDay, fromInput } from "./dates.js";
import { byId, say } from "./dom.js";
import * as facts from "./facts.js";
import * as letter from "./letter.js";
import * as providers from "./providers.js";
import * as question from "./question.js";
import { call, callSigned } from "./registry.js";
import * as timeline from "./timeline.js";
import * as trouble from "./trouble.js";

// How long a slider rests before the registry is asked.
const REST_MS = 120;

// How long an answer is waited for before that is said, and what is said then.
const SLOW_MS = 300;
const WAITING = "The registry looks it up.";

// What is asked and shown, the call that runs, the slider that rests, and the answer that is slow.
let asked;
let running = new AbortController();
let resting;
let slow;

// Whether something was recorded with this page since.
let isStale = false;

// Makes the section ready.
export function prepare() {
  question.prepare();
  byId("question").addEventListener("submit", lookUp);
  byId("clear").addEventListener("click", forget);
  for (const id of ["as-of", "known-at"]) byId(id).addEventListener("input", moved);
  byId("known-on").addEventListener("change", knownOn);
  document.addEventListener("recorded", () => (isStale = true));
  byId("to-today").addEventListener("click", () => moveTo("as-of", dayNumber(asked.today)));
  byId("to-now").addEventListener("click", () => moveTo("known-at", asked.head));
  byId("record-before").addEventListener("click", () => moveTo("known-at", nextRecord(-1)));
  byId("record-after").addEventListener("click", () => moveTo("known-at", nextRecord(1)));
}

// Takes away the question, too.
export function forget() {
  byId("question").reset();
  clear();
}

// Takes away what is shown.
export function clear() {
  running.abort();
  clearTimeout(resting);
  endWait();
  asked = undefined;
  byId("look-up").removeAttribute("aria-busy");
  letter.close();
  for (const id of ["answer", "past", "trouble"]) byId(id).hidden = true;
  for (const id of ["answer", "trouble"]) byId(id).replaceChildren();
  timeline.clear();
  question.showWay();
}

async function lookUp(event) {
  event.preventDefault();
  const item = question.item();
  if (!item) return;
  clear();
  await ask({ item }, seeAnswer);
}

// Goes to the answer. Where it is taller than the window, its beginning is shown, and not its middle.
function seeAnswer() {
  byId("answer").focus({ preventScroll: true });
  byId("answer").scrollIntoView({ block: "nearest" });
}

// Goes to the section, and looks a number up.
export function lookUpNumber(number) {
  forget();
  byId("number").value = number;
  location.hash = "#/look-up";
  byId("question").requestSubmit();
}

function askAsEarlier() {
  question.takeAsEarlier();
  byId("question").requestSubmit();
}

// Shows the answer again, if something was recorded since. What was known earlier stays as it is.
export function open() {
  if (isStale && asked && !asked.knownAt) ask({ item: asked.item });
}

// Says that an answer is waited for, if it does not come soon.
function beginWait() {
  clearTimeout(slow);
  slow = setTimeout(() => {
    byId("look-up-waiting").textContent = WAITING;
    byId("look-up-waiting").hidden = false;
    say(WAITING);
  }, SLOW_MS);
}

function endWait() {
  clearTimeout(slow);
  byId("look-up-waiting").hidden = true;
}

// Asks, and shows the answer; then what was on record.
async function ask(next, then = () => {}) {
  running.abort();
  running = new AbortController();
  isStale = false;
  const { signal } = running;
  say("");
  beginWait();
  let isAnswered = false;
  byId("look-up").setAttribute("aria-busy", "true");
  try {
    const { verification, signedAnswer } = await callSigned("sign", "VerificationService/VerifyCredential", { item: next.item, knownAt: next.knownAt }, signal);
    const at = Date.now();
    endWait();
    letter.close();
    byId("trouble").hidden = true;
    const past = next.knownAt && { endOf: next.knownOn };
    answer.show(next.item, verification, { past, askAsEarlier, openLetter: () => letter.open(next.item, verification, { signed: signedAnswer, past, at }) });
    providers.noteAsked(next.item.providerId, verification);
    say(`${answer.verdict(verification).short}. ${answer.sentence(next.item, verification, Boolean(past))}`);
    then();
    isAnswered = true;
    const { epoch, knownAtRevision = 0 } = verification.answer;
    // A day is asked about by its instant, and from then on by the revision.
    if (next.knownAt?.time) next.knownAt = { epoch, revision: String(knownAtRevision) };
    asked = { ...(isNewer(next, verification.answer) ? { item: next.item, number: next.number } : next), verification };
    await showPast(asked, signal);
  } catch (error) {
    if (!signal.aborted) failed(error, isAnswered);
  } finally {
    if (!signal.aborted) byId("look-up").removeAttribute("aria-busy");
  }
}

// Says why there is no answer, or, after one, why there is no timeline.
function failed(error, isAnswered) {
  endWait();
  if (error.code === "invalid_argument" && question.showViolations(error.fields)) return;
  byId("answer").hidden = !isAnswered;
  byId("past").hidden = true;
  trouble.show(byId("trouble"), error);
}

// Whether an answer has all that is known now, and something was recorded since the timeline was loaded.
function isNewer({ knownAt, epoch, head }, state) {
  return !knownAt && head !== undefined && (state.epoch !== epoch || Number(state.knownAtRevision ?? 0) > head);
}

// Shows the timeline, as far as the caller may see it: from the state of knowledge of the answer.
async function showPast(next, signal) {
  const { credential, answer: state } = next.verification;
  next.epoch ??= state.epoch;
  next.head ??= Number(state.knownAtRevision ?? 0);
  // Without a credential there is no timeline, unless one was shown: then nothing was on record at that time.
  if (!credential && !next.range) {
    byId("past").hidden = true;
    return;
  }
  if (!credential) {
    setSliders(next);
    byId("past").hidden = false;
    return timeline.clear("Nothing was on record then that could be shown here.");
  }
  next.number ??= credential.credentialNumber;
  if (!next.known) {
    const knownAt = { epoch: state.epoch, revision: String(state.knownAtRevision ?? 0) };
    const [standings, found] = await Promise.all([
      call("VerificationService/ListStandingPeriods", { credentialNumber: next.number, knownAt }, signal),
      credential.specialistId ? facts.load({ specialistId: credential.specialistId }, knownAt, signal) : [],
    ]);
    next.known = { standings, found };
    next.today ??= standings.answer.asOf;
    next.revisions ??= facts.revisions(found);
  }
  const { standings, found } = next.known;
  const shown = {
    rows: facts.rows(credential, timeline.standingPeriods(standings.periods), found),
    acts: facts.acts(credential, found),
    marks: { today: standings.answer.asOf, asOf: state.asOf, settlesOn: state.settled ? undefined : state.settlesOn },
  };
  next.range ??= timeline.range(shown);
  byId("past").hidden = false;
  timeline.show({ ...shown, range: next.range });
  setSliders(next);
}

function setSliders(next) {
  const [from, to] = next.range;
  const asOf = dayNumber(next.verification.answer.asOf);
  Object.assign(byId("as-of"), { min: Math.min(from, asOf), max: Math.max(to, asOf), value: asOf });
  Object.assign(byId("known-at"), { max: next.head, value: next.knownAt?.revision ?? next.head });
  byId("records").hidden = next.revisions.length === 0;
  nameSliders(next.verification.answer);
}

// Says in words where the sliders stand. `state` is that of the answer, once it is there.
function nameSliders(state) {
  const day = dayInWords(dateOf(Number(byId("as-of").value)));
  const revision = Number(byId("known-at").value);
  const isNow = revision === asked.head;
  const then = state ? `Known at ${answer.knownInWords(state)}` : `Known at revision ${revision}`;
  const known = isNow ? `All that is known now (revision ${revision})` : then;
  byId("as-of-text").textContent = day;
  byId("as-of").setAttribute("aria-valuetext", day);
  byId("known-at-text").textContent = known;
  byId("known-at").setAttribute("aria-valuetext", known);
  byId("to-today").disabled = Number(byId("as-of").value) === dayNumber(asked.today);
  byId("to-now").disabled = isNow;
  byId("record-before").disabled = nextRecord(-1) === undefined;
  byId("record-after").disabled = nextRecord(1) === undefined;
}

// The revision before or after the one shown at which a record about the person was made.
function nextRecord(step) {
  const at = Number(byId("known-at").value);
  const { revisions, head } = asked;
  return step < 0 ? revisions.findLast((revision) => revision < at) : [...revisions, head].find((revision) => revision > at);
}

function moveTo(id, value) {
  byId(id).value = value;
  moved();
  // A button that has led to its end is disabled, and would lose the focus.
  if (document.activeElement.disabled) byId(id).focus();
}

// Asks again for the day and the state of knowledge that the sliders name.
function moved() {
  nameSliders();
  const day = Number(byId("as-of").value);
  question.setDay(day === dayNumber(asked.today) ? undefined : dateOf(day));
  byId("known-on").value = "";
  const revision = Number(byId("known-at").value);
  askAgain(revision === asked.head ? undefined : { epoch: asked.epoch, revision: String(revision) });
}

// Asks again as known at the end of the day that was entered.
function knownOn() {
  const day = byId("known-on").validity.valid && fromInput(byId("known-on").value);
  if (!day) return;
  const isOver = dayNumber(day) < dayNumber(asked.today);
  if (isOver) askAgain({ time: new Date(endOfDay(day)).toISOString() }, day);
  else askAgain();
}

// Asks again from a state of knowledge, once nothing has moved for a while: that at the end of a day, `knownOn`, if one was
// entered.
function askAgain(knownAt, knownOn) {
  clearTimeout(resting);
  resting = setTimeout(() => {
    const { priorNumber, holder, ...rest } = asked.item;
    // The person is found once: then the question is about the credential.
    const item = { ...rest, credentialNumber: asked.number, asOf: dateOf(Number(byId("as-of").value)) };
    const known = !knownAt?.time && knownAt?.revision === asked.knownAt?.revision ? asked.known : undefined;
    const { epoch, head, number, today, revisions, range } = asked;
    ask({ item, knownAt, knownOn, known, epoch, head, number, today, revisions, range });
  }, REST_MS);
}
