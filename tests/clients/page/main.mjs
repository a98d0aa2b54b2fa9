// Runs every story of the page, one after the other.
//
//     node main.mjs DIRECTORY URL OPS PICTURES BINARY [PART...]
//
// DIRECTORY has what `init` wrote for the clients, and the registry's own server.crt. OPS is the URL of the ops port.
// BINARY is the program. With a PART, only the stories run whose names have it.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { launch } from "./browser.mjs";
import * as forms from "./forms.mjs";
import * as hostile from "./hostile.mjs";
import * as late from "./late.mjs";
import * as letter from "./letter.mjs";
import * as looks from "./looks.mjs";
import * as openly from "./openly.mjs";
import * as plainly from "./plainly.mjs";
import * as providers from "./providers.mjs";
import * as registrar from "./registrar.mjs";
import * as report from "./report.mjs";
import * as roster from "./roster.mjs";
import * as status from "./status.mjs";
import * as unknown from "./unknown.mjs";
import * as use from "./use.mjs";

const [directory, url, ops, pictures, binary, ...parts] = process.argv.slice(2);
const scratch = fs.mkdtempSync(path.join(directory, "scratch-"));
const token = (name) => fs.readFileSync(path.join(directory, `${name}.token`), "utf8").trim();
const tokens = {
  registrar: token("registrar-desk"),
  payer: token("payer-desk"),
  auditor: token("auditor-desk"),
  certifier: token("certifier-desk"),
  operator: token("operator-desk"),
  provider: token("hr"),
  expired: token("expired"),
  brief: token("brief"),
};

// Lets the token of `brief` expire, and waits until the registry has read its list of clients again.
async function expire() {
  const list = path.join(directory, "clients.toml");
  const rows = fs.readFileSync(list, "utf8").split("[[client]]");
  const brief = rows.map((row) => (row.includes('name = "brief"') ? row.replace(/^expires = .*$/m, "expires = 2026-01-01T00:00:00Z") : row));
  fs.writeFileSync(list, brief.join("[[client]]"));
  await new Promise((resolve) => setTimeout(resolve, 3000));
}
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const browser = await launch(directory);
try {
  const place = { browser, url, ops, tokens, axe, pictures, expire, directory, scratch, binary };
  const stories = [use, openly, letter, forms, roster, report, registrar, providers, plainly, late, unknown, looks, status, hostile].flatMap((stories) => Object.values(stories));
  for (const story of stories.filter(({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)))) {
    const begun = Date.now();
    await story(place).catch(async (error) => {
      const tab = (await browser.pages()).at(-1);
      await tab.screenshot({ path: path.join(pictures, "failed.png"), fullPage: true }).catch(() => {});
      throw new Error(`${story.name}: ${error.message}`, { cause: error });
    });
    console.log(`ok      page: ${story.name} (${Date.now() - begun} ms)`);
  }
} finally {
  await browser.close();
}
