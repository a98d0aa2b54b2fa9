// What every client does, in Node as in a browser: node.mjs and page.mjs run it, each with its transport.

import { createRegistry } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";

import { BadRequestSchema, ErrorInfoSchema, file_google_rpc_error_details } from "./gen/google/rpc/error_details_pb.js";
import { ChangeService } from "./gen/ms/dmh/credential/v1/change_service_pb.js";
import { EmploymentService } from "./gen/ms/dmh/credential/v1/employment_service_pb.js";
import { EmploymentEndReason } from "./gen/ms/dmh/credential/v1/employment_pb.js";
import { Verdict } from "./gen/ms/dmh/credential/v1/standing_pb.js";
import { VerificationService } from "./gen/ms/dmh/credential/v1/verification_service_pb.js";

// The errors of single items are messages within messages. As JSON they are read with a registry of their types.
const types = createRegistry(file_google_rpc_error_details);
export const jsonOptions = { registry: types };

const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 500;
const CALL = { timeoutMs: 10_000 };

export function check(holds, what) {
  if (!holds) throw new Error(what);
}

// Calls, and repeats the call while the registry is unavailable. A write has a request id, so that it is recorded once.
async function retried(call) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unavailable || attempt === ATTEMPTS) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE_MS * 2 ** (attempt - 1)));
  }
}

// The error of a call that has to be refused: its code, the reason in its ErrorInfo, and the fields in its BadRequest.
async function refusal(call) {
  const error = await call.then(() => null, ConnectError.from);
  check(error, "this call has to be refused");
  const [info] = error.findDetails(ErrorInfoSchema);
  const fields = error.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations.map(({ field }) => field));
  return `${Code[error.code]} ${info.reason} ${fields}`;
}

async function verify(transport, number) {
  const client = createClient(VerificationService, transport);
  const item = (credentialNumber) => ({ subject: { case: "credentialNumber", value: credentialNumber } });
  const { verification } = await retried(() => client.verifyCredential({ item: item(number) }, CALL));
  check(verification.verdict === Verdict.CONFIRMED, `not confirmed: ${verification.verdict}`);

  const items = [item(number), { ...item(number), asOf: { year: 2026, month: 2, day: 30 } }, item("CPS-0000-0000-0")];
  const { results } = await retried(() => client.batchVerifyCredentials({ items }, CALL));
  const outcomes = results.map(({ outcome }) => outcome.case);
  check(outcomes.join() === "verification,error,verification", `the outcomes of a batch: ${outcomes}`);
  const details = results[1].outcome.value.details.map((detail) => anyUnpack(detail, types));
  const [{ field }] = details.find(({ $typeName }) => $typeName === BadRequestSchema.typeName).fieldViolations;
  check(field.endsWith("as_of"), `the field at fault in an item: ${field}`);
}

async function end(transport, memory) {
  const client = createClient(EmploymentService, transport);
  const report = {
    requestId: memory.requestId,
    job: { case: "credentialNumber", value: memory.number },
    lastDay: memory.lastDay,
    reason: EmploymentEndReason.RESIGNED,
  };
  const early = client.reportEmploymentEnd({ ...report, lastDay: { year: 1850, month: 1, day: 1 } }, CALL);
  const refused = await refusal(early);
  check(refused === "InvalidArgument INVALID_ARGUMENT last_day", refused);
  return (await retried(() => client.reportEmploymentEnd(report, CALL))).revision.toString();
}

// The numbers of the records after a position, up to the head, and the position after the last of them.
async function changes(transport, after) {
  const client = createClient(ChangeService, transport);
  const stop = new AbortController();
  const revisions = [];
  let position = after;
  try {
    for await (const { event } of client.watchChanges({ after }, { signal: stop.signal })) {
      if (event.case === "progress") break; // up to the head
      const { epoch, revision, lastPart } = event.value;
      if (!lastPart) continue;
      revisions.push(Number(revision));
      position = { epoch, revision: revision.toString() };
    }
  } finally {
    stop.abort();
  }
  return { revisions, position };
}

function resumed(position) {
  return position && { epoch: position.epoch, revision: BigInt(position.revision) };
}

// The first part of the job. Returns what the second part has to know, also after a restart.
export async function begin(transport, number, lastDay) {
  await verify(transport, number);
  const memory = { number, lastDay, requestId: crypto.randomUUID() };
  memory.revision = await end(transport, memory);
  const { revisions, position } = await changes(transport, undefined);
  check(revisions.at(-1) === Number(memory.revision), `the last record is ${memory.revision}: ${revisions}`);
  check(new Set(revisions).size === revisions.length, "each record comes once");
  return { ...memory, position };
}

// The second part: the same report again is the same record, and the feed goes on after the last one.
export async function goOn(transport, memory) {
  check((await end(transport, memory)) === memory.revision, "a report that is sent twice is recorded once");
  const { revisions } = await changes(transport, resumed(memory.position));
  check(revisions.length === 0, `nothing was recorded since: ${revisions}`);
  const before = { ...memory.position, revision: (BigInt(memory.revision) - 1n).toString() };
  const last = await changes(transport, resumed(before));
  check(last.revisions.join() === memory.revision, `the last record alone: ${last.revisions}`);
}
