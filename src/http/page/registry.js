// Calls of the registry. The token is a variable of this module, and is kept nowhere else.

import { noteToday } from "./dates.js";

const PACKAGE = "/ms.dmh.credential.v1.";

// The headers of a call with one message.
const ONE = { "content-type": "application/json", "connect-protocol-version": "1" };

// The methods whose answers are about the registry's today, unless the question names a day or a state of knowledge.
const OF_TODAY = new Set(["CredentialService/FindSpecialists", "CredentialService/ListCredentials", "EmploymentService/ListEmployments", "ProviderService/GetProgramStatistics", "ProviderService/GetProvider", "ProviderService/ListProviders", "RecordService/ListFacts", "RecordService/ListReviewItems"]);

// How many entries of a list an answer has at most.
const PAGE = 1000;

// After this time without use the token is forgotten.
const IDLE_MS = 15 * 60 * 1000;

let token = "";
let idle;
let lastUse = 0;
let whenIdle = () => {};
let whenUnknown = () => {};
let rights = new Set();
// Ends the calls of a caller who is forgotten, so that nothing of theirs is shown to the next one.
let session = new AbortController();

// True if the browser shows a certificate, or the server is for development: then there is no token.
export const isIdentified = document.documentElement.dataset.identity === "given";

export function setToken(text) {
  token = text;
  if (!isIdentified) rights = new Set();
  session.abort();
  session = new AbortController();
}

export function hasToken() {
  return token !== "";
}

// Runs `act` after the time without use, and counts the time from every key, click, and turn of the wheel.
export function onIdle(act) {
  whenIdle = act;
  for (const use of ["keydown", "pointerdown", "input", "wheel"]) addEventListener(use, used, { passive: true });
  used();
}

// Runs `act` with the refusal of a token.
export function onUnknown(act) {
  whenUnknown = act;
}

function used() {
  // A computer that slept has not run the timer.
  if (lastUse && Date.now() - lastUse > IDLE_MS) whenIdle();
  lastUse = Date.now();
  clearTimeout(idle);
  idle = setTimeout(whenIdle, IDLE_MS);
}

// Why a call has no answer.
export class Refusal extends Error {
  constructor({ code, message, details = [] }, retryAfter) {
    super(message);
    const all = details.map((detail) => detail.debug ?? {});
    this.code = code;
    this.reason = all.find((detail) => detail.reason)?.reason ?? "";
    this.fields = all.flatMap((detail) => detail.fieldViolations ?? []);
    this.kind = all.find((detail) => detail.resourceType)?.resourceType ?? "";
    this.requestId = all.find((detail) => detail.requestId)?.requestId ?? "";
    this.retrySeconds = Number(retryAfter) || 0;
  }
}

// Calls a method, such as "VerificationService/VerifyCredential". Throws a Refusal, or the AbortError of `signal`.
export async function call(method, message, signal = session.signal) {
  const response = await post(PACKAGE + method, ONE, JSON.stringify(message), signal);
  const answer = await response.json().catch(() => undefined);
  signal.throwIfAborted();
  if (!answer) throw cutOff();
  if (OF_TODAY.has(method) && !message.asOf && !message.knownAt && answer.answer?.asOf) noteToday(answer.answer.asOf);
  return answer;
}

function cutOff() {
  return new Refusal({ code: "unknown", message: "it was cut off" });
}

// Calls a method that answers in pages. Gives every entry of the list that the answer has as `name` to `take`, with the
// answer of its page.
export async function callForEach(method, name, message, take, signal) {
  let pageToken = "";
  do {
    const page = await call(method, { ...message, pageSize: PAGE, pageToken }, signal);
    for (const entry of page[name] ?? []) take(entry, page.answer);
    pageToken = page.nextPageToken ?? "";
  } while (pageToken);
}

// Calls a method with a flag that asks for a signature, or without it if the registry has no keys.
export async function callSigned(flag, method, message, signal) {
  try {
    return await call(method, { ...message, [flag]: true }, signal);
  } catch (error) {
    if (error.reason !== "NO_SIGNING_KEY") throw error;
    return call(method, message, signal);
  }
}

// Calls a method that answers with a stream. Returns all of it.
export async function callForAll(method, message) {
  const { signal } = session;
  const response = await post(PACKAGE + method, { ...ONE, accept: "application/x-ndjson" }, JSON.stringify(message), signal);
  const text = await response.text().catch(() => undefined);
  signal.throwIfAborted();
  if (text === undefined) throw cutOff();
  const answers = text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const failed = answers.find(({ error }) => error);
  if (failed) throw new Refusal(failed.error);
  return answers;
}

// Posts bytes to a path. Throws as `call` does.
export async function post(path, headers, body, signal = session.signal) {
  if (token) headers = { ...headers, authorization: `Bearer ${token}` };
  let response;
  try {
    response = await fetch(path, { method: "POST", headers, body, cache: "no-store", redirect: "error", signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal({ code: "unreachable", message: "the registry was not reached" });
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => undefined);
  signal.throwIfAborted();
  const refusal = new Refusal(answer ?? { code: "unknown", message: `HTTP ${response.status}` }, response.headers.get("retry-after"));
  if (refusal.code === "unauthenticated" && token) whenUnknown(refusal);
  throw refusal;
}

// Asks who the caller is, and which methods it may call.
export async function learnRights() {
  const caller = await call("OperationsService/GetCaller", {});
  rights = new Set(caller.methods);
  return caller;
}

export function may(method) {
  return rights.has(method);
}
