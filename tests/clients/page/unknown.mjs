// What the page says of a record whose outcome it does not know.

import { call, check, fill, goTo, open, press, says, signIn, text, typed } from "./browser.mjs";
import { act, find, openDesk, recordIt } from "./desk.mjs";

const HELD = "CPS-28MS-MN2K-Z";
const OUTCOME = "#report-outcome";
const UNKNOWN = /Whether it was recorded is not known\. Record it again: it is recorded once\./;

async function proposeAnEnd({ browser, url, tokens }) {
  const opened = await open(browser, url);
  const { tab } = opened;
  await signIn(tab, tokens.provider);
  await goTo(tab, "report");
  await tab.click("input[value=ended]");
  await fill(tab, "report-form", { person: HELD, lastDay: typed(-3), reason: "EMPLOYMENT_END_REASON_RESIGNED" });
  await tab.click("#report-form .primary");
  await says(tab, `${OUTCOME} h2`, /^End of a job: nothing is recorded yet$/);
  const { verification } = await call(tab, tokens.registrar, "VerificationService/VerifyCredential", { item: { credentialNumber: HELD } });
  const { specialistId } = verification.credential;
  const facts = async () => (await call(tab, tokens.registrar, "RecordService/ListFacts", { specialistId, pageSize: 1000 })).facts;
  return { ...opened, facts, before: (await facts()).length };
}

const REFUSALS = {
  deny: [403, { code: "permission_denied", message: "the caller's role changed during the call" }],
  unreachable: [503, { code: "unavailable", message: "the shared log cannot be reached, and this call recorded nothing: try again", details: [{ debug: { reason: "LOG_UNREACHABLE" } }] }],
  malform: [400, { code: "invalid_argument", message: "last_day: not a date", details: [{ debug: { fieldViolations: [{ field: "last_day", description: "not a date" }] } }] }],
  fill: [429, { code: "resource_exhausted", message: "the disk is too full to record anything; reads still work", details: [{ debug: { reason: "STORE_FULL" } }] }],
};

// Sends nothing of the next record, or loses its answer, or answers it with a refusal.
async function spoilTheNext(tab, way, method = "ReportEmploymentEnd", place = OUTCOME) {
  const spoil = (way, refusal, method) => {
    const real = fetch;
    globalThis.fetch = async (path, options) => {
      if (!path.endsWith(method) || /"validateOnly":true/.test(options.body)) return real(path, options);
      globalThis.fetch = real;
      if (refusal) return new Response(JSON.stringify(refusal[1]), { status: refusal[0] });
      if (way === "lose") await real(path, options);
      throw new TypeError("network error");
    };
  };
  await tab.evaluate(spoil, way, REFUSALS[way], method);
  await press(tab, place, "Record this");
}

async function takeBackTheEnd({ tab, facts }, token) {
  const { factId } = (await facts()).findLast((it) => it.kind === "FACT_KIND_EMPLOYMENT_ENDED" && !it.retracted);
  await call(tab, token, "RecordService/RetractFact", { requestId: crypto.randomUUID(), factId, reason: "a test" });
}

// Loses the answer to the next record.
async function loseTheAnswer(tab) {
  await spoilTheNext(tab, "lose");
  await says(tab, `${OUTCOME} .trouble`, UNKNOWN);
}

// Records the end again, looks that it is on record once, takes it back, and ends the story.
async function recordTheEndOnce({ tab, facts, sound, before }, token) {
  await press(tab, OUTCOME, "Record this");
  await says(tab, `${OUTCOME} h2`, /^Recorded as revision/);
  check((await facts()).length === before + 1, "it is recorded once");
  await takeBackTheEnd({ tab, facts }, token);
  await sound();
  await tab.close();
}

// A repetition that is refused tells what is known of the first try, and no more.
export async function sayWhatIsKnownOfTheFirstTry(place) {
  const opened = await proposeAnEnd(place);
  const { tab, sound } = opened;
  await spoilTheNext(tab, "hold");
  await says(tab, `${OUTCOME} .trouble`, UNKNOWN);
  const day = new Date(Date.now() - 4 * 86_400_000);
  const lastDay = { year: day.getUTCFullYear(), month: day.getUTCMonth() + 1, day: day.getUTCDate() };
  await call(tab, place.tokens.provider, "EmploymentService/ReportEmploymentEnd", { requestId: crypto.randomUUID(), credentialNumber: HELD, lastDay, reason: "EMPLOYMENT_END_REASON_RESIGNED" });
  await press(tab, OUTCOME, "Record this");
  await says(tab, `${OUTCOME} .trouble`, /^The registry refuses this now\. At that time the registry had no record of your first try\. Look at the history before you enter it again\.\s+No open job is on file for what you entered, or you may not see it\.$/);
  check((await tab.$$eval(`${OUTCOME} .primary`, (all) => all.filter((it) => it.textContent === "Record this").length)) === 0, "it is offered again");
  await takeBackTheEnd(opened, place.tokens.provider);
  await sound();
  await tab.close();
}

// After a refusal that does not tell whether the first try was recorded, the repetition is recorded once.
export async function keepTheIdOfARequestThatIsDenied(place) {
  const opened = await proposeAnEnd(place);
  const { tab } = opened;
  await loseTheAnswer(tab);
  await spoilTheNext(tab, "deny");
  await says(tab, `${OUTCOME} .trouble`, /role changed during the call/);
  await says(tab, `${OUTCOME} .trouble`, UNKNOWN);
  // A field is refused before the registry looks for a record of the first try.
  await spoilTheNext(tab, "malform");
  await says(tab, `${OUTCOME} .trouble`, /not a date/);
  await says(tab, `${OUTCOME} .trouble`, UNKNOWN);
  await recordTheEndOnce(opened, place.tokens.provider);
}

// Where the registry says that it did not begin to record, that is not left open.
export async function sayThatNothingWasRecorded(place) {
  const opened = await proposeAnEnd(place);
  const { tab } = opened;
  await spoilTheNext(tab, "unreachable");
  await says(tab, `${OUTCOME} .trouble`, /the shared log cannot be reached[^]*\s+Nothing was recorded\.$/);
  await spoilTheNext(tab, "fill");
  await says(tab, `${OUTCOME} .trouble`, /^The registry has no room left, so nothing can be recorded\. Looking up still works\. Tell the operator of the registry\.\s+Nothing was recorded\.$/);
  await recordTheEndOnce(opened, place.tokens.provider);
}

// A user who enters the same command again learns that it is recorded already.
export async function findOutWhatWasSentBefore(place) {
  const opened = await proposeAnEnd(place);
  const { tab, facts, before } = opened;
  await loseTheAnswer(tab);
  await tab.click("#report-form .primary");
  await says(tab, `${OUTCOME} h2`, /^End of a job: not known whether it is recorded$/);
  await says(tab, OUTCOME, /You sent this before, and no answer came\. [^]*\s+The registry would refuse it now\. If it is recorded already, that may be why\. No open job is on file for what you entered, or you may not see it\.\s+Record this/);
  check((await facts()).length === before + 1, "nothing more was sent");
  await recordTheEndOnce(opened, place.tokens.provider);
}

// What was sent before is refused now, as it could be about several jobs: one of them can be chosen.
export async function chooseAJobOfWhatWasSentBefore(place) {
  const opened = await proposeAnEnd(place);
  const { tab, sound } = opened;
  await spoilTheNext(tab, "hold");
  await says(tab, `${OUTCOME} .trouble`, UNKNOWN);
  const start = { requestId: crypto.randomUUID(), credentialNumber: HELD, familyName: "O'Neal", providerId: "region-1-cmhc", supervised: true, firstDay: { year: 2026, month: 1, day: 5 } };
  const { factId } = await call(tab, place.tokens.registrar, "EmploymentService/ReportEmploymentStart", start);
  await tab.click("#report-form .primary");
  await says(tab, OUTCOME, /^End of a job: not known whether it is recorded\s+You sent this before, [^]*that may be why\. The person has several open jobs\.[^]*End EM-[^]*End EM-[^]*Record this/);
  await press(tab, OUTCOME, "Record this");
  await says(tab, `${OUTCOME} .trouble`, /^The registry refuses this now\.[^]*The person has several open jobs\.[^]*End EM-[^]*End EM-/);
  await call(tab, place.tokens.registrar, "RecordService/RetractFact", { requestId: crypto.randomUUID(), factId, reason: "a test" });
  await sound();
  await tab.close();
}

// The same holds for what could be recorded twice. It is not compared with what is on record, which it may have changed.
export async function findOutWhetherANameWasChanged(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { credentialNumber: HELD });
  const specialistId = (await text(tab, "#found")).match(/SP-[0-9A-Z-]+/)[0];
  const changes = async () => (await call(tab, place.tokens.registrar, "RecordService/ListFacts", { specialistId, pageSize: 1000 })).facts.filter(({ kind }) => kind === "FACT_KIND_NAME_CHANGED");
  const before = (await changes()).length;
  await act(tab, "Change the name", { "name-suffix": "Sr." });
  await says(tab, "#found .next h2", /^Change the name: nothing is recorded yet$/);
  await spoilTheNext(tab, "lose", "ChangeSpecialistName", "#found");
  await says(tab, "#found .next .trouble", UNKNOWN);
  await press(tab, "#found", "See what this changes");
  await says(tab, "#found .next .next", /^Change the name: not known whether it is recorded\s+You sent this before, and no answer came\. So it may be recorded already\. Record it again to find out: it is recorded once\.(?![^]*would refuse)[^]*New name\s+Bernice O'Neal Sr\./);
  await recordIt(tab, "#found");
  const after = await changes();
  check(after.length === before + 1, `${after.length - before} changes of the name are recorded`);

  // Nobody else is blamed for what was recorded with this form.
  await press(tab, "#found", "See what this changes");
  await says(tab, "#found .next .trouble", /^Since you opened this form, what is on record has changed\. The form now shows what is on record, except where you typed\. Check it\. Then choose “See what this changes” again\. This is on record now:[^]*Suffix\s+Sr\.$/);
  await press(tab, "#found", "See what this changes");
  await says(tab, "#found .next h2", /^Change the name: nothing is recorded yet$/);
  await call(tab, place.tokens.registrar, "RecordService/RetractFact", { requestId: crypto.randomUUID(), factId: after.at(-1).factId, reason: "a test" });
  await sound();
  await tab.close();
}
