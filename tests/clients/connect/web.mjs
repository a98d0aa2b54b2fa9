// Serves page.mjs, opens it in Chromium without a window, and waits for what it reports.
//
//     node web.mjs PORT begin|go-on DIRECTORY URL NUMBER LAST-DAY
//
// The page is at http://localhost:PORT, which the registry is configured for. The same page at 127.0.0.1 is of another
// origin. DIRECTORY has what the operator sends (ca.crt, hr.token) and the registry's own server.crt, which the browser
// is made to trust.

import { spawn } from "node:child_process";
import { X509Certificate, createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";

const [port, part, directory, baseUrl, number, lastDay] = process.argv.slice(2);
const read = (name) => fs.readFileSync(path.join(directory, name));
const memory = path.join(directory, "memory.json");
const known = part === "begin" ? undefined : JSON.parse(fs.readFileSync(memory));
const token = read("hr.token").toString().trim();
const task = { part, baseUrl, token, number, lastDay, memory: known, foreign: `http://127.0.0.1:${port}` };

const FOREIGN = `<script>
  const url = decodeURIComponent(location.search.slice(1)) + "/ms.dmh.credential.v1.VerificationService/VerifyCredential";
  fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })
    .then((response) => parent.postMessage("answered: " + response.status, "*"), () => parent.postMessage("refused", "*"));
</script>`;


let finish;
const finished = new Promise((resolve) => (finish = resolve));
const server = http.createServer((request, response) => {
  const answer = (type, body) => response.setHeader("content-type", type).end(body);
  switch (request.url.split("?")[0]) {
    case "/":
      return answer("text/html", '<body><script type="module" src="/page.js"></script></body>');
    case "/page.js":
      return answer("text/javascript", fs.readFileSync(path.join(import.meta.dirname, "page.js")));
    case "/task":
      return answer("application/json", JSON.stringify(task));
    case "/foreign":
      return answer("text/html", FOREIGN);
    case "/done": {
      let body = "";
      request.on("data", (piece) => (body += piece)).on("end", () => finish(JSON.parse(body)));
      return response.end();
    }
  }
  response.writeHead(404).end();
});
await new Promise((resolve) => server.listen(Number(port), "127.0.0.1", resolve));

const key = new X509Certificate(read("server.crt")).publicKey.export({ type: "spki", format: "der" });
const profile = fs.mkdtempSync(path.join(os.tmpdir(), "page-"));
const browser = spawn(
  "chromium",
  [
    "--headless",
    "--no-sandbox", // CI runs as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    `--user-data-dir=${profile}`,
    `--ignore-certificate-errors-spki-list=${createHash("sha256").update(key).digest("base64")}`,
    `http://localhost:${port}/`,
  ],
  { stdio: ["ignore", "ignore", "pipe"], detached: true },
);
let said = "";
browser.stderr.on("data", (piece) => (said += piece));
browser.on("exit", (code) => finish({ error: `the browser ended with ${code}` }));
const timer = setTimeout(() => finish({ error: "the page has not reported in time" }), 60_000);

const { error, memory: learned } = await finished;
clearTimeout(timer);
server.close();
server.closeAllConnections();
browser.removeAllListeners("exit");
const ended = new Promise((resolve) => browser.on("exit", resolve));
if (browser.exitCode === null) {
  process.kill(-browser.pid, "SIGKILL");
  await ended;
}
fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
if (error) {
  console.error(said.slice(-4000), error);
  process.exit(1);
}
fs.writeFileSync(memory, JSON.stringify(learned));
console.log(`ok      connect-web: ${part}`);
