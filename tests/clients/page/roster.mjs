// What a person does with a staff list on the page.

import fs from "node:fs";
import path from "node:path";

import { barriers, check, downloaded, fits, goTo, open, says, shown, signIn, tabTo, text } from "./browser.mjs";
import { packed, workbook } from "./workbook.mjs";

const STAFF = [
  ["First Name", "Last Name", "Cert #", "DOB", "Unit"],
  ["Bernice", "O'Neal", "CPS-28MS-MN2K-Z", "", "North"],
  ["", "", "CPS-JTPC-8ZHN-8", "", "=1+1"],
  ["", "", "CPS-F1VP-N7DH-M", "", "South, \"old\""],
  ["", "", "CPS-ENTT-V164-D", "", ""],
  ["Bernice", "ONeal", "", "11/2/1971", ""],
  ["Cy", "Doe", "pending", "", ""],
  ["", "", "", "", ""],
];
const COUNTS = /^6 rows: 2 yes, 1 with limits, 1 no, 1 not known, 1 faulty\.$/;
const LONG = 100_000;

const csv = (rows) => rows.map((row) => row.map((cell) => (/[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")).join("\n");

async function begin(place, role, options) {
  const opened = await open(place.browser, place.url, { path: "/#/roster", ...options });
  await signIn(opened.tab, place.tokens[role]);
  await shown(opened.tab, "#roster-form");
  return opened;
}

// Chooses a file with this content, and has it checked.
async function send({ tab }, place, name, content) {
  const file = path.join(place.scratch, name);
  fs.writeFileSync(file, content);
  await (await tab.$("#list")).uploadFile(file);
  await tab.click("#roster-form .primary");
}

async function rowsShown(tab) {
  return tab.$$eval("#roster-rows tr", (rows) => rows.map((row) => row.innerText.replace(/\s+/g, " ")));
}

export async function checkAList(place) {
  const opened = await begin(place, "registrar");
  const { tab, requests, sound } = opened;
  await send(opened, place, "staff.csv", csv(STAFF));
  await says(tab, "#roster-counts", COUNTS);
  await says(tab, "#roster-state", /^As of \w+ \d+, \d+\. Known at revision \d+, recorded /);
  check(await tab.$eval("#roster-counts", (it) => it === document.activeElement), "the counts have the focus");
  const warned = await tab.$$eval("#roster-warnings li", (lines) => lines.map((it) => (it.checkVisibility() ? it.innerText : "")).join("\n"));
  check(warned === "Not compared in rows with a number: `First Name`.\nLines 2, 6: these rows have the same credential, number, or name and birth date as other rows. See “Also in” in each row.", warned);
  const rows = await rowsShown(tab);
  check(rows.length === 6, `rows: ${rows}`);
  for (const [at, expected] of [
    [0, /^2 Bernice O'Neal, CPS-28MS-MN2K-Z Yes .*employers may still report about that day\. Also in line 6\.$/],
    [1, /^3 CPS-JTPC-8ZHN-8 Yes, with limits .*limited/],
    [2, /^4 CPS-F1VP-N7DH-M No Revoked, because employment was lost/],
    [3, /^5 CPS-ENTT-V164-D Not known /],
    [4, /^6 Bernice ONeal Yes .* Also in line 2\.$/],
    [5, /^7 Cy Doe, pending Faulty line 7, column `Cert #`: found `pending`: a word is not a number/],
  ]) check(expected.test(rows[at]), `row ${at}: ${rows[at]}`);
  await tab.click("#roster-read summary");
  await says(tab, "#roster-notes", /`Cert #` is read as credential number/);

  for (const [kind, number] of [["no", 1], ["unknown", 1], ["faulty", 1], ["yes", 2], ["limits", 1], ["attention", 4], ["all", 6]]) {
    await tab.click(`#roster-filter input[value=${kind}]`);
    check((await rowsShown(tab)).length === number, kind);
  }

  const { name, text: answers } = await downloaded(tab, place.scratch, () => tab.click("#roster-download"));
  check(name === "staff.answers.csv", name);
  const lines = answers.split("\r\n");
  check(lines[0] === "\ufeffFirst Name,Last Name,Cert #,DOB,Unit,Answer,Why,Standing,Number on record,Holder,In effect from,Term to,As of,Employers may report until,Known at revision,Epoch", lines[0]);
  check(lines[1].startsWith("Bernice,O'Neal,CPS-28MS-MN2K-Z,,North,Yes,May change: employers may still report about that day. Also in line 6.,Current,CPS-28MS-MN2K-Z,Bernice O'Neal,"), lines[1]);
  check(lines[2].startsWith(',,CPS-JTPC-8ZHN-8,,\'=1+1,"Yes, with limits",'), `a formula: ${lines[2]}`);
  check(lines[3].startsWith(',,CPS-F1VP-N7DH-M,,"South, ""old""",No,'), lines[3]);
  check(/^Cy,Doe,pending,,,Faulty,"line 7, column [^"]*",,,,,,,,,$/.test(lines[6]) && lines.length === 8, lines[6]);
  check(!/[A-Z]_[A-Z]/.test(lines.slice(1).join("")), "no cell has a name of the contract");

  // The same people on another day, from a workbook, with a provider.
  await tab.type("#roster-day", "01152024");
  await tab.type("#roster-provider", "region-1-cmhc");
  await send(opened, place, "staff.xlsx", workbook(STAFF));
  await says(tab, "#roster-state", /^As of January 15, 2024\./);
  await says(tab, "#roster-counts", /^6 rows: .*1 faulty\.$/);
  check((await rowsShown(tab)).some((row) => /takes effect after that day/.test(row)), "another day");
  await tab.type("#roster-provider", "0");
  await tab.click("#roster-form .primary");
  await says(tab, "#roster-state", /The provider is not on file\. Check its id, a short word such as region-1-cmhc\. Its name, NPI and Medicaid id are not accepted/);
  check(requests.every((request) => !/neal|staff|bernice|doe/i.test(request)), `nothing of it is in an address: ${requests}`);
  await tab.click("#roster-clear");
  check((await text(tab, "#roster-rows")) === "" && (await tab.$eval("#list", (it) => it.files.length === 0)), "it is forgotten");
  await sound();
  await tab.close();
}

// What is wrong with all rows alike is said once, or names what the list lacks.
export async function sayWhatAListLacks(place) {
  const opened = await begin(place, "provider");
  const { tab, requests, sound } = opened;
  await tab.$eval("#roster-provider", (input) => (input.value = ""));
  await tab.type("#roster-provider", "region-2-cmhc");
  await send(opened, place, "others.csv", csv(STAFF));
  await says(tab, "#roster-provider-fault", /^A provider may ask about its own staff alone\. Your id is region-1-cmhc\.$/);
  check(await tab.evaluate(() => document.activeElement.id === "roster-provider"), "the fault has the focus");
  check(requests.every((request) => !/\/page\/roster$|Batch/.test(request)), "nothing is sent");
  await tab.$eval("#roster-provider", (input) => (input.value = "region-1-cmhc"));
  await send(opened, place, "unnamed.csv", csv([["Cert #", "DOB"], ["CPS-28MS-MN2K-Z", ""], ["", "1/2/1980"]]));
  await says(tab, "#roster-counts", /^2 rows: 1 yes, 1 faulty\.$/);
  check((await text(tab, "#roster-provider-fault")) === "", "the fault is over");
  const [, row] = await rowsShown(tab);
  check(/^3 1\/2\/1980 Faulty line 3: without a number the name is asked, and the list has no columns of names: add two, such as First Name and Last Name, or enter the number/.test(row), row);

  await goTo(tab, "look-up");
  await tab.click("#more summary");
  await tab.type("#provider", "region-2-cmhc");
  await tab.click("#more summary");
  await tab.type("#number", "CPS-28MS-MN2K-Z");
  await tab.keyboard.press("Enter");
  await says(tab, "#provider-fault", /^A provider may ask about its own staff alone\. Your id is region-1-cmhc\.$/);
  check(await tab.evaluate(() => document.activeElement.id === "provider"), "the part with the fault is open");
  await sound();
  await tab.close();
}

// A warning names the lines that it is about, of rows that were asked. The forms of a date stay as they must be written.
export async function nameTheLinesOfAWarning(place) {
  const opened = await begin(place, "registrar");
  const { tab, sound } = opened;
  const mistyped = Array(22).fill(["CPS-0000-0000-7", "", "", ""]);
  const others = [["CPS-28MS-MN2K-Z", "", "", ""], ["", "", "Poe", "November 2"], ["", "Bernice", "ONeal", "1971/11/02"]];
  await send(opened, place, "lines.csv", csv([["Cert #", "First Name", "Last Name", "DOB"], ...others, ...mistyped]));
  await says(tab, "#roster-counts", /^25 rows: 2 yes, 22 no, 1 faulty\.$/);
  const first = Array.from({ length: 20 }, (_, at) => at + 5).join(", ");
  await says(tab, "#roster-state", new RegExp(`Lines ${first} and 2 more: The number cannot exist\\. Look for a typing error\\.`));
  const warned = await text(tab, "#roster-warnings");
  check(/^Lines 2, 4, 5, [\d, ]+, 22 and 4 more: these rows have the same [^.]+\. [^.]+\.$/.test(warned), `lines of rows that were asked and are repeated: ${warned}`);
  check((await rowsShown(tab))[1].endsWith("found `November 2`: write the date as `2026-03-01` or `3/1/2026`"), (await rowsShown(tab))[1]);
  await sound();
  await tab.close();
}

// Rows about the same person name each other, however the number is written, and whether somebody was found or not.
export async function nameRepeatedRows(place) {
  const opened = await begin(place, "registrar");
  const { tab, sound } = opened;
  const list = [
    ["CPS-28MS-MN2K-Z", "", "", ""],
    ["", "Zoe", "Nobody", "1/2/1980"],
    ["cps 28ms mn2k z", "", "", ""],
    ["", "ZOË", "Nobody", "1980-01-02"],
    ["", "Zoe", "Nobody", "1/3/1980"],
    ["CPS-F1VP-N7DH-M", "", "", ""],
    ...Array(7).fill(["CPS-JTPC-8ZHN-8", "", "", ""]),
    // Of an earlier number the registry ignores dashes and blanks, and nothing else.
    ...["MS-00999", "ms 00999", "MS-009.99"].map((number) => ["", "", "", "", number]),
  ];
  await send(opened, place, "repeated.csv", csv([["Cert #", "First Name", "Last Name", "DOB", "Prior Number"], ...list]));
  await says(tab, "#roster-counts", /^16 rows: /);
  const said = (await rowsShown(tab)).map((row) => /Also in [^.]*/.exec(row)?.[0] ?? "");
  check(said.slice(0, 7).join("|") === "Also in line 4|Also in line 5|Also in line 2|Also in line 3|||Also in lines 9, 10, 11, 12, 13 and 1 more", said.join("|"));
  check(said.slice(13).join("|") === "Also in line 16|Also in line 15|", said.join("|"));
  await send(opened, place, "once.csv", csv([["Cert #"], ["CPS-28MS-MN2K-Z"]]));
  await says(tab, "#roster-counts", /^1 row: /);
  check(!/Also in/.test(await text(tab, "#roster-rows")) && !/the same/.test(await text(tab, "#roster-warnings")), "nothing is repeated");
  await sound();
  await tab.close();
}

// A day that no row can be asked about is a fault of the form, and not of every row.
export async function sayThatADayIsOutOfRange(place) {
  const opened = await begin(place, "registrar");
  const { tab, requests, sound } = opened;
  for (const [typed, fault] of [
    ["01011850", /^Enter a day in the years 1900 to 2200\.$/],
    ["11300026", /^Enter a day in the years 1900 to 2200\.$/],
    ["02302026", /^Enter a day that exists, with month, day and year, or none\.$/],
  ]) {
    await tab.click("#roster-clear");
    await tab.type("#roster-day", typed);
    await send(opened, place, "day.csv", csv(STAFF.slice(0, 2)));
    await says(tab, "#roster-day-fault", fault);
    check(await tab.evaluate(() => document.activeElement.id === "roster-day"), "the fault has the focus");
  }
  check(requests.every((request) => !/\/page\/roster$|Batch/.test(request)), "nothing is sent");
  await sound();
  await tab.close();
}

// The staff list of a provider is about its own staff, unless the provider clears its id.
export async function askAboutOnesOwnStaff(place) {
  const opened = await begin(place, "provider");
  const { tab, sound } = opened;
  const provider = () => tab.$eval("#roster-provider", (input) => input.value);
  check((await provider()) === "region-1-cmhc", "its own id is filled in");
  const list = csv([["Cert #", "Last Name"], ["CPS-HCRD-5E1W-A", ""]]);
  await send(opened, place, "elsewhere.csv", list);
  await says(tab, "#roster-counts", /^1 row: 1 no\.$/);
  await tab.$eval("#roster-provider", (input) => (input.value = ""));
  await send(opened, place, "elsewhere.csv", list);
  await says(tab, "#roster-counts", /^1 row: 1 yes\.$/);
  await tab.click("#roster-clear");
  check((await provider()) === "region-1-cmhc", "it is filled in again");
  await tab.click("#leave");
  await signIn(tab, place.tokens.payer);
  await shown(tab, "#roster-form");
  check((await provider()) === "", "it is that of the next one");
  await sound();
  await tab.close();
}

export async function dropAListOnThePage(place) {
  const { tab, sound } = await begin(place, "provider");
  const drop = (target, list) => {
    const data = new DataTransfer();
    data.items.add(new File([list], "staff.csv", { type: "text/csv" }));
    const sent = (name) => document.querySelector(target).dispatchEvent(new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
    if (sent("dragover") || sent("drop")) throw new Error("the browser would open the file");
  };
  await tab.evaluate(drop, "#drop", csv(STAFF));
  await says(tab, "#roster-counts", /^6 rows: /);
  await tab.evaluate(drop, "#roster-heading", csv(STAFF.slice(0, 2)));
  await says(tab, "#roster-counts", /^1 row: 1 yes\.$/);
  await sound();
  await tab.close();
}

export async function useTheKeyboardForAList(place) {
  const opened = await begin(place, "auditor");
  const { tab, sound } = opened;
  const focused = () => tab.evaluate(() => document.activeElement.id || document.activeElement.value);
  const to = (name) => tabTo(tab, focused, name);
  await to("list");
  const chosen = tab.waitForFileChooser();
  await tab.keyboard.press("Space");
  const file = path.join(place.scratch, "keys.csv");
  fs.writeFileSync(file, csv([...STAFF.slice(0, 2), ...Array(450).fill(["", "", "CPS-F1VP-N7DH-M", "", ""])]));
  await (await chosen).accept([file]);
  await to("roster-provider");
  await tab.keyboard.press("Enter");
  await says(tab, "#roster-counts", /^451 rows: 1 yes, 450 no\.$/);
  check((await focused()) === "roster-counts", "the counts have the focus");
  await says(tab, "#roster-shown", /^200 of 451 rows are shown\.$/);
  await to("all");
  for (const _ of ["attention", "yes", "limits", "no"]) await tab.keyboard.press("ArrowRight");
  await says(tab, "#roster-shown", /^200 of 450 rows are shown\.$/);
  await to("roster-more");
  await tab.keyboard.press("Enter");
  await says(tab, "#roster-shown", /^400 of 450 rows are shown\.$/);
  check(/^203 /.test(await tab.evaluate(() => document.activeElement.innerText.replace(/\s+/g, " "))), "the first new row has the focus");
  await tab.keyboard.press("Tab");
  check((await focused()) === "roster-more", "and the button follows");
  await tab.keyboard.press("Enter");
  await says(tab, "#roster-shown", /^$/);
  await sound();
  await tab.close();
}

export async function showMarkupOfAListAsText(place) {
  const opened = await begin(place, "registrar");
  const { tab, sound } = opened;
  const markup = "<img src=x onerror=alert(1)>";
  const list = csv([["Last Name", "First Name", "Cert #"], [markup, "</td><script>alert(2)</script>", "CPS-28MS-MN2K-Z"], [markup, "", "none"]]);
  await send(opened, place, `${"x".repeat(40)}.csv`, list);
  await says(tab, "#roster-counts", /^2 rows: 1 no, 1 faulty\.$/);
  check((await text(tab, "#roster-rows")).includes(markup), "the cell is shown as it is");
  check((await tab.$$("#roster img, #roster script")).length === 0, "an element was made of a cell");
  await sound();
  await tab.close();
}

export async function refuseWhatIsNoList(place) {
  const opened = await begin(place, "payer");
  const { tab, sound } = opened;
  const numbers = "CPS-28MS-MN2K-Z\n";
  await tab.click("#roster-form .primary");
  await says(tab, "#list-fault", /^Choose the list\.$/);
  check(await tab.$eval("#list", (it) => it === document.activeElement), "the fault has the focus");
  for (const [name, content, expected] of [
    ["empty.csv", "", /the file is empty: choose the list/],
    ["heads.csv", "Badge,Name\n1,Ann\n", /no column for credential number or earlier number or birth date; line 1 has `Badge`, `Name`\. Call the column `Cert #`, or add it/],
    ["none.csv", "Cert #\n", /the list has no rows/],
    ["setup.exe", Buffer.concat([Buffer.from("MZ\x90\0\x03\0\0\0", "latin1"), Buffer.alloc(1000, 7)]), /it is a program, not a list: choose the list/],
    ["scan.pdf", "%PDF-1.7\n", /it is a PDF, not a list/],
    ["old.xls", Buffer.from("d0cf11e0a1b11ae1", "hex"), /old format, or with a password, not a list: open it, and save it as \.xlsx or CSV/],
    ["cut.xlsx", workbook(STAFF).subarray(0, 700), /it is not a whole \.xlsx workbook \(its end is missing or damaged\): open it/],
    ["bomb.xlsx", packed([["xl/media/bomb.bin", Buffer.alloc(129 * 1024 * 1024)]]), /its parts have more than 128 MiB: save the list alone, or as CSV/],
    ["large.csv", Buffer.alloc(16 * 1024 * 1024 + 1, 10), /it has more than 16 MiB: split it/],
    ["long.csv", `Cert #\n${numbers.repeat(LONG + 1)}`, /it has 100001 rows; the maximum here is 100000: split the list/],
  ]) {
    await send(opened, place, name, content);
    await says(tab, "#roster-trouble", new RegExp(`^This list cannot be read: .*${expected.source}`));
    check(await tab.$eval("#roster-trouble", (it) => it === document.activeElement), "the trouble has the focus");
    check(await tab.$eval("#roster-answer", (it) => it.hidden), `${name} has no answer`);
  }
  await send(opened, place, "staff.csv", csv(STAFF.slice(0, 4)));
  await says(tab, "#roster-counts", /^3 rows/);
  check(await tab.$eval("#roster-trouble", (it) => it.hidden), "the trouble is over");
  await sound();
  await tab.close();
}

// The page stays usable while a list of the most rows is read, asked, drawn and saved.
export async function checkALongList(place) {
  const opened = await begin(place, "payer");
  const { tab, sound } = opened;
  const known = ["CPS-28MS-MN2K-Z", "CPS-JTPC-8ZHN-8", "CPS-F1VP-N7DH-M", "CPS-ENTT-V164-D"];
  const rows = Array.from({ length: LONG }, (_, at) => `${known[at % 4]},Person ${at},Unit ${at % 10}`);
  const pauses = () => {
    globalThis.longest = 0;
    let last = performance.now();
    setInterval(() => {
      longest = Math.max(longest, performance.now() - last - 20);
      last = performance.now();
    }, 20);
  };
  await tab.evaluate(pauses);
  const begun = Date.now();
  await send(opened, place, "long.csv", `Cert #,Who,Unit\n${rows.join("\n")}\n`);
  await tab.waitForFunction(() => /^100,000 rows: 25,000 yes, 25,000 with limits, 25,000 no, 25,000 not known\.$/.test(document.querySelector("#roster-counts").innerText), { timeout: 240_000 });
  const took = Date.now() - begun;
  await says(tab, "#roster-shown", /^200 of 100,000 rows are shown\.$/);
  const { text: answers } = await downloaded(tab, place.scratch, () => tab.click("#roster-download"));
  check(answers.split("\r\n").length === LONG + 2, "every row is in the file");
  const longest = await tab.evaluate(() => longest);
  console.log(`page: ${LONG} rows are answered after ${took} ms; the longest pause of the page is ${longest.toFixed(0)} ms`);
  check(longest < 5000, `the page did not answer for ${longest} ms`);
  await sound();
  await tab.close();
}

// On the narrowest phone an answer has the whole width, and every section is in view.
export async function readAnswersOnANarrowPhone(place) {
  const opened = await begin(place, "registrar", { size: "small" });
  const { tab, sound } = opened;
  await send(opened, place, "staff.csv", csv(STAFF));
  await says(tab, "#roster-counts", COUNTS);
  const [answer, whole] = await tab.evaluate(() => ["#roster-rows td:last-child", "#roster-answer .roster"].map((it) => document.querySelector(it).clientWidth));
  check(answer > 0.9 * whole, `an answer has ${answer} of ${whole} pixels`);
  check(/^Line 2/.test(await tab.$eval("#roster-rows th", (it) => getComputedStyle(it, "::before").content.replaceAll('"', "") + it.innerText)), "the line is named");
  const beyond = await tab.$eval("#sections", (it) => it.scrollWidth - it.clientWidth);
  check(beyond <= 0, `the sections are ${beyond} pixels too wide`);
  await fits(tab, "the answers");
  await barriers(tab, place.axe);
  await sound();
  await tab.close();
}
