// The plots, drawn by plotly in the page's colours.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const ROUND = [-2, -1, 0, 1, 2, 3].flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
const QUIET = { displayModeBar: false, responsive: true, showTips: false, doubleClick: false, scrollZoom: false };

async function loadPlotly() {
  const packed = Uint8Array.from(atob($("plotly").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function valueText(k, value) {
  const { scale, decimals, suffix } = data.columns[k];
  return `${(value * scale).toFixed(decimals)}${suffix ? "\u00a0" + suffix : ""}`;
}

function axisTitle(k) {
  const { name, suffix } = data.columns[k];
  return suffix ? `${name} (${suffix})` : name;
}

// What is unbeaten in two objectives, from left to right.
function staircase(points) {
  let best = Infinity;
  return [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]).filter(([, y]) => y < best && ((best = y), true));
}

function points(F, x) {
  const [sx, sy] = [data.columns[x].scale, data.columns[data.error].scale];
  return F.map((row) => [row[x] * sx, row[data.error] * sy]);
}

function trace(at, fields) {
  return { x: at.map((p) => p[0]), y: at.map((p) => p[1]), mode: "markers", type: "scatter", hoverinfo: "none", showlegend: false, ...fields };
}

function steps(at, fields) {
  return trace(staircase(at), { mode: "lines", hoverinfo: "skip", line: { shape: "hv", width: 1.3, color: colour("navy") }, ...fields });
}

function layout(x, y, more) {
  const axis = { gridcolor: colour("line"), zeroline: false, linecolor: colour("grey"), showline: true, ticks: "outside", tickcolor: colour("grey"), ticklen: 4, fixedrange: true, automargin: true, nticks: 7 };
  return {
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("ink") },
    paper_bgcolor: "transparent", plot_bgcolor: "transparent",
    margin: { l: 56, r: 16, t: 36, b: 48 }, hovermode: "closest", hoverdistance: 24, dragmode: false,
    legend: { orientation: "h", traceorder: "normal", x: 0, y: 1.02, xanchor: "left", yanchor: "bottom", bgcolor: "transparent", itemclick: false, itemdoubleclick: false },
    hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("grey"), font: { color: colour("ink") } },
    ...more,
    xaxis: { ...axis, title: { text: x, standoff: 8, font: { size: 13 } }, ...(more || {}).xaxis },
    yaxis: { ...axis, title: { text: y, standoff: 8, font: { size: 13 } }, ...(more || {}).yaxis },
  };
}

// A range that keeps every point off the edges.
function span(values, floor = 0) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = 0.08 * (high - low || Math.abs(high) || 1);
  return [low >= floor ? Math.max(floor, low - pad) : low - pad, high + pad];
}

const several = () => data.runs.length > 1;
const SERIES = 6;
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const seriesColour = (s) => colour(`series-${s % SERIES}`);
const dashOf = (s) => DASHES[s % DASHES.length];

// What half of a setting's runs attain, and the band around it, up to the right edge of the plot.
function attained(s, found, edge) {
  const stairs = data.runs.map((run, r) => (run.setting === s ? staircase(found.filter((_, k) => data.networks[k].run === r)) : []));
  const held = bandOf(stairs.filter((line) => line.length)).filter(({ middle }) => middle < Infinity);
  if (held.length) held.push({ ...held.at(-1), x: edge });
  return bandTraces(s, held, "hv");
}

function drawFront({ x, current, pins, all }) {
  const found = points(data.networks.map((network) => network.F), x);
  const last = several() ? null : data.runs[0].generations.at(-1);
  const population = last ? points(last.F.filter((row, k) => !last.front.includes(k)), x) : [];
  const trained = data.networks.flatMap((network, k) => (network.trained === null ? [] : [[found[k][0], 100 * network.trained]]));
  const seen = [...found, ...trained, ...(all ? population : [])];
  const ranges = { xaxis: { range: span(seen.map((p) => p[0])) }, yaxis: { range: span(seen.map((p) => p[1])) } };
  const own = several() ? data.networks.map((network) => seriesColour(data.runs[network.run].setting)) : colour("navy");
  const traces = [
    ...(several() ? data.settings.flatMap((_, s) => attained(s, found, ranges.xaxis.range[1])) : []),
    trace(population, { name: "rest of the population", showlegend: !several(), hoverinfo: "skip", marker: { size: 7, color: "transparent", line: { color: colour("grey"), width: 1.2 } } }),
    steps(several() ? [] : found),
    trace(found, { meta: "found", name: "Pareto front", showlegend: !several(), marker: { size: several() ? 8 : 10, color: own } }),
    trace(trained, { name: "trained in full", showlegend: trained.length > 0, hoverinfo: "skip", marker: { size: 10, symbol: "diamond-open", color: colour("navy"), line: { width: 1.6 } } }),
    trace(current === null ? [] : [found[current]], { hoverinfo: "skip", marker: { size: pins.includes(current) ? 28 : 20, symbol: current === pins[1] ? "square" : "circle", color: "transparent", line: { color: colour("ink"), width: 2 } } }),
    ...["A", "B"].map((letter, k) => trace(pins[k] === null ? [] : [found[pins[k]]], {
      mode: "markers+text", text: [letter], hoverinfo: "skip", textfont: { color: colour("paper"), size: 12, weight: 700 },
      marker: { size: 20, symbol: k ? "square" : "circle", color: colour(k ? "rust" : "navy") },
    })),
  ];
  return Plotly.react("front-plot", traces, layout(axisTitle(x), axisTitle(data.error), ranges), QUIET);
}

function drawGeneration(generations, k, x) {
  const chosen = generations[k];
  const all = generations.map((generation) => points(generation.F, x));
  const onFront = chosen.front.map((i) => all[k][i]);
  const rest = all[k].filter((_, i) => !chosen.front.includes(i));
  const last = points(generations.at(-1).front.map((i) => generations.at(-1).F[i]), x);
  const text = (at) => at.map((p) => `${p[1].toFixed(data.columns[data.error].decimals)} ${data.columns[data.error].suffix}, ${p[0].toFixed(data.columns[x].decimals)} ${data.columns[x].suffix}`);
  const traces = [
    steps(last, { name: "last generation", showlegend: true, line: { shape: "hv", width: 2, color: colour("pale") } }),
    trace(rest, { name: "rest of the population", showlegend: true, text: text(rest), hoverinfo: "text", marker: { size: 7, color: "transparent", line: { color: colour("grey"), width: 1.2 } } }),
    steps(onFront),
    trace(onFront, { name: "front of the generation", showlegend: true, text: text(onFront), hoverinfo: "text", marker: { size: 9, color: colour("navy") } }),
  ];
  const errors = all.flat().map((p) => p[1]);
  const wide = Math.min(...errors) > 0 && Math.max(...errors) > 4 * Math.min(...errors);
  const y = wide ? { type: "log", range: span(errors.map(Math.log10), -Infinity), tickmode: "array", tickvals: ROUND, ticktext: ROUND.map(String) } : { range: span(errors) };
  const ranges = { xaxis: { range: span(all.flat().map((p) => p[0])) }, yaxis: y };
  return Plotly.react("generations-plot", traces, layout(axisTitle(x), axisTitle(data.error) + (wide ? ", log scale" : ""), ranges), QUIET);
}
