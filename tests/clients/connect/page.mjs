// A page whose browser calls the registry, on @connectrpc/connect-web: the main job by a token. web.mjs serves it, bundled,
// from an origin that the registry is configured for.

import { ConnectError } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

import { begin, check, goOn, jsonOptions } from "./job.mjs";

async function run() {
  const { part, baseUrl, token, number, lastDay, memory } = await (await fetch("/task")).json();
  const authorize = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const useBinaryFormat = part !== "begin";
  const transport = createConnectTransport({ baseUrl, interceptors: [authorize], useBinaryFormat, jsonOptions });
  if (part === "begin") {
    const [year, month, day] = lastDay.split("-").map(Number);
    return begin(transport, number, { year, month, day });
  }
  await goOn(transport, memory);
  return memory;
}

// What another origin's page would get: nothing at all.
async function tryForeign() {
  const { foreign, baseUrl } = await (await fetch("/task")).json();
  const frame = document.createElement("iframe");
  frame.src = `${foreign}/foreign?${encodeURIComponent(baseUrl)}`;
  const said = new Promise((resolve) => addEventListener("message", ({ data }) => resolve(data), { once: true }));
  document.body.append(frame);
  check((await said) === "refused", "a page of another origin may not call");
}

async function report(result) {
  await fetch("/done", { method: "POST", body: JSON.stringify(result) });
}

run()
  .then(async (memory) => tryForeign().then(() => report({ memory })))
  .catch((error) => report({ error: `${ConnectError.from(error)} ${error.stack}` }));
