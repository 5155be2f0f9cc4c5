// A number as data files and JSON write it.
export const NUMBER = /^[-+]?(\d{1,300}(\.\d*)?|\.\d+|\d{1,300},(\d{1,2}|\d{4,300}))(e[-+]?\d{1,2})?$/i;
export const numberOf = (text) => Number(text.replace(",", "."));

// One text of several fields: the text alone where there is one, else a line `name: text` each.
export const joined = (row, fields) =>
  fields.length === 1 ? row[fields[0]] : fields.map((name) => `${name}: ${row[name]}`).join("\n");

// What is asked, and the text of each of the options, which are fields or marks in the one field, one after the
// other; null of one that is not there.
export function laidOpen(row, fields, options) {
  if (options.every((name) => fields.includes(name)))
    return [joined(row, fields.filter((name) => !options.includes(name))), options.map((name) => row[name].trim() || null)];
  const text = row[fields[0]];
  let end = 0;
  const spans = options.map((mark) => {
    const escaped = mark.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const sought = new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}`, "giu");
    sought.lastIndex = end;
    const found = sought.exec(text);
    if (!found) return null;
    end = sought.lastIndex;
    return [found.index, end];
  });
  const edges = [...spans.filter(Boolean).map(([start]) => start), text.length];
  let next = 0;
  return [text.slice(0, edges[0]), spans.map((span) => span && text.slice(span[1], edges[++next]).trim())];
}

// The two texts that are compared: two fields, or what stands behind two marks in one, in either order; null
// where one of the marks is not there.
export function sides(row, fields, parts) {
  if (!parts?.length) return fields.map((name) => row[name]);
  const text = row[fields[0]];
  const [first, second] = parts.map((mark) => {
    const name = mark.slice(0, -1).trimEnd().replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const found = new RegExp(`${name}\\s*[:\uff1a]`, "i").exec(text);
    return found && { start: found.index, end: found.index + found[0].length };
  });
  if (!first || !second) return null;
  if (first.start < second.start) return [text.slice(first.end, second.start), text.slice(second.end)];
  return [text.slice(first.end), text.slice(second.end, first.start)];
}
