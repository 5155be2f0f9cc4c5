// One text of several fields: the text alone where there is one, else a line `name: text` each.
export const joined = (row, fields) =>
  fields.length === 1 ? row[fields[0]] : fields.map((name) => `${name}: ${row[name]}`).join("\n");

// The two texts that are compared: two fields, or what stands behind each of two marks in one.
export function sides(row, fields, parts) {
  if (!parts?.length) return fields.map((name) => row[name]);
  const [mark, next] = parts;
  const text = row[fields[0]];
  const begin = text.includes(mark) ? text.indexOf(mark) + mark.length : 0;
  const end = text.indexOf(next, begin);
  return end < 0 ? [text.slice(begin), ""] : [text.slice(begin, end), text.slice(end + next.length)];
}
