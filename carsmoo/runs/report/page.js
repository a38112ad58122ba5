// What the reader does: point at a network, pin two, choose a generation; by mouse, touch and keyboard.

const view = {
  current: null, pins: [null, null], older: 0, all: false, x: data.columns.findIndex((_, k) => k !== data.error),
  run: Math.max(data.runs.findIndex((run) => run.generations.length), 0), over: "generation", figure: Object.keys(data.trust)[0] ?? null,
};
view.generation = data.runs[view.run].generations.length - 1;
const rows = [...document.querySelectorAll("tr[data-network]")];
const sorted = () => data.networks.map((_, k) => k).sort((a, b) => data.networks[a].F[view.x] - data.networks[b].F[view.x] || a - b);

function html(tag, fields, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(fields)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const pictureTitle = ({ title }) => title[0].toUpperCase() + title.slice(1);

function saveButtons(name) {
  const button = (kind) => html("button", { type: "button", "data-kind": kind, "aria-label": `Save ${name} as ${kind.toUpperCase()}` }, kind.toUpperCase());
  return html("p", { class: "save", "data-save": name }, `Save ${data.drawn} `, button("svg"), " ", button("png"));
}

// A network's figures, each error with what it belongs to, and its cells, marked where another network's differ.
function networkParts(k, slot, other) {
  const network = data.networks[k];
  const title = html("h3", {});
  if (slot !== null) title.append(html("span", { class: slot ? "badge b" : "badge" }, slot ? "B" : "A"));
  title.append(`Network ${network.number} of ${network.of}`);
  if (slot !== null) {
    const button = html("button", { type: "button", "aria-label": `Unpin ${networkName(k)}` }, "Unpin");
    button.addEventListener("click", () => { pin(k); (document.querySelector("#pinned button") || $("points")).focus(); });
    title.append(button);
  }
  const figure = (name, value, about) => html("div", {}, html("dt", {}, name), html("dd", { class: "value" }, value), html("dd", { class: "about" }, about));
  const list = html("dl", {});
  if (several()) list.append(figure("run", data.runs[network.run].name, data.settings[data.runs[network.run].setting].label));
  data.columns.forEach((column, i) => {
    let about = i === data.error ? network.about : "";
    if (slot === 1 && other !== null) about = [difference(i, network.F[i] - data.networks[other].F[i]), about].filter(Boolean).join("; ");
    list.append(figure(column.name, valueText(i, network.F[i]), about));
  });
  if (network.trained !== null) list.append(figure("error, trained in full", `${(100 * network.trained).toFixed(2)}\u00a0%`, network.trainedAbout));
  const pictures = network.pictures.map((picture, i) => {
    const place = html("div", { class: "cell" });
    place.picture = picture;
    const part = html("div", {}, html("h4", {}, pictureTitle(picture)));
    const beside = other === null ? undefined : data.networks[other].pictures[i];
    if (beside?.title === picture.title) { // of one space
      place.other = beside;
      part.append(html("p", { class: "differs" }, differenceWords(picture, beside, slot ? "A" : "B")));
    }
    part.append(place);
    return part;
  });
  const text = html("details", {}, html("summary", {}, "Architecture as text"), html("code", {}, network.text));
  return [title, list, ...pictures, saveButtons(`${data.drawn} of ${networkName(k)}`), text];
}

function difference(i, by) {
  const sign = by > 0 ? "+" : by < 0 ? "−" : "±";
  return `${sign}${valueText(i, Math.abs(by)).replace("%", "points")} against A`;
}

function fillCells() {
  for (const place of document.querySelectorAll(".cell")) {
    if (place.clientWidth > 0) place.replaceChildren(drawPicture(place.picture, place.clientWidth, place.other));
    place.toggleAttribute("tabindex", false);
    if (place.scrollWidth > place.clientWidth) place.tabIndex = 0; // what scrolls can be scrolled by keys
  }
}

let drawing = 0; // what stands out in plots of many lines is drawn once for many moves
function drawLines() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => { drawTrainings(view); drawParallel(view); });
}

function show(k) {
  if (k === view.current) return;
  view.current = k;
  $("network").replaceChildren(...networkParts(k, null, null));
  rows.forEach((row, i) => row.classList.toggle("current", i === k));
  $("points").setAttribute("aria-activedescendant", `option-${k}`);
  fillCells();
  drawFront(view);
  drawLines();
}

function pin(k) {
  const slot = view.pins.indexOf(k);
  const free = view.pins.indexOf(null);
  if (slot >= 0) view.pins[slot] = null;
  else if (free >= 0) [view.pins[free], view.older] = [k, 1 - free];
  else [view.pins[view.older], view.older] = [k, 1 - view.older];
  showPins();
}

function showPins() {
  const made = view.pins.map((k, slot) => {
    const place = html("article", { class: "network", "aria-label": `Pinned as ${slot ? "B" : "A"}` });
    if (k !== null) place.append(...networkParts(k, slot, view.pins[1 - slot]));
    return place;
  });
  const both = view.pins.every((k) => k === null);
  $("pinned").replaceChildren(...(both ? [] : made));
  $("compare-hint").hidden = !view.pins.includes(null);
  $("compare-hint").textContent = both ? "No network is pinned. Pin two, in the plot or in the table, to see them side by side." : "Pin one more to compare.";
  rows.forEach((row, k) => {
    const slot = view.pins.indexOf(k);
    const button = row.querySelector("button");
    button.setAttribute("aria-pressed", String(slot >= 0));
    button.classList.toggle("b", slot === 1);
    button.textContent = slot < 0 ? "Pin" : slot ? "B" : "A";
    $(`option-${k}`).setAttribute("aria-selected", String(slot >= 0));
  });
  fillCells();
  drawFront(view);
  drawLines();
}

function chooseGeneration(k) {
  view.generation = k;
  const { generations } = data.runs[view.run];
  const { number, epoch, front, F, hypervolume } = generations[k];
  Object.assign($("generation"), { max: generations.length - 1, value: k });
  $("generation-says").textContent = `${number} of ${generations.length}, epoch ${epoch}, ${front.length} of ${F.length} on the front, hypervolume ${hypervolume.toFixed(3)}`;
  $("generation").setAttribute("aria-valuetext", `generation ${number}`);
  drawGeneration(generations, k, view.x);
}

function drawAll() {
  if (data.networks.length) drawFront(view);
  if ($("generation")) chooseGeneration(view.generation);
  drawLearning(view);
  drawLines();
}

function listenToFront() {
  const list = $("points");
  data.networks.forEach((network, k) => {
    const said = data.columns.map((column, i) => `${column.name} ${valueText(i, network.F[i])}`).join(", ");
    list.append(html("span", { class: "hidden", role: "option", id: `option-${k}`, "aria-selected": "false" }, `Network ${networkName(k).slice(8)}: ${said}`));
  });
  $("front-plot").on("plotly_hover", ({ points: [point] }) => { if (point.data.meta === "found") show(point.pointIndex); });
  $("front-plot").on("plotly_click", ({ points: [point] }) => {
    if (point.data.meta !== "found") return;
    show(point.pointIndex);
    pin(point.pointIndex);
  });
  list.addEventListener("keydown", (event) => {
    const order = sorted();
    const at = order.indexOf(view.current);
    const move = { ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, ArrowDown: at + 1, Home: 0, End: order.length - 1 }[event.key];
    if (move !== undefined) show(order[Math.min(Math.max(move, 0), order.length - 1)]);
    else if (event.key === "Enter" || event.key === " ") pin(view.current);
    else if (event.key === "Escape") { view.pins = [null, null]; showPins(); }
    else return;
    event.preventDefault();
  });
  rows.forEach((row, k) => {
    row.addEventListener("mouseenter", () => show(k));
    const button = row.querySelector("button");
    button.addEventListener("focus", () => show(k));
    button.addEventListener("click", () => { show(k); pin(k); });
    button.addEventListener("keydown", (event) => {
      const next = rows[k + { ArrowDown: 1, ArrowUp: -1 }[event.key]];
      if (next) { next.querySelector("button").focus(); event.preventDefault(); }
    });
  });
  $("all").addEventListener("change", (event) => { view.all = event.target.checked; drawFront(view); });
  if ($("x-axis")) $("x-axis").addEventListener("change", (event) => { view.x = Number(event.target.value); drawAll(); });
}

// Lines of networks in other plots show theirs as points of the front do.
function listenToLines() {
  for (const [id, kind] of [["parallel-plot", "plotly_hover"], ["parallel-plot", "plotly_click"], ["held-out-plot", "plotly_click"], ["trainings-plot", "plotly_click"]]) {
    $(id)?.on(kind, ({ points: [point] }) => {
      const k = point.data.meta ?? null;
      if (k === null) return;
      show(k);
      if (id === "parallel-plot" && kind === "plotly_click") pin(k);
    });
  }
}

function listen() {
  if (data.networks.length) listenToFront();
  listenToLines();
  savers();
  $("generation")?.addEventListener("input", (event) => chooseGeneration(Number(event.target.value)));
  $("run")?.addEventListener("change", (event) => {
    view.run = Number(event.target.value);
    chooseGeneration(data.runs[view.run].generations.length - 1);
  });
  for (const id of ["over", "figure"]) $(id)?.addEventListener("change", (event) => { view[id] = event.target.value; drawLearning(view); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let waiting = 0;
  addEventListener("resize", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(fillCells); });
}

async function start() {
  await loadPlotly();
  const taken = takeView();
  if (data.networks.length) {
    $("network").className = "network";
    await drawFront(view);
  }
  $("js-plotly-tester")?.setAttribute("aria-hidden", "true"); // plotly's own measuring rod
  drawTrainings(view);
  drawParallel(view);
  listen();
  if (data.networks.length) {
    const errors = data.networks.map((network) => network.F[data.error]);
    show((taken ? placeOf(history.state.current) : null) ?? errors.indexOf(Math.min(...errors)));
    if (taken) showPins();
  }
  drawAll();
  reloadWhileWatched();
  document.documentElement.dataset.ready = "";
}

function tellFailure(error) {
  $("failure").textContent = `The plots could not be drawn: ${error.message}`;
  $("failure").hidden = false;
  console.error(error);
}

start().catch(tellFailure);
