// A command of the registry: what it would change, the record of it, its receipt, and the way to take it back.

import { toInput } from "./dates.js";
import { button, byId, download, element, fill, say, terms } from "./dom.js";
import { effects } from "./effects.js";
import { explained } from "./explain.js";
import { form } from "./form.js";
import * as latest from "./latest.js";
import { about, affected, duplicates } from "./proposed.js";
import { Refusal, call, callSigned } from "./registry.js";
import * as trouble from "./trouble.js";

// The id of each request whose outcome is not known, by its content: the same request again is recorded once.
const ids = new Map();

// What is shown of each command that was sent and is not answered yet, by its place.
const sending = new Map();

// What is shown of what each fact changes that was recorded here, by its id: the `place` of it, the `effects`, and the fact
// that it `amends`, of which the `note` says so; `isTakenBack` tells that the fact takes the other back.
const receipts = new Map();

// After these nothing was recorded, if it was sent for the first time.
const REFUSALS = ["invalid_argument", "failed_precondition", "not_found", "already_exists", "permission_denied", "unauthenticated"];

// The reasons for which the registry did not begin to record.
const NOT_BEGUN = ["TOO_FAST", "TOO_MANY", "TOO_LARGE", "WRITER_BUSY", "STORE_FULL", "CALENDAR_HELD", "NOT_WRITTEN", "LOG_UNREACHABLE", "LOG_NOT_OPENED", "CLOCK_SKEWED", "DURABILITY_REDUCED", "DIVERGED"];

// These come after the registry has looked for a record of the same request.
const JUDGED = ["failed_precondition", "not_found", "already_exists"];

// After these the same will be refused again. A field may be refused before the registry looks for a record.
const FINAL = ["invalid_argument", ...JUDGED];

// What to do about a report that was corrected first, and then turns out to be about nobody.
const BOTH =
  "If this is taken back, what was reported before counts again. To undo that report too, take this back first. Then choose “A report was wrong”, and take the report back.";

// What is said if a command would not change what was shown any more.
const NEWS = "Since you saw what this changes, something else was recorded. This is what it would change now. Nothing is recorded yet.";

// What is said if a command that was shown as possible is refused.
const OVERTAKEN = "Since you saw what this would change, something else was recorded, and this cannot be recorded any more. Nothing was recorded. Look at the history.";
const JOB_OVERTAKEN = "This job was ended, changed or taken back since you saw what this would change. Nothing was recorded. Look at what was reported about the person.";

// What is said if the repetition of what was sent before is refused.
const NO_RECORD = "The registry refuses this now. At that time the registry had no record of your first try. Look at the history before you enter it again.";

// What is said of the outcome of what was sent.
const NOTHING = "Nothing was recorded.";
const UNKNOWN = "Whether it was recorded is not known. Record it again: it is recorded once.";

// What is said of what was sent before, and of the refusal of its dry run.
const SENT_BEFORE = "You sent this before, and no answer came. So it may be recorded already. Record it again to find out: it is recorded once.";
const REFUSED_NOW = "The registry would refuse it now. If it is recorded already, that may be why.";

// What is said while the registry records.
const RECORDING = "Recording…";

export function forget() {
  ids.clear();
  sending.clear();
  receipts.clear();
}

// Shows in `place` what a command would change, with a button that records it. A command has its `method`, its
// `message`, and a `title`; `of` tells it from others with the same title; `said` has what was typed, as pairs of label
// and text; `refused` shows faults of the form's fields; `beside` adds to what the dry run says, and `explain` to why it
// is refused; `outdated` says as `news` what has changed of that from which its form was made, and has `renew`, which renews
// the form. What was sent before is not compared with that: it may be what has changed.
export async function propose(place, command) {
  if (sending.has(place)) return showSending(place);
  const isLatest = latest.begin(place);
  delete place.dataset.sent;
  place.dataset.proposed = "";
  place.hidden = false;
  fill(place, element("p", { role: "status" }, "The registry works out what this would change."));
  try {
    if (!wasSent(command) && (await isOutdated(place, command, isLatest))) return;
    await show(place, command, await dryRun(command), isLatest);
  } catch (error) {
    if (!isLatest()) return;
    const mayBeRecorded = wasSent(command) && FINAL.includes(error.code);
    if (!mayBeRecorded && command.refused?.(error)) return discard(place);
    const why = await explanation(command, error);
    if (!isLatest()) return;
    if (mayBeRecorded) return showSentBefore(place, command, error, why);
    delete place.dataset.proposed;
    trouble.within(place, error, why);
  }
}

// What a command adds to why it is refused. Nothing if that takes another answer, which did not come.
async function explanation(command, error) {
  try {
    return (await command.explain?.(error, command)) ?? "";
  } catch (other) {
    if (!(other instanceof Refusal) && !trouble.isSilent(other)) throw other;
    return "";
  }
}

// Whether something has changed of that from which the form of a command was made. Then that is shown with the `outcome`,
// and nothing is proposed.
async function isOutdated(place, command, isLatest, outcome = "") {
  const changed = await command.outdated?.();
  if (!changed || !isLatest()) return Boolean(changed);
  changed.renew();
  const why = element("div", { class: "trouble", role: "alert", tabindex: -1 }, outcome && element("p", {}, outcome), changed.news);
  delete place.dataset.proposed;
  fill(place, why);
  why.focus();
  tell(place, ancestors(place), {});
  return true;
}

// What a request says, whatever its id.
function contentOf({ method, message }) {
  return JSON.stringify([method, message]);
}

// Whether a command was sent with an outcome that is not known.
function wasSent(command) {
  return ids.has(contentOf(command));
}

function dryRun({ method, message }) {
  return call(method, { ...message, requestId: crypto.randomUUID(), validateOnly: true });
}

// Shows what a dry run says, with a button that records the command, under the `news` since another dry run.
async function show(place, command, response, isLatest, news) {
  const more = [(await command.beside?.(command, response)) ?? "", await affected(command, response)];
  if (!isLatest()) return;
  const heading = headingOf(command);
  fill(
    place,
    heading,
    wasSent(command) ? element("p", { class: "then", role: "alert" }, SENT_BEFORE) : "",
    news ? element("p", { class: "then", role: "alert" }, news) : "",
    effects(response),
    duplicates(response),
    more,
    element("h3", {}, "What would be recorded"),
    about(response, command.said),
    decision(place, command, response),
  );
  heading.focus();
  bringIntoView(place);
}

function headingOf(command) {
  return element("h2", { tabindex: -1 }, `${command.title}: ${wasSent(command) ? "not known whether it is recorded" : "nothing is recorded yet"}`);
}

// The ways to record a command and to give it up, with what comes of them. `shown` is what its dry run said.
function decision(place, command, shown) {
  const failed = element("div", { class: "trouble", role: "alert", tabindex: -1, hidden: true });
  const waiting = element("p", { tabindex: -1, hidden: true }, RECORDING);
  const named = (text) => ({ "aria-label": `${text}: ${nameOf(command)}` });
  const send = button("Record this", { class: "primary", ...named("Record this") }, () => record(place, command, shown, { send, cancel, waiting, failed }));
  const cancel = button("Do not record it", { class: "quiet", ...named("Do not record it") }, () => giveUp(place));
  return [failed, waiting, element("div", { class: "send" }, send, cancel)];
}

function nameOf({ title, of }) {
  return of ? `${title}, ${of}` : title;
}

// Shows a command that the registry would refuse, and that may be recorded already, with a button that finds out.
function showSentBefore(place, command, error, why) {
  const heading = headingOf(command);
  const refused = [REFUSED_NOW, reasonOf(error)].filter(Boolean).join(" ");
  fill(place, heading, element("p", { class: "then" }, SENT_BEFORE), element("p", {}, refused), why, decision(place, command));
  heading.focus();
}

// Scrolls only as far as it takes to see all of a place, or its beginning.
function bringIntoView(place) {
  place.scrollIntoView({ block: "nearest" });
}

// Takes away what is proposed or recorded in a place, and what is still to come there.
export function discard(place) {
  latest.end(place);
  delete place.dataset.sent;
  delete place.dataset.proposed;
  fill(place);
  place.hidden = true;
}

// Takes a proposal away for somebody who then stands at the form again.
function giveUp(place) {
  discard(place);
  place.parentElement.querySelector("form [type=submit]")?.focus();
}

// Takes a proposal away that is not what the form says any more. What was sent stays.
export function withdraw(place) {
  if (place.querySelector("[data-sent]") || "sent" in place.dataset) return;
  discard(place);
}

// Whether two dry runs say the same.
function isSame(one, other) {
  const said = ({ changes, changeCount, foreseenChanges, foreseenChangeCount, specialistCount, possibleDuplicates }) =>
    JSON.stringify([changes, changeCount, foreseenChanges, foreseenChangeCount, specialistCount, possibleDuplicates]);
  return said(one) === said(other);
}

// Shows a command again that was sent and is not answered yet: until then nothing else is proposed in its place.
function showSending(place) {
  fill(place, sending.get(place));
  Object.assign(place.dataset, { proposed: "", sent: "" });
  place.hidden = false;
  say(RECORDING);
}

// Records a command that was proposed, if it still changes what was `shown`. Otherwise it is proposed again. What was sent
// already, with an outcome that is not known, is not compared: it may be recorded. The record is signed, unless the
// registry has no keys. Once it is sent, its outcome is shown, whatever was chosen since.
async function record(place, command, shown, { send, cancel, waiting, failed }) {
  const content = contentOf(command);
  const isRepeated = wasSent(command);
  const isLatest = latest.begin(place);
  send.disabled = true;
  failed.hidden = true;
  waiting.hidden = false;
  waiting.focus();
  say(RECORDING);
  try {
    if (!isRepeated) {
      if (await isOutdated(place, command, isLatest, NOTHING)) return;
      const now = await dryRun(command);
      if (!isLatest()) return;
      if (!shown || !isSame(now, shown)) return await show(place, command, now, isLatest, shown && NEWS);
      ids.set(content, crypto.randomUUID());
    }
    const requestId = ids.get(content);
    place.dataset.sent = "";
    cancel.disabled = true;
    sending.set(place, [...place.childNodes]);
    const around = ancestors(place);
    const response = await callSigned("receipt", command.method, { ...command.message, requestId });
    ids.delete(content);
    sending.delete(place);
    recorded(place, around, command, response, requestId);
  } catch (error) {
    const isRefused = !ids.has(content) || (isRepeated ? JUDGED.includes(error.code) : REFUSALS.includes(error.code) || NOT_BEGUN.includes(error.reason));
    if (isRefused) ids.delete(content);
    if (trouble.isSilent(error)) return void sending.delete(place);
    if (sending.has(place)) showSending(place);
    else if (!isLatest()) return;
    sending.delete(place);
    send.disabled = cancel.disabled = false;
    waiting.hidden = true;
    if (isRefused) delete place.dataset.sent;
    const refused = isRepeated ? NO_RECORD : NOTHING;
    const outcome = isRefused ? refused : UNKNOWN;
    sayElsewhere(place, `${command.title}: ${outcome}`);
    if (isRefused && FINAL.includes(error.code)) return void (await overtaken(place, command, error, { send, failed, isRepeated }));
    trouble.show(failed, error);
    failed.append(element("p", {}, outcome));
  }
}

// Says that a proposal is refused which was none when it was shown, and offers no more to record it.
async function overtaken(place, command, error, { send, failed, isRepeated }) {
  const isJob = !isRepeated && error.code === "not_found" && error.kind === "employment";
  trouble.say(failed, isRepeated ? NO_RECORD : isJob ? JOB_OVERTAKEN : OVERTAKEN, isJob ? "" : reasonOf(error));
  failed.focus();
  send.remove();
  delete place.dataset.proposed;
  failed.append(...[await explanation(command, error)].flat());
}

// Why a command is refused that was not refused before. A job may have been named by the number of a person.
function reasonOf(error) {
  if (error.code !== "not_found") return explained(error);
  return `${error.kind === "employment" ? "No open job is on file for what you entered" : "What you entered is not on file"}, or you may not see it.`;
}

// Says an outcome above the sections, if something else was opened where it would be seen.
function sayElsewhere(place, text) {
  if (!place.checkVisibility()) trouble.say(byId("left"), text);
}

// The elements in which a place stands.
function ancestors(place) {
  const all = [];
  for (let it = place.parentElement; it; it = it.parentElement) all.push(it);
  return all;
}

// Shows that a command was recorded. What was shown before about its subject hears of it by an event, which has the
// response. `around` are the elements in which the place stood when the command was sent.
function recorded(place, around, { title, said, method, message }, response, requestId) {
  const { revision, signedReceipt, factId } = response;
  const heading = element("h2", { tabindex: -1 }, `Recorded as revision ${revision}`);
  const next = element("div", { class: "next" });
  const of = `${title}, revision ${revision}`;
  const before = around.find((it) => it.matches("[data-sent]"));
  // What was amended is amended again by its last amendment alone: only that is in force.
  before?.querySelector(":scope > .amend")?.remove();
  const isTakenBack = method === "RecordService/RetractFact";
  const amends = isTakenBack ? message.factId : before?.dataset.fact;
  const note = isTakenBack ? `Taken back at revision ${revision}: for all days it counts as never recorded.` : `Corrected at revision ${revision}: what it changes now stands below.`;
  const receipt = { place: element("div"), effects: effects(response, true), amends, note, isTakenBack };
  fill(receipt.place, receipt.effects);
  receipts.set(factId, receipt);
  count(amends, receipt);
  Object.assign(place.dataset, { sent: "", fact: factId });
  delete place.dataset.proposed;
  // Something else may have been chosen since it was sent.
  place.hidden = false;
  fill(
    place,
    heading,
    receipt.place,
    about(response, said),
    terms({ class: "state" }, [["Fact", factId], ["Request", requestId]]),
    before && response.employment ? element("p", { class: "then" }, BOTH) : "",
    signedReceipt
      ? element("div", { class: "send" }, button("Download the receipt", { class: "quiet", "aria-label": `Download the receipt: ${of}` }, () => download(`receipt-${revision}.jws`, new Blob([`${signedReceipt}\n`], { type: "application/jose" }))))
      : "",
    element("div", { class: "send amend" }, corrections(next, response, of), button("Take this back", { class: "quiet", "aria-label": `Take this back: ${of}` }, () => takeBack(next, factId, { of }))),
    next,
  );
  heading.focus();
  say(`Recorded as revision ${revision}.`);
  sayElsewhere(place, `${title}: recorded as revision ${revision}.`);
  tell(place, around, response);
}

// Tells all in which a place stood that something was recorded, also if a part of it was taken out since.
function tell(place, around, response) {
  let [at, ...rest] = [place, ...around];
  while (at) {
    at.dispatchEvent(new CustomEvent("recorded", { bubbles: true, detail: response }));
    const root = at.getRootNode();
    [at, ...rest] = root === document ? [] : rest.slice(rest.indexOf(root) + 1);
  }
}

// Shows why a fact does not count any more, or, without a `note`, that it counts again. What it amended itself counts again
// if it was taken back, and not any more if it counts again. After a correction of a correction only the last one counts.
function count(factId, { note, isTakenBack }) {
  const receipt = receipts.get(factId);
  if (!receipt) return;
  fill(receipt.place, note ? element("p", { class: "then" }, note) : receipt.effects);
  if (!note) count(receipt.amends, receipt);
  else if (isTakenBack) count(receipt.amends, {});
}

function corrections(next, { employment }, of) {
  return employment?.employmentId ? button("Correct the days", { class: "quiet", "aria-label": `Correct the days: ${of}` }, () => correct(next, employment, of)) : "";
}

// A form and the place of its outcome, under a heading. `of` names what the form is about; `about` says it, as pairs of
// label and text.
function ask(next, title, { fields, of, about = [] }, command) {
  const outcome = element("div", { class: "next", hidden: true });
  const submit = ["See what this changes", nameOf({ title, of })];
  const asked = form(`form-${crypto.randomUUID().slice(0, 8)}`, fields, submit, (message, said) => propose(outcome, { title, of, ...command(message), said: [...about, ...said], refused: asked.refused }), () => withdraw(outcome));
  fill(next, element("h3", {}, title), asked.element, outcome);
  asked.element.querySelector("input").focus();
  bringIntoView(next);
}

// Asks how the days of a job should have been reported. `of` names the report, as in the following.
export function correct(next, { employmentId, firstDay, lastDay }, of) {
  const fields = [
    { name: "firstDay", label: "First day of work", type: "date", required: true, value: firstDay && toInput(firstDay) },
    { name: "lastDay", label: "Last day of work", hint: "empty: the job goes on", type: "date", value: lastDay && toInput(lastDay) },
  ];
  ask(next, "Correct the days", { fields, of }, (days) => ({ method: "EmploymentService/CorrectEmployment", message: { employmentId, ...days } }));
}

// Asks why a fact was a mistake. For all days it then counts as never reported. `what` says what the fact is, if that is
// not shown already.
export function takeBack(next, factId, { what, of }) {
  const fields = [{ name: "reason", label: "Why was it a mistake?", hint: "write nothing about anyone's health", required: true, wide: true, capitals: "sentences" }];
  ask(next, "Take it back", { fields, of, about: [["Taken back", what]] }, (said) => ({ method: "RecordService/RetractFact", message: { factId, ...said } }));
}

// Asks for the last day of a period that a fact opened. `what` says what it is.
export function endPeriod(next, factId, { title, what, of }) {
  const fields = [
    { name: "lastDay", label: "Last day", type: "date", required: true },
    { name: "reason", label: "Reason", hint: "write nothing about anyone's health", required: true, capitals: "sentences" },
  ];
  ask(next, title, { fields, of, about: [["Ended", what]] }, (said) => ({ method: "RecordService/EndPeriod", message: { factId, ...said } }));
}
