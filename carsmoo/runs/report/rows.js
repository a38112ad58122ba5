// Rows of boxes, such as chains, which go on below where they are too long; and texts.

const ROW = { width: 84, height: 38, gap: 24, margin: 20, turn: 12, head: 20, bent: 16, between: 34 };

// The columns of a picture by the rows that they stand in, at most so many in one; a group is kept whole if it can.
function rowsOf(picture, most) {
  const groups = new Map();
  for (const { column, group } of picture.boxes) if (!groups.has(column)) groups.set(column, group);
  let columns = [...groups.keys()].sort((a, b) => a - b);
  const rows = [];
  while (columns.length) {
    let cut = Math.min(most, columns.length);
    if (cut < columns.length) {
      for (let k = cut; k > Math.floor(most / 2); k--) {
        if (groups.get(columns[k - 1]) !== groups.get(columns[k])) { cut = k; break; }
      }
    }
    rows.push(columns.slice(0, cut));
    columns = columns.slice(cut);
  }
  return rows;
}

function placesOf(picture, rows) {
  const bent = picture.arrows.some(({ start, end }) => picture.boxes[end].column - picture.boxes[start].column > 1);
  const places = [];
  let top = 8;
  rows.forEach((columns, row) => {
    const own = picture.boxes.flatMap(({ column }, k) => (columns.includes(column) ? [k] : []));
    const levels = own.map((k) => picture.boxes[k].level / 2);
    top += own.some((k) => picture.boxes[k].group) ? ROW.head : bent ? ROW.bent : 0;
    const step = ROW.height + 12;
    for (const k of own) {
      const x = ROW.margin + ROW.width / 2 + (ROW.width + ROW.gap) * columns.indexOf(picture.boxes[k].column);
      places[k] = { row, x, y: top + ROW.height / 2 + (Math.max(...levels) - picture.boxes[k].level / 2) * step };
    }
    top += ROW.height + (Math.max(...levels) - Math.min(...levels)) * step + (row + 1 < rows.length ? ROW.between : 10);
  });
  const width = 2 * ROW.margin - ROW.gap + (ROW.width + ROW.gap) * Math.max(...rows.map((columns) => columns.length));
  return [places, width, top];
}

function drawRow(picture, room, marked) {
  const most = Math.max(Math.floor((room - 2 * ROW.margin + ROW.gap) / (ROW.width + ROW.gap)), 2);
  const [places, width, height] = placesOf(picture, rowsOf(picture, most));
  const [drawn, heads] = newDrawing(picture, width, height);
  const names = [...new Set(picture.boxes.map(({ group }) => group).filter(Boolean))];
  names.forEach((name, number) => drawn.append(...groupsOf(picture, places, name, number)));
  const [half, high] = [ROW.width / 2, ROW.height / 2];
  picture.arrows.forEach(({ start, end, line }, k) => {
    const [from, to] = [places[start], places[end]];
    const differs = marked.arrows.has(k);
    let d = `M${from.x + half} ${from.y}L${to.x - half} ${to.y}`;
    if (from.row !== to.row) {
      const gutter = Math.max(...places.filter(({ row }) => row === from.row).map(({ y }) => y)) + high + 16;
      d = `M${from.x + half} ${from.y}h${ROW.turn}V${gutter}H${to.x - half - ROW.turn}V${to.y}h${ROW.turn}`;
    } else if (places.some(({ row, x, y }) => row === from.row && from.x < x && x < to.x && Math.abs(y - from.y - ((x - from.x) / (to.x - from.x)) * (to.y - from.y)) < high)) {
      d = `M${from.x} ${from.y - high}Q${(from.x + to.x) / 2} ${Math.min(from.y, to.y) - high - 26} ${to.x} ${to.y - high}`; // over them
    }
    drawn.append(svg("path", { class: differs ? `${line} differs` : line, d, "marker-end": `url(#${heads[differs ? "differs" : "ink"]})` }));
  });
  picture.boxes.forEach((one, k) => {
    const kind = marked.boxes.has(k) ? `${one.kind} differs` : one.kind;
    drawn.append(drawBox([places[k].x, places[k].y], half, high, `row ${kind}`, shownText(one.text).split("\n")));
  });
  return drawn;
}

// What is behind the boxes of a group, with its name, in each row that it stands in.
function groupsOf(picture, places, name, number) {
  const all = picture.boxes.flatMap(({ group }, k) => (group === name ? [places[k]] : []));
  return [...new Set(all.map(({ row }) => row))].map((row) => {
    const own = all.filter((place) => place.row === row);
    const [xs, ys] = [own.map(({ x }) => x), own.map(({ y }) => y)];
    const left = Math.min(...xs) - ROW.width / 2 - 8;
    const top = Math.min(...ys) - ROW.height / 2 - ROW.head;
    const size = { width: Math.max(...xs) + ROW.width / 2 + 8 - left, height: Math.max(...ys) + ROW.height / 2 + 7 - top };
    return svg("g", { class: number % 2 ? "group odd" : "group" }, svg("rect", { x: left, y: top, ...size, rx: 5 }), svg("text", { x: left + 6, y: top + 10 }, name));
  });
}

// A text in a box, in lines as long as there is room.
function drawText(picture, room) {
  const most = Math.max(Math.floor((room - 40) / 7), 20);
  const lines = [""];
  for (const word of picture.boxes[0].text.split(/\s+/)) {
    if (lines.at(-1) && `${lines.at(-1)} ${word}`.length > most) lines.push("");
    lines.push(`${lines.pop()} ${word}`.trim());
  }
  const [width, height] = [Math.min(room, 7 * Math.max(...lines.map((line) => line.length)) + 40), 13 * lines.length + 24];
  const [drawn] = newDrawing(picture, width, height);
  drawn.append(drawBox([width / 2, height / 2], width / 2 - 2, height / 2 - 2, "choice", lines));
  return drawn;
}
