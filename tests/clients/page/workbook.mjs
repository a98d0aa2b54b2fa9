// Workbooks as a spreadsheet saves them: parts in an archive.

import zlib from "node:zlib";

const HEADER = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

// A workbook with one sheet, whose cells are texts.
export function workbook(rows) {
  const cell = (text, place, line) => `<c r="${String.fromCharCode(65 + place)}${line + 1}" t="inlineStr"><is><t>${escaped(text)}</t></is></c>`;
  const sheet = rows.map((row, line) => `<row r="${line + 1}">${row.map((text, place) => (text ? cell(text, place, line) : "")).join("")}</row>`).join("");
  const related = (id, type, target) => `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`;
  const relationships = (inner) => `${HEADER}<Relationships xmlns="${PACKAGE}/relationships">${inner}</Relationships>`;
  return packed(
    [
      ["[Content_Types].xml", `${HEADER}<Types xmlns="${PACKAGE}/content-types"/>`],
      ["_rels/.rels", relationships(related("rId1", "officeDocument", "xl/workbook.xml"))],
      ["xl/workbook.xml", `${HEADER}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets><sheet name="Staff" sheetId="1" r:id="rId1"/></sheets></workbook>`],
      ["xl/_rels/workbook.xml.rels", relationships(related("rId1", "worksheet", "worksheets/sheet1.xml"))],
      ["xl/worksheets/sheet1.xml", `${HEADER}<worksheet xmlns="${MAIN}"><sheetData>${sheet}</sheetData></worksheet>`],
    ].map(([name, content]) => [name, Buffer.from(content)]),
  );
}

// An archive of parts.
export function packed(parts) {
  const [files, list] = [[], []];
  let place = 0;
  for (const [name, content] of parts) {
    const deflated = zlib.deflateRawSync(content);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(zlib.crc32(content), 10);
    fields.writeUInt32LE(deflated.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    files.push(Buffer.from("PK\x03\x04"), fields, Buffer.from(name), deflated);
    const behind = Buffer.alloc(14);
    behind.writeUInt32LE(place, 10);
    list.push(Buffer.from("PK\x01\x02\x14\0"), fields, behind, Buffer.from(name));
    place += 30 + name.length + deflated.length;
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(parts.length, 4);
  end.writeUInt16LE(parts.length, 6);
  end.writeUInt32LE(Buffer.concat(list).length, 8);
  end.writeUInt32LE(place, 12);
  return Buffer.concat([...files, ...list, Buffer.from("PK\x05\x06"), end]);
}
