// A model's folder, opened in the page: rows to answers, as predict.py gives them.
import { answersOf, calibrated } from "./answers.js";
import { openArrays } from "./arrays.js";
import { momentOf, SAMPLES, unfolded } from "./dates.js";
import { joined, laidOpen, NUMBER, sides } from "./rows.js";

async function read(folder, name) {
  // Another bundle may have been put here since: a file that a browser kept must not go with a new one.
  const found = await fetch(folder + name, { cache: "no-cache" });
  if (!found.ok) throw new Error(`${folder}${name}: ${found.status}`);
  return found;
}

export async function openPredictor(folder, say = () => {}) {
  const settings = await (await read(folder, "predictor.json")).json();
  say(`Loading the model (${settings.page.megabytes} MB)…`);
  const arrays = settings.page.arrays ? await openArrays(folder, read) : {};
  const encoder = settings.page.encoder ? await openEncoder(folder, settings) : null;
  const answer = await answering(folder, settings, arrays, encoder);
  return {
    fields: settings.fields,
    async predict(row) {
      const filled = settings.fields.filter((name) => typeof row[name] === "string" && row[name].trim());
      const mayLack = filled.length ? [...(settings.numbers ?? []), ...(settings.choices ?? []), ...Object.keys(settings.dates ?? {})] : [];
      for (const name of settings.fields)
        if (typeof row[name] !== "string" || !(filled.includes(name) || mayLack.includes(name))) throw new Error(`"${name}" is empty`);
      for (const name of settings.numbers ?? [])
        if (filled.includes(name) && !NUMBER.test(row[name].trim())) throw new Error(`"${name}" must be a number`);
      for (const [name, order] of Object.entries(settings.dates ?? {}))
        if (filled.includes(name) && !momentOf(row[name], order)) throw new Error(`"${name}" must be like ${SAMPLES[order]}`);
      const found = await answer(row);
      const score = calibrated(found.score, settings.calibration);
      return { value: found.value ?? found.output, score, abstain: Boolean(found.abstain) || score < settings.abstain };
    },
  };
}

async function openEncoder(folder, settings) {
  const { Encoder } = await import("./encoder.js");
  return Encoder.open(folder, settings, read);
}

async function answering(folder, settings, arrays, encoder) {
  if (settings.kind === "span") {
    const { SpanModel } = await import("./spans.js");
    const model = new SpanModel(settings, encoder);
    return (row) => model.answer(row);
  }
  const decide = answersOf(settings, arrays.scope);
  if (settings.kind === "classification")
    return async (row) => {
      const found = await encoder.run(encoder.row(row));
      return decide(found.logits, found.embeddings);
    };
  const { LinearHead, compared } = await import("./linear.js");
  const head = await LinearHead.open(folder, settings, arrays.linear, read);
  const embedded = async (text) => (await encoder.run(encoder.text(text))).embeddings;
  if (Object.keys(settings.options ?? {}).length)
    return async (row) => {
      const [asked, options] = laidOpen(row, settings.fields, Object.values(settings.options));
      const first = await embedded(asked);
      const found = [];
      for (const text of options) {
        const one = compared(first, await embedded(text ?? ""));
        found.push(...(text === null ? [...one.fill(0, 0, -1).fill(-2, -1)] : one));
      }
      return decide(head.logits("", found), null);
    };
  if (settings.compares)
    return async (row) => {
      const found = sides(row, settings.fields, settings.parts);
      const [first, second] = found ?? ["", ""];
      const embeddings = compared(await embedded(first), await embedded(second));
      const answer = decide(head.logits("", embeddings), embeddings);
      return found ? answer : { ...answer, score: 0, abstain: true }; // of one text nothing is known
    };
  return async (row) => {
    const text = joined(row, settings.fields.filter((name) => !settings.numbers?.includes(name) && !settings.dates?.[name]));
    const embeddings = encoder ? await embedded(text) : null;
    return decide(head.logits(text, embeddings, unfolded(row, settings.dates)), embeddings);
  };
}
