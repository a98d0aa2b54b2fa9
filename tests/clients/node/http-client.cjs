// A client of the registry on its HTTP port, with `fetch`. README.md says how to run it: NODE_EXTRA_CA_CERTS names the
// certificate of the registry's authority.
"use strict";

const jobs = require("./jobs.cjs");

const ATTEMPTS = 5;
const CALL_MS = 10_000;
// The registry sends an event every 5 seconds. Without one for this long, the connection is dead.
const SILENCE_MS = 20_000;

const { address, token } = jobs.environment();

function unavailable(error) {
  return new jobs.Refusal("", `${error.message} ${error.cause?.message ?? ""}`, [], true);
}

// The refusal in an error of the registry: its ErrorInfo, and its BadRequest.
function refusalIn({ code, message, details = [] }) {
  const shown = details.map((detail) => detail.debug);
  const reason = shown.find((detail) => detail.reason)?.reason ?? code;
  return new jobs.Refusal(reason, message, shown.flatMap((detail) => detail.fieldViolations ?? []), code === "unavailable");
}

async function post(method, message, signal, headers = {}) {
  const response = await fetch(`${address}/ms.dmh.credential.v1.${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(message),
    signal,
  }).catch((error) => {
    throw unavailable(error);
  });
  if (!response.ok) throw await response.json().then(refusalIn, unavailable);
  return response;
}

// Calls a method. Repeats the call while the registry is unavailable: a write has a request id.
async function call(method, message) {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await post(method, message, AbortSignal.timeout(CALL_MS));
      return await response.json().catch((error) => {
        throw unavailable(error);
      });
    } catch (error) {
      if (!error.isUnavailable || attempt === ATTEMPTS) throw error;
    }
    await jobs.sleep(jobs.FIRST_PAUSE_MS * 2 ** (attempt - 1));
  }
}

async function verify(credentialNumber) {
  const { verification } = await call("VerificationService/VerifyCredential", { item: { credentialNumber } });
  return [verification.verdict, ...(verification.reasons ?? [])].join(" ");
}

// The verdict, or the error, of each claim of a batch.
async function check(items) {
  const { results } = await call("VerificationService/BatchCheckBillingEligibility", { items });
  // The error of an item is a google.rpc.Status: its details are not below `debug`.
  return results.map(({ eligibility, error }) =>
    error ? `${error.details.find((detail) => detail.reason).reason} ${error.message}` : eligibility.verdict,
  );
}

async function end(requestId, credentialNumber, lastDay) {
  const report = { requestId, credentialNumber, lastDay, reason: "RESIGNED" };
  return (await call("EmploymentService/ReportEmploymentEnd", report)).revision;
}

// Calls commit(count of changes, position) once for each record after a position, until the feed ends.
async function follow(position, commit) {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const headers = { accept: "text/event-stream", ...(position && { "last-event-id": position }) };
  try {
    const response = await post("ChangeService/WatchChanges", {}, silence.signal, headers);
    let count = 0;
    for await (const { event, id, data } of events(response.body)) {
      timer.refresh();
      if (event === "error") throw refusalIn(JSON.parse(data));
      count += JSON.parse(data).message?.changes?.length ?? 0;
      if (id) {
        commit(count, id); // the record is complete
        count = 0;
      }
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

// The server-sent events in a body. What fails in the loop that asks for them is not of the feed, and not caught here.
async function* events(body) {
  let text = "";
  try {
    for await (const piece of body.pipeThrough(new TextDecoderStream())) {
      const whole = (text + piece).split("\n\n");
      text = whole.pop();
      for (const event of whole) {
        yield Object.fromEntries(event.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      }
    }
  } catch (error) {
    throw unavailable(error);
  }
}

jobs.run({ verify, check, end, follow });
