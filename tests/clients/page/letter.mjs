// The code in the verification letter: read from a picture of it by another implementation, and checked by the program.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { SIZES, check, goTo, lookUp, open, says, shown, signIn, text } from "./browser.mjs";

const READER = createRequire(import.meta.url).resolve("jsqr/dist/jsQR.js");

// The text of the code in a picture. It is read in a tab of its own, which has nothing of the page.
async function read(browser, picture) {
  const tab = await browser.newPage();
  await tab.addScriptTag({ path: READER });
  const text = await tab.evaluate(async (picture) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    return jsQR(data, image.width, image.height)?.data;
  }, picture);
  await tab.close();
  return text;
}

export async function checkTheCodeOfALetter({ browser, url, tokens, pictures, scratch, binary }) {
  const { tab, sound } = await open(browser, url, { size: "print" });
  const keys = path.join(scratch, "jwks.json");
  fs.writeFileSync(keys, await tab.evaluate(async () => (await fetch("/.well-known/jwks.json")).text()));
  const lengths = [];
  await signIn(tab, tokens.registrar);
  for (const [number, verdict] of [["CPS-28MS-MN2K-Z", "CONFIRMED"], ["CPS-F1VP-N7DH-M", "NOT_CONFIRMED"], ["CPS-0000-0000-0", "NOT_CONFIRMED"]]) {
    await lookUp(tab, number);
    await tab.click("#open-letter");
    await shown(tab, "#letter .qr");
    await says(tab, "#proof", /cpss-registry verify-answer answer\.txt[\s\S]*and not who shows the letter/);
    await tab.emulateMediaType("print");
    const picture = await (await tab.$("#letter .qr")).screenshot({ path: `${pictures}/code-${number}.png`, encoding: "binary" });
    // It is read from a picture of a screen, too: with 96 dots per inch.
    await tab.setViewport({ width: 1100, height: 1400, deviceScaleFactor: 1 });
    const small = await (await tab.$("#letter .qr")).screenshot({ encoding: "binary" });
    await tab.setViewport(SIZES.print);
    await tab.emulateMediaType(null);
    const statement = await read(browser, Buffer.from(picture).toString("base64"));
    check(statement, `the code of ${number} cannot be read`);
    check((await read(browser, Buffer.from(small).toString("base64"))) === statement, `the code of ${number} cannot be read from a screen`);
    const { width, modules } = await tab.$eval("#letter .qr", (code) => ({ width: code.getBoundingClientRect().width, modules: code.viewBox.baseVal.width }));
    lengths.push(`${statement.length} characters, ${modules} modules, ${((width / 96) * 25.4).toFixed(0)} mm`);
    const file = path.join(scratch, "answer.txt");
    fs.writeFileSync(file, statement);
    const said = JSON.parse(execFileSync(binary, ["verify-answer", file, "--jwks", keys, "--json"], { encoding: "utf8" }));
    check(JSON.stringify(said).includes(verdict) && JSON.stringify(said).includes(number), `${number}: ${JSON.stringify(said)}`);
    const at = statement.length - 20;
    fs.writeFileSync(file, `${statement.slice(0, at)}${statement[at] === "e" ? "f" : "e"}${statement.slice(at + 1)}`);
    let refused = false;
    try {
      execFileSync(binary, ["verify-answer", file, "--jwks", keys], { stdio: "pipe" });
    } catch {
      refused = true;
    }
    check(refused, "a changed statement is refused");
    await tab.click("#letter .quiet");
  }
  console.log(`page: codes of letters: ${lengths.join("; ")}`);
  await sound();
  await tab.close();
}

// A statement that no code can hold is named in words.
export async function nameACodeThatIsTooLong({ browser, url, tokens }) {
  const script = () => {
    const real = fetch;
    globalThis.fetch = async (...asked) => {
      const response = await real(...asked);
      if (!String(asked[0]).endsWith("/VerifyCredential")) return response;
      const noise = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(2300))));
      const payload = noise.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
      return Response.json({ ...(await response.json()), signedAnswer: `e30.${payload}.AAAA` });
    };
  };
  const { tab, sound } = await open(browser, url, { script });
  await signIn(tab, tokens.auditor);
  await lookUp(tab, "CPS-28MS-MN2K-Z");
  await tab.click("#open-letter");
  await says(tab, "#proof", /^The signed answer has 3\d\d\d characters, which is more than a QR code can hold\. The command line writes it/);
  check((await tab.$$("#letter .qr")).length === 0, "nothing is drawn");
  await sound();
  await tab.close();
}

export async function closeTheLetterInAnotherSection({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  await lookUp(tab, "CPS-28MS-MN2K-Z");
  await tab.click("#open-letter");
  await shown(tab, "#letter");
  await goTo(tab, "roster");
  check(!(await tab.$eval("#letter", (part) => part.checkVisibility())), "the letter of one person is not under a list");
  check((await text(tab, "#said")) === "", "nothing is said of another section");
  await sound();
  await tab.close();
}

// The letter is closed by Escape, by the way back in the browser, and by its button: the answer stays.
export async function closeTheLetterInEveryWay({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.auditor);
  await lookUp(tab, "CPS-28MS-MN2K-Z");
  for (const close of [() => tab.keyboard.press("Escape"), () => tab.goBack(), () => tab.click("#letter .quiet")]) {
    await tab.click("#open-letter");
    await shown(tab, "#letter");
    await tab.waitForFunction(() => location.hash === "#/look-up/letter");
    check(await tab.evaluate(() => document.activeElement.id === "letter-heading"), "the letter has the focus");
    await close();
    await tab.waitForSelector("#letter[hidden]");
    await tab.waitForFunction(() => location.hash === "");
    check(await tab.evaluate(() => document.activeElement.id === "open-letter"), "the focus is where it was");
    await says(tab, "#verdict", /^Yes\.$/);
  }
  await sound();
  await tab.close();
}

// The letter has the time of the answer, however late it is opened.
export async function printWhenItWasAsked({ browser, url, tokens }) {
  const script = () => {
    const real = Date.now;
    globalThis.later = 0;
    Date.now = () => real() + globalThis.later;
  };
  const { tab, sound } = await open(browser, url, { script });
  await signIn(tab, tokens.registrar);
  const now = () => tab.evaluate(async () => (await import("/page/dates.js")).momentInWords(Date.now()));
  const before = await now();
  await lookUp(tab, "CPS-28MS-MN2K-Z");
  const times = [before, await now()];
  await tab.evaluate(() => (globalThis.later = 10 * 60_000));
  await tab.click("#open-letter");
  await shown(tab, "#letter");
  const asked = await tab.$$eval("#letter dl div", (rows) => rows.find((row) => row.querySelector("dt").textContent === "Asked").querySelector("dd").textContent);
  check(times.includes(asked), `asked ${asked}, and not ${times}`);
  await sound();
  await tab.close();
}
