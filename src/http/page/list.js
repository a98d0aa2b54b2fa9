// A staff list: the registry reads its bytes, and keeps nothing of them.

import { Refusal, post } from "./registry.js";

const PATH = "/page/roster";

// What the registry takes. It refuses more by itself; here it is said before anything is sent.
const MOST_BYTES = 16 * 1024 * 1024;

// Reads a file. Returns what makes its answers weaker than they look (`warnings`), how it was understood (`notes`,
// `headings`), and its rows: each has its `line`, the `person`, its `cells`, and an `item` to ask or its `faults`.
export async function read(file, signal) {
  if (file.size === 0) throw refused("the file is empty: choose the list");
  if (file.size > MOST_BYTES) throw refused("it has more than 16 MiB: split it");
  const bytes = await file.arrayBuffer().catch(() => {
    throw refused("the file cannot be opened. It may be a folder, or may have been moved or changed: choose it again");
  });
  const response = await post(PATH, { "content-type": "application/octet-stream" }, bytes, signal);
  const lines = await parsed(response);
  const last = lines.pop();
  if (!last?.end) throw refused("the connection ended before all rows had come: try again, with a smaller list");
  const [head, ...rows] = lines;
  return { ...head, rows };
}

// A refusal that the page makes itself, as the registry makes one of a list.
function refused(why) {
  const debug = { fieldViolations: [{ field: "list", description: why }] };
  return new Refusal({ code: "invalid_argument", message: why, details: [{ debug }] });
}

// The lines of an answer, each a JSON object. A line that was cut off is left out.
async function parsed(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const lines = [];
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      return { done: true };
    });
    if (done) return lines;
    const pieces = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = pieces.pop();
    for (const piece of pieces) lines.push(JSON.parse(piece));
  }
}
