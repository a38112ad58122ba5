// The full training of each network, an epoch a point; the networks pointed at or pinned stand out.

// How a network's line looks: pinned as A or B, pointed at, or one of the others.
function lineOf(k, { current, pins }, own = colour("grey")) {
  const slot = k === null ? -1 : pins.indexOf(k);
  if (slot >= 0) return { color: colour(slot ? "rust" : "navy"), width: 3, dash: slot ? "dash" : "solid" };
  return k !== null && k === current ? { color: colour("ink"), width: 3 } : { color: own, width: 1.2 };
}

function networkName(k) {
  const network = data.networks[k];
  return `network ${network.number}${several() ? ` of ${data.runs[network.run].name}` : ""}`;
}

function drawTrainings(view) {
  const panels = { "held-out-plot": ["errors", "error (%)", 100, (y) => `${y.toFixed(2)}\u00a0%`], "trainings-plot": ["losses", "loss", 1, (y) => y.toPrecision(3)] };
  for (const [id, [field, title, scale, told]] of Object.entries(panels)) {
    if (!$(id)) continue;
    const traces = data.trainings.map((one) => {
      const name = one.network === null ? one.name : networkName(one.network);
      const line = one.epochs.map((epoch, k) => [epoch, one[field][k]]).filter(([, y]) => y !== null).map(([x, y]) => [x, y * scale]);
      return single(line, ([x, y]) => `${name}, epoch ${x}: ${told(y)}`, { meta: one.network, mode: line.length > 1 ? "lines" : "markers", line: lineOf(one.network, view) });
    });
    traces.sort((a, b) => a.line.width - b.line.width); // what stands out is drawn last
    drawCurve(id, traces, "epoch", title);
  }
}
