// A page whose file is written anew while a run goes on loads itself again, and shows what the reader had chosen.

const IDLE = 2000; // ms that a reader has left page and keys alone

// A network by what it is, as its number changes with the front.
const known = (k) => (k === null ? null : { run: data.runs[data.networks[k].run].name, text: data.networks[k].text });

function placeOf(one) {
  if (!one) return null;
  const k = data.networks.findIndex((network) => network.text === one.text && data.runs[network.run].name === one.run);
  return k < 0 ? null : k;
}

function keepView() {
  const generations = data.runs[view.run].generations;
  history.replaceState({
    current: known(view.current), pins: view.pins.map(known), older: view.older, all: view.all, x: view.x, over: view.over, figure: view.figure, run: data.runs[view.run].name,
    generation: view.generation >= generations.length - 1 ? null : view.generation, // the newest stays the newest
    top: scrollY, focus: document.activeElement.id, reload: $("reload").checked,
    open: [...document.querySelectorAll("details")].map((one) => one.open),
  }, "");
}

// What a reader chose before the page was loaded again; false where it is opened for the first time.
function takeView() {
  const kept = history.state;
  if (!kept) return false;
  const run = Math.max(data.runs.findIndex(({ name }) => name === kept.run), 0);
  const last = data.runs[run].generations.length - 1;
  const generation = kept.generation === null ? last : Math.min(kept.generation, last);
  Object.assign(view, { older: kept.older, all: kept.all, x: kept.x, over: kept.over, figure: kept.figure, run, generation, pins: kept.pins.map(placeOf) });
  for (const [id, value] of [["x-axis", view.x], ["over", view.over], ["figure", view.figure], ["run", view.run]]) if ($(id) && value !== null) $(id).value = value;
  $("all") && ($("all").checked = view.all);
  $("reload") && ($("reload").checked = kept.reload);
  return true;
}

function reloadWhileWatched() {
  const kept = history.state;
  if (kept) {
    [...document.querySelectorAll("details")].forEach((one, k) => { one.open = kept.open[k] ?? one.open; });
    scrollTo({ top: kept.top, behavior: "instant" });
    $(kept.focus)?.focus({ preventScroll: true });
  }
  history.replaceState(null, "");
  if (!data.reload) return;
  history.scrollRestoration = "manual";
  let touched = -Infinity;
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "scroll"]) addEventListener(kind, () => { touched = performance.now(); }, { passive: true });
  setInterval(() => {
    const idle = performance.now() - touched > IDLE;
    if (performance.now() < 1000 * data.reload || !idle || document.hidden || !$("reload").checked) return;
    keepView();
    location.reload();
  }, 500);
}
