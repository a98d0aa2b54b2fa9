// What a person does with the page.

import { check, goTo, lookUp, open, press, says, shown, signIn, tabTo, text, typed } from "./browser.mjs";

const CURRENT = "CPS-28MS-MN2K-Z";
const LOOK_UPS = 20;

// Nothing of a question may stay in what a browser keeps.
async function keepsNothing(tab, url) {
  const kept = await tab.evaluate(async () => ({
    url: location.href,
    title: document.title,
    entries: history.length,
    storage: localStorage.length + sessionStorage.length + (await indexedDB.databases()).length + document.cookie.length,
  }));
  const expected = { url: `${url}/`, title: "CPSS registry", entries: 2, storage: 0 };
  check(JSON.stringify(kept) === JSON.stringify(expected), `kept: ${JSON.stringify(kept)}`);
}

export async function lookUpByNumber({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  await lookUp(tab, "cps 28ms mn2k z");
  await says(tab, "#verdict", /^Yes\.$/);
  await says(tab, "#answer .sentence", /^Bernice O'Neal holds the credential and may practice on /);
  await says(tab, "#answer", /employers may still report about that day/);
  await says(tab, "#answer", /Adult and Recovery, Parent\/Caregiver[\s\S]*As of[\s\S]*Settled[\s\S]*employers may report until [\s\S]*revision \d+/);
  await lookUp(tab, "CPS-6CSM-7JRF-Y");
  await says(tab, "#verdict", /^No\.$/);
  await says(tab, "#answer", /Because\s+Suspended as discipline\. SUSPENDED/);
  await lookUp(tab, "CPS-F1VP-N7DH-M");
  await says(tab, "#answer", /Revoked, because employment was lost[\s\S]*cpssp-2025, source 002: "Employment in/);
  await lookUp(tab, "CPS-ENTT-V164-D");
  await says(tab, "#verdict", /^Not known\.$/);
  await lookUp(tab, "CPS-JTPC-8ZHN-8");
  await says(tab, "#verdict", /^Yes, with limits\.$/);
  await lookUp(tab, "CPS-28MS-MN2K-Y");
  await says(tab, "#answer", /The number cannot exist\. Look for a typing error[\s\S]*nine letters and digits/);
  await says(tab, "#answer .sentence", /^The registry has no credential with this number\.$/);
  check(!/employers may|Settled/.test(await text(tab, "#answer")), "about nobody there is nothing to report");
  check(await tab.$eval("#past", (part) => part.hidden), "nobody has no timeline");
  await lookUp(tab, "ms-00417");
  await press(tab, "#answer", "Ask for it as an earlier number");
  await says(tab, "#answer .asked", new RegExp(`^Bernice O'Neal, ${CURRENT}$`));
  await keepsNothing(tab, url);
  await sound();
  await tab.close();
}

export async function lookUpByEarlierNumberAndByName({ browser, url, tokens }) {
  const { tab, requests, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  await shown(tab, "#question");
  await tab.click("input[value=prior]");
  await tab.type("#prior", "ms-00417");
  await tab.click("#question .primary");
  await says(tab, "#answer .asked", new RegExp(`^Bernice O'Neal, ${CURRENT}$`));
  await tab.click("input[value=holder]");
  await tab.click("#question .primary");
  await says(tab, "#family-fault", /Enter the family name/);
  await says(tab, "#birth-fault", /Enter the whole birth date/);
  check(await tab.$eval("#family", (input) => input === document.activeElement), "the first fault has the focus");
  await tab.type("#given", "Bernice");
  await tab.type("#family", "ONeil");
  await tab.type("#birth", "11021971");
  await tab.click("#question .primary");
  await says(tab, "#answer .sentence", /^The registry has no credential of a person with this name and birth date\. Check the spelling/);
  check((await tab.$$("#open-letter")).length === 0, "there is no letter about nobody");
  await tab.$eval("#family", (input) => (input.value = "ONeal"));
  await tab.click("#question .primary");
  await says(tab, "#answer .asked", new RegExp(CURRENT));
  check(requests.every((request) => !/neal|1971|bernice|417/i.test(request)), "what is asked stands in no URL");
  await keepsNothing(tab, url);
  await sound();
  await tab.close();
}

export async function askAboutAnotherDayAndProvider({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  await shown(tab, "#question");
  await tab.click("#more summary");
  await tab.type("#day", "01152024");
  await lookUp(tab, CURRENT);
  // The form was cleared before the number was typed.
  await says(tab, "#verdict", /^Yes\.$/);
  await tab.type("#day", "01152024");
  await tab.click("#question .primary");
  await says(tab, "#answer", /January 15, 2024[\s\S]*The credential takes effect after that day/);
  await lookUp(tab, CURRENT);
  await tab.type("#provider", "region-2-cmhc");
  await tab.click("#designations input[value=DESIGNATION_YOUNG_ADULT]");
  await tab.click("#question .primary");
  await says(tab, "#answer", /with provider region-2-cmhc[\s\S]*Not employed by that provider that day[\s\S]*A requested designation is not held/);
  await tab.type("#provider", "9");
  await tab.click("#question .primary");
  await says(tab, "#answer", /The provider is not on file\. PROVIDER_NOT_ON_FILE\s*Check its id, a short word such as region-1-cmhc/);
  await sound();
  await tab.close();
}

export async function seeTheTimeline({ browser, url, tokens }) {
  const { tab, refusals, sound } = await open(browser, url);
  await signIn(tab, tokens.auditor);
  await lookUp(tab, "CPS-YHG2-0VVP-C");
  await shown(tab, "#timeline svg");
  await says(tab, "#timeline svg", /today/);
  await says(tab, "#timeline .legend", /Reporting window[\s\S]*Reinstated/);
  await tab.click("#periods summary");
  await says(tab, "#periods", /Standing\s+current[\s\S]*revoked on loss of employment[\s\S]*Term[\s\S]*Job\s+region-1-cmhc, Peer support specialist[\s\S]*reinstated/);
  check((await text(tab, "#periods")).match(/revoked on loss of employment/g).length === 1, "a standing that goes on is one period");
  const days = await tab.$$eval("#timeline .bar", (bars) => bars.length);
  check(days >= 7, `bars: ${days}`);

  // By keyboard: the last day of the range is to come.
  await tab.focus("#as-of");
  await tab.keyboard.press("End");
  await says(tab, "#answer", /The day is in the future/);
  await tab.click("#to-today");
  await says(tab, "#verdict", /^Yes\.$/);
  check(await tab.$eval("#as-of", (input) => input === document.activeElement), "the focus is not lost");

  // Back through the records about the person, until nothing was known.
  const records = await tab.evaluate(() => document.querySelector("#known-at").max);
  await tab.click("#record-before");
  await says(tab, "#answer .then", /As known at revision \d+, recorded /);
  const then = await tab.$eval("#known-at", (input) => input.value);
  check(Number(then) < Number(records), `revision ${then} of ${records}`);
  for (let step = 0; step < 20 && !(await tab.$eval("#record-before", (it) => it.disabled)); step++) {
    const before = await tab.$eval("#known-at-text", (it) => it.innerText);
    await tab.click("#record-before");
    await tab.waitForFunction((old) => /recorded/.test(document.querySelector("#known-at-text").innerText) && document.querySelector("#known-at-text").innerText !== old, {}, before);
  }
  await says(tab, "#answer", /No such credential is on file/);
  await says(tab, "#answer .sentence", /^The registry had no credential with this number\.$/);
  await says(tab, "#timeline", /Nothing was on record then/);
  await tab.click("#to-now");
  await says(tab, "#verdict", /^Yes\.$/);
  await shown(tab, "#timeline svg");

  // As known at the end of a day.
  await tab.type("#known-on", typed(-1));
  const ended = /^As known at the end of \w+ \d+, \d{4}: revision 0\b/;
  await says(tab, "#answer .then", ended);
  await tab.click("#open-letter");
  await says(tab, "#letter .then", ended);
  await press(tab, "#letter", "Close the letter");
  await says(tab, "#answer", /No such credential is on file/);
  await tab.focus("#as-of");
  await tab.type("#known-on", typed(0));
  await says(tab, "#verdict", /^Yes\.$/);
  await shown(tab, "#timeline svg");
  check(refusals.length === 0, `refused: ${refusals}`);
  await sound();
  await tab.close();
}

// The form, the slider and the answer are about the same day.
export async function seeOneDayAskedAbout({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.auditor);
  await shown(tab, "#question");
  await tab.click("#more summary");
  await tab.type("#day", "05202026");
  await tab.type("#number", CURRENT);
  await tab.keyboard.press("Enter");
  await says(tab, "#as-of-text", /^May 20, 2026$/);
  await tab.focus("#as-of");
  await tab.keyboard.press("ArrowRight");
  await says(tab, "#answer", /As of\s+May 21, 2026/);
  check((await tab.$eval("#day", (input) => input.value)) === "2026-05-21", "the form has the day of the slider");
  check((await text(tab, "#more-set")) === "Set: May 21, 2026", await text(tab, "#more-set"));
  check(await tab.evaluate(() => dispatchEvent(new Event("beforeunload", { cancelable: true }))), "nothing that was not sent");
  await tab.click("#to-today");
  await tab.waitForFunction(() => !document.querySelector("#day").value && !document.querySelector("#more-set").textContent);
  await sound();
  await tab.close();
}

export async function seeTheAnswerWithoutATimeline({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.auditor);
  await lookUp(tab, CURRENT);
  await shown(tab, "#timeline svg");
  await tab.setRequestInterception(true);
  tab.on("request", (request) => {
    if (!/ListStandingPeriods/.test(request.url())) return request.continue();
    const body = JSON.stringify({ code: "resource_exhausted", message: "the quota of this client is used up" });
    return request.respond({ status: 429, contentType: "application/json", body });
  });
  await lookUp(tab, CURRENT);
  await says(tab, "#trouble", /the quota of this client is used up/);
  await says(tab, "#verdict", /^Yes\.$/);
  check(await tab.$eval("#answer", (part) => part.checkVisibility()), "the answer stays");
  check(!(await tab.$eval("#past", (part) => part.checkVisibility())), "no timeline is shown");
  await sound();
  await tab.close();
}

export async function seeWhatTheRoleMaySee({ browser, url, tokens }) {
  const payer = await open(browser, url);
  await signIn(payer.tab, tokens.payer);
  await lookUp(payer.tab, CURRENT);
  await says(payer.tab, "#answer .sentence", /^The holder of this credential may practice on /);
  await shown(payer.tab, "#timeline svg");
  await says(payer.tab, "#timeline svg", /Standing[\s\S]*Term/);
  const seen = await text(payer.tab, "main");
  check(!/Bernice|region-1|Adult and Recovery,/.test(seen), "a payer sees no name, employer or designation");
  // A payer may not list providers. The page says where to find an id, and offers the ids that earlier answers showed.
  const offered = () => payer.tab.$$eval("#providers option", (options) => options.map((it) => it.value).join());
  await payer.tab.click("#more summary");
  await says(payer.tab, "label[for=provider]", /its id, a short word such as region-1-cmhc; ask DMH for it/);
  check((await offered()) === "", `offered: ${await offered()}`);
  for (const id of ["region-99", "region-2-cmhc"]) {
    await payer.tab.$eval("#provider", (input) => (input.value = ""));
    await payer.tab.type("#provider", id);
    await payer.tab.click("#question .primary");
    await says(payer.tab, "#answer .sentence", new RegExp(`with provider ${id}`));
  }
  check((await offered()) === "region-2-cmhc", `offered: ${await offered()}`);
  check(payer.refusals.length === 0, `refused: ${payer.refusals}`);
  await payer.tab.click("#leave");
  await shown(payer.tab, "#sign-in");
  check((await offered()) === "", "an id is offered to the next caller");
  await payer.sound();
  await payer.tab.close();

  const hr = await open(browser, url);
  await signIn(hr.tab, tokens.provider);
  await says(hr.tab, "#caller", /^hr, provider region-1-cmhc$/);
  await lookUp(hr.tab, CURRENT);
  await says(hr.tab, "#timeline svg", /region-1-cmhc/);
  check(!/region-2-cmhc/.test(await text(hr.tab, "main")), "a provider sees no other employer");
  await lookUp(hr.tab, "CPS-FADQ-D4MV-1");
  await says(hr.tab, "#verdict", /./);
  await hr.tab.click("#clear");
  await hr.tab.click("input[value=prior]");
  await hr.tab.type("#prior", "XX-99");
  await hr.tab.click("#question .primary");
  await says(hr.tab, "#family-fault", /^This is needed for somebody who is not your staff\.$/);
  await hr.sound();
  await hr.tab.close();
}

// The title of a PDF, which a browser proposes as the name of its file.
function titleOf(pdf) {
  const [, title, hex] = pdf.toString("latin1").match(/\/Title\s*(?:\((.*?)\)|<(?:FEFF)?([0-9A-Fa-f]*)>)/) ?? [];
  return title ?? Buffer.from(hex ?? "", "hex").swap16().toString("utf16le");
}

export async function printTheLetter({ browser, url, tokens, pictures }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  await lookUp(tab, "CPS-F1VP-N7DH-M");
  await tab.click("#open-letter");
  await shown(tab, "#letter");
  await says(tab, "#letter", /Asked[\s\S]*CPS-F1VP-N7DH-M[\s\S]*Answered\s+No \(NOT CONFIRMED\)[\s\S]*Revoked, because employment was lost[\s\S]*Source[\s\S]*localhost[\s\S]*revision \d+[\s\S]*Epoch\s+[0-9a-f-]{36}[\s\S]*not a background check, and not an authorization to bill/);
  for (const format of ["letter", "a4"]) {
    const pdf = Buffer.from(await tab.pdf({ path: `${pictures}/letter-${format}.pdf`, format, preferCSSPageSize: false }));
    const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g)?.length;
    check(pages === 1, `the letter has ${pages} pages`);
    check(titleOf(pdf) === "Verification letter CPS-F1VP-N7DH-M", `the file is called ${titleOf(pdf)}`);
  }
  check((await tab.title()) === "CPSS registry", "the page has its own title again");
  await tab.emulateMediaType("print");
  check(!/Look up by|For developers|Timeline/.test(await text(tab, "body")), "the letter alone is printed");
  await tab.emulateMediaType(null);
  await tab.click("#letter .quiet");
  check(await tab.$eval("#open-letter", (it) => it === document.activeElement), "the focus is where it was");
  await sound();
  await tab.close();
}

export async function forgetTheToken({ browser, url, tokens }) {
  // Minutes pass as tenths of a second.
  const script = () => {
    const real = setTimeout;
    globalThis.setTimeout = (act, delay, ...rest) => real(act, delay >= 60_000 ? delay / 600 : delay, ...rest);
  };
  const { tab, sound } = await open(browser, url, { script });
  await signIn(tab, tokens.registrar);
  await lookUp(tab, CURRENT);
  await shown(tab, "#sign-in");
  await says(tab, "#sign-in-fault", /15 minutes/);
  const left = await tab.evaluate(() => document.querySelector("#answer").innerText + document.querySelector("#timeline").innerText + document.querySelector("#number").value);
  check(left === "", `left: ${left}`);
  await sound();
  await tab.close();

  // Who reads turns the wheel alone.
  const clock = () => {
    const real = Date.now;
    globalThis.later = 0;
    Date.now = () => real() + globalThis.later;
  };
  const reader = await open(browser, url, { script: clock });
  await signIn(reader.tab, tokens.registrar);
  await lookUp(reader.tab, CURRENT);
  await reader.tab.evaluate(() => (globalThis.later = 14 * 60_000));
  const turned = reader.tab.evaluate(() => new Promise((resolve) => addEventListener("wheel", () => resolve(), { once: true })));
  await reader.tab.mouse.wheel({ deltaY: 100 });
  await turned;
  await reader.tab.evaluate(() => (globalThis.later = 28 * 60_000));
  await reader.tab.keyboard.press("Shift");
  check(await reader.tab.$eval("#answer", (part) => part.checkVisibility()), "who reads is forgotten");
  await reader.sound();
  await reader.tab.close();

  const again = await open(browser, url);
  await signIn(again.tab, tokens.registrar);
  await lookUp(again.tab, CURRENT);
  await again.tab.reload();
  await shown(again.tab, "#sign-in");
  check(await again.tab.$eval("#token", (input) => input.value === ""), "a reload asks again");
  await signIn(again.tab, tokens.registrar);
  await shown(again.tab, "#question");
  await again.tab.click("#leave");
  await shown(again.tab, "#sign-in");
  await again.sound();
  await again.tab.close();
}

// Whoever is known by the connection is forgotten by the page, too, and goes on without a token.
export async function goOnWithoutAToken({ browser, url, tokens }) {
  const script = () => {
    const real = setTimeout;
    globalThis.setTimeout = (act, delay, ...rest) => real(act, delay >= 60_000 ? delay / 600 : delay, ...rest);
    document.addEventListener("readystatechange", () => (document.documentElement.dataset.identity = "given"));
  };
  const { tab, sound } = await open(browser, url, { script, headers: { authorization: `Bearer ${tokens.registrar}` } });
  await lookUp(tab, CURRENT);
  await says(tab, "#left", /this page forgot what it showed/);
  check((await text(tab, "#answer")) === "", "the answer is gone");
  await goTo(tab, "registrar");
  await shown(tab, "#find");
  check(await tab.$eval("#left", (part) => part.hidden), "it is said once");
  // It is said wherever something is forgotten.
  await tab.type("#find-familyName", "oneal");
  await shown(tab, "#left");
  check(await tab.$eval("#left", (part) => part.checkVisibility()), "it is seen at the desk");
  await sound();
  await tab.close();
}

// An answer that comes after its caller was forgotten is shown to nobody.
export async function showNothingThatComesTooLate({ browser, url, tokens }) {
  const { tab, faults, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  await goTo(tab, "registrar");
  await shown(tab, "#find");
  const session = await tab.createCDPSession();
  await session.send("Fetch.enable", { patterns: [{ urlPattern: "*FindSpecialists", requestStage: "Response" }] });
  const held = new Promise((resolve) => session.on("Fetch.requestPaused", resolve));
  await tab.type("#find-familyName", "oneal");
  await tab.keyboard.press("Enter");
  const { requestId } = await held;
  const found = await tab.evaluateHandle(() => document.querySelector("#found"));
  await tab.click("#leave");
  await session.send("Fetch.continueRequest", { requestId }).catch(() => {});
  await signIn(tab, tokens.auditor);
  await shown(tab, "#find");
  check((await found.evaluate((part) => part.textContent)) === "", "the late answer is shown");
  faults.splice(0, faults.length, ...faults.filter((fault) => !/ERR_ABORTED/.test(fault)));
  await sound();
  await tab.close();
}

// What the registry says has the page's words for the fields of the contract, and what somebody wrote as it is.
export async function nameFieldsInPlainWords({ browser, url }) {
  const { tab, sound } = await open(browser, url);
  const plain = (text) => tab.evaluate(async (text) => (await import("/page/explain.js")).plain(text, (path) => (path === "birth_date" ? "Born on" : undefined)), text);
  for (const [said, expected] of [
    ["specialist_id: required; application.applied_on.month: required", "person: required; applied on: required"],
    ["needed beside birth_date", "needed beside “Born on”"],
    ["items[3].prior_number is too long", "earlier number is too long"],
    ["line 1 has `family_name`, read as family_name", "line 1 has `family_name`, read as family name"],
    ["no job at region-1-cmhc on 2026-03-01", "no job at region-1-cmhc on March 1, 2026"],
  ]) check((await plain(said)) === expected, `${said}: ${await plain(said)}`);
  await sound();
  await tab.close();
}

export async function useTheKeyboardAlone({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await shown(tab, "#sign-in");
  const focused = () => tab.evaluate(() => document.activeElement.id || document.activeElement.name || document.activeElement.textContent.trim());
  const to = (name) => tabTo(tab, focused, name);
  await tab.keyboard.press("Tab");
  check((await focused()) === "Skip to the content", "the first stop leads to the content");
  await tab.keyboard.press("Enter");
  await to("token");
  await tab.keyboard.type(tokens.auditor);
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => document.activeElement.id === "look-up-heading");
  await to("way");
  await tab.keyboard.press("ArrowRight");
  await to("prior");
  await tab.keyboard.type("MS-00417");
  await tab.keyboard.press("Enter");
  await says(tab, "#verdict", /^Yes\.$/);
  check((await focused()) === "answer", "the answer has the focus");
  await says(tab, "#said", /^Yes\. Bernice/);
  await shown(tab, "#timeline svg");
  await to("as-of");
  await tab.keyboard.press("Home");
  await says(tab, "#answer", /takes effect after that day/);
  await to("known-at");
  await tab.keyboard.press("Home");
  await says(tab, "#answer", /No such credential is on file/);
  await to("to-now");
  await tab.keyboard.press("Space");
  await says(tab, "#answer", /takes effect after that day/);
  await tab.keyboard.down("Shift");
  for (let step = 0; step < 20 && (await focused()) !== "open-letter"; step++) await tab.keyboard.press("Tab");
  await tab.keyboard.up("Shift");
  await tab.keyboard.press("Enter");
  await shown(tab, "#letter");
  await to("Close the letter");
  await tab.keyboard.press("Enter");
  check((await focused()) === "open-letter", "the letter gives the focus back");
  await sound();
  await tab.close();
}

export async function reportTheTimeOfALookUp({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  const loaded = await tab.evaluate(() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")).reduce((sum, entry) => sum + entry.encodedBodySize, 0));
  check(loaded > 10_000 && loaded < 150 * 1024, `everything that is loaded: ${loaded} bytes`);
  await signIn(tab, tokens.auditor);
  await shown(tab, "#question");
  await tab.type("#number", CURRENT);
  const times = [];
  for (let time = 0; time < LOOK_UPS; time++) {
    times.push(
      await tab.evaluate(async () => {
        const answer = document.querySelector("#answer");
        const drawn = new Promise((resolve) => {
          const watch = new MutationObserver(() => {
            if (answer.hidden || !answer.querySelector("#verdict")) return;
            watch.disconnect();
            requestAnimationFrame(() => setTimeout(resolve));
          });
          watch.observe(answer, { attributes: true, childList: true });
        });
        const begun = performance.now();
        document.querySelector("#question .primary").click();
        await drawn;
        return performance.now() - begun;
      }),
    );
    await shown(tab, "#timeline svg");
  }
  const median = times.sort((a, b) => a - b)[LOOK_UPS / 2];
  console.log(`page: ${loaded} bytes are loaded; a look-up is drawn after ${median.toFixed(0)} ms (median of ${LOOK_UPS})`);
  await sound();
  await tab.close();
}
