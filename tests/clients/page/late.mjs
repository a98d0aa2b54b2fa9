// Answers that come late, and what others record meanwhile.

import { call, check, fill, goTo, holdFirst, lookUp, open, press, says, shown, signIn, text, typed } from "./browser.mjs";
import { act, find, openDesk, recordIt, takeItBack } from "./desk.mjs";

const HELD = "CPS-28MS-MN2K-Z";
const OTHER = "CPS-MVPW-5AAR-J";

// Holds back the answer to a record, and lets dry runs pass. `held` is done when it has come; `release` gives it to the page.
async function holdRecord(tab, method) {
  const session = await tab.createCDPSession();
  await session.send("Fetch.enable", { patterns: [{ urlPattern: `*${method}`, requestStage: "Response" }] });
  const held = new Promise((resolve) =>
    session.on("Fetch.requestPaused", ({ requestId, request }) => {
      const isDry = request.postData.includes('"validateOnly":true');
      isDry ? session.send("Fetch.continueRequest", { requestId }) : resolve(requestId);
    }),
  );
  const release = async () => {
    await session.send("Fetch.continueRequest", { requestId: await held });
    await session.detach();
  };
  return { held, release };
}

export async function showTheLastAnswerAtTheDesk(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  let late = await holdFirst(tab, "FindSpecialists");
  await tab.type("#find-familyName", "oneal");
  await tab.keyboard.press("Enter");
  await late.held;
  await tab.$eval("#find", (form) => form.reset());
  await tab.type("#find-familyName", "vance");
  await tab.keyboard.press("Enter");
  await says(tab, "#found h3", /Vance/);
  await late.release();
  check(/Vance/.test(await text(tab, "#found")) && !/O'Neal/.test(await text(tab, "#found")), `found: ${await text(tab, "#found")}`);

  await tab.click("input[value=terms]");
  late = await holdFirst(tab, "ListCredentials");
  await tab.select("#terms-days", "365");
  await press(tab, "#registrar-part", "Show");
  await late.held;
  await tab.select("#terms-days", "30");
  await press(tab, "#registrar-part", "Show");
  await says(tab, "#registrar-part h2", /within 30 days$/);
  await late.release();
  check(/within 30 days$/.test(await text(tab, "#registrar-part h2")), await text(tab, "#registrar-part h2"));

  late = await holdFirst(tab, "GetProgramStatistics");
  await tab.click("input[value=statistics]");
  await late.held;
  await tab.type("#statistics-asOf", "01012026");
  await press(tab, "#registrar-part", "Count");
  await says(tab, "#registrar-part h2", /on January 1, 2026$/);
  await late.release();
  check(/on January 1, 2026$/.test(await text(tab, "#registrar-part h2")), await text(tab, "#registrar-part h2"));
  await sound();
  await tab.close();
}

// A look-up that takes long says so, and says so no more once it is answered or given up.
export async function sayThatALookUpTakesLong({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.auditor);
  await lookUp(tab, HELD);
  for (const end of ["release", "clear"]) {
    const late = await holdFirst(tab, "VerifyCredential");
    await tab.click("#question .primary");
    await late.held;
    await says(tab, "#look-up-waiting", /^The registry looks it up\.$/);
    await shown(tab, "#look-up-waiting");
    check((await text(tab, "#said")) === "The registry looks it up.", "it is announced");
    if (end === "clear") await tab.click("#clear");
    await late.release({ isGivenUp: end === "clear" });
    await tab.waitForFunction(() => !document.querySelector("#look-up-waiting").checkVisibility(), { timeout: 15_000 });
    if (end === "release") await says(tab, "#verdict", /^Yes\.$/);
  }
  await sound();
  await tab.close();
}

export async function showTheLastAnswerOfReports({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.provider);
  await goTo(tab, "report");
  const name = (number) => tab.$eval("#report-form-person", (input, number) => (input.value = number), number);
  let late;
  // The first answer has reports, and the second one finds nobody of the staff.
  for (const number of [HELD, OTHER]) {
    await tab.click("input[value=wrong]");
    await name(number);
    late = await holdFirst(tab, "VerifyCredential");
    await tab.click("#report-form .primary");
    await late.held;
    await tab.click("input[value=ended]");
    await name(HELD);
    await fill(tab, "report-form", { lastDay: typed(-3), reason: "EMPLOYMENT_END_REASON_RESIGNED" });
    await tab.click("#report-form .primary");
    await says(tab, "#report-outcome h2", /^End of a job: nothing is recorded yet$/);
    await late.release();
    check(/Record this[\s\S]*Do not record it/.test(await text(tab, "#report-outcome")), `shown: ${await text(tab, "#report-outcome")}`);
  }

  // What is typed while the answer is under way ends it, without an error.
  await tab.click("input[value=wrong]");
  late = await holdFirst(tab, "VerifyCredential");
  await tab.click("#report-form .primary");
  await late.held;
  await tab.type("#report-form-person", "X");
  await late.release();
  check(await tab.$eval("#report-outcome", (part) => part.hidden), "nothing is shown");
  await sound();
  await tab.close();
}

// A list that is read again after each record shows the last one, in whatever order the answers come.
export async function showTheLastRecordInAList(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  const openReports = async () => {
    await goTo(tab, "report");
    await tab.click("input[value=wrong]");
    await fill(tab, "report-form", { person: HELD });
    await tab.click("#report-form .primary");
  };
  const openReview = async () => {
    await goTo(tab, "registrar");
    await tab.click("input[value=review]");
  };
  for (const [open, list, method] of [[openReports, "#report-outcome .history", "ListFacts"], [openReview, "#registrar-part .history", "ListReviewItems"]]) {
    await open();
    await shown(tab, `${list} [aria-label^='Take back']`);
    const row = `${list} tr[data-key="${await tab.$eval(`${list} tr:has([aria-label^='Take back'])`, (row) => row.dataset.key)}"]`;
    const retract = async (depth) => {
      await (await tab.$$(`${list} .opened input`)).at(-1).type("a test");
      await tab.keyboard.press("Enter");
      await press(tab, `${list} .opened`, "Record this");
      await says(tab, `${list} .opened ${".next > .next ".repeat(depth)}> h2`, /^Recorded as revision/);
    };
    // It is taken back, and that is taken back, before the first answer comes.
    await tab.click(`${row} [aria-label^='Take back']`);
    const late = await holdFirst(tab, method);
    await retract(1);
    await late.held;
    await press(tab, `${list} .opened`, "Take this back");
    await retract(2);
    await tab.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
    await late.release();
    check(!/taken back/i.test(await text(tab, row)), `${method}: ${await text(tab, row)}`);
  }
  await sound();
  await tab.close();
}

// A receipt is seen, although something else was chosen while the record was under way.
export async function showTheReceiptThatComesLate({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.provider);
  await goTo(tab, "report");
  await tab.click("input[value=ended]");
  await fill(tab, "report-form", { person: HELD, lastDay: typed(-3), reason: "EMPLOYMENT_END_REASON_RESIGNED" });
  await tab.click("#report-form .primary");
  await says(tab, "#report-outcome h2", /nothing is recorded yet$/);
  const record = await holdRecord(tab, "ReportEmploymentEnd");
  await press(tab, "#report-outcome", "Record this");
  await record.held;
  await tab.click("input[value=started]");
  await record.release();
  await says(tab, "#report-outcome h2", /^Recorded as revision/);
  await shown(tab, "#report-outcome");
  await press(tab, "#report-outcome", "Take this back");
  await tab.type("#report-outcome .next input", "a test");
  await tab.keyboard.press("Enter");
  await press(tab, "#report-outcome .next", "Record this");
  await says(tab, "#report-outcome .next h2", /^Recorded as revision/);
  await sound();
  await tab.close();
}

// What was sent cannot be given up any more: until its outcome is there the page says that it is recorded.
export async function showTheOutcomeOfWhatIsUnderWay(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { familyName: "oneal" });
  await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_EXTERNAL_ORDER", firstDay: typed(-9), lastDay: typed(-8) });
  let record = await holdRecord(tab, "SuspendCredential");
  await press(tab, "#found", "Record this");
  await record.held;
  await says(tab, "#found .next .next", /What would be recorded[\s\S]*Recording…/);
  check((await text(tab, "#said")) === "Recording…", "it is announced");
  const offered = () => tab.$$eval("#found .next .next button", (all) => all.filter((it) => !it.disabled).map((it) => it.textContent).join());
  check((await offered()) === "", `offered: ${await offered()}`);
  // Neither another dry run nor another form takes its place.
  await press(tab, "#found", "See what this changes");
  await says(tab, "#found .next .next", /Recording…/);
  await tab.type("#found form [id$=note]", "later");
  await says(tab, "#found .next .next", /Recording…/);
  await record.release();
  await says(tab, "#found .next h2", /^Recorded as revision \d+$/);
  await press(tab, "#found", "Take this back");
  await tab.type("#found .next .next input", "a test");
  await tab.keyboard.press("Enter");
  await says(tab, "#found .next .next .next .next h2", /nothing is recorded yet$/);
  record = await holdRecord(tab, "RetractFact");
  await press(tab, "#found", "Record this");
  await record.held;
  // Where its place is gone, the outcome is said above the sections.
  await press(tab, "#found", "History");
  await record.release();
  await says(tab, "#left", /^Take it back: recorded as revision \d+\.$/);

  // What is shown about the person is loaded again.
  await tab.waitForNetworkIdle();

  // Also where all of it is gone: then what is shown now is as it was recorded.
  await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_EXTERNAL_ORDER", firstDay: typed(-1), lastDay: typed(1) });
  record = await holdRecord(tab, "SuspendCredential");
  await press(tab, "#found", "Record this");
  await record.held;
  await press(tab, "#found", "History");
  await says(tab, "#found .history", /Specialist registered/);
  await says(tab, "#found .about", /CPS-28MS-MN2K-Z: current/);
  await record.release();
  await says(tab, "#left", /^Suspend: recorded as revision \d+\.$/);
  await says(tab, "#found .about", /CPS-28MS-MN2K-Z: suspended/);
  await tab.evaluate(() => [...document.querySelectorAll("#found .history button")].find((it) => it.textContent === "Take back").click());
  await tab.type("#found .opened input", "a test");
  await tab.keyboard.press("Enter");
  await recordIt(tab, "#found .opened");
  await sound();
  await tab.close();
}

// An outcome that is not known stays on the page, whatever is chosen and typed afterwards. A repetition is recorded once.
export async function keepAnOutcomeThatIsNotKnown(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { familyName: "oneal" });
  await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_EXTERNAL_ORDER", firstDay: typed(-9), lastDay: typed(-8) });
  await says(tab, "#found .next h2", /nothing is recorded yet$/);
  // The registry records it, and its answer is lost.
  await tab.evaluate(() => {
    const real = fetch;
    const lost = new Promise((resolve) => (globalThis.lose = resolve));
    globalThis.fetch = async (path, options) => {
      const answer = await real(path, options);
      if (!/SuspendCredential/.test(path) || /"validateOnly":true/.test(options.body)) return answer;
      globalThis.fetch = real;
      await lost;
      throw new TypeError("network error");
    };
  });
  await press(tab, "#found", "Record this");
  await says(tab, "#found .next .next", /Recording…/);
  await tab.waitForNetworkIdle();
  await tab.select("#found .choice select", "0");
  await tab.evaluate(() => lose());
  const unknown = /Whether it was recorded is not known\. Record it again: it is recorded once\./;
  await says(tab, "#found .next .next .trouble", unknown);
  await tab.type("#found form [id$=note]", "later");
  await says(tab, "#found .next .next .trouble", unknown);
  await recordIt(tab, "#found");
  await takeItBack(tab);
  await sound();
  await tab.close();
}

// A refusal is shown, also if the question of why is not answered. It is no proposal that would be lost.
export async function showARefusalThatIsNotExplained(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { familyName: "oneal" });
  await tab.evaluate(() => {
    const real = fetch;
    globalThis.fetch = (path, ...rest) => (/VerifyCredential/.test(path) ? Promise.reject(new TypeError("network error")) : real(path, ...rest));
  });
  await act(tab, "Reinstate", { effectiveFrom: typed(0) });
  await says(tab, "#found .trouble", /^The credential is held on /);
  check(await tab.evaluate(() => dispatchEvent(new Event("beforeunload", { cancelable: true }))), "nothing would be lost");
  await sound();
  await tab.close();
}

// A stream that is cut off on its way is said, and is not waited for.
export async function sayThatAStreamWasCutOff(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { familyName: "oneal" });
  await tab.evaluate(() => {
    const [real, cut] = [fetch, () => new ReadableStream({ start: (stream) => stream.error(new TypeError("network error")) })];
    globalThis.fetch = (path, ...rest) => (/PreviewImpact/.test(path) ? Promise.resolve(new Response(cut())) : real(path, ...rest));
  });
  await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_EXTERNAL_ORDER", firstDay: typed(-9), lastDay: typed(-8) });
  await says(tab, "#found .trouble", /^The answer of the registry did not come as it should \(it was cut off\)\. Try again\.$/);
  await sound();
  await tab.close();
}

// Two people propose the same: the second one sees what it would change now, before anything is recorded.
export async function recordOnlyWhatWasShown(place) {
  const suspended = async () => {
    const opened = await openDesk(place, place.tokens.registrar);
    await find(opened.tab, { familyName: "oneal" });
    await act(opened.tab, "Suspend", { basis: "SUSPENSION_BASIS_EXTERNAL_ORDER", firstDay: typed(-9), lastDay: typed(-8) });
    await says(opened.tab, "#found .next .effects", /^This suspends the credential CPS-28MS-MN2K-Z from /);
    return opened;
  };
  const [one, other] = [await suspended(), await suspended()];
  await one.tab.bringToFront();
  await recordIt(one.tab, "#found");
  const specialistId = (await text(one.tab, "#found")).match(/SP-[0-9A-Z-]+/)[0];
  const count = async () => (await call(one.tab, place.tokens.registrar, "RecordService/ListFacts", { specialistId, pageSize: 1000 })).facts.length;
  const before = await count();
  await other.tab.bringToFront();
  await press(other.tab, "#found", "Record this");
  await says(other.tab, "#found .next .next", /^Suspend: nothing is recorded yet\s+Since you saw what this changes, something else was recorded\. [\s\S]*It changes no standing/);
  check((await count()) === before, "nothing was recorded");
  // What is shown now is recorded, if it is confirmed.
  await recordIt(other.tab, "#found");
  check((await count()) === before + 1, "one fact was recorded");
  for (const { tab, sound } of [other, one]) {
    await tab.bringToFront();
    await takeItBack(tab);
    await sound();
    await tab.close();
  }
}

// Two people end the same job. The page tells the second person that the job has changed, and offers no record of it.
export async function offerNothingThatWasOvertaken({ browser, url, tokens }) {
  const ended = async () => {
    const opened = await open(browser, url);
    await signIn(opened.tab, tokens.provider);
    await goTo(opened.tab, "report");
    await opened.tab.click("input[value=ended]");
    await fill(opened.tab, "report-form", { person: HELD, lastDay: typed(-3), reason: "EMPLOYMENT_END_REASON_RESIGNED" });
    await opened.tab.click("#report-form .primary");
    await says(opened.tab, "#report-outcome h2", /nothing is recorded yet$/);
    return opened;
  };
  const [one, other] = [await ended(), await ended()];
  await one.tab.bringToFront();
  await recordIt(one.tab, "#report-outcome");
  await other.tab.bringToFront();
  await press(other.tab, "#report-outcome", "Record this");
  await says(other.tab, "#report-outcome .trouble", /^This job was ended, changed or taken back since you saw what this would change\. Nothing was recorded\. Look at what was reported about the person\.$/);
  const offered = await other.tab.$$eval("#report-outcome button", (all) => all.map((it) => it.textContent).join());
  check(offered === "Do not record it", `offered: ${offered}`);
  await other.sound();
  await other.tab.close();
  await one.tab.bringToFront();
  await press(one.tab, "#report-outcome", "Take this back");
  await one.tab.type("#report-outcome .next input", "a test");
  await one.tab.keyboard.press("Enter");
  await press(one.tab, "#report-outcome .next", "Record this");
  await says(one.tab, "#report-outcome .next h2", /^Recorded as revision/);
  await one.sound();
  await one.tab.close();
}
