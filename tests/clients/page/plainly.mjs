// What the page says without the words of rules.

import { fill, goTo, open, press, says, signIn, typed } from "./browser.mjs";
import { act, find, openDesk } from "./desk.mjs";

const HELD = "CPS-28MS-MN2K-Z";
const LOST = "CPS-F1VP-N7DH-M";

// A refusal says what is so, and what to do.
export async function refuseInPlainWords(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  const refused = async (number, name, values, expected) => {
    await tab.$eval("#find", (form) => form.reset());
    await find(tab, { credentialNumber: number });
    await act(tab, name, values);
    await says(tab, "#found .trouble", expected);
  };
  await refused(LOST, "Reinstate", { effectiveFrom: typed(0) }, /^The person has no job on \w+ \d+, \d{4} that counts: one with a provider in the state mental health system that is not suspended\. Without one the credential does not come back\. Have the job reported first, or enter a day on which there is one\.$/);
  await refused(LOST, "Suspend", { basis: "SUSPENSION_BASIS_CE_AUDIT", firstDay: typed(0) }, /^The credential is not held on \w+ \d+, \d{4}: it is lost, or its term is over\. Enter a day on which it is held\./);
  await refused(HELD, "Suspend", { basis: "SUSPENSION_BASIS_CE_AUDIT", firstDay: "01012001" }, /^The credential begins on \w+ \d+, \d{4}\. Enter that day or a later one\.$/);
  await refused(HELD, "Renew", { continuingEducationHours: "1" }, /^A renewal takes \d+ hours of continuing education in the whole term that ends, and you entered 1\. Check the hours\./);
  await sound();
  await tab.close();

  const certifier = await openDesk(place, place.tokens.certifier);
  await press(certifier.tab, "#registrar-part", "Register a provider");
  const made = { legalName: "Elm Center", facilityType: "FACILITY_TYPE_OUTPATIENT", providerId: "region-1-cmhc" };
  await fill(certifier.tab, "act-new-provider", made);
  await press(certifier.tab, "#registrar-part", "See what this changes");
  await says(certifier.tab, "#registrar-part .trouble", /^A provider with this id is on file already\. Enter another id, or none: then the registry chooses one\.$/);
  await fill(certifier.tab, "act-new-provider", { providerId: "-new", npi: "2000000010" });
  await press(certifier.tab, "#registrar-part", "See what this changes");
  await says(certifier.tab, "#registrar-part .trouble", /^Another provider has this NPI or Medicaid id\./);
  await certifier.sound();
  await certifier.tab.close();

  const hr = await open(place.browser, place.url);
  await signIn(hr.tab, place.tokens.provider);
  await goTo(hr.tab, "report");
  await fill(hr.tab, "report-form", { person: "CPS-HCRD-5E1W-A", familyName: "Whitfield-Amos", birthDate: "08171993", firstDay: typed(-60) });
  await hr.tab.click("#report-form .primary");
  await says(hr.tab, "#report-outcome", /It is too late for a provider to report about \w+ \d+, \d{4}\. Ask the registrar at DMH to record it\./);
  await hr.sound();
  await hr.tab.close();
}
