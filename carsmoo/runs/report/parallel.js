// Parallel coordinates: an upright axis for each objective, a line for each network.

function parallelAxes() {
  const axes = data.columns.map((column, i) => ({ ...column, of: (network) => network.F[i] }));
  if (data.networks.some((network) => network.trained !== null)) axes.push({ name: "error, trained", suffix: "%", scale: 100, decimals: 2, of: (network) => network.trained });
  return axes.map((axis) => {
    const values = data.networks.map(axis.of).filter((value) => value !== null);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return { ...axis, low, high, place: (value) => (value === null ? null : high > low ? (value - low) / (high - low) : 0.5) };
  });
}

function drawParallel(view) {
  if (!$("parallel-plot")) return;
  const axes = parallelAxes();
  const narrow = $("parallel-plot").clientWidth < 120 * axes.length;
  const traces = data.networks.map((network, k) => {
    const own = several() ? seriesColour(data.runs[network.run].setting) : colour("mid");
    const line = lineOf(k, view, own);
    return trace(axes.map((axis, i) => [i, axis.place(axis.of(network))]), { meta: k, mode: "lines+markers", line, marker: { size: line.width > 2 ? 7 : 4, color: line.color } });
  });
  traces.sort((a, b) => a.line.width - b.line.width);
  const shapes = axes.map((_, i) => ({ type: "line", x0: i, x1: i, y0: 0, y1: 1, layer: "below", line: { color: colour("grey"), width: 1 } }));
  const annotations = axes.flatMap((axis, i) => [...new Set([0, 0.5, 1].map((part) => (axis.high > axis.low ? part : 0.5)))].map((part) => ({
    x: i, y: part, text: ((axis.low + part * (axis.high - axis.low)) * axis.scale).toFixed(Math.min(axis.decimals, 2)),
    showarrow: false, xanchor: i ? "right" : "left", xshift: i ? -6 : 6, yshift: part === 0.5 ? 0 : part ? 8 : -8, font: { size: 12, color: colour("quiet") }, bgcolor: colour("paper"),
  })));
  const names = axes.map(({ name, suffix }) => `${narrow ? name.replace(/[ -]/, "<br>") : name}${suffix ? `<br>(${suffix})` : ""}`);
  const bare = { showgrid: false, showline: false, ticks: "" };
  return Plotly.react("parallel-plot", traces, layout("", "", {
    shapes, annotations, hoverdistance: -1, margin: { l: 16, r: 16, t: 16, b: 56 },
    xaxis: { ...bare, range: [-0.15, axes.length - 0.85], tickmode: "array", tickvals: axes.map((_, i) => i), ticktext: names, tickangle: 0 },
    yaxis: { ...bare, range: [-0.08, 1.08], showticklabels: false },
  }), QUIET);
}
