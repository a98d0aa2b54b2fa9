// What a provider reports with the page.

import { barriers, call, check, downloaded, fill, fits, goTo, lookUp, open, press, says, shown, signIn, tabTo, text, typed } from "./browser.mjs";

const CURRENT = "CPS-28MS-MN2K-Z";
const NEW = { person: "CPS-HCRD-5E1W-A", familyName: "Whitfield-Amos", birthDate: "08171993", firstDay: typed(-2), position: "Peer specialist" };

async function facts(tab, token, credentialNumber) {
  const { verification } = await call(tab, token, "VerificationService/VerifyCredential", { item: { credentialNumber } });
  return (await call(tab, token, "RecordService/ListFacts", { specialistId: verification.credential.specialistId, pageSize: 1000 })).facts;
}

async function typeAnEnd(tab, day) {
  await tab.click("input[value=ended]");
  await fill(tab, "report-form", { person: CURRENT, lastDay: day, reason: "EMPLOYMENT_END_REASON_RESIGNED" });
}

export async function reportAnEndAndTakeItBack({ browser, url, tokens, directory }) {
  const { tab, refusals, sound } = await open(browser, url);
  await signIn(tab, tokens.provider);
  await goTo(tab, "report");
  await tab.click("input[value=ended]");
  await tab.click("#report-form .primary");
  await says(tab, "#report-form-person-fault", /This is needed/);
  await says(tab, "#report-form-lastDay-fault", /Enter the whole date/);
  await says(tab, "#report-form-reason-fault", /Choose one/);
  await typeAnEnd(tab, typed(-3));
  const before = await facts(tab, tokens.registrar, CURRENT);
  await tab.click("#report-form .primary");
  await says(tab, "#report-outcome h2", /^End of a job: nothing is recorded yet$/);
  await says(tab, "#report-outcome .effects", /^This revokes the credential CPS-28MS-MN2K-Z from \w+ \d+, \d{4} on\. Employment is lost then\. This is not discipline\. The holder will need a reinstatement/);
  check((await facts(tab, tokens.registrar, CURRENT)).length === before.length, "the dry run records nothing");
  await says(tab, "#report-outcome .about", /Credential\s+CPS-28MS-MN2K-Z[\s\S]*Last day of work\s+\w+ \d+, \d{4}\s+Why did it end\?\s+The person resigned/);
  await tab.click("#report-outcome summary");
  await says(tab, "#report-outcome details", /Up to today\s+CPS-28MS-MN2K-Z: revoked on loss of employment from [^.]* to [^.]*, instead of current\.\s+CPS-28MS-MN2K-Z: no job that counts at region-1-cmhc from /);

  await press(tab, "#report-outcome", "Record this");
  await says(tab, "#report-outcome h2", /^Recorded as revision \d+$/);
  const revision = Number((await text(tab, "#report-outcome h2")).match(/\d+/)[0]);
  const receipt = await downloaded(tab, directory, () => press(tab, "#report-outcome", "Download the receipt"));
  check(receipt.name === `receipt-${revision}.jws`, receipt.name);
  const claims = JSON.parse(Buffer.from(receipt.text.split(".")[1], "base64url"));
  check(JSON.stringify(claims).includes(`"revision":${revision}`), `the receipt is of the record: ${JSON.stringify(claims)}`);
  await goTo(tab, "look-up");
  await lookUp(tab, CURRENT);
  await says(tab, "#verdict", /^No\.$/);

  await goTo(tab, "report");
  await press(tab, "#report-outcome", "Take this back");
  await tab.type("#report-outcome .next input", "wrong person");
  await tab.keyboard.press("Enter");
  await says(tab, "#report-outcome .next h2", /^Take it back: nothing is recorded yet$/);
  await says(tab, "#report-outcome .next .effects", /^This makes the credential CPS-28MS-MN2K-Z current from /);
  await press(tab, "#report-outcome .next", "Record this");
  await says(tab, "#report-outcome .next h2", /^Recorded as revision/);
  // Nothing that does not count any more is said as if it did.
  const [first, second] = ["#report-outcome > h2 + div", "#report-outcome > .next > .next > h2 + div"];
  await says(tab, first, /^Taken back at revision \d+: for all days it counts as never recorded\.$/);
  check((await tab.$$("#report-outcome [data-lost=true]")).length === 0, "it still says what was lost");
  for (const [depth, now] of [[2, /^This revokes the credential/], [3, /^Taken back at revision \d+/]]) {
    await press(tab, "#report-outcome", "Take this back");
    await (await tab.$$("#report-outcome .next input")).at(-1).type("a test");
    await tab.keyboard.press("Enter");
    await press(tab, "#report-outcome", "Record this");
    await says(tab, `#report-outcome${" > .next > .next".repeat(depth)} > h2`, /^Recorded as revision/);
    await says(tab, first, now);
    await says(tab, second, depth === 2 ? /^Taken back at revision/ : /^This makes the credential/);
  }
  await goTo(tab, "look-up");
  await tab.click("#question .primary");
  await says(tab, "#verdict", /^Yes\.$/);
  check(refusals.length === 0, `refused: ${refusals}`);
  await sound();
  await tab.close();
}

export async function reportAStartAndCorrectIt({ browser, url, tokens }) {
  const { tab, requests, sound } = await open(browser, url);
  await signIn(tab, tokens.provider);
  await goTo(tab, "report");
  const offered = await tab.$$eval("#providers option", (options) => options.map((it) => it.value));
  check(offered.join() === "region-1-cmhc", `a provider names itself alone: ${offered}`);
  const { birthDate, ...rest } = NEW;
  await says(tab, "label[for=report-form-familyName]", /needed with a credential number$/);
  await fill(tab, "report-form", rest);
  await tab.click("#report-form .primary");
  await says(tab, "#report-form-birthDate-fault", /^[A-Z][^_]+$/);
  await tab.type("#report-form-birthDate", "08181993");
  await tab.click("#report-form .primary");
  await says(tab, "#report-form-person-fault", /^No such credential is on file, or you may not see it\. Check the number, and the name and the birth date/);
  await tab.type("#report-form-birthDate", birthDate);
  await tab.click("#report-form .primary");
  await says(tab, "#report-outcome", /nothing is recorded yet[\s\S]*not shown for somebody who is not your staff/);
  await says(tab, "#report-outcome .about", /Credential number\s+CPS-HCRD-5E1W-A\s+Family name\s+Whitfield-Amos\s+Birth date\s+August 17, 1993\s+First day of work[\s\S]*A mental health professional supervises the work\s+No/);
  await press(tab, "#report-outcome", "Record this");
  await says(tab, "#report-outcome", /^Recorded as revision \d+[\s\S]*Provider\s+region-1-cmhc\s+Job\s+EM-[\s\S]*Position\s+Peer specialist/);
  await press(tab, "#report-outcome", "Correct the days");
  await says(tab, "#report-outcome .next", /Correct the days/);
  const first = await tab.$("#report-outcome .next input");
  await first.type(typed(-9));
  await tab.keyboard.press("Enter");
  await says(tab, "#report-outcome .next h2", /^Correct the days: nothing is recorded yet$/);
  await press(tab, "#report-outcome .next", "Record this");
  await says(tab, "#report-outcome .next h2", /^Recorded as revision/);

  await tab.click("#report-form .primary");
  await says(tab, "#report-outcome .trouble", /^This start is on record already, as EM-[-0-9A-Z]+\. To change its days or to take it back, choose “A report was wrong”\./);
  await tab.type("#report-form-firstDay", typed(-1));
  await tab.click("#report-form .primary");
  await says(tab, "#report-outcome .then", /^There is an open job already: EM-/);
  await press(tab, "#report-outcome", "Do not record it");
  await tab.waitForSelector("#report-outcome[hidden]");
  await tab.click("input[value=wrong]");
  check((await tab.$eval("#report-form-person", (input) => input.value)) === NEW.person, "the person stays");
  await tab.click("#report-form .primary");
  await says(tab, "#report-outcome", /Reports[\s\S]*Employment corrected[\s\S]*Employment started\s+with region-1-cmhc, Peer specialist, from/);
  check(requests.every((request) => !/whitfield|1993/i.test(request)), "what is reported stands in no URL");
  await sound();
  await tab.close();
}

export async function recordOnlyWhatTheFormSays({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.provider);
  await goTo(tab, "report");
  await typeAnEnd(tab, typed(-5));
  await tab.click("#report-form .primary");
  await says(tab, "#report-outcome h2", /nothing is recorded yet/);
  await fill(tab, "report-form", { lastDay: typed(-4) });
  await tab.waitForSelector("#report-outcome[hidden]");
  await tab.click("#report-form .primary");
  await press(tab, "#report-outcome", "Record this");
  await says(tab, "#report-outcome h2", /^Recorded as revision/);

  // Of a report and its correction, only the correction can be taken back at once.
  await press(tab, "#report-outcome", "Correct the days");
  await shown(tab, "#report-outcome .next input");
  await (await tab.$$("#report-outcome .next input")).at(-1).type(typed(-3));
  await tab.keyboard.press("Enter");
  await press(tab, "#report-outcome .next", "Record this");
  await says(tab, "#report-outcome .next h2", /^Recorded as revision/);
  const offered = () => tab.$$eval("#report-outcome button", (all) => all.map((it) => it.textContent).filter((it) => it === "Take this back").length);
  check((await offered()) === 1, `${await offered()} ways to take it back`);
  await says(tab, "#report-outcome > h2 + div", /^Corrected at revision \d+: what it changes now stands below\.$/);
  await says(tab, "#report-outcome .next", /what was reported before counts again\. To undo that report too, take this back first\./);
  // After another correction only that one counts.
  await press(tab, "#report-outcome", "Correct the days");
  await (await tab.$$("#report-outcome .next .next .next input")).at(-1).type(typed(-2));
  await tab.keyboard.press("Enter");
  await press(tab, "#report-outcome .next .next .next", "Record this");
  await says(tab, "#report-outcome .next .next .next h2", /^Recorded as revision/);
  for (const receipt of ["#report-outcome > h2 + div", "#report-outcome > .next > .next > h2 + div"]) {
    await says(tab, receipt, /^Corrected at revision \d+: what it changes now stands below\.$/);
  }
  await fill(tab, "report-form", { lastDay: typed(-2) });
  check(await tab.$eval("#report-outcome", (part) => part.checkVisibility()), "what was recorded stays");

  // Another way of the section begins with nothing of the one before.
  await tab.click("input[value=wrong]");
  await tab.click("#report-form .primary");
  await shown(tab, "#report-outcome .history");
  await tab.type("#report-form-person", "X");
  await tab.waitForSelector("#report-outcome[hidden]");

  // Everything is as it was.
  const made = (await facts(tab, tokens.registrar, CURRENT)).filter((it) => /EMPLOYMENT_(ENDED|CORRECTED)$/.test(it.kind)).slice(-3);
  for (const { factId } of made.reverse()) {
    await call(tab, tokens.registrar, "RecordService/RetractFact", { requestId: crypto.randomUUID(), factId, reason: "a test" });
  }
  await goTo(tab, "look-up");
  await lookUp(tab, CURRENT);
  await says(tab, "#verdict", /^Yes\.$/);
  await sound();
  await tab.close();
}

// The answer to a report is lost on its way: the same report is sent again, and is recorded once.
export async function recordOnceWhateverIsLost({ browser, url, tokens }) {
  const { tab, faults, sound } = await open(browser, url);
  await signIn(tab, tokens.provider);
  await goTo(tab, "report");
  await typeAnEnd(tab, typed(-3));
  await tab.click("#report-form .primary");
  await says(tab, "#report-outcome h2", /nothing is recorded yet/);
  const before = await facts(tab, tokens.registrar, CURRENT);
  const session = await tab.createCDPSession();
  await session.send("Fetch.enable", { patterns: [{ urlPattern: "*ReportEmploymentEnd", requestStage: "Response" }] });
  session.on("Fetch.requestPaused", ({ requestId, request }) => {
    const isDry = request.postData.includes('"validateOnly":true');
    session.send(...(isDry ? ["Fetch.continueRequest", { requestId }] : ["Fetch.failRequest", { requestId, errorReason: "ConnectionReset" }]));
  });
  await press(tab, "#report-outcome", "Record this");
  await says(tab, "#report-outcome .trouble", /was not reached[\s\S]*Whether it was recorded is not known\. Record it again: it is recorded once\./);
  await session.send("Fetch.disable");
  faults.splice(0, faults.length, ...faults.filter((fault) => !/ERR_CONNECTION_RESET/.test(fault)));
  await press(tab, "#report-outcome", "Record this");
  await says(tab, "#report-outcome h2", /^Recorded as revision/);
  const after = await facts(tab, tokens.registrar, CURRENT);
  check(after.length === before.length + 1, `${after.length - before.length} facts were recorded`);
  await press(tab, "#report-outcome", "Take this back");
  await tab.type("#report-outcome .next input", "a test");
  await tab.keyboard.press("Enter");
  await press(tab, "#report-outcome .next", "Record this");
  await says(tab, "#report-outcome .next h2", /^Recorded/);
  await sound();
  await tab.close();
}

export async function reportByKeyboardAlone({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  const focused = () => tab.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
  const to = (name) => tabTo(tab, focused, name);
  await shown(tab, "#sign-in");
  await to("token");
  await tab.keyboard.type(tokens.provider);
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => document.activeElement.id === "look-up-heading");
  await tab.keyboard.down("Shift");
  for (let step = 0; step < 10 && (await focused()) !== "Report"; step++) await tab.keyboard.press("Tab");
  await tab.keyboard.up("Shift");
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => document.activeElement.id === "report-heading");
  check((await tab.$eval("[aria-current=page]", (it) => it.textContent)) === "Report", "the section is marked");
  await tab.keyboard.press("Tab");
  await tab.keyboard.press("ArrowRight");
  await to("report-form-person");
  await tab.keyboard.type(CURRENT);
  await tab.keyboard.press("Tab");
  await tab.keyboard.type(typed(-3));
  await to("report-form-reason");
  await tab.keyboard.type("The position");
  await to("See what this changes");
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => document.activeElement.textContent === "End of a job: nothing is recorded yet");
  await to("Do not record it");
  await tab.keyboard.press("Enter");
  await tab.waitForSelector("#report-outcome[hidden]");
  check((await focused()) === "See what this changes", "the focus is in the form again");
  await tab.goBack();
  await shown(tab, "#question");
  check((await tab.evaluate(() => location.hash)) === "", "the address has the section alone");
  await sound();
  await tab.close();
}

async function look({ browser, url, tokens, axe, pictures }, name, options) {
  const { tab, sound } = await open(browser, url, options);
  const seen = async (state) => {
    await fits(tab, `${name}, ${state}`);
    await barriers(tab, axe);
    await tab.screenshot({ path: `${pictures}/${name}-report-${state}.png`, fullPage: true });
  };
  await signIn(tab, tokens.provider);
  await goTo(tab, "report");
  await seen("start");
  await typeAnEnd(tab, typed(-3));
  await tab.click("#report-form .primary");
  await says(tab, "#report-outcome h2", /nothing is recorded yet/);
  await tab.click("#report-outcome summary");
  await seen("end");
  await tab.click("input[value=wrong]");
  await tab.click("#report-form .primary");
  await shown(tab, ".history");
  await tab.click(".history .quiet");
  await shown(tab, "#report-outcome .next form");
  await seen("wrong");
  await sound();
  await tab.close();
}

export async function lookAtReports(place) {
  await look(place, "desktop", {});
  await look(place, "phone", { size: "phone" });
  await look(place, "dark", { dark: true });
}
