// One text of several fields: the text alone where there is one, else a line `name: text` each.
export const joined = (row, fields) =>
  fields.length === 1 ? row[fields[0]] : fields.map((name) => `${name}: ${row[name]}`).join("\n");
