// Boxes and points on the image; what is drawn is written into the line's field, and the reverse.

const SVG = "http://www.w3.org/2000/svg";
const LEAST_PX = 3;

export function drawRegions(form, list) {
  const canvas = form.querySelector("#canvas");
  const image = canvas.querySelector("img");
  const layer = canvas.querySelector("svg");
  const told = form.querySelector("#draw-told");
  const width = Number(canvas.dataset.width);
  const height = Number(canvas.dataset.height);
  const usual = told.textContent;
  const view = { row: null, kind: null, from: null };
  layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
  layer.setAttribute("preserveAspectRatio", "none");

  const field = (row) => row.querySelector("[name=part_region]");
  const pixel = (event) => {
    const frame = image.getBoundingClientRect();
    const across = ((event.clientX - frame.left) / frame.width) * width;
    const down = ((event.clientY - frame.top) / frame.height) * height;
    return [clamp(across, width), clamp(down, height)];
  };
  const write = (row, text) => {
    field(row).value = text;
    row.querySelector("details").open = true;
    show();
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (!view.row) return;
    event.preventDefault();
    const point = pixel(event);
    if (view.kind === "points") {
      const before = read(field(view.row).value, width, height);
      const points = before?.kind === "points" ? before.numbers : [];
      write(view.row, `points ${pairs([...points, ...point])}`);
      return;
    }
    view.from = point;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (view.from) write(view.row, boxText(view.from, pixel(event)));
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!view.from) return;
    const to = pixel(event);
    const small = Math.abs(to[0] - view.from[0]) < LEAST_PX || Math.abs(to[1] - view.from[1]) < LEAST_PX;
    if (small) write(view.row, "");
    view.from = null;
    if (!small) end();
  });
  canvas.addEventListener("pointercancel", () => { view.from = null; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && view.row) end();
  });

  function begin(row, kind) {
    const again = view.row === row && view.kind === kind;
    end();
    if (again) return;
    Object.assign(view, { row, kind });
    canvas.classList.add("drawing");
    row.querySelector(`[data-do=${kind}]`).setAttribute("aria-pressed", "true");
    const name = row.querySelector("[name=part_name]").value || "this component";
    told.textContent = kind === "box"
      ? `Drag a box around ${name} on the image, or type it. Escape ends.`
      : `Click on ${name} in the image, as often as you like. Escape ends.`;
  }

  function end() {
    for (const button of list.querySelectorAll("[data-do][aria-pressed]")) button.setAttribute("aria-pressed", "false");
    Object.assign(view, { row: null, kind: null, from: null });
    canvas.classList.remove("drawing");
    told.textContent = usual;
  }

  function show() {
    layer.replaceChildren();
    for (const row of list.children) {
      const found = read(field(row).value, width, height);
      row.querySelector(".region-told").textContent = field(row).value;
      if (!found) continue;
      layer.append(...shapes(found, row.querySelector("[name=part_name]").value, row.style.getPropertyValue("--part"), width));
    }
  }
  return { begin, end, show };
}

function clamp(value, limit) {
  return Math.round(Math.min(Math.max(value, 0), limit));
}

function boxText(from, to) {
  const [left, right] = [Math.min(from[0], to[0]), Math.max(from[0], to[0])];
  const [top, bottom] = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
  return `box ${left} ${top} ${right} ${bottom}`;
}

function pairs(numbers) {
  const words = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) words.push(`${numbers[i]},${numbers[i + 1]}`);
  return words.join(" ");
}

// The server says what is wrong with a text; here it is only drawn where it can be.
function read(text, width, height) {
  const kind = text.trim().split(/[\s:]/)[0];
  const numbers = (text.match(/[-+]?\d*\.?\d+/g) ?? []).map(Number);
  if (!["box", "points", "polygon"].includes(kind) || numbers.length < 2 || numbers.length % 2) return null;
  if (kind === "box" && numbers.length !== 4) return null;
  const share = numbers.every((number) => number >= 0 && number <= 1);
  return { kind, numbers: share ? numbers.map((n, i) => n * (i % 2 ? height : width)) : numbers };
}

function make(tag, attributes, color) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (color) node.style.setProperty("--part", color);
  return node;
}

function shapes({ kind, numbers }, name, color, width) {
  const [x, y] = numbers;
  const label = make("text", { x: x + width * 0.008, y: y + width * 0.028 });
  label.style.fontSize = `${width * 0.026}px`;
  label.style.strokeWidth = width * 0.005;
  label.textContent = name;
  if (kind === "box") {
    const [, , right, bottom] = numbers;
    return [make("rect", { x, y, width: Math.max(right - x, 0), height: Math.max(bottom - y, 0) }, color), label];
  }
  const dots = [];
  for (let i = 0; i < numbers.length; i += 2) {
    dots.push(make("circle", { cx: numbers[i], cy: numbers[i + 1], r: width * 0.009 }, color));
  }
  const outline = kind === "polygon" ? [make("polygon", { points: pairs(numbers) }, color)] : [];
  return [...outline, ...dots, label];
}
