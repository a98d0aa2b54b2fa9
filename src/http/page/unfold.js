// A table under whose rows something can be opened, where the person who asked for it looks.

import { element, table } from "./dom.js";

// Makes the table. Returns its element; `show`, which shows rows, each a list of cells with a `key`; and `under`, which
// returns the place under the row that a button stands in. What is open stays under its row while other rows are shown.
export function unfolding(label, kind, heads) {
  const made = table(label, kind, heads, []);
  const body = made.querySelector("tbody");
  const next = element("div", { class: "next" });
  const opened = element("tr", { class: "opened" }, element("td", { colspan: heads.length }, next));
  let under = "";

  function show(rows) {
    const drawn = rows.map(({ key, cells }) => element("tr", { "data-key": key }, cells.map((cell) => element("td", {}, cell))));
    const at = drawn.findIndex((row) => row.dataset.key === under);
    for (const row of [...body.children]) if (row !== opened || at < 0) row.remove();
    if (at < 0) return body.append(...drawn);
    // What is open is not moved: it may have the focus.
    opened.before(...drawn.slice(0, at + 1));
    opened.after(...drawn.slice(at + 1));
  }

  function placeUnder({ currentTarget }) {
    const row = currentTarget.closest("tr");
    under = row.dataset.key;
    next.replaceChildren();
    row.after(opened);
    return next;
  }

  return { element: made, show, under: placeUnder };
}
