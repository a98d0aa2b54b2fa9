// The jobs of a client, whichever port it uses: grpc-client.cjs and http-client.cjs run them. README.md says how.
"use strict";

const { randomUUID } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { setTimeout: sleep } = require("node:timers/promises");

const BATCH_SIZE = 1000;
// The registry takes 64 batches of a client at a time. Four keep it busy.
const BATCHES_AT_ONCE = 4;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 4000;
const POSITION = "position";

// An error of the registry, or no answer at all. Decide on `reason`; it is empty if the registry gave none.
class Refusal extends Error {
  constructor(reason, message, faults = [], isUnavailable = false) {
    const lines = faults.map(({ field, description }) => `\n  ${field}: ${description}`);
    super(`${reason}:${lines.length ? lines.join("") : ` ${message}`}`);
    this.reason = reason;
    this.isUnavailable = isUnavailable;
  }
}

// The address of the registry, the certificate of its authority, and the token. The token's file ends with a line break.
function environment() {
  const { REGISTRY, REGISTRY_CA, REGISTRY_TOKEN } = process.env;
  return { address: REGISTRY, authority: fs.readFileSync(REGISTRY_CA), token: fs.readFileSync(REGISTRY_TOKEN, "ascii").trim() };
}

function read(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, "ascii").trim() : "";
}

// Writes a file whole or not at all.
function replace(file, text) {
  fs.writeFileSync(`${file}.new`, `${text}\n`);
  fs.renameSync(`${file}.new`, file);
}

// Asks about the claims in a CSV file, in batches, and prints one line for each.
async function claims(registry, file) {
  const [, ...lines] = fs.readFileSync(file, "utf8").trimEnd().split(/\r?\n/);
  const rows = lines.map((line) => {
    const [credentialNumber, providerId, dateOfService, units] = line.split(",");
    return { credentialNumber, providerId, dateOfService, units: Number(units) };
  });
  const began = performance.now();
  const answers = [];
  let next = 0;
  const work = async () => {
    while (next < rows.length) {
      const at = next;
      next += BATCH_SIZE;
      const batch = await registry.check(rows.slice(at, at + BATCH_SIZE));
      batch.forEach((answer, place) => (answers[at + place] = answer));
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, work));
  const seconds = (performance.now() - began) / 1000;
  console.log(answers.map((answer, at) => `${at + 1} ${answer}`).join("\n"));
  console.error(`${answers.length} claims in ${seconds.toFixed(2)} s`);
}

// The request id of a report. It is in a file before the report is sent, so that the report has the same id when this
// program is run again.
function requestId(report) {
  const file = path.join("requests", report);
  if (!fs.existsSync(file)) {
    fs.mkdirSync("requests", { recursive: true });
    replace(file, randomUUID());
  }
  return read(file);
}

// Prints the changes of each record, and goes on where it ended the last time, also after a restart of the registry.
async function watch(registry) {
  let pause = FIRST_PAUSE_MS;
  const commit = (count, position) => {
    pause = FIRST_PAUSE_MS;
    // A copy of the registry stores the changes and the position in one transaction.
    console.log(`revision ${position.split("/")[1]}: ${count} changes`);
    replace(POSITION, position);
  };
  for (;;) {
    try {
      await registry.follow(read(POSITION), commit);
    } catch (error) {
      if (!error.isUnavailable) throw error;
      console.error("the feed ended, and goes on:", error.message);
    }
    await sleep(pause);
    pause = Math.min(2 * pause, MAX_PAUSE_MS);
  }
}

async function command(registry, [name, ...values]) {
  switch (`${name} ${values.length}`) {
    case "verify 1":
      return console.log(await registry.verify(...values));
    case "claims 1":
      return claims(registry, ...values);
    case "end 2":
      return console.log(`revision ${await registry.end(requestId(`end-${values.join("-")}`), ...values)}`);
    case "watch 0":
      return watch(registry);
  }
  throw new Error("usage: verify NUMBER | claims FILE | end NUMBER LAST-DAY | watch");
}

// Runs the command of the arguments.
function run(registry) {
  command(registry, process.argv.slice(2)).catch((error) => {
    console.error(error instanceof Refusal ? error.message : error);
    process.exitCode = 1;
  });
}

module.exports = { FIRST_PAUSE_MS, Refusal, environment, run, sleep };
