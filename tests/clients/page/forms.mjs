// What the page says of what is typed into its forms, and of what is on record.

import { check, fill, fits, goTo, lookUp, open, press, says, shown, signIn, text, typed } from "./browser.mjs";
import { act, find, openDesk, recordIt } from "./desk.mjs";

// A fault says what to type instead, in the words of the form that has it.
export async function sayWhatToType(place) {
  const { tab, refusals, sound } = await openDesk(place, place.tokens.registrar, "application");
  const at = (name) => `application-${name}`;
  await fill(tab, "application", { specialistId: "CPS-28MS-MN2K-Z", [at("appliedOn")]: typed(-20), effectiveFrom: typed(0), [at("references")]: "2.5", [at("experienceHours")]: "1,200" });
  await press(tab, "#registrar-part", "Evaluate");
  await says(tab, "#application-application-references-fault", /^Enter a whole number, such as 2\.$/);
  check(refusals.length === 0, "nothing is sent");
  await tab.$eval("#application-application-references", (input) => (input.value = "2"));
  await press(tab, "#registrar-part", "Evaluate");
  await says(tab, "#application-specialistId-fault", /^No such person is on file\. Enter the person's id, which begins with SP-\. It stands under “People”\.$/);
  check((await text(tab, "#application-application-experienceHours-fault")) === "", "a number may have commas");
  await sound();
  await tab.close();

  const hr = await open(place.browser, place.url);
  await signIn(hr.tab, place.tokens.provider);
  await goTo(hr.tab, "report");
  await hr.tab.click("input[value=ended]");
  await fill(hr.tab, "report-form", { person: "CPS-MVPW-5AAR-J", lastDay: typed(-3), reason: "EMPLOYMENT_END_REASON_RESIGNED" });
  await hr.tab.click("#report-form .primary");
  await says(hr.tab, "#report-form-person-fault", /^No open job of the person with this number is on file, or you may not see it\. Check the number\. A provider reports on its own staff alone\.$/);
  await hr.tab.$eval("#report-form-person", (input) => (input.value = "EM-0000-0000-0"));
  await hr.tab.click("#report-form .primary");
  await says(hr.tab, "#report-form-person-fault", /EM-/);
  await hr.sound();
  await hr.tab.close();
}

// What no name, number or day can be is a fault of its input, before anything is sent.
export async function sayWhatNothingCanBe({ browser, url, tokens }) {
  const { tab, requests, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  await shown(tab, "#question");
  const paste = (id, text) => tab.$eval(id, (input, text) => (input.value = text), text);
  await paste("#number", "9".repeat(200_000));
  await tab.click("#question .primary");
  await says(tab, "#number-fault", /^This is too long\. Enter at most 200 characters\.$/);
  await tab.click("#clear");
  await tab.click("input[value=holder]");
  await tab.type("#family", "ONeal");
  await tab.type("#birth", "02301971");
  await tab.click("#more summary");
  await tab.type("#day", "01011850");
  await tab.click("#question .primary");
  await says(tab, "#birth-fault", /^Enter a day that exists, with month, day and year\.$/);
  await says(tab, "#day-fault", /^Enter a day in the years 1900 to 2200\.$/);
  check(requests.every((request) => !/VerifyCredential/.test(request)), "nothing is sent");
  await tab.click("#clear");
  await tab.click("input[value=number]");
  await lookUp(tab, "9".repeat(120));
  await says(tab, "#verdict", /^No\.$/);
  await fits(tab, "a long number");

  // A form that takes any text says what the registry says of its length.
  await goTo(tab, "registrar");
  await shown(tab, "#registrar-part form");
  await paste("#find-familyName", "a".repeat(200_000));
  await press(tab, "#registrar-part", "Find");
  await says(tab, "#registrar-part .trouble", /^What you entered is too long for the registry\. Shorten it\./);
  await sound();
  await tab.close();
}

// What is asked beside the number is seen while the part of it is closed.
export async function seeWhatIsSetInTheClosedPart({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  await shown(tab, "#question");
  await tab.click("#more summary");
  await tab.type("#day", "05202026");
  await tab.type("#provider", "region-2-cmhc");
  await tab.click("#designations input[value=DESIGNATION_YOUNG_ADULT]");
  await tab.click("#more summary");
  await says(tab, "#more-set", /^Set: May 20, 2026, region-2-cmhc, Young Adult$/);
  check(await tab.$eval("#more-set", (part) => part.checkVisibility()), "it is seen");
  await lookUp(tab, "CPS-28MS-MN2K-Z");
  check((await text(tab, "#more-set")) === "", "the form was cleared before the number was typed");
  await sound();
  await tab.close();
}

// A history has the words of the forms. A period that was ended says so.
export async function endASuspension(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { familyName: "oneal" });
  await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_EXTERNAL_ORDER", firstDay: typed(-30) });
  await recordIt(tab, "#found");
  const isKnown = (standing) => says(tab, "#found .person > div:first-child .about", new RegExp(`CPS-28MS-MN2K-Z: ${standing}, term to `));
  await isKnown("suspended");
  await press(tab, "#found", "History");
  await says(tab, "#found .history thead", /What to do/);
  const row = () => tab.$eval("#found .history tbody tr:nth-child(1)", (row) => row.innerText);
  check(/^[\s\S]*Suspended\s+Order from outside DMH \(not discipline\), from \w+ \d+, \d{4} on[\s\S]*End it/.test(await row()), await row());
  await tab.evaluate(() => [...document.querySelectorAll("#found .history tbody tr:nth-child(1) button")].find((it) => it.textContent === "End it").click());
  const [day] = await tab.$$("#found .opened input");
  await day.type(typed(-29));
  await (await tab.$$("#found .opened input")).at(-1).type("a test");
  await tab.keyboard.press("Enter");
  await says(tab, "#found .opened h2", /^End it: nothing is recorded yet$/);
  await recordIt(tab, "#found .opened");
  await says(tab, "#found .history", /Suspended\s+Order from outside DMH \(not discipline\), from \w+ \d+, \d{4} to \w+ \d+, \d{4}[\s\S]*Change the end/);
  const whole = await text(tab, "#found .history");
  check(/Credential issued\s+after an evaluation of the application|Credential issued\s+from the records of an agency/.test(whole), whole);
  check(!/Mistake|Prior number|Fact retracted|ce audit|external order|evaluated/.test(whole), whole);
  // Everything is as it was.
  await press(tab, "#found .opened", "Take this back");
  await (await tab.$$("#found .opened .next .next input")).at(-1).type("a test");
  await tab.keyboard.press("Enter");
  await recordIt(tab, "#found .opened .next .next .next .next");
  await isKnown("suspended");
  await press(tab, "#found", "History");
  await says(tab, "#found .history", /Suspended[\s\S]*End it/);
  await tab.evaluate(() => {
    const row = [...document.querySelectorAll("#found .history tbody tr")].find((it) => /Suspended/.test(it.innerText) && /End it/.test(it.innerText));
    [...row.querySelectorAll("button")].find((it) => it.textContent === "Take back").click();
  });
  await tab.type("#found .opened input", "a test");
  await tab.keyboard.press("Enter");
  await recordIt(tab, "#found .opened");
  await isKnown("current");
  await sound();
  await tab.close();
}

// The browser asks before it closes or loads the page again, but only while something would be lost.
export async function warnBeforeWhatWasTypedIsLost(place) {
  const { tab, faults, sound } = await openDesk(place, place.tokens.registrar);
  const wouldAsk = () => tab.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
  const expect = async (expected, when) => check((await wouldAsk()) === expected, `${when}: ${expected ? "nothing" : "something"} is asked`);
  await expect(false, "at the beginning");
  await tab.type("#find-familyName", "oneal");
  await expect(true, "a name that was not sent");
  const asked = new Promise((resolve) => tab.once("dialog", (dialog) => resolve(dialog.type())));
  await tab.evaluate(() => void setTimeout(() => location.reload()));
  check((await asked) === "beforeunload", "the browser asks");
  faults.splice(0, faults.length, ...faults.filter((fault) => !/^a dialog/.test(fault)));
  await press(tab, "#registrar-part", "Find");
  await says(tab, "#found h2", /^1 on file$/);
  await expect(false, "a name that was sent");

  // A part of the desk that is kept while another one is shown.
  await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_EXTERNAL_ORDER" });
  await expect(false, "nothing but a choice");
  await tab.type("#found form [type=date]", typed(-30));
  await tab.click("input[value=statistics]");
  await shown(tab, "#registrar-part svg");
  await expect(true, "a form that is kept");
  await tab.click("input[value=people]");
  await press(tab, "#found", "See what this changes");
  await says(tab, "#found .next h2", /^Suspend: nothing is recorded yet$/);
  await expect(true, "a dry run");
  await press(tab, "#found", "Do not record it");
  await expect(false, "a dry run that was given up");
  await press(tab, "#found", "See what this changes");
  await recordIt(tab, "#found");
  await expect(false, "a record");
  await press(tab, "#found", "Take this back");
  await tab.type("#found .next .next input", "a test");
  await expect(true, "a reason");
  await tab.keyboard.press("Enter");
  await recordIt(tab, "#found .next .next .next .next");
  await expect(false, "the record of taking it back");

  // What was not taken is as good as not sent.
  await goTo(tab, "look-up");
  await tab.click("input[value=holder]");
  await tab.type("#family", "ONeal");
  await tab.click("#question .primary");
  await says(tab, "#birth-fault", /Enter the whole birth date/);
  await expect(true, "a question with a fault");
  await tab.click("#leave");
  await shown(tab, "#sign-in");
  await expect(false, "signed out");
  await sound();
  await tab.close();
}

// What was typed beside the number is not passed over in silence.
export async function sayWhatWasNotCompared(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { credentialNumber: "CPS-28MS-MN2K-Z", familyName: "vance" });
  await says(tab, "#found .then", /^Found by the credential number alone\. The rest of what you typed was not compared: Family name vance\. Check that this is the person you mean\.$/);
  await tab.$eval("#find-familyName", (input) => (input.value = ""));
  await press(tab, "#registrar-part", "Find");
  await tab.waitForFunction(() => document.querySelector("#found h2") && !document.querySelector("#found .then"));
  await sound();
  await tab.close();
}
