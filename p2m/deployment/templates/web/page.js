// The page: fields in, an answer out. Nothing here knows what kind of model answers.
import { openPredictor } from "./predictor.js";

const at = (id) => document.getElementById(id);
const LONG = 120; // characters of an example's button

function addField(name) {
  const label = document.createElement("label");
  label.htmlFor = `field-${name}`;
  label.textContent = name;
  const area = document.createElement("textarea");
  Object.assign(area, { id: `field-${name}`, name, required: true });
  at("fields").append(label, area);
  return area;
}

function addExample(row, fill) {
  const button = document.createElement("button");
  button.type = "button";
  const text = Object.values(row).join(" · ");
  button.textContent = text.length > LONG ? `${text.slice(0, LONG - 1)}…` : text;
  button.addEventListener("click", () => fill(row));
  const item = document.createElement("li");
  item.append(button);
  at("examples").querySelector("ul").append(item);
}

function show(answer, milliseconds) {
  at("output").textContent = typeof answer.value === "string" ? answer.value : JSON.stringify(answer.value);
  const parts = [`Score ${answer.score.toFixed(4)}`, `${milliseconds.toFixed(1)} ms`];
  if (answer.abstain) parts.unshift("Too unsure to be relied on");
  at("score").textContent = parts.join(", ");
  at("answer").hidden = false;
}

async function main() {
  const task = await (await fetch("model/task.json", { cache: "no-cache" })).json();
  at("instruction").textContent = task.instruction;
  at("about").textContent = `${task.bundle}, licence of the base model: ${task.license}.`;
  const predictor = await openPredictor("model/", (line) => { at("progress").textContent = line; });
  const areas = new Map(predictor.fields.map((name) => [name, addField(name)]));
  const ask = async () => {
    document.body.setAttribute("aria-busy", "true");
    try {
      const row = Object.fromEntries([...areas].map(([name, area]) => [name, area.value]));
      const start = performance.now();
      show(await predictor.predict(row), performance.now() - start);
      at("progress").textContent = "";
    } catch (error) {
      at("answer").hidden = true;
      at("progress").textContent = `No answer: ${error.message}`;
    }
    document.body.removeAttribute("aria-busy");
  };
  at("form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  at("form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); at("form").requestSubmit(); }
  });
  for (const row of task.examples)
    addExample(row, (filled) => {
      for (const [name, area] of areas) area.value = filled[name];
      ask();
    });
  at("examples").hidden = task.examples.length === 0;
  at("form").hidden = false;
  at("progress").textContent = "";
}

main()
  .catch((error) => { at("progress").textContent = `The model cannot be loaded: ${error.message}`; })
  .finally(() => document.body.removeAttribute("aria-busy"));
