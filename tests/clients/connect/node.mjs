// A client on @connectrpc/connect-node: the main job by a token, over HTTP/2, and streams of both kinds by a certificate.
//
//     node node.mjs begin|go-on DIRECTORY URL NUMBER LAST-DAY
//
// DIRECTORY has what the operator of the registry sends (ca.crt, hr.token, registrar.crt, registrar.key), and keeps
// memory.json between the two parts.

import fs from "node:fs";
import path from "node:path";

import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";

import { CredentialService } from "./gen/ms/dmh/credential/v1/credential_service_pb.js";
import { EmploymentService } from "./gen/ms/dmh/credential/v1/employment_service_pb.js";
import { VerificationService } from "./gen/ms/dmh/credential/v1/verification_service_pb.js";
import { begin, check, goOn, jsonOptions } from "./job.mjs";

const [part, directory, baseUrl, number, lastDay] = process.argv.slice(2);
const read = (name) => fs.readFileSync(path.join(directory, name));
const memory = path.join(directory, "memory.json");

// The token's file ends with a line break.
const authorize = (next) => (request) => {
  request.header.set("authorization", `Bearer ${read("hr.token").toString().trim()}`);
  return next(request);
};

function byToken(useBinaryFormat) {
  const nodeOptions = { ca: read("ca.crt") };
  const interceptors = [authorize];
  return createConnectTransport({ baseUrl, httpVersion: "2", nodeOptions, interceptors, useBinaryFormat, jsonOptions });
}

function byCertificate(httpVersion) {
  const nodeOptions = { ca: read("ca.crt"), cert: read("registrar.crt"), key: read("registrar.key") };
  return createConnectTransport({ baseUrl, httpVersion, nodeOptions, useHttpGet: true });
}

// The question stands in the URL.
async function listRuleSets(transport) {
  const { ruleSets } = await createClient(CredentialService, transport).listRuleSets({});
  check(ruleSets.length > 0, "there are rule sets");
}

// All messages are sent, and then the answer comes.
async function compareRoster(transport) {
  async function* list() {
    yield { kind: { case: "options", value: { providerId: "region-1-cmhc" } } };
    yield { kind: { case: "row", value: { subject: { case: "credentialNumber", value: number } } } };
  }
  const kinds = [];
  for await (const { kind } of createClient(EmploymentService, transport).reconcileRoster(list())) kinds.push(kind.case);
  check(kinds.at(-1) === "summary", `a comparison ends with its summary: ${kinds}`);
}

// Each question is sent after the answer to the one before.
async function askInTurn(transport) {
  let answered;
  async function* questions() {
    yield { kind: { case: "options", value: {} } };
    for (const correlationId of ["1", "2", "3"]) {
      const turn = new Promise((resolve) => (answered = resolve));
      yield { kind: { case: "item", value: { subject: { case: "credentialNumber", value: number }, correlationId } } };
      await turn;
    }
  }
  const ids = [];
  const answers = createClient(VerificationService, transport).streamVerifyCredentials(questions());
  for await (const { kind } of answers) {
    if (kind.case !== "result") continue;
    ids.push(kind.value.correlationId);
    answered();
  }
  check(ids.join() === "1,2,3", `three answers in order: ${ids}`);
}

if (part === "begin") {
  const [year, month, day] = lastDay.split("-").map(Number);
  fs.writeFileSync(memory, JSON.stringify(await begin(byToken(false), number, { year, month, day })));
  for (const transport of ["1.1", "2"].map(byCertificate)) {
    await listRuleSets(transport);
    await compareRoster(transport);
  }
  await askInTurn(byCertificate("2"));
} else {
  await goOn(byToken(true), JSON.parse(fs.readFileSync(memory)));
}
console.log(`ok      connect-node: ${part}`);
process.exit(); // connections stay open for further calls
