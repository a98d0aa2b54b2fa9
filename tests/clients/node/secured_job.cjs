// An independent client on @grpc/grpc-js, with certificates and tokens: an empty registry that `init` set up, to a confirmed
// credential, and who is refused. tests/clients/node/run.sh runs this.
//
//     node secured_job.cjs DIRECTORY ANOTHER-REGISTRYS-DIRECTORY HOST:PORT
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [directory, elsewhere, endpoint] = process.argv.slice(2);
const PROVIDER = "region-1-cmhc";
const NOT_ON_FILE = "CPS-0000-0000-0";
const ASKED = day(2025, 3, 3); // in the first term, whenever this runs
const PROTO = path.join(__dirname, "../../../proto");
const SERVICES = ["verification", "credential", "employment", "provider"];

const definition = loader.loadSync(
  SERVICES.map((service) => `ms/dmh/credential/v1/${service}_service.proto`),
  { includeDirs: [PROTO], keepCase: true, enums: String, longs: Number },
);
const contract = grpc.loadPackageDefinition(definition).ms.dmh.credential.v1;

function day(year, month, date) {
  return { year, month, day: date };
}

function read(place, name) {
  return fs.readFileSync(path.join(place, name));
}

// What a client believes and shows: an authority, and a certificate with its key.
function credentials({ authority = directory, from = directory, certificate } = {}) {
  const pair = certificate ? [read(from, `${certificate}.key`), read(from, `${certificate}.crt`)] : [null, null];
  return grpc.credentials.createSsl(read(authority, "ca.crt"), ...pair);
}

// Calls any unary method by name.
function caller(shown, token) {
  const channel = credentials(shown);
  const clients = new Map();
  const metadata = new grpc.Metadata();
  if (token) metadata.set("authorization", `Bearer ${token}`);
  const call = (service, method, request) =>
    new Promise((resolve, reject) => {
      if (!clients.has(service)) clients.set(service, new contract[service](endpoint, channel));
      const deadline = Date.now() + 20_000;
      const done = (error, response) => (error ? reject(error) : resolve(response));
      clients.get(service)[method](request, metadata, { deadline }, done);
    });
  const report = (service, method, request) => call(service, method, { request_id: randomUUID(), ...request });
  const verdict = async (number) => {
    const item = { credential_number: number, as_of: ASKED };
    return (await call("VerificationService", "VerifyCredential", { item })).verification.verdict;
  };
  const close = () => clients.forEach((client) => client.close());
  return { call, report, verdict, close };
}

const APPLICATION = {
  applied_on: day(2024, 5, 1),
  mississippi_resident: true,
  lived_experience: "LIVED_EXPERIENCE_SELF",
  recovery_attested: true,
  education: "EDUCATION_GED",
  literate: true,
  experience_hours: 120,
  experience_within_three_years: true,
  references: 2,
  trainings: [
    {
      completed_on: day(2024, 3, 15),
      designation: "DESIGNATION_ADULT_AND_RECOVERY",
      hours: 40,
      pre_training_completed: true,
    },
  ],
  exam_attempts: [{ taken_on: day(2024, 4, 20), score: 80 }],
};

// A credential, by the certifier's and the registrar's certificates.
async function credentialed() {
  const certifier = caller({ certificate: "certifier" });
  await certifier.report("ProviderService", "RegisterProvider", {
    provider_id: PROVIDER,
    legal_name: "Sunflower Example Center",
    facility_type: "FACILITY_TYPE_COMMUNITY_MENTAL_HEALTH_CENTER",
    county: "Hinds",
  });
  await certifier.report("ProviderService", "RecordQualification", {
    provider_id: PROVIDER,
    basis: "QUALIFICATION_BASIS_DMH_CERTIFIED",
    first_day: day(2020, 1, 1),
  });
  certifier.close();
  const registrar = caller({ certificate: "registrar" });
  const { specialist } = await registrar.report("CredentialService", "RegisterSpecialist", {
    name: { given_name: "Amparo", family_name: "Example" },
    birth_date: day(1980, 5, 17),
  });
  await registrar.report("EmploymentService", "ReportEmploymentStart", {
    specialist_id: specialist.specialist_id,
    provider_id: PROVIDER,
    position: "Peer Support Specialist",
    first_day: day(2024, 1, 8),
    supervised: true,
  });
  const { credential } = await registrar.report("CredentialService", "IssueCredential", {
    specialist_id: specialist.specialist_id,
    application: APPLICATION,
    effective_from: day(2024, 6, 3),
    designations: ["DESIGNATION_ADULT_AND_RECOVERY"],
  });
  registrar.close();
  return credential.credential_number;
}

async function refusal(shown, token, ask) {
  const client = caller(shown, token);
  try {
    await ask(client);
  } catch (error) {
    return grpc.status[error.code];
  } finally {
    client.close();
  }
  throw new Error(`had to be refused: ${JSON.stringify(shown)}`);
}

async function main() {
  const token = read(directory, "hr.token").toString().trim();
  const number = await credentialed();
  for (const client of [caller({ certificate: "registrar" }), caller({}, token)]) {
    assert.equal(await client.verdict(number), "VERDICT_CONFIRMED");
    assert.equal(await client.verdict(NOT_ON_FILE), "VERDICT_NOT_CONFIRMED");
    client.close();
  }
  console.log("ok      a certificate and a token are both an identity");

  const verify = (client) => client.verdict(number);
  const wrong = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0");
  assert.equal(await refusal({}, null, verify), "UNAUTHENTICATED");
  assert.equal(await refusal({}, wrong, verify), "UNAUTHENTICATED");
  assert.equal(await refusal({ certificate: "registrar" }, token, verify), "UNAUTHENTICATED");
  const list = (client) => client.call("CredentialService", "ListCredentials", {});
  assert.equal(await refusal({}, token, list), "PERMISSION_DENIED");
  console.log("ok      no identity, a wrong one, two, and one without the right are refused");

  assert.equal(await refusal({ authority: elsewhere }, null, verify), "UNAVAILABLE");
  assert.equal(await refusal({ from: elsewhere, certificate: "registrar" }, null, verify), "UNAVAILABLE");
  console.log("ok      neither side believes another authority");
}

main().catch((error) => {
  console.error("FAILED ", error);
  process.exitCode = 1;
});
