// A client of the registry on its gRPC port, with @grpc/grpc-js, which reads the contract when it starts. README.md says how
// to run it.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const jobs = require("./jobs.cjs");

const CALL_MS = 10_000;
const PROTO = path.join(__dirname, "../../../proto");
const RETRIES = fs.readFileSync(path.join(__dirname, "../service-config.json"), "utf8");
const OPTIONS = { "grpc.service_config": RETRIES, "grpc.keepalive_time_ms": 30_000, "grpc.enable_http_proxy": 0 };
const FILES = ["change", "employment", "verification"].map((name) => `ms/dmh/credential/v1/${name}_service.proto`);

const definition = loader.loadSync([...FILES, "google/rpc/status.proto", "google/rpc/error_details.proto"], {
  includeDirs: [PROTO],
  enums: String,
  longs: String,
});
const contract = grpc.loadPackageDefinition(definition).ms.dmh.credential.v1;

const { address, authority, token } = jobs.environment();
const credentials = grpc.credentials.combineChannelCredentials(
  grpc.credentials.createSsl(authority),
  grpc.credentials.createFromMetadataGenerator((_, done) => {
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    done(null, metadata);
  }),
);
const questions = new contract.VerificationService(address, credentials, OPTIONS);
const reports = new contract.EmploymentService(address, credentials, OPTIONS);
const changes = new contract.ChangeService(address, credentials, OPTIONS);

function decode(type, bytes) {
  return definition[type].deserialize(bytes);
}

// The reason and the faults in the details of a google.rpc.Status.
function explained({ details = [] }) {
  const found = { reason: "", faults: [] };
  for (const { type_url: type, typeUrl = type, value } of details) {
    if (typeUrl.endsWith("/google.rpc.ErrorInfo")) found.reason = decode("google.rpc.ErrorInfo", value).reason;
    if (typeUrl.endsWith("/google.rpc.BadRequest")) {
      found.faults = decode("google.rpc.BadRequest", value).fieldViolations;
    }
  }
  return found;
}

function refusalIn(error) {
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  const { reason, faults } = explained(bytes ? decode("google.rpc.Status", bytes) : {});
  return new jobs.Refusal(reason, error.details, faults, error.code === grpc.status.UNAVAILABLE);
}

// Calls a method. The channel repeats calls as service-config.json says.
function call(client, method, message) {
  return new Promise((resolve, reject) => {
    const done = (error, answer) => (error ? reject(refusalIn(error)) : resolve(answer));
    client[method](message, { deadline: Date.now() + CALL_MS }, done);
  });
}

// A date of the contract. The registry finds out whether the day exists.
function date(text) {
  const [year, month, day] = text.split("-").map(Number);
  return { year, month, day };
}

async function verify(credentialNumber) {
  const { verification } = await call(questions, "VerifyCredential", { item: { credentialNumber } });
  return [verification.verdict, ...verification.reasons].join(" ");
}

// The verdict, or the error, of each claim of a batch.
async function check(rows) {
  const items = rows.map((row) => ({ ...row, dateOfService: date(row.dateOfService) }));
  const { results } = await call(questions, "BatchCheckBillingEligibility", { items });
  return results.map(({ eligibility, error }) =>
    error ? `${explained(error).reason} ${error.message}` : eligibility.verdict,
  );
}

async function end(requestId, credentialNumber, lastDay) {
  const report = { requestId, credentialNumber, lastDay: date(lastDay), reason: "EMPLOYMENT_END_REASON_RESIGNED" };
  return (await call(reports, "ReportEmploymentEnd", report)).revision;
}

// Calls commit(count of changes, position) once for each record after a position, until the feed ends.
async function follow(position, commit) {
  const [epoch, revision] = position.split("/");
  const feed = changes.WatchChanges(position ? { after: { epoch, revision } } : {});
  let count = 0;
  try {
    for await (const { message } of feed) {
      count += message?.changes?.length ?? 0;
      if (message?.lastPart) {
        commit(count, `${message.epoch}/${message.revision}`);
        count = 0;
      }
    }
  } catch (error) {
    throw error.metadata ? refusalIn(error) : error;
  } finally {
    feed.cancel(); // the loop alone leaves the call open
  }
}

jobs.run({ verify, check, end, follow });
