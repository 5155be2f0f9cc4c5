// The page of a review: one row at a time, every action on a key. All state is the server's; a reload loses nothing.
"use strict";

const at = (id) => document.getElementById(id);
let state = {}, rows = [], editing = false, busy = false;

async function ask(place, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let answer;
  try { answer = await fetch(place, options); } catch {
    throw new Error("p2m does not answer: it has ended, and everything that was decided is on the disk");
  }
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

// One request after another; a key that is pressed meanwhile is not taken for the next row.
async function doing(work) {
  if (busy) return;
  busy = true;
  document.body.setAttribute("aria-busy", "true");
  try { await work(); at("said").textContent = ""; } catch (error) { at("said").textContent = error.message; }
  busy = false;
  document.body.removeAttribute("aria-busy");
}

async function load() {
  [state, rows] = [await ask("state"), await ask("rows")];
  editing = false;
  show();
}

const decide = (told) => doing(async () => {
  await ask("decide", { id: rows[0].id, ...told });
  rows.shift();
  if (rows.length) { state = await ask("state"); editing = false; show(); } else await load();
});
const undo = () => doing(async () => { await ask("undo", {}); await load(); });

function made(tag, text, into, more = {}) {
  const node = Object.assign(document.createElement(tag), more);
  if (text) node.textContent = text;
  into.append(node);
  return node;
}

function show() {
  const row = rows[0];
  at("row").hidden = !row;
  at("nothing").hidden = Boolean(row);
  at("bar").max = Math.max(1, state.rows);
  at("bar").value = state.decided;
  at("progress").textContent = `${state.decided} of ${state.rows} rows decided` +
    (row ? `, round ${state.round}: ${rows.length} to go` : "") + (state.pass > 1 ? `, pass ${state.pass}` : "");
  showQuality();
  showAgreement();
  at("undo").disabled = !state.can_undo;
  if (row) showRow(row);
}

function showRow(row) {
  at("asked").textContent = `Which ${state.output}?`;
  at("why").textContent = `${row.why}${row.source ? `, from ${row.source}` : ""}`;
  at("fields").replaceChildren();
  for (const name of state.inputs) {
    const box = made("div", "", at("fields"), { className: "field" });
    made("b", name, box);
    if (editing) made("textarea", "", box, { value: row.input[name], name }).setAttribute("aria-label", name);
    else made("span", row.input[name], box);
  }
  const votes = Object.entries(row.votes).map(([answer, share]) => `${answer} ${Math.round(100 * share)}%`);
  at("was").textContent = row.was ? `answer so far: ${row.was}${votes.length > 1 ? ` (votes: ${votes.join(", ")})` : ""}` : "";
  at("written").hidden = state.is_labelled || !editing && Boolean(row.was);
  at("output-name").textContent = state.output;
  at("output").value = row.was;
  showLabels(row);
  at("accept").disabled = !row.was || editing;
  for (const [id, when] of [["save", editing || !state.is_labelled && !row.was], ["cancel", editing]]) at(id).hidden = !when;
  at("edit").hidden = editing;
  if (editing) at("fields").querySelector("textarea").focus();
  else if (!state.is_labelled && !row.was) at("output").focus();
  else if (document.activeElement?.closest("textarea, input")) document.activeElement.blur();
}

function showLabels(row) {
  const box = at("labels");
  box.replaceChildren();
  if (!state.is_labelled) return;
  if (state.labels.length > 9) {
    const filter = made("input", "", box, { id: "filter", type: "search", autocomplete: "off",
      placeholder: "/ and letters of a label, Enter takes the first" });
    filter.setAttribute("aria-label", "letters of a label");
    filter.addEventListener("input", () => narrow(filter.value));
  }
  state.labels.forEach((label, place) => {
    const button = made("button", "", box, { type: "button", value: label.name });
    if (place < 9) made("kbd", String(place + 1), button);
    button.append(` ${label.name}`);
    if (label.means) made("small", label.means, button);
    button.setAttribute("aria-pressed", String(label.name === row.was));
    button.addEventListener("click", () => choose(label.name));
  });
}

const buttons = () => [...at("labels").querySelectorAll("button")];

function narrow(letters) {
  const wanted = letters.toLowerCase();
  for (const button of buttons()) button.hidden = !button.value.toLowerCase().includes(wanted);
  buttons().forEach((button) => button.classList.remove("first"));
  if (wanted) buttons().find((button) => !button.hidden)?.classList.add("first");
}

function inputs() {
  const found = Object.fromEntries([...at("fields").querySelectorAll("textarea")].map((each) => [each.name, each.value]));
  return editing ? { input: found } : {};
}

const choose = (name) => decide({ action: editing ? "edit" : "label", output: name, ...inputs() });
const save = () => {
  const output = state.is_labelled ? rows[0].was : at("output").value;
  if (state.is_labelled && !output) { at("said").textContent = "choose a label: the input goes with it"; return; }
  return decide({ action: editing ? "edit" : "label", output, ...inputs() });
};
const edit = (whether) => { editing = whether; at("said").textContent = ""; showRow(rows[0]); };
const later = () => { rows.push(rows.shift()); edit(false); };

const clicks = {
  accept: () => decide({ action: "accept" }), reject: () => decide({ action: "reject" }), later, undo, save,
  edit: () => edit(true), cancel: () => edit(false),
};
for (const [id, work] of Object.entries(clicks)) at(id).addEventListener("click", work);
at("answer").addEventListener("submit", (event) => event.preventDefault());

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.metaKey || event.isComposing || event.repeat) return;
  const typing = event.target.closest("textarea, input");
  const press = (id) => { if (!at(id).disabled && !at(id).hidden) { event.preventDefault(); clicks[id](); } };
  if (event.key === "u" && !typing && !event.ctrlKey) return press("undo");
  if (!rows.length) return;
  if (event.key === "Enter" && event.ctrlKey) return press("save");
  if (event.ctrlKey) return;
  if (event.key === "Escape") {
    if (typing?.id === "filter") { typing.value = ""; narrow(""); typing.blur(); } else press("cancel");
    return;
  }
  if (typing?.id === "filter" && event.key === "Enter") {
    event.preventDefault();
    const first = at("labels").querySelector("button.first");
    if (first) choose(first.value);
    return;
  }
  if (typing || event.target.closest("button") && ["Enter", " "].includes(event.key)) return;
  const place = "123456789".indexOf(event.key);
  if (place >= 0 && event.key && buttons()[place]) { event.preventDefault(); return choose(buttons()[place].value); }
  if (event.key === "/" && at("filter")) { event.preventDefault(); return at("filter").focus(); }
  const keys = { Enter: "accept", e: "edit", x: "reject", s: "later" };
  if (keys[event.key]) press(keys[event.key]);
});

const percent = (share) => `${(100 * share).toFixed(0)}%`;

function showQuality() {
  const found = state.quality;
  at("quality").hidden = found.accuracy === undefined && !found.advice;
  if (at("quality").hidden) return;
  const known = found.accuracy !== undefined;
  at("score").textContent = known ? `${percent(found.accuracy)} right of ${found.rows} answers that it had not learnt ` +
    `from (95%: ${percent(found.low)} to ${percent(found.high)}). Rows that are asked about are harder than most.` : "";
  at("curve").hidden = !known;
  const body = at("curve").querySelector("tbody");
  body.replaceChildren();
  for (const [number, share] of found.curve ?? []) {
    const line = made("tr", "", body);
    made("td", String(number), line);
    made("td", percent(share), line);
  }
  at("advice").textContent = found.advice ?? "";
}

function showAgreement() {
  const found = state.agreement;
  at("agreement").hidden = !found.passes_rows;
  if (!found.passes_rows) return;
  const alpha = found.passes_alpha === undefined ? "" : ` (Krippendorff's alpha ${found.passes_alpha.toFixed(2)})`;
  at("agreed").textContent = `${percent(found.passes_agree)} of ${found.passes_rows} rows that several passes decided${alpha}`;
}

doing(load);
