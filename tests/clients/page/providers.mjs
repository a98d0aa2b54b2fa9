// What the registrar, a certifier and an auditor do with providers at the desk of the page.

import { barriers, call, check, fill, fits, goTo, open, press, says, shown, signIn, tabTo, text, typed } from "./browser.mjs";
import { openDesk, recordIt } from "./desk.mjs";

const CENTER = "region-1-cmhc";
const FOUND = "#found-providers";

// Finds a provider by a text that means it alone.
async function find(tab, asked) {
  await tab.$eval("#find-provider", (it) => it.reset());
  await fill(tab, "find-provider", { text: asked });
  await press(tab, "#registrar-part", "Find");
  await shown(tab, `${FOUND} .history`);
}

// Takes back what was recorded in a place.
async function takeItBack(tab, place) {
  await tab.$eval(place, (it) => [...it.querySelectorAll("button")].findLast((button) => button.textContent === "Take this back").click());
  await tab.type(`${place} .next .next input`, "a test");
  await tab.keyboard.press("Enter");
  await recordIt(tab, `${place} .next .next .next`);
}

async function endQualification(tab, days) {
  await tab.evaluate((found) => [...document.querySelectorAll(`${found} .history tr`)].find((row) => /Provider qualified/.test(row.textContent) && !/taken back/.test(row.textContent)).querySelector("button").click(), FOUND);
  await shown(tab, `${FOUND} .opened form`);
  const form = await tab.$eval(`${FOUND} .opened form`, (it) => it.id);
  await fill(tab, form, { lastDay: typed(days), reason: "it closes" });
  await press(tab, FOUND, "See what this changes");
}

export async function seeWhoIsAffectedBeforeAQualificationEnds(place) {
  const { tab, refusals, requests, sound } = await openDesk(place, place.tokens.registrar, "providers");
  await press(tab, "#registrar-part", "Find");
  await says(tab, `${FOUND} h2`, /^9 providers on file$/);
  await press(tab, FOUND, "Tallow Creek Community Mental Health Center");
  await says(tab, `${FOUND} .about`, /County\s+Coahoma\s+Numbers\s+NPI 2000000010, Medicaid id 00990001\s+Qualified\s+DMH certified, from \w+ \d+, \d{4} on, certificate to /);
  await find(tab, "tallow");
  // A certificate that was renewed ended when the next one began.
  await says(tab, `${FOUND} .history`, /Provider qualified\s+DMH certified, from \w+ \d+, \d{4} to \w+ \d+, \d{4}, certificate to [^]*Change the end/);
  await says(tab, `${FOUND} .history`, /Provider registered\s+Tallow Creek Community Mental Health Center, Community mental health center, in Coahoma, NPI 2000000010/);
  await endQualification(tab, 30);
  await says(tab, `${FOUND} .opened h2`, /^End it: nothing is recorded yet$/);
  await says(tab, `${FOUND} .opened .effects`, /^This revokes the credential CPS-[-0-9A-Z]+ from /);
  await says(tab, `${FOUND} .opened`, /\d+ people are affected\./);
  await says(tab, `${FOUND} .affected`, /Bernice O'Neal, CPS-28MS-MN2K-Z: \d+ changes?/);
  await says(tab, `${FOUND} .opened .about`, /Ended\s+Provider qualified: DMH certified/);
  const count = Number((await text(tab, `${FOUND} .opened`)).match(/(\d+) people are affected/)[1]);
  check((await tab.$$(`${FOUND} .affected li`)).length === count, "everybody is named");
  await press(tab, FOUND, "Do not record it");
  await find(tab, CENTER);
  await says(tab, `${FOUND} .about`, /Qualified\s+DMH certified, from \w+ \d+, \d{4} on,/);
  check(refusals.length === 0, `refused: ${refusals}`);
  check(requests.every((request) => !/tallow|region-1/i.test(request)), "what is asked stands in no URL");
  await sound();
  await tab.close();
}

// A certifier ends a qualification, sees how many are affected, and takes it back.
export async function endAQualificationAndTakeItBack(place) {
  const { tab, refusals, sound } = await openDesk(place, place.tokens.certifier);
  await find(tab, CENTER);
  await endQualification(tab, 30);
  await says(tab, `${FOUND} .opened`, /\d+ people are affected\. Your role does not see who\. Before you record it, ask the registrar/);
  check((await tab.$$(`${FOUND} .affected`)).length === 0, "a certifier sees no names");
  await recordIt(tab, FOUND);
  await says(tab, `${FOUND} .opened h2 + div`, /Your role does not see who\. The registrar sees their names\.$/);
  await says(tab, `${FOUND} .about`, /Qualified\s+DMH certified, from \w+ \d+, \d{4} to /);
  await says(tab, `${FOUND} .history`, /Period ended[\s\S]*Change the end/);
  await press(tab, FOUND, "Take this back");
  await tab.type(`${FOUND} .opened .next .next input`, "not meant");
  await tab.keyboard.press("Enter");
  await recordIt(tab, `${FOUND} .opened .next .next`);
  await says(tab, `${FOUND} .about`, /Qualified\s+DMH certified, from \w+ \d+, \d{4} on/);
  check(refusals.length === 0, `refused: ${refusals}`);
  await sound();
  await tab.close();
}

// A certifier suspends a provider, and sees it in what is in effect and in the history.
export async function suspendAProviderAndTakeItBack(place) {
  const { tab, refusals, sound } = await openDesk(place, place.tokens.certifier);
  await find(tab, CENTER);
  await press(tab, FOUND, "Act");
  await says(tab, `${FOUND} .choice`, /^Act/);
  await tab.select(`${FOUND} .choice select`, "1");
  await press(tab, FOUND, "See what this changes");
  await says(tab, "#act-provider-firstDay-fault", /^Enter the whole date\.$/);
  await fill(tab, "act-provider", { firstDay: typed(0) });
  await press(tab, FOUND, "See what this changes");
  await says(tab, `${FOUND} .next h2`, /^Suspend the provider: nothing is recorded yet$/);
  await says(tab, `${FOUND} .next .about`, /^Provider\s+Tallow Creek Community Mental Health Center, region-1-cmhc\s+First day/);
  await fits(tab, "an act");
  await barriers(tab, place.axe);
  await recordIt(tab, FOUND);
  await says(tab, `${FOUND} .about`, /Suspended\s+From \w+ \d+, \d{4} on/);
  await says(tab, `${FOUND} .history`, /^[^\n]*\s+[^]*?Provider suspended\s+from [^]*?End it/);
  await press(tab, FOUND, "Take this back");
  await tab.type(`${FOUND} .next .next .next input`, "not meant");
  await tab.keyboard.press("Enter");
  await recordIt(tab, `${FOUND} .next .next .next .next`);
  await says(tab, `${FOUND} .history`, /Provider suspended \(taken back\)/);
  await says(tab, `${FOUND} .about`, /^(?![^]*Suspended)/);
  check(refusals.length === 0, `refused: ${refusals}`);
  await sound();
  await tab.close();
}

export async function registerAProviderAndChangeIt(place) {
  const { tab, refusals, sound } = await openDesk(place, place.tokens.certifier);
  await press(tab, "#registrar-part", "Register a provider");
  await fill(tab, "act-new-provider", { legalName: "Cypress Day Center", facilityType: "FACILITY_TYPE_DAY_TREATMENT", npi: "2000000011", providerId: "cypress-day" });
  await press(tab, "#registrar-part", "See what this changes");
  await says(tab, "#act-new-provider-npi-fault", /^Not an NPI: ten digits/);
  check(refusals.splice(0).length === 1, "a number with a wrong digit is refused");
  await tab.$eval("#act-new-provider-npi", (input) => (input.value = ""));
  await fill(tab, "act-new-provider", { medicaidId: "00990071, 00990072" });
  await press(tab, "#registrar-part", "See what this changes");
  await recordIt(tab, "#registrar-part");
  await says(tab, `${FOUND} .about`, /Id\s+cypress-day\s+Type\s+Partial hospitalization\/day treatment facility\s+Numbers\s+Medicaid id 00990071, Medicaid id 00990072\s+Qualified\s+Not today/);
  await press(tab, FOUND, "Act");
  await shown(tab, `${FOUND} .choice`);
  await tab.select(`${FOUND} .choice select`, "4");
  check((await tab.$eval("#act-provider-medicaidId", (input) => input.value)) === "00990071, 00990072", "what it has now is there");
  await fill(tab, "act-provider", { county: "Hinds" });
  await press(tab, FOUND, "See what this changes");
  await recordIt(tab, FOUND);
  await says(tab, `${FOUND} .about`, /Type\s+Partial hospitalization\/day treatment facility\s+County\s+Hinds\s+Numbers\s+Medicaid id 00990071, Medicaid id 00990072/);
  await says(tab, `${FOUND} .history`, /Provider updated\s+Cypress Day Center, [^]*, in Hinds/);
  for (const place of ["#found-providers .next", "#registrar-part .card > .next"]) {
    await takeItBack(tab, place);
  }
  await says(tab, FOUND, /^$/);
  check(refusals.length === 0, `refused: ${refusals}`);
  await sound();
  await tab.close();
}

// A registration that somebody else changed while the form was open is shown as it is now, before anything is recorded.
export async function changeARegistrationThatSomebodyElseChanges(place) {
  const { tab, refusals, sound } = await openDesk(place, place.tokens.certifier);
  const ask = (method, message) => call(tab, place.tokens.certifier, method, message);
  const now = async () => (await ask("ProviderService/GetProvider", { providerId: CENTER })).provider;
  const before = await now();
  const { legalName, facilityType, identifiers } = before;
  const changeTo = (county) => ask("ProviderService/UpdateProvider", { requestId: crypto.randomUUID(), providerId: CENTER, legalName, facilityType, identifiers, county });
  await find(tab, CENTER);
  await press(tab, FOUND, "Act");
  await shown(tab, `${FOUND} .choice`);
  await tab.select(`${FOUND} .choice select`, "4");
  await tab.focus("#act-provider-legalName");
  await tab.keyboard.press("End");
  await tab.keyboard.type(" East");
  const { factId } = await changeTo("Panola");
  await press(tab, FOUND, "See what this changes");
  const isSaid = (county, outcome = "") => says(tab, `${FOUND} .next .trouble`, new RegExp(`^${outcome}Since you opened this form, what is on record has changed\\.[^]*Legal name\\s+${legalName}\\s+Type of facility\\s+Community mental health center\\s+County\\s+${county}\\s+NPI`));
  await isSaid("Panola");
  await says(tab, `${FOUND} .about`, /County\s+Panola/);
  const typedIn = (name) => tab.$eval(`#act-provider-${name}`, (input) => input.value);
  check((await typedIn("county")) === "Panola" && (await typedIn("legalName")) === `${legalName} East`, "what was not typed is as it is now, and what was typed stays");
  await press(tab, FOUND, "See what this changes");
  await says(tab, `${FOUND} .next h2`, /^Change the registration: nothing is recorded yet$/);
  const again = await changeTo("Tunica");
  await press(tab, FOUND, "Record this");
  await isSaid("Tunica", "Nothing was recorded\\.\\s+");
  check((await now()).county === "Tunica", "what somebody else recorded stays");
  await press(tab, FOUND, "See what this changes");
  await says(tab, `${FOUND} .next .about`, /County\s+Tunica/);
  await recordIt(tab, FOUND);
  const after = await now();
  check(after.county === "Tunica" && after.legalName === `${legalName} East`, JSON.stringify(after));
  // The provider is named as it is called now.
  await tab.waitForSelector(`${FOUND} [aria-label="Act on ${legalName} East"]`, { timeout: 15_000 });
  await takeItBack(tab, `${FOUND} .next`);
  for (const it of [again.factId, factId]) await ask("RecordService/RetractFact", { requestId: crypto.randomUUID(), factId: it, reason: "a test" });
  check((await now()).county === before.county, "everything is as it was");
  check(refusals.length === 0, `refused: ${refusals}`);
  await sound();
  await tab.close();
}

// Every provider is offered, however many there are, and those who were listed before a page of them is refused.
export async function offerEveryProvider({ browser, url, tokens }) {
  const inPages = (last) => {
    const real = fetch;
    globalThis.listed = 0;
    globalThis.fetch = (path, options) => {
      if (!/ListProviders/.test(path)) return real(path, options);
      listed++;
      if (listed > last) return Promise.resolve(new Response('{"code":"unavailable","message":"a test"}', { status: 503 }));
      return real(path, { ...options, body: JSON.stringify({ ...JSON.parse(options.body), pageSize: 4 }) });
    };
  };
  for (const [last, expected] of [[3, 9], [2, 8]]) {
    const { tab, sound } = await open(browser, url, { script: `(${inPages})(${last})` });
    await signIn(tab, tokens.registrar);
    await tab.waitForFunction(() => globalThis.listed === 3, { timeout: 15_000 });
    await tab.waitForNetworkIdle({ idleTime: 300 });
    const offered = await tab.$$eval("#providers option", (options) => options.length);
    check(offered === expected, `${offered} of ${expected} providers are offered`);
    check((await tab.evaluate(() => listed)) === 3, "there are three pages");
    await goTo(tab, "registrar");
    await sound();
    await tab.close();
  }
}

// What is in effect for a provider is as of the registry's today, whatever the clock of the computer says.
export async function seeAProviderWithAWrongClock(place) {
  const script = "{ const real = Date.now; Date.now = () => real() + 3650 * 86_400_000; }";
  const { tab, sound } = await openDesk(place, place.tokens.certifier, undefined, { script });
  await find(tab, CENTER);
  await says(tab, `${FOUND} .about`, /Qualified\s+DMH certified, from \w+ \d+, \d{4} on, certificate to /);
  await sound();
  await tab.close();
}

// A certificate that is over does not lack a renewal that begins later.
export async function seeARenewalThatBeginsLater(place) {
  const { tab, sound } = await openDesk(place, place.tokens.certifier);
  await find(tab, "region-5-cmhc");
  await says(tab, `${FOUND} .about`, /and no renewal is on record/);
  await press(tab, FOUND, "Act");
  await shown(tab, `${FOUND} .choice`);
  await fill(tab, "act-provider", { basis: "QUALIFICATION_BASIS_DMH_CERTIFIED", firstDay: typed(5), validThrough: typed(500) });
  await press(tab, FOUND, "See what this changes");
  await recordIt(tab, FOUND);
  await says(tab, `${FOUND} .about`, /^(?![^]*no renewal is on record)[^]*certificate expired on \w+ \d+, \d{4}/);
  await takeItBack(tab, `${FOUND} .next`);
  await sound();
  await tab.close();
}

// Another provider that is shown stays while a registration is taken back.
export async function takeARegistrationBack(place) {
  const { tab, sound } = await openDesk(place, place.tokens.certifier);
  await press(tab, "#registrar-part", "Register a provider");
  await fill(tab, "act-new-provider", { legalName: "Willow Day Center", facilityType: "FACILITY_TYPE_DAY_TREATMENT", providerId: "willow-day" });
  await press(tab, "#registrar-part", "See what this changes");
  await recordIt(tab, "#registrar-part");
  await says(tab, `${FOUND} h2`, /^Willow Day Center$/);
  await find(tab, CENTER);
  await takeItBack(tab, "#registrar-part .card > .next");
  await says(tab, `${FOUND} h2`, /^Tallow Creek /);
  await sound();
  await tab.close();
}

export async function endAQualificationByKeyboardAlone(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar, "providers");
  const focused = () => tab.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
  await tabTo(tab, focused, "find-provider-text");
  await tab.keyboard.type("tallow");
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => document.activeElement.textContent === "Tallow Creek Community Mental Health Center");
  await tabTo(tab, focused, "End it");
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => document.activeElement.type === "date");
  await sound();
  await tab.close();
}

export async function seeProvidersAsAnAuditor(place) {
  const { tab, refusals, sound } = await openDesk(place, place.tokens.auditor, "providers");
  await find(tab, CENTER);
  check(!/End it|Take back/.test(await text(tab, FOUND)), "an auditor records nothing");
  await find(tab, "region-5-cmhc");
  await says(tab, `${FOUND} .about`, /Qualified\s+DMH certified, from [^]*, certificate expired on \w+ \d+, \d{4}, and no renewal is on record/);
  await find(tab, "piney");
  await says(tab, `${FOUND} .about`, /Qualified\s+Not today\. A job here does not count as employment\./);
  await tab.$eval("#find-provider", (it) => it.reset());
  await fill(tab, "find-provider", { text: "zzq" });
  await press(tab, "#registrar-part", "Find");
  await says(tab, `${FOUND} h2`, /^No provider on file matches\.$/);
  check(refusals.length === 0, `refused: ${refusals}`);
  await sound();
  await tab.close();
}

export async function lookAtProviders(place) {
  for (const [name, options] of [["desktop", {}], ["phone", { size: "phone" }], ["dark", { dark: true }]]) {
    const { tab, sound } = await openDesk(place, place.tokens.registrar, "providers", options);
    const seen = async (state) => {
      await fits(tab, `${name}, ${state}`);
      await barriers(tab, place.axe);
      await tab.screenshot({ path: `${place.pictures}/${name}-desk-${state}.png`, fullPage: true });
    };
    await press(tab, "#registrar-part", "Find");
    await shown(tab, `${FOUND} h2`);
    await seen("providers");
    await find(tab, CENTER);
    await endQualification(tab, 30);
    await shown(tab, `${FOUND} .affected`);
    await seen("provider");
    await sound();
    await tab.close();
  }
}
