// Figures of each generation or epoch as curves: one run's, or medians and bands of the runs of each setting.

const FEW = 5; // runs that quartiles need at least
const OVER = {
  generation: { title: "generation", at: (generation) => generation.number },
  epoch: { title: "epoch", at: (generation) => generation.epoch },
  evaluations: { title: "evaluations", at: (generation) => generation.evaluations },
  time: { title: "time (s)", at: (generation) => generation.seconds },
};
const TAUS = ["ceiling", "halves", "probes", "members", "successive"];

function quantile(sorted, q) {
  const at = q * (sorted.length - 1);
  const [low, part] = [Math.floor(at), at - Math.floor(at)];
  return part === 0 ? sorted[low] : sorted[low] * (1 - part) + sorted[low + 1] * part;
}

// What a line tells at a place: its last value up to there, Infinity before it begins.
function heldAt(line, x) {
  let held = Infinity;
  for (const [at, y] of line) {
    if (at > x) break;
    held = y;
  }
  return held;
}

// Median and band of some lines at each of their places.
function bandOf(lines) {
  const [low, high] = lines.length < FEW ? [0, 1] : [0.25, 0.75];
  const places = [...new Set(lines.flat().map(([x]) => x))].sort((a, b) => a - b);
  return places.map((x) => {
    const values = lines.map((line) => heldAt(line, x)).sort((a, b) => a - b);
    return { x, low: quantile(values, low), middle: quantile(values, 0.5), high: quantile(values, high) };
  });
}

function bandTraces(s, held, shape, text) {
  const line = { shape, color: seriesColour(s), width: 2.4, dash: dashOf(s) };
  const ends = held.map(({ x, high }) => [x, Number.isFinite(high) ? high : 1e9]); // far above what is drawn
  return [
    trace(held.map(({ x, low }) => [x, low]), { mode: "lines", hoverinfo: "skip", line: { shape, width: 0 } }),
    trace(ends, { mode: "lines", hoverinfo: "skip", line: { shape, width: 0 }, fill: "tonexty", fillcolor: `${seriesColour(s)}2e` }),
    trace(held.map(({ x, middle }) => [x, middle]), { meta: `median ${s}`, mode: "lines", line, name: data.settings[s].short, showlegend: data.settings.length > 1, ...(text ? { hoverinfo: "text", text: held.map(text) } : { hoverinfo: "skip" }) }),
  ];
}

// The lines of all runs: one is drawn as it is, several as single runs, median and band of each setting.
function curveTraces(lines, text, shape = "linear") {
  if (!several()) return lines.filter((line) => line.length).map((line) => single(line, text));
  return data.settings.flatMap((setting, s) => {
    const own = lines.filter((line, r) => data.runs[r].setting === s && line.length);
    const [from, to] = [Math.max(...own.map((line) => line[0][0])), Math.min(...own.map((line) => line.at(-1)[0]))];
    const held = bandOf(own).filter(({ x }) => from <= x && x <= to); // where all runs are
    const thin = own.map((line) => trace(line, { mode: "lines", hoverinfo: "skip", opacity: 0.45, line: { shape, width: 1, color: seriesColour(s) } }));
    return [...thin, ...bandTraces(s, held, shape, ({ x, middle }) => `${setting.short}: ${text([x, middle])}`)];
  });
}

function single(line, text, fields) {
  const mode = line.length > 40 ? "lines" : "lines+markers";
  return trace(line, { mode, marker: { size: 5 }, line: { color: colour("navy"), width: 1.8 }, hoverinfo: "text", text: line.map(text), ...fields });
}

function drawCurve(id, traces, x, y, more) {
  const legend = traces.some((one) => one.showlegend);
  const xs = traces.flatMap((one) => one.x);
  const range = [Math.min(0, ...xs), Math.max(...xs, 1) * 1.02];
  return Plotly.react(id, traces, layout(x, y, { margin: { l: 56, r: 16, t: legend ? 40 : 8, b: 48 }, ...more, xaxis: { range }, yaxis: { rangemode: "tozero", ...(more || {}).yaxis } }), QUIET);
}

function overOf(name) {
  const longest = Math.max(...data.runs.flatMap((run) => run.generations.map((generation) => generation.seconds)));
  if (name !== "time" || longest < 300) return OVER[name];
  const [unit, seconds] = longest < 3 * 3600 ? ["min", 60] : ["h", 3600];
  return { title: `time (${unit})`, at: (generation) => generation.seconds / seconds };
}

function drawLearning({ over, figure }) {
  const { title, at } = overOf(over);
  const shape = over === "time" && several() ? "hv" : "linear";
  const linesOf = (value) => data.runs.map((run) => run.generations.map((generation) => [at(generation), value(generation)]).filter(([, y]) => y !== null));
  const words = (told) => ([x, y]) => `${title.replace(/ \(.*/, "")} ${Number(x.toFixed(2))}: ${told(y)}`;
  if ($("hypervolume-plot")) {
    drawCurve("hypervolume-plot", curveTraces(linesOf(({ hypervolume }) => hypervolume), words((y) => y.toFixed(3)), shape), title, "hypervolume", { yaxis: { rangemode: "normal" } });
    const { scale } = data.columns[data.error];
    const lowest = (generation) => Math.min(...generation.F.map((row) => row[data.error])) * scale;
    drawCurve("best-plot", curveTraces(linesOf(lowest), words((y) => valueText(data.error, y / scale)), shape), title, axisTitle(data.error));
  }
  if ($("loss-plot")) {
    const warm = several() ? [] : data.runs[0].losses.filter((loss) => loss.phase === "warm-up").map((loss) => loss.epoch);
    const shapes = warm.length ? [{ type: "rect", xref: "x", yref: "paper", x0: 0, x1: Math.max(...warm), y0: 0, y1: 1, fillcolor: colour("panel"), line: { width: 0 }, layer: "below" }] : [];
    const losses = data.runs.map((run) => run.losses.map(({ epoch, loss }) => [epoch, loss]));
    drawCurve("loss-plot", curveTraces(losses, ([x, y]) => `epoch ${x}: ${y.toPrecision(3)}`), "epoch", "loss", { shapes });
  }
  if ($("trust-plot")) drawTaus(several() ? [figure] : TAUS.filter((name) => name in data.trust), linesOf, words, title, shape);
}

// One run's taus beside each other, or one figure of several runs.
function drawTaus(names, linesOf, words, title, shape) {
  const isTau = TAUS.includes(names[0]);
  const text = words((y) => y.toFixed(names[0] === "updates" ? 0 : 2));
  const traces = several()
    ? curveTraces(linesOf(({ trust }) => trust[names[0]]), text, shape)
    : names.map((name, k) => single(linesOf(({ trust }) => trust[name])[0], (point) => `${data.trust[name]}, ${text(point)}`, {
      name: data.trust[name], showlegend: true, line: { color: seriesColour(k), width: k ? 1.4 : 2.4, dash: dashOf(k) }, marker: { size: k ? 4 : 6, color: seriesColour(k) },
    }));
  const values = traces.flatMap((one) => one.y).filter(Number.isFinite);
  const yaxis = names[0] === "updates" ? {} : { range: [Math.min(-0.02, ...values.map((y) => y - 0.05)), 1.02] };
  const low = isTau ? [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: data.low, y1: data.low, line: { color: colour("grey"), width: 1.2, dash: "dot" } }] : [];
  return drawCurve("trust-plot", traces, title, several() ? data.trust[names[0]] : "Kendall’s tau", { shapes: low, yaxis });
}
