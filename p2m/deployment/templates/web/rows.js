// One text of several fields: the text alone where there is one, else a line `name: text` each.
export const joined = (row, fields) =>
  fields.length === 1 ? row[fields[0]] : fields.map((name) => `${name}: ${row[name]}`).join("\n");

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
