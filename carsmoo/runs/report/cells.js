"use strict";
// A cell as a graph in SVG, from its inputs on the left to its output on the right, laid out as carsmoo.plots does.

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function shortOperation(op) {
  return op.split("_").filter((word) => !["conv", "pool", "connect"].includes(word)).join(" ").replace(/(\d)x(\d)/, "$1×$2");
}

function cellName(state) {
  return state < 2 ? `c(k−${2 - state})` : String(state - 2);
}

function cellWords(cell) {
  const words = [];
  for (let node = 0; node < cell.edges.length / 2; node++) {
    const edges = cell.edges.slice(2 * node, 2 * node + 2).filter(([op]) => op !== "none");
    words.push(`node ${node}: ` + (edges.map(([op, i]) => `${shortOperation(op)} of ${cellName(i)}`).join(" plus ") || "nothing"));
  }
  return `${cell.name} cell. ${words.join("; ")}.`;
}

// Positions of a cell's edges that the same node of another cell has not.
function differingEdges(cell, other) {
  const key = ([op, i], position) => `${Math.floor(position / 2)} ${op} ${op === "none" ? "" : i}`;
  const rest = other.edges.map(key);
  return new Set(cell.edges.flatMap((edge, position) => {
    const at = rest.indexOf(key(edge, position));
    if (at >= 0) rest.splice(at, 1);
    return at < 0 && edge[0] !== "none" ? [position] : [];
  }));
}

const differingJoins = (cell, other) => new Set(cell.concat.filter((state) => !other.concat.includes(state)));

// What two cells differ in, in words.
function differenceWords(cell, other, letter) {
  const edges = [...differingEdges(cell, other)];
  const joins = [...differingJoins(cell, other)];
  const missing = differingEdges(other, cell).size + differingJoins(other, cell).size;
  if (!edges.length && !joins.length) return missing ? `Nothing here that ${letter} has not.` : `The same cell as ${letter}’s.`;
  const own = edges.map((position) => `${shortOperation(cell.edges[position][0])} of ${cellName(cell.edges[position][1])} at node ${Math.floor(position / 2)}`);
  own.push(...joins.map((state) => `node ${cellName(state)} in the output`));
  return `Marked, what ${letter} has not: ${own.join("; ")}.`;
}

const BENDS = [0, 0.07, -0.07, 0.14, -0.14, 0.21, -0.21];
const STEPS = Array.from({ length: 40 }, (_, k) => (k + 0.5) / 40);
let drawnCells = 0; // markers need names of their own

// `other`: a cell, of which the edges that it has not are marked.
function drawCell(cell, room, other = cell) {
  const nodes = cell.edges.length / 2;
  const output = 1.3 * nodes + 1;
  const [padX, padY] = [32, 14];
  const unit = Math.max((room - 2 * padX) / output, 44);
  const tall = unit < 62 ? 62 : 52; // narrow drawings are taller, so that labels keep clear of each other
  const [width, height] = [output * unit + 2 * padX, 3.8 * tall + 2 * padY];
  const at = (x, y) => [padX + x * unit, padY + (1.9 - y) * tall];
  const places = [at(0, 1.9), at(0, -1.9)];
  for (let k = 0; k < nodes; k++) places.push(at(1.3 * (k + 1), k % 2 ? -0.75 : 0.75));
  const end = at(output, 0);

  const id = `arrow-${drawnCells++}`;
  const marker = (name, kind) => svg("marker", { id: name, class: kind, viewBox: "0 0 8 8", refX: 7.5, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse" }, svg("path", { d: "M0 .8 8 4 0 7.2z" }));
  const [differing, joins] = [differingEdges(cell, other), differingJoins(cell, other)];
  const drawn = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": cellWords(cell) },
    svg("defs", {}, marker(id, "ink"), marker(`${id}-quiet`, "quiet"), marker(`${id}-differs`, "differs")));

  const half = (state) => (state < 2 || state === "end" ? 29 : 13);
  const boxes = places.map(([x, y], k) => [x - half(k) - 2, y - 13, x + half(k) + 2, y + 13]);
  boxes.push([end[0] - 31, end[1] - 13, end[0] + 31, end[1] + 13]);
  // An edge, bent where that keeps it clear of the boxes between its ends.
  const line = (from, to, ends, halfWidth, kind, arrow, bends) => {
    const [[x0, y0], [x1, y1]] = [from, to];
    const middle = (bend) => [(x0 + x1) / 2 - bend * (y1 - y0), (y0 + y1) / 2 + bend * (x1 - x0)];
    const curve = ([mx, my]) => (t) => [(1 - t) ** 2 * x0 + 2 * t * (1 - t) * mx + t * t * x1, (1 - t) ** 2 * y0 + 2 * t * (1 - t) * my + t * t * y1];
    const hits = (point) => boxes.slice(0, places.length + 1).filter((box, k) => !ends.includes(k) && STEPS.some((t) => inside(point(t), box))).length;
    const bend = bends.reduce((best, one) => (hits(curve(middle(one))) < hits(curve(middle(best))) ? one : best), bends[0]);
    const [mx, my] = middle(bend);
    const [dx, dy] = [x1 - mx, y1 - my]; // the arrow ends where it meets the box
    const stop = 1 - Math.min(halfWidth / Math.max(Math.abs(dx), 1e-9), 12 / Math.max(Math.abs(dy), 1e-9), 1);
    drawn.append(svg("path", { class: kind, d: `M${x0} ${y0}Q${mx} ${my} ${mx + dx * stop} ${my + dy * stop}`, "marker-end": `url(#${arrow})` }));
    return curve([mx, my]);
  };

  for (const state of cell.concat) line(places[state], end, [state, places.length], 29, joins.has(state) ? "joined differs" : "joined", joins.has(state) ? `${id}-differs` : `${id}-quiet`, [0, 0.06, -0.06]);
  const labels = [];
  const twins = new Map();
  cell.edges.forEach(([op, i], position) => {
    if (op === "none") return;
    const node = 2 + Math.floor(position / 2);
    const twin = twins.get(`${i} ${node}`) || 0;
    twins.set(`${i} ${node}`, twin + 1);
    const marked = differing.has(position);
    const kind = op.slice(0, 4).replace("_", "") + (marked ? " differs" : "");
    const bent = line(places[i], places[node], [i, node], 13, kind, marked ? `${id}-differs` : id, BENDS.map((bend) => bend + 0.18 * twin));
    labels.push([shortOperation(op), bent, marked]);
  });

  for (const [text, point, marked] of labels) {
    const wide = 3.3 * text.length + 3;
    let best = null;
    for (const t of [0.45, 0.5, 0.4, 0.55, 0.35, 0.6, 0.3, 0.65, 0.26, 0.7]) {
      const [x, y] = point(t);
      const box = [x - wide, y - 8, x + wide, y + 8];
      const crossed = labels.filter(([, other]) => other !== point && STEPS.some((step) => inside(other(step), box))).length;
      const hidden = 40 * crossed + boxes.reduce((sum, other) => sum + overlap(box, other), 0);
      if (best === null || hidden < best.hidden) best = { x, y, box, hidden };
      if (hidden === 0) break;
    }
    boxes.push(best.box);
    drawn.append(svg("text", { class: marked ? "op differs" : "op", x: best.x, y: best.y }, text));
  }
  const box = ([x, y], halfWidth, kind, text) => drawn.append(svg("g", { class: kind },
    svg("rect", { x: x - halfWidth, y: y - 12, width: 2 * halfWidth, height: 24, rx: 4 }), svg("text", { x, y }, text)));
  places.forEach((place, k) => box(place, half(k), k < 2 ? "end" : "node", cellName(k)));
  box(end, 29, "end", "c(k)");
  return drawn;
}

function inside([x, y], [left, top, right, bottom]) {
  return left - 3 < x && x < right + 3 && top - 3 < y && y < bottom + 3;
}

function overlap(a, b) {
  return Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
}
