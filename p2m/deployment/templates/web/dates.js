// Dates and times of a row as what answers hang on: the weekday, the month, the day and the hour.
const CLOCK = String.raw`(?<hour>\d{1,2}):(?<minute>\d{2})(?::\d{2}(?:[.,]\d+)?)?(?:\s*(?<half>[ap])m)?(?:\s*(?:Z|UTC|[-+]\d{2}:?\d{2}))?`;
const order = (day) => new RegExp(String.raw`^${day}(?:(?:T|,?\s+)${CLOCK})?$`, "i");
const ORDERS = {
  ymd: order(String.raw`(?<year>\d{4})([-./])(?<month>\d{1,2})\2(?<day>\d{1,2})`),
  dmy: order(String.raw`(?<day>\d{1,2})([-./])(?<month>\d{1,2})\2(?<year>\d{4})`),
  mdy: order(String.raw`(?<month>\d{1,2})([-/])(?<day>\d{1,2})\2(?<year>\d{4})`),
  time: new RegExp(`^${CLOCK}$`, "i"),
};
export const SAMPLES = { ymd: "2024-01-31", dmy: "31.01.2024", mdy: "01/31/2024", time: "17:30" };

// The hours of the day and, but of a time alone, the day; null of a text that is no date.
export function momentOf(text, order) {
  const found = ORDERS[order].exec(text.trim());
  if (!found) return null;
  const { year, month, day, hour = "0", minute = "0", half } = found.groups;
  let full = Number(hour);
  if (half) full = full > 0 && full < 13 ? (full % 12) + (half.toLowerCase() === "p" ? 12 : 0) : 24;
  if (full > 23 || Number(minute) > 59) return null;
  const hours = full + Number(minute) / 60;
  if (order === "time") return { hours };
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (Number(year) < 1 || date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null;
  return { hours, date, ordinal: date.getTime() / 86400000 + 719163 };
}

// The row with the parts of its dates as columns beside it, empty where there is no date.
export function unfolded(row, dates = {}) {
  const found = {};
  const names = Object.keys(dates);
  const moments = names.map((name) => momentOf(row[name], dates[name]));
  const days = [];
  names.forEach((name, at) => {
    const { hours, date, ordinal } = moments[at] ?? {};
    const put = (part, value) => (found[`${name} ${part}`] = value === undefined ? "" : String(value));
    put("hour", hours?.toFixed(4));
    if (dates[name] === "time") return;
    put("weekday", date && (date.getUTCDay() || 7));
    put("month", date && date.getUTCMonth() + 1);
    put("day", date?.getUTCDate());
    put("date", ordinal);
    for (const [other, since] of days)
      found[`${other} to ${name}`] = date && since !== null ? (ordinal + hours / 24 - since).toFixed(4) : "";
    days.push([name, date ? ordinal + hours / 24 : null]);
  });
  return { ...found, ...row };
}
