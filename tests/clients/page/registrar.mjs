// What the registrar, an auditor and a certifier do at the desk of the page.

import { barriers, call, check, fill, fits, goTo, lookUp, open, press, says, shown, signIn, tabTo, text, typed } from "./browser.mjs";
import { act, find, openDesk, recordIt, takeItBack } from "./desk.mjs";

const HELD = "CPS-28MS-MN2K-Z";
const APPLICANT = { given: "Ada", family: "Quillfeather", birth: "03041990" };

export async function findSuspendAndEndIt(place) {
  const { tab, requests, refusals, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { familyName: "zzq" });
  await says(tab, "#found h2", /^Nobody on file matches\.$/);
  await tab.$eval("#find", (form) => form.reset());
  await find(tab, { familyName: "oneal" });
  await says(tab, "#found", /^1 on file\s+Bernice O'Neal[\s\S]*November 2, 1971[\s\S]*CPS-28MS-MN2K-Z: current, term to /);
  await goTo(tab, "look-up");
  await lookUp(tab, HELD);
  await says(tab, "#verdict", /^Yes\.$/);
  await goTo(tab, "registrar");
  await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_CE_AUDIT", firstDay: typed(0), note: "letter of May" });
  await says(tab, "#found .next h2", /^Suspend: nothing is recorded yet$/);
  await says(tab, "#found .next .effects", /^This suspends the credential CPS-28MS-MN2K-Z from /);
  await says(tab, "#found .affected", /^Bernice O'Neal, CPS-28MS-MN2K-Z: \d+ changes?$/);
  await says(tab, "#found .next .about", /Basis\s+Audit of continuing education \(not discipline\)\s+First day\s+\w+ \d+, \d{4}\s+Note\s+letter of May/);
  await recordIt(tab, "#found");
  // What was shown before is as it is now.
  await says(tab, "#found .person > div:first-child .about", /CPS-28MS-MN2K-Z: suspended, term to /);
  check(await tab.evaluate(() => /^Recorded/.test(document.activeElement.textContent)), "the focus stays");
  await goTo(tab, "look-up");
  await says(tab, "#answer", /Suspended\. This is not discipline/);
  await says(tab, "#timeline svg", /Suspended/);

  await goTo(tab, "registrar");
  await says(tab, "#found", /Recorded as revision/);
  await tab.$eval("#find", (form) => form.reset());
  await find(tab, { credentialNumber: "cps 28ms mn2k z" });
  await says(tab, "#found", /^1 on file\s+Bernice O'Neal[\s\S]*CPS-28MS-MN2K-Z: suspended, term to /);
  await act(tab, "Reinstate", { effectiveFrom: typed(0) });
  await says(tab, "#found .trouble", /^The credential is held on \w+ \d+, \d{4}, the day before the one you entered\. If it is lost from the day you entered, enter a later day, or take back the record that ends it\. Otherwise there is nothing to reinstate\.$/);
  await says(tab, "#found .trouble ~ .then", /^The credential is suspended on \w+ \d+, \d{4}, and not lost\. Do not reinstate it\. Choose “History” above, and then “End it” beside the record that made it suspended\.$/);
  check(refusals.splice(0).length === 1, "one dry run is refused");
  await tab.$eval("#find", (form) => form.reset());
  await fill(tab, "find", { credentialNumber: "CPS-0000-0000-0" });
  await press(tab, "#registrar-part", "Find");
  await says(tab, "#find-credentialNumber-fault", /^No such credential is on file/);
  check(refusals.splice(0).length === 1, "an unknown number is refused");
  await tab.$eval("#find", (form) => form.reset());
  await find(tab, { priorNumber: "ms-00417" });
  await press(tab, "#found", "History");
  await says(tab, "#found .history", /Suspended\s+Audit of continuing education \(not discipline\), from [\s\S]*Specialist registered\s+Bernice O'Neal, born November 2, 1971/);
  await tab.click("#found .history [aria-label^='Take back']");
  const isUnder = () => document.querySelector(".opened").previousElementSibling.contains(document.querySelector("#found .history [aria-label^='Take back']"));
  check(await tab.evaluate(isUnder), "the form is under the row that it is about");
  await tab.type("#found .next .next input", "not meant");
  await tab.keyboard.press("Enter");
  await says(tab, "#found .next .next .effects", /^This makes the credential CPS-28MS-MN2K-Z current from /);
  await recordIt(tab, "#found");
  await says(tab, "#found .opened .about", /Taken back\s+Suspended: Audit of continuing education \(not discipline\), from [^]*Why was it a mistake\?\s+not meant/);
  await says(tab, "#found .person > div:first-child .about", /CPS-28MS-MN2K-Z: current, term to /);
  await says(tab, "#found .history", /A fact was taken back[\s\S]*Suspended \(taken back\)[\s\S]*Recorded as revision/);
  check(refusals.length === 0, `refused: ${refusals}`);
  check(requests.every((request) => !/neal|1971|00417/i.test(request)), "what is asked stands in no URL");
  await sound();
  await tab.close();
}

// A renewal of somebody who is suspended gives a new term, and takes nothing away.
export async function renewASuspendedCredential(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { credentialNumber: "CPS-6CSM-7JRF-Y" });
  await act(tab, "Renew", { continuingEducationHours: "40" });
  await says(tab, "#found .next h2", /^Renew: nothing is recorded yet$/);
  await says(tab, "#found .next .effects", /^This makes the credential CPS-6CSM-7JRF-Y suspended from \w+ \d+, \d{4} to (\w+ \d+, \d{4}), instead of lapsed\. The holder may not practice\.$/);
  const [, last] = (await text(tab, "#found .next .effects")).match(/ to (\w+ \d+, \d{4}),/);
  await says(tab, "#found .next .about", new RegExp(`Term\\s+to ${last}\\s+Hours of continuing education\\s+40`));
  await press(tab, "#found", "Do not record it");
  await sound();
  await tab.close();
}

// A single day in a picture of many years is seen, and is said.
export async function seeASuspensionOfOneDay(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  const [day] = await tab.evaluate(() => [new Intl.DateTimeFormat("en-US", { timeZone: "America/Chicago", dateStyle: "medium" }).format(Date.now() - 40 * 86_400_000)]);
  await find(tab, { familyName: "oneal" });
  await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_DISCIPLINARY", firstDay: typed(-40), lastDay: typed(-40) });
  await recordIt(tab, "#found");
  await goTo(tab, "look-up");
  await lookUp(tab, HELD);
  await shown(tab, "#timeline svg");
  await says(tab, "#timeline .legend", new RegExp(`Suspended on ${day}`));
  await says(tab, "#picture-title", new RegExp(`Suspended on ${day}\\. The table below`));
  const bars = await tab.$$eval("#timeline .bar-held", (bars) => bars.map((bar) => {
    bar.scrollIntoView({ block: "center" });
    const { left, right, top } = bar.getBoundingClientRect();
    return { width: right - left, isOnTop: document.elementFromPoint(right - 1.5, top + 10) === bar };
  }));
  check(bars.length === 2 && bars.every(({ width, isOnTop }) => width >= 6 && isOnTop), `bars: ${JSON.stringify(bars)}`);
  await goTo(tab, "registrar");
  await takeItBack(tab);
  await sound();
  await tab.close();
}

export async function registerEvaluateAndIssue(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await press(tab, "#registrar-part", "Register a person");
  await fill(tab, "act-new", { "name-givenName": APPLICANT.given, "name-familyName": APPLICANT.family, birthDate: APPLICANT.birth });
  await press(tab, "#registrar-part", "See what this changes");
  await says(tab, "#registrar-part .next h2", /^Register a person: nothing is recorded yet$/);
  await recordIt(tab, "#registrar-part");
  await says(tab, "#found", /^1 on file\s+Ada Quillfeather\s+Born\s+March 4, 1990/);
  await find(tab, { familyName: APPLICANT.family });
  const specialistId = (await text(tab, "#found")).match(/SP-[0-9A-Z-]+/)[0];
  const job = { requestId: crypto.randomUUID(), specialistId, providerId: "region-1-cmhc", supervised: true, firstDay: { year: 2026, month: 1, day: 5 } };
  await call(tab, place.tokens.registrar, "EmploymentService/ReportEmploymentStart", job);

  await press(tab, "#found", "Application");
  check((await tab.$eval("#application-specialistId", (input) => input.value)) === specialistId, "the applicant is named");
  const at = (name) => `application-${name}`;
  const stated = { [at("appliedOn")]: typed(-20), effectiveFrom: typed(0), [at("livedExperience")]: "LIVED_EXPERIENCE_SELF", [at("education")]: "EDUCATION_GED", [at("recoveryAttested")]: true, [at("experienceHours")]: "120", [at("experienceWithinThreeYears")]: true, [at("references")]: "1", [at("trainings-0-completedOn")]: typed(-10), [at("trainings-0-hours")]: "34", [at("trainings-0-designation")]: "DESIGNATION_YOUNG_ADULT", [at("examAttempts-0-takenOn")]: typed(-5), [at("examAttempts-0-score")]: "74.9" };
  await fill(tab, "application", stated);
  await tab.click("#application-designations input[value=DESIGNATION_YOUNG_ADULT]");
  await tab.click("input[value=people]");
  await says(tab, "#found", /1 on file/);
  await tab.click("input[value=application]");
  await tab.type("#application-application-sponsoringProviderId", "region-99");
  await press(tab, "#registrar-part", "Evaluate");
  await says(tab, "#application-application-sponsoringProviderId-fault", /^No such provider is on file\. Its id is a short word, such as region-1-cmhc/);
  await tab.$eval("#application-application-sponsoringProviderId", (input) => (input.value = ""));
  check((await tab.$$("#providers option[value=region-1-cmhc]")).length === 1, "providers are offered");
  await press(tab, "#registrar-part", "Evaluate");
  await says(tab, "#registrar-part .outcome", /^Not eligible$/);
  await says(tab, "#registrar-part .about", /^Applicant\s+Ada Quillfeather\s+Born\s+March 4, 1990\s+Id\s+SP-/);
  await says(tab, ".criteria", /Examination\s+Unmet[\s\S]*75[\s\S]*source 00\d/);
  check((await tab.$$(".criteria tbody tr")).length === 10, "every criterion is there");
  await tab.$eval("#application-application-examAttempts-0-score", (input) => (input.value = "81.5"));
  await press(tab, "#registrar-part", "Evaluate");
  await says(tab, "#registrar-part .outcome", /^Eligible, if the registrar decides so$/);
  await tab.type("#application-application-references", "0");
  await tab.waitForFunction(() => !document.querySelector("#registrar-part .outcome")?.checkVisibility());
  await tab.keyboard.press("Backspace");
  await press(tab, "#registrar-part", "Evaluate");
  await says(tab, "#registrar-part .outcome", /^Eligible, if the registrar decides so$/);
  await press(tab, "#registrar-part", "See what issuing it changes");
  await says(tab, "#issue-decisionNote-fault", /This is needed/);
  await tab.type("#issue-decisionNote", "one reference is enough");
  await press(tab, "#registrar-part", "See what issuing it changes");
  await says(tab, "#registrar-part .next .effects", /^This makes the new credential current from /);
  await says(tab, "#registrar-part .next .about", /First day of the credential[\s\S]*Training 1: Hours\s+34[\s\S]*Your decision about the undetermined criteria\s+one reference is enough/);
  await recordIt(tab, "#registrar-part");
  const number = (await text(tab, "#registrar-part")).match(/CPS-[0-9A-Z-]+/)[0];
  await tab.click("input[value=people]");
  await find(tab, { credentialNumber: number });
  await press(tab, "#found", "Look up");
  await says(tab, "#answer .asked", new RegExp(`^Ada Quillfeather, ${number}$`));
  check(await tab.evaluate(() => document.activeElement.id === "answer" && location.hash === "#/look-up"), "the answer has the focus, and no number is in the address");
  await says(tab, "#verdict", /^Yes\.$/);
  await says(tab, "#answer", /Young Adult/);
  await sound();
  await tab.close();
}

export async function reviewCountAndSeeWhatEnds(place) {
  const { tab, refusals, sound } = await openDesk(place, place.tokens.registrar, "review");
  await says(tab, "#registrar-part h2", /^\d+ facts need a look$/);
  await says(tab, "#registrar-part .history", /Days were changed whose reporting window had passed\./);
  await tab.click("#registrar-part .link");
  await says(tab, "#registrar-part .opened .history", /Specialist registered/);
  const open = Number((await text(tab, "#registrar-part h2")).match(/\d+/)[0]);
  await tab.click("#registrar-part .tick input");
  await says(tab, "#registrar-part h2", new RegExp(`^${open - 1 || "No"} facts? needs? a look, 1 looked at$`));
  await tab.click("input[value=terms]");
  await tab.click("input[value=review]");
  await says(tab, "#registrar-part h2", /, 1 looked at$/);
  await tab.click("#registrar-part .tick input");
  await says(tab, "#registrar-part h2", new RegExp(`^${open} facts? needs? a look$`));

  // What is taken back here stays in its place until the list is opened again.
  await tab.click("#registrar-part .history [aria-label^='Take back']");
  await tab.type("#registrar-part .opened input", "a test");
  await tab.keyboard.press("Enter");
  await recordIt(tab, "#registrar-part .opened");
  const taken = () => tab.$eval("#registrar-part .opened", (row) => row.previousElementSibling.innerText);
  await tab.waitForFunction(() => /Taken back/.test(document.querySelector("#registrar-part .opened").previousElementSibling.innerText));
  check(!/Looked at/.test(await taken()), await taken());
  await press(tab, "#registrar-part .opened", "Take this back");
  await tab.type("#registrar-part .opened .next .next input", "a test");
  await tab.keyboard.press("Enter");
  await recordIt(tab, "#registrar-part .opened .next .next");
  await tab.waitForFunction(() => /Looked at/.test(document.querySelector("#registrar-part .opened").previousElementSibling.innerText));

  await tab.click("input[value=terms]");
  const all = await call(tab, place.tokens.registrar, "CredentialService/ListCredentials", { pageSize: 1000 });
  await tab.select("#terms-days", "365");
  await press(tab, "#registrar-part", "Show");
  await says(tab, "#registrar-part h2", /^\d+ terms? ends? within 365 days$/);
  const days = await tab.$$eval("#registrar-part .history tbody .citation", (cells) => cells.map((it) => it.textContent).filter((it) => it.startsWith("in ")).map((it) => Number(it.match(/\d+/)[0])));
  check(days.every((it, at) => it <= 365 && (at === 0 || it >= days[at - 1])), `in order: ${days}`);
  const { asOf } = all.answer;
  const today = Date.UTC(asOf.year, asOf.month - 1, asOf.day);
  const held = ["CURRENT", "LIMITED", "SEPARATED", "SUSPENDED", "INACTIVE"].map((name) => `STANDING_${name}`);
  const ending = all.credentials.filter((it) => held.includes(it.standing) && it.termLastDay && Date.UTC(it.termLastDay.year, it.termLastDay.month - 1, it.termLastDay.day) - today <= 365 * 86_400_000);
  check(days.length > 0 && days.length === ending.length, `${days.length} of ${ending.length} terms are listed`);

  await tab.click("input[value=statistics]");
  await shown(tab, "#registrar-part svg");
  const { rows, total } = await call(tab, place.tokens.registrar, "ProviderService/GetProgramStatistics", {});
  check((await tab.$$("#registrar-part .bars .bar-none")).length === rows.length, "a bar for each type");
  await says(tab, "#registrar-part tbody tr:last-child", new RegExp(`^All\\s+${total.providerCount}\\s+${total.providerWithSpecialistCount}\\s+${Math.round(total.percentage)}%`));
  const { providerCount: of = 0, providerWithSpecialistCount: some = 0 } = rows.find((row) => row.facilityType === "FACILITY_TYPE_COMMUNITY_MENTAL_HEALTH_CENTER");
  await says(tab, "#registrar-part table", new RegExp(`Facility type\\s+Total count\\s+With peer services\\s+% with peer services[\\s\\S]*Community mental health center\\s+${of}\\s+${some}\\s+\\d+%`));
  const described = await tab.$eval("#registrar-part svg", (picture) => picture.getAttribute("aria-label"));
  check(/^Bars of the providers of each facility type on \w+ \d+, \d{4}: .* The table below has every number\.$/.test(described) && described.includes(`${total.providerWithSpecialistCount} of ${total.providerCount}`), described);
  const drawn = await tab.$$eval("#registrar-part .bars rect", (bars) => bars.map((bar) => [bar.classList[0], Number(bar.getAttribute("width"))]));
  const most = Math.max(...rows.map((row) => row.providerCount ?? 0));
  const whole = Math.max(...drawn.map(([, width]) => width));
  for (const [at, row] of rows.entries()) {
    const [[, all], [, with_]] = drawn.slice(at * 2, at * 2 + 2);
    check(Math.abs(with_ - ((row.providerWithSpecialistCount ?? 0) / most) * whole) < 1 && Math.abs(all - ((row.providerCount ?? 0) / most) * whole) <= 1, `${row.facilityType}: ${all}, ${with_}`);
  }
  check(refusals.length === 0, `refused: ${refusals}`);
  await sound();
  await tab.close();
}

// Nobody sees what is not for its role, and nothing is tried that would be refused.
export async function showWhatTheRoleMayDo(place) {
  const { browser, url, tokens } = place;
  const sections = (tab) => tab.$$eval("#sections a:not([hidden])", (links) => links.map((it) => it.textContent));
  const expected = { registrar: "Look up,Roster,Report,Desk", provider: "Look up,Roster,Report", payer: "Look up,Roster", auditor: "Look up,Roster,Desk", certifier: "Desk" };
  for (const [role, names] of Object.entries(expected)) {
    const { tab, refusals, sound } = await open(browser, url);
    await tab.goto(`${url}/#/registrar`);
    await signIn(tab, tokens[role]);
    await shown(tab, "#sections");
    check((await sections(tab)).join() === names, `${role}: ${await sections(tab)}`);
    const atDesk = names.includes("Desk");
    check((await tab.$eval("#registrar", (it) => it.hidden)) !== atDesk, `${role}: the desk`);
    if (role === "auditor") {
      await find(tab, { familyName: "oneal" });
      await press(tab, "#found", "History");
      await shown(tab, "#found .history");
      check(!/Act|Take back|Register a person/.test(await text(tab, "#registrar-part")), "an auditor records nothing");
    }
    if (atDesk) check((await text(tab, "#registrar-heading")) === `${role[0].toUpperCase()}${role.slice(1)}'s desk`, `whose desk: ${await text(tab, "#registrar-heading")}`);
    if (role === "certifier") {
      await shown(tab, "#find-provider");
      await tab.click("input[value=statistics]");
      await shown(tab, "#registrar-part svg");
    }
    check(refusals.length === 0, `${role}: ${refusals}`);
    await sound();
    await tab.close();
  }
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.operator);
  await says(tab, "#sign-in-fault", /Your role has nothing to do on this page/);
  await sound();
  await tab.close();
}

export async function forgetWhatTheDeskAndTheReportShowed(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { familyName: "oneal" });
  await goTo(tab, "report");
  await fill(tab, "report-form", { person: HELD, familyName: "O'Neal", birthDate: "11021971" });
  await tab.click("#leave");
  await shown(tab, "#sign-in");
  const left = await tab.evaluate(() => [...document.querySelectorAll("#desk input:not([type=radio]):not([type=checkbox]):not([type=range])")].map((it) => it.value).join("") + ["registrar-part", "report-asked", "report-outcome"].map((id) => document.getElementById(id).textContent).join(""));
  check(left === "", `left: ${left}`);
  await sound();
  await tab.close();
}

export async function findAndActByKeyboardAlone(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  const focused = () => tab.evaluate(() => document.activeElement.id || document.activeElement.getAttribute("aria-label") || document.activeElement.textContent.trim());
  const to = (name) => tabTo(tab, focused, name);
  await to("find-familyName");
  await tab.keyboard.type("oneal");
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => document.activeElement.textContent === "1 on file");
  await to("Act on Bernice O'Neal, CPS-28MS-MN2K-Z");
  await tab.keyboard.press("Enter");
  await tab.keyboard.type("Limit");
  await says(tab, "#found form", /Limitation/);
  await to("See what this changes: Limit, Bernice O'Neal, CPS-28MS-MN2K-Z");
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => document.activeElement.id.endsWith("-text"));
  await tab.keyboard.type("supervised hours");
  await tab.keyboard.press("Tab");
  await tab.keyboard.type(typed(0));
  await to("See what this changes: Limit, Bernice O'Neal, CPS-28MS-MN2K-Z");
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => document.activeElement.textContent === "Limit: nothing is recorded yet");
  await to("Do not record it: Limit, Bernice O'Neal, CPS-28MS-MN2K-Z");
  await tab.keyboard.press("Enter");
  await sound();
  await tab.close();
}

async function look(place, name, options) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar, undefined, options);
  const seen = async (state) => {
    await fits(tab, `${name}, ${state}`);
    await barriers(tab, place.axe);
    await tab.screenshot({ path: `${place.pictures}/${name}-desk-${state}.png`, fullPage: true });
  };
  await find(tab, { familyName: "oneal" });
  await act(tab, "Revoke as discipline", { effectiveFrom: typed(1) });
  await says(tab, "#found .next h2", /nothing is recorded yet/);
  await seen("act");
  await press(tab, "#found", "History");
  await shown(tab, "#found .history");
  await seen("history");
  const specialistId = (await text(tab, "#found")).match(/SP-[0-9A-Z-]+/)[0];
  await tab.click("input[value=application]");
  await seen("application");
  await fill(tab, "application", { specialistId, "application-appliedOn": typed(0), effectiveFrom: typed(0) });
  await press(tab, "#registrar-part", "Evaluate");
  await shown(tab, ".criteria");
  await seen("evaluation");
  await tab.click("input[value=review]");
  await shown(tab, "#registrar-part .history");
  await seen("review");
  await tab.click("input[value=terms]");
  await tab.select("#terms-days", "365");
  await press(tab, "#registrar-part", "Show");
  await shown(tab, "#registrar-part h2");
  await seen("terms");
  await tab.click("input[value=statistics]");
  await shown(tab, "#registrar-part svg");
  const beyond = await tab.$eval("#registrar-part .wide-table", (it) => it.scrollWidth - it.clientWidth);
  const drawn = await tab.$eval("#registrar-part svg", (picture) => {
    const { width, right } = picture.getBoundingClientRect();
    const cut = [...picture.querySelectorAll("text")].filter((it) => it.getBoundingClientRect().right > right).map((it) => it.textContent);
    return { cut, scale: width / picture.viewBox.baseVal.width };
  });
  check(beyond <= 0 && drawn.cut.length === 0 && drawn.scale > 0.95, `${name}: the statistics are ${beyond} pixels too wide: ${JSON.stringify(drawn)}`);
  await seen("statistics");
  await sound();
  await tab.close();
}

export async function lookAtTheDesk(place) {
  await look(place, "desktop", {});
  await look(place, "phone", { size: "phone" });
  await look(place, "dark", { dark: true });
}
