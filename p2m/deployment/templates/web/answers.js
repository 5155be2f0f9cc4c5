// Logits to answers and their scores: a label, several, or a number; and none of the labels.
const EDGE = 1e-6; // a score nearer to 0 or 1 counts as that near
const NEAR = 0.05; // of the scale: what is near to a number without steps
const DIGITS = 4; // of a number without steps, leading ones of its scale
const WEIGHT = 4; // of the nearest row that was learnt from, beside the likeliest label

export const logit = (share) => (share <= 0 ? -Infinity : share >= 1 ? Infinity : Math.log(share / (1 - share)));

export function calibrated(score, calibration) {
  if (!calibration || score <= 0) return score;
  const [slope, offset] = calibration;
  return 1 / (1 + Math.exp(-(slope * logit(Math.min(1 - EDGE, Math.max(EDGE, score))) + offset)));
}

export function logSum(values) {
  let top = -Infinity, sum = 0;
  for (const value of values) top = Math.max(top, value);
  for (const value of values) sum += Math.exp(value - top);
  return top + Math.log(sum);
}

export function answersOf(settings, scope) {
  const decide = { labels: labelSet, number: number }[settings.shape] ?? label;
  return (logits, embeddings) => {
    const found = decide(logits, settings);
    return scope ? limited(found, logits, embeddings, settings, scope) : found;
  };
}

function label(logits, settings) {
  let best = 0;
  for (let column = 1; column < logits.length; column++) if (logits[column] > logits[best]) best = column;
  return { output: settings.labels[best], score: Math.exp(logits[best] - logSum(logits)) };
}

function labelSet(logits, settings) {
  const least = logit(settings.threshold);
  const held = Array.from(logits, (value) => value >= least);
  if (settings.none === null) {
    let best = 0;
    for (let column = 1; column < logits.length; column++) if (logits[column] > logits[best]) best = column;
    held[best] = true;
  }
  let sum = 0;
  logits.forEach((value, column) => { sum += softplus(held[column] ? -value : value); });
  const value = settings.labels.filter((_, column) => held[column]);
  return { output: JSON.stringify(value), value, score: Math.exp(-sum) };
}

const softplus = (value) => Math.max(0, value) + Math.log1p(Math.exp(-Math.abs(value)));

function number(logits, settings) {
  const [low, high, step] = settings.scale ?? [0, 1, 0];
  const offset = settings.log_offset ?? null;
  const laid = (number) => (offset === null ? number : Math.log(number + offset));
  const first = laid(low), last = laid(high);
  const span = last - first || 1;
  const spread = Math.SQRT2 * Math.max(settings.error, 1e-9 * span);
  const reach = offset === null ? Math.max(step / 2, NEAR * span) : NEAR * span;
  const near = Math.min(last, Math.max(first, first + span * logits[0]));
  const there = offset === null ? near : Math.exp(near) - offset;
  const said = step ? Math.min(high, low + step * halfEven((there - low) / step)) : there;
  const size = offset === null ? span : there + offset;
  const digits = Math.max(0, DIGITS - 1 - Math.floor(Math.log10(size)));
  const off = near - laid(said);
  const share = (erf((reach - off) / spread) - erf((-reach - off) / spread)) / 2;
  const value = Number(said.toFixed(step ? Math.max(digits, 6) : digits));
  return { output: String(value), value, score: Math.min(1, Math.max(0, share)) };
}

function halfEven(value) {
  const floor = Math.floor(value), rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

// The error function: its series near 0, its continued fraction beyond (Abramowitz and Stegun, 7.1.5 and 7.1.14).
export function erf(value) {
  const size = Math.abs(value);
  if (size > 6) return Math.sign(value);
  if (size < 2.5) {
    let term = size, sum = size;
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= (-size * size) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(value) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(value) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / (size + fraction));
}

// None of the labels, where fewer of the known rows are as far away as the threshold says.
function limited(found, logits, embeddings, settings, scope) {
  const none = settings.none ?? "";
  const total = logSum(logits);
  let near = -Infinity;
  settings.labels.forEach((name, column) => { if (name !== none) near = Math.max(near, logits[column] - total); });
  if (embeddings && scope.rows.shape[0]) near += WEIGHT * nearest(embeddings, scope);
  const known = scope.known.values;
  let place = 0;
  while (place < known.length && known[place] <= near) place++;
  const share = (1 + place) / (1 + known.length);
  return found.output === none || share >= settings.threshold ? found : { output: none, score: 1 - share };
}

function nearest(embeddings, { rows, scale }) {
  const [count, width] = rows.shape;
  let best = -Infinity;
  for (let row = 0; row < count; row++) {
    let sum = 0;
    for (let at = 0; at < width; at++) sum += embeddings[at] * rows.values[row * width + at];
    best = Math.max(best, sum);
  }
  return best * scale.values[0];
}
