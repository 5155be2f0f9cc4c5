// Of a report: errors are searched and filtered, the map is walked by keys. Without it the page is all there.
"use strict";

const at = (id) => document.getElementById(id);
const STEP = 25; // errors that are shown at once

function browse() {
  const form = at("filters"), rows = [...at("error-rows").tBodies[0].rows], more = at("more");
  const body = at("error-rows").tBodies[0];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  let most = STEP, found = rows;
  const chosen = (name) => form.elements[name]?.value ?? "";
  const fits = (row) => {
    const words = chosen("find").toLowerCase().split(/\s+/).filter(Boolean);
    const [low, high] = (chosen("sure") || "0 2").split(" ").map(Number), sure = Number(row.dataset.sure ?? 1);
    return words.every((word) => texts.get(row).includes(word)) && low <= sure && sure < high &&
      ["right", "said"].every((name) => !chosen(name) || row.dataset[name] === chosen(name));
  };
  const draw = () => {
    rows.forEach((row) => { row.hidden = true; });
    found.slice(0, most).forEach((row) => { row.hidden = false; });
    more.hidden = found.length <= most;
    more.textContent = `Show ${Math.min(STEP, found.length - most)} more`;
    at("found").textContent = `${found.length} of ${rows.length} errors` +
      (found.length > most ? `, ${most} shown` : "");
  };
  const filter = () => {
    found = rows.filter(fits);
    if (chosen("order") === "least") found.reverse();
    body.append(...found, ...rows.filter((row) => !found.includes(row)));
    most = STEP;
    draw();
  };
  const reset = () => { form.reset(); filter(); };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  more.addEventListener("click", () => {
    const next = found[most];
    most += STEP;
    draw();
    next.tabIndex = -1;
    next.focus();
  });
  for (const cell of document.querySelectorAll("[data-pair]")) {
    cell.addEventListener("click", () => {
      form.reset();
      for (const name of ["right", "said"]) if (form.elements[name]) form.elements[name].value = cell.dataset[name];
      filter();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "/" && !typing) { event.preventDefault(); form.elements.find.focus(); }
    if (event.key === "Escape" && form.contains(event.target)) reset();
  });
  form.hidden = false;
  filter();
  return (id) => {
    const row = at(id);
    if (!row) return;
    if (!found.includes(row)) reset();
    most = Math.max(most, found.indexOf(row) + 1);
    draw();
    document.querySelector("tr.picked")?.classList.remove("picked");
    row.classList.add("picked");
    row.tabIndex = -1;
    row.focus();
  };
}

function walk(jump) {
  const map = at("map"), picture = map.querySelector("svg"), form = at("map-choices");
  const all = [...picture.querySelectorAll("circle")];
  const place = (dot) => [Number(dot.getAttribute("cx")), Number(dot.getAttribute("cy"))];
  const seen = () => all.filter((dot) => getComputedStyle(dot).display !== "none" && !dot.classList.contains("faded"));
  let here = null;
  const pick = (dot) => {
    here?.classList.remove("picked");
    here = dot;
    dot.classList.add("picked");
    at("told").textContent = dot.querySelector("title").textContent;
  };
  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const towards = ([across, down]) => {
    const [x, y] = place(here);
    let best = null, least = Infinity;
    for (const dot of seen()) {
      const [dx, dy] = [place(dot)[0] - x, place(dot)[1] - y];
      const along = dx * across + dy * down, beside = Math.abs(dx * down) + Math.abs(dy * across);
      if (dot === here || along <= 0) continue;
      const far = along + 2 * beside;
      if (far < least) [best, least] = [dot, far];
    }
    return best;
  };
  const nextError = (step) => {
    const wrong = seen().filter((dot) => dot.dataset.error);
    return wrong.length ? wrong[(wrong.indexOf(here) + step + wrong.length) % wrong.length] : null;
  };
  const choose = () => {
    map.className = `map by-${form.elements.by?.value ?? "error"}` + (form.elements.learnt?.checked ?? true ? "" : " without-learnt");
    const only = form.elements.only?.value ?? "";
    for (const dot of all) dot.classList.toggle("faded", Boolean(only) && dot.dataset.label !== only);
  };
  picture.addEventListener("focus", () => { if (!here && seen().length) pick(nextError(1) ?? seen()[0]); });
  picture.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const dot = WAYS[event.key] ? towards(WAYS[event.key]) : event.key === "e" ? nextError(1)
      : event.key === "E" ? nextError(-1) : event.key === "Home" ? seen()[0] : undefined;
    if (dot !== undefined) { event.preventDefault(); if (dot) pick(dot); }
    if (event.key === "Enter" && here?.dataset.error && jump) { event.preventDefault(); jump(here.dataset.error); }
  });
  for (const kind of ["pointerover", "click"]) {
    picture.addEventListener(kind, (event) => {
      const dot = event.target.closest("circle");
      if (dot) pick(dot);
    });
  }
  form.addEventListener("input", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const each of document.querySelectorAll(".scripted")) each.hidden = false;
  picture.setAttribute("tabindex", "0");
  picture.setAttribute("role", "application");
  picture.setAttribute("aria-roledescription", "map");
  picture.setAttribute("aria-describedby", "map-help");
  choose();
}

const jump = at("error-rows") ? browse() : null;
if (at("map")) walk(jump);
