"use strict";
// Pictures of architectures in SVG: cells as graphs, laid out as carsmoo.plots does; rows are in rows.js.

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

const shownText = (text) => text.replaceAll("-", "−");

// Places of a picture's boxes or arrows of which another picture has none that says the same.
function differing(parts, others) {
  const rest = others.map((part) => part.words);
  return new Set(parts.flatMap(({ words }, place) => {
    const at = rest.indexOf(words);
    if (at >= 0) rest.splice(at, 1);
    return at < 0 && words ? [place] : [];
  }));
}

const allDiffering = (picture, other) => ["arrows", "boxes"].flatMap((kind) => [...differing(picture[kind], other[kind])].map((place) => picture[kind][place]));

// What two pictures differ in, in words: operations before what joins them.
function differenceWords(picture, other, letter) {
  const own = allDiffering(picture, other).sort((a, b) => (a.line === "quiet") - (b.line === "quiet"));
  if (own.length) return `Marked, what ${letter} has not: ${own.map((part) => part.words).join("; ")}.`;
  return allDiffering(other, picture).length ? `Nothing here that ${letter} has not.` : `The same ${picture.title.split(" ").at(-1)} as ${letter}’s.`;
}

const BENDS = [0, 0.07, -0.07, 0.14, -0.14, 0.21, -0.21];
const STEPS = Array.from({ length: 40 }, (_, k) => (k + 0.5) / 40);
let drawnCells = 0; // markers need names of their own

// `other`: a picture, of which what it has not is marked.
function drawPicture(picture, room, other = picture) {
  const marked = { arrows: differing(picture.arrows, other.arrows), boxes: differing(picture.boxes, other.boxes) };
  return picture.boxes.length === 1 ? drawText(picture, room) : picture.row ? drawRow(picture, room, marked) : drawGraph(picture, room, marked);
}

// An empty drawing, and the ends of its arrows by their kinds.
function newDrawing(picture, width, height) {
  const id = `arrow-${drawnCells++}`;
  const ends = { ink: id, quiet: `${id}-quiet`, differs: `${id}-differs` };
  const marker = (kind) => svg("marker", { id: ends[kind], class: kind, viewBox: "0 0 8 8", refX: 7.5, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse" }, svg("path", { d: "M0 .8 8 4 0 7.2z" }));
  const drawn = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": picture.words },
    svg("defs", {}, ...Object.keys(ends).map(marker)));
  return [drawn, ends];
}

// Lines of text in a box around a place.
function drawBox([x, y], halfWidth, halfHeight, kind, lines) {
  const tops = lines.map((_, k) => y + 13 * (k - (lines.length - 1) / 2));
  return svg("g", { class: kind }, svg("rect", { x: x - halfWidth, y: y - halfHeight, width: 2 * halfWidth, height: 2 * halfHeight, rx: 4 }),
    ...lines.map((line, k) => svg("text", { x, y: tops[k] }, line)));
}

const LEVELS = [0, 0.75, 1.9];
const levelHeight = (level) => Math.sign(level) * (LEVELS[Math.abs(level)] ?? 1.9 + 1.15 * (Math.abs(level) - 2));

// Boxes at their places, arrows with labels between them.
function drawGraph(picture, room, marked) {
  const heights = picture.boxes.map((one) => levelHeight(one.level));
  const [top, output] = [Math.max(...heights), Math.max(...picture.boxes.map((one) => one.column))];
  const [padX, padY] = [32, 14];
  const unit = Math.max((room - 2 * padX) / output, 44);
  const tall = unit < 62 ? 62 : 52; // narrow drawings are taller, so that labels keep clear of each other
  const [width, height] = [output * unit + 2 * padX, (top - Math.min(...heights)) * tall + 2 * padY];
  const places = picture.boxes.map((one, k) => [padX + one.column * unit, padY + (top - heights[k]) * tall]);
  const [drawn, heads] = newDrawing(picture, width, height);

  const half = (k) => (picture.boxes[k].kind === "frame" ? 29 : 13);
  const boxes = places.map(([x, y], k) => [x - half(k) - 2, y - 13, x + half(k) + 2, y + 13]);
  // An arrow, bent where that keeps it clear of the boxes between its ends.
  const line = ({ start, end, line: kind }, differs, bends) => {
    const [[x0, y0], [x1, y1]] = [places[start], places[end]];
    const middle = (bend) => [(x0 + x1) / 2 - bend * (y1 - y0), (y0 + y1) / 2 + bend * (x1 - x0)];
    const curve = ([mx, my]) => (t) => [(1 - t) ** 2 * x0 + 2 * t * (1 - t) * mx + t * t * x1, (1 - t) ** 2 * y0 + 2 * t * (1 - t) * my + t * t * y1];
    const hits = (point) => boxes.slice(0, places.length).filter((box, k) => k !== start && k !== end && STEPS.some((t) => inside(point(t), box))).length;
    const bend = bends.reduce((best, one) => (hits(curve(middle(one))) < hits(curve(middle(best))) ? one : best), bends[0]);
    const [mx, my] = middle(bend);
    const [dx, dy] = [x1 - mx, y1 - my]; // the arrow ends where it meets the box
    const stop = 1 - Math.min(half(end) / Math.max(Math.abs(dx), 1e-9), 12 / Math.max(Math.abs(dy), 1e-9), 1);
    const head = heads[differs ? "differs" : kind === "quiet" ? "quiet" : "ink"];
    drawn.append(svg("path", { class: differs ? `${kind} differs` : kind, d: `M${x0} ${y0}Q${mx} ${my} ${mx + dx * stop} ${my + dy * stop}`, "marker-end": `url(#${head})` }));
    return curve([mx, my]);
  };

  const labels = [];
  const twins = new Map();
  picture.arrows.forEach((arrow, k) => {
    const differs = marked.arrows.has(k);
    if (!arrow.label) return line(arrow, differs, [0, 0.06, -0.06]);
    const ends = `${arrow.start} ${arrow.end}`;
    const twin = twins.get(ends) || 0;
    twins.set(ends, twin + 1);
    const bent = line(arrow, differs, BENDS.map((bend) => bend + 0.18 * twin));
    labels.push([shortOperation(arrow.label), bent, differs, arrow.at ?? 0.45]);
  });

  for (const [text, point, differs, at] of labels) {
    const wide = 3.3 * text.length + 3;
    let best = null;
    for (const t of [at, 0.45, 0.5, 0.4, 0.55, 0.35, 0.6, 0.3, 0.65, 0.26, 0.7]) {
      const [x, y] = point(t);
      const box = [x - wide, y - 8, x + wide, y + 8];
      const crossed = labels.filter(([, other]) => other !== point && STEPS.some((step) => inside(other(step), box))).length;
      const hidden = 40 * crossed + boxes.reduce((sum, other) => sum + overlap(box, other), 0);
      if (best === null || hidden < best.hidden) best = { x, y, box, hidden };
      if (hidden === 0) break;
    }
    boxes.push(best.box);
    drawn.append(svg("text", { class: differs ? "op differs" : "op", x: best.x, y: best.y }, text));
  }
  picture.boxes.forEach((one, k) => drawn.append(drawBox(places[k], half(k), 12, marked.boxes.has(k) ? `${one.kind} differs` : one.kind, [shownText(one.text)])));
  return drawn;
}

function inside([x, y], [left, top, right, bottom]) {
  return left - 3 < x && x < right + 3 && top - 3 < y && y < bottom + 3;
}

function overlap(a, b) {
  return Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
}
