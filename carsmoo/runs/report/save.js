// Pictures of the page as files: plots through plotly, those of networks with the styles that they have here.

const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "paint-order", "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline", "text-decoration"];
const SHARP = 2; // pixels of a PNG for each of the page

function download(name, blob) {
  const link = html("a", { download: name, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000); // once it is written
}

function fileName(name, kind) {
  return `${document.querySelector("h1").textContent} ${name}`.replace(/[^\p{L}\p{N}.]+/gu, "-") + `.${kind}`;
}

async function savePlot(name, kind) {
  const graph = $(`${name}-plot`);
  const figure = { data: graph.data, layout: { ...graph.layout, paper_bgcolor: colour("paper") } };
  const size = { width: graph.clientWidth, height: graph.clientHeight, scale: kind === "png" ? SHARP : 1 };
  const image = await Plotly.toImage(figure, { format: kind, imageDataOnly: true, ...size });
  const content = kind === "svg" ? image : Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0));
  download(fileName(name, kind), new Blob([content], { type: kind === "svg" ? "image/svg+xml" : "image/png" }));
}

// A copy of an element with the looks that the page's style sheet gives it.
function styled(element) {
  const copy = element.cloneNode(true);
  const copies = [copy, ...copy.querySelectorAll("*")];
  [element, ...element.querySelectorAll("*")].forEach((one, k) => {
    const looks = getComputedStyle(one);
    copies[k].setAttribute("style", STYLES.map((name) => `${name}: ${looks.getPropertyValue(name)}`).join("; "));
    copies[k].removeAttribute("class");
  });
  return copy;
}

// The pictures of a network below each other, as one drawing.
function cellsAsImage(article) {
  const drawings = [...article.querySelectorAll(".cell svg")];
  const width = Math.max(...drawings.map((one) => one.width.baseVal.value));
  const whole = svg("svg", { xmlns: SVG, width });
  let top = 0;
  for (const one of drawings) {
    const copy = styled(one);
    copy.setAttribute("y", top + 28);
    const title = svg("text", { x: 8, y: top + 20, style: `font: 600 14px ${getComputedStyle(document.body).fontFamily.replaceAll('"', "'")}; fill: ${colour("ink")}` }, pictureTitle(one.closest(".cell").picture));
    whole.append(title, copy);
    top += 36 + one.height.baseVal.value;
  }
  whole.setAttribute("height", top);
  whole.setAttribute("viewBox", `0 0 ${width} ${top}`);
  whole.prepend(svg("rect", { width, height: top, fill: colour("paper") }));
  return { text: new XMLSerializer().serializeToString(whole), width, height: top };
}

async function saveCells(article, name, kind) {
  const { text, width, height } = cellsAsImage(article);
  const vector = new Blob([text], { type: "image/svg+xml" });
  if (kind === "svg") return download(fileName(name, kind), vector);
  const image = new Image();
  image.src = URL.createObjectURL(vector);
  await image.decode();
  const canvas = html("canvas", { width: SHARP * width, height: SHARP * height });
  canvas.getContext("2d").drawImage(image, 0, 0, SHARP * width, SHARP * height);
  URL.revokeObjectURL(image.src);
  return download(fileName(name, kind), await new Promise((done) => canvas.toBlob(done, "image/png")));
}

function savers() {
  addEventListener("click", (event) => {
    const button = event.target.closest("[data-save] button");
    if (!button) return;
    const name = button.parentElement.dataset.save;
    const article = button.closest("article");
    (article ? saveCells(article, name, button.dataset.kind) : savePlot(name, button.dataset.kind)).catch(tellFailure);
  });
}
