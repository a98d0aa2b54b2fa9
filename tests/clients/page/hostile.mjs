// What must not work: markup in names, pages of other sites, and tokens that are not valid.

import http from "node:http";

import { call, check, fill, goTo, lookUp, open, press, says, shown, signIn, text } from "./browser.mjs";

const MARKUP = "<img src=x onerror=alert(1)>";
const SCRIPT = "</p><script>alert(2)</script>";

export async function showMarkupAsText({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  const number = "CPS-HCRD-5E1W-A";
  const asked = await call(tab, tokens.registrar, "VerificationService/VerifyCredential", { item: { credentialNumber: number } });
  const { specialistId } = asked.verification.credential;
  const name = { givenName: MARKUP, familyName: SCRIPT };
  await call(tab, tokens.registrar, "CredentialService/ChangeSpecialistName", { requestId: crypto.randomUUID(), specialistId, name });
  const job = { requestId: crypto.randomUUID(), specialistId, providerId: "region-1-cmhc", position: MARKUP + SCRIPT, firstDay: { year: 2025, month: 1, day: 2 } };
  await call(tab, tokens.registrar, "EmploymentService/ReportEmploymentStart", job);
  await signIn(tab, tokens.registrar);
  await lookUp(tab, number);
  await shown(tab, "#timeline svg");
  check((await text(tab, "#answer")).includes(`${MARKUP} ${SCRIPT}`), "the name is shown as it is");
  check((await tab.$eval("#timeline", (part) => part.textContent)).includes(MARKUP + SCRIPT), "the position is shown as it is");
  await tab.click("#open-letter");
  await shown(tab, "#letter");
  check((await text(tab, "#letter")).includes(`${MARKUP} ${SCRIPT}`), "the letter shows it too");
  const made = await tab.$$eval("main img, main script", (found) => found.length);
  check(made === 0, `${made} elements were made of a name`);
  await lookUp(tab, MARKUP);
  await says(tab, "#answer", /No such credential is on file/);
  check((await tab.$$("main img")).length === 0, "an element was made of what was typed");
  await goTo(tab, "registrar");
  await fill(tab, "find", { familyName: "pscript" });
  await press(tab, "#registrar-part", "Find");
  await says(tab, "#found h3", /^<img src=x onerror=alert\(1\)> <\/p><script>/);
  await press(tab, "#found", "Act");
  const form = await tab.$eval("#found form", (it) => it.id);
  await fill(tab, form, { continuingEducationHours: "20" });
  await press(tab, "#found", "See what this changes");
  await says(tab, "#found .affected", /^<img src=x onerror=alert\(1\)>/);
  await press(tab, "#found", "History");
  await says(tab, "#found .history", /Name changed\s+<img src=x onerror=alert\(1\)>/);
  check((await tab.$$("main img, main script")).length === 0, "an element was made at the desk");
  await sound();
  await tab.close();
}

export async function refuseInvalidTokens({ browser, url, tokens }) {
  for (const [token, why] of [
    [tokens.expired, /the token has expired: ask the operator/],
    ["cpss_00000000000000000000000000000000", /the token does not belong to a client/],
  ]) {
    const { tab, refusals, sound } = await open(browser, url);
    await signIn(tab, token);
    await says(tab, "#sign-in-fault", why);
    check(await tab.$eval("#desk", (desk) => desk.hidden), "there is nothing to ask with");
    check(refusals.length === 1, `refused: ${refusals}`);
    await signIn(tab, tokens.auditor);
    await lookUp(tab, "CPS-28MS-MN2K-Z");
    await says(tab, "#verdict", /^Yes\.$/);
    await sound();
    await tab.close();
  }
  const { tab, sound } = await open(browser, url);
  await signIn(tab, "two words");
  await says(tab, "#sign-in-fault", /without blanks/);
  await sound();
  await tab.close();
}

// A token that expires while its page is open: the question stays, and the answer goes. What was typed at the desk goes, too,
// and that is said.
export async function askAgainWhenTheTokenExpires({ browser, url, tokens, expire }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.brief);
  await goTo(tab, "registrar");
  await shown(tab, "#find");
  await tab.type("#find-familyName", "oneal");
  await goTo(tab, "look-up");
  await lookUp(tab, "CPS-28MS-MN2K-Z");
  await expire();
  await tab.click("#question .primary");
  await shown(tab, "#sign-in");
  await says(tab, "#sign-in-fault", /the token has expired[^]*What you typed at the desk is forgotten, so that the next person at this computer does not see it\. Enter it again\.$/);
  check((await tab.$("#find")) === null, "the desk is empty");
  check((await tab.$eval("#answer", (answer) => answer.textContent)) === "", "the answer is gone");
  await signIn(tab, tokens.auditor);
  await shown(tab, "#question");
  await tab.click("#question .primary");
  await says(tab, "#verdict", /^Yes\.$/);
  // Where nothing was typed, nothing is said of it.
  await tab.evaluate(() => {
    const real = fetch;
    globalThis.fetch = (path, options) => real(path, { ...options, headers: { ...options.headers, authorization: "Bearer unknown" } });
  });
  await tab.click("#question .primary");
  await says(tab, "#sign-in-fault", /^The registry does not know you: [^.]*\.$/);
  await sound();
  await tab.close();
}

// A page of another origin that frames the registry, and sends a form to it.
const FOREIGN = (url) => `<!DOCTYPE html><body><iframe id="frame" src="${url}/"></iframe>
  <form id="form" method="post" enctype="text/plain" action="${url}/ms.dmh.credential.v1.VerificationService/VerifyCredential">
  <input name='{"item":{"credentialNumber":"CPS-28MS-MN2K-Z' value='"}}'></form></body>`;

export async function giveOtherSitesNothing({ browser, url }) {
  const server = http.createServer((_, response) => response.setHeader("content-type", "text/html").end(FOREIGN(url)));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const tab = await browser.newPage();
  try {
    const refused = new Promise((resolve) => {
      tab.on("console", (message) => message.text().includes("frame-ancestors") && resolve(message.text()));
    });
    await tab.goto(`http://127.0.0.1:${server.address().port}/`);
    const frame = await (await tab.$("#frame")).contentFrame();
    check((await Promise.race([refused, new Promise((resolve) => setTimeout(resolve, 10_000))])) !== undefined, "the frame is refused");
    check(!(await frame.content()).includes("Is this credential good"), "the framed page shows nothing");
    const [response] = await Promise.all([tab.waitForNavigation(), tab.$eval("#form", (form) => form.submit())]);
    check(response.status() === 403, `the form got ${response.status()}`);
    check(!/verdict/i.test(await response.text()), "the form got an answer");
  } finally {
    await tab.close();
    server.close();
    server.closeAllConnections();
  }
}
