// The panel beside the 3D view. Every text from the data goes in as textContent, never as HTML.

const element = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") node.textContent = value;
    else if (value !== undefined && value !== null) node.setAttribute(key, value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

function factList(facts) {
  const list = make("dl", { class: "facts" });
  for (const [label, value] of facts) {
    list.append(make("dt", { text: label }), make("dd", { text: value }));
  }
  return list;
}

function messageList(messages, kind) {
  return make("ul", { class: `messages ${kind}` }, ...messages.map((text) => make("li", { text })));
}

function partRow(part, index) {
  const made = part.state === "made";
  const box = make("input", { type: "checkbox", id: `show-${index}` });
  box.checked = made;
  box.disabled = !made;
  const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
  swatch.style.setProperty("--part", part.color);
  const name = make("span", { class: "name", dir: "auto", text: part.component });
  const label = make("label", { for: `show-${index}` }, box, swatch, name);
  const only = make("button", {
    type: "button",
    class: "only",
    "aria-pressed": "false",
    "aria-label": `Show only ${part.component}`,
    text: "Only",
  });
  const status = make("span", { class: "badge", text: "not made" });
  const head = make("div", { class: "part-head" }, label, made ? only : status);
  const details = make(
    "details",
    {},
    make("summary", { text: part.summary }),
    part.prompt ? make("p", { class: "prompt", dir: "auto", text: part.prompt }) : null,
    part.facts.length ? factList(part.facts) : null,
    part.warnings.length ? messageList(part.warnings, "warning") : null,
    part.failure ? messageList([part.failure], "failure") : null,
  );
  details.open = !made;
  const row = make("li", { class: made ? "part" : "part failed" }, head, details);
  return { row, box, only, part };
}

function fillMessages(data) {
  if (data.failures.length) {
    element("failures").append(messageList(data.failures, "failure"));
    element("failures").hidden = false;
  }
  if (data.warnings.length) {
    element("warnings").append(messageList(data.warnings, "warning"));
    element("warnings").hidden = false;
  }
}

export function buildPanel(data) {
  element("status").textContent = data.status;
  element("status").dataset.complete = data.complete;
  element("facts").append(factList(data.facts));
  fillMessages(data);
  const rows = data.parts.map(partRow);
  element("parts").append(...rows.map(({ row }) => row));
  for (const { box, only } of rows) {
    box.disabled = true;
    only.disabled = true;
  }
  return { connect: (scene) => connect(scene, rows) };
}

function connect(scene, rows) {
  const live = rows.filter(({ part }) => part.state === "made");
  const setOnly = (component) => {
    scene.setOnly(component);
    for (const { only, row, part } of live) {
      only.setAttribute("aria-pressed", String(part.component === component));
      row.classList.toggle("dimmed", component !== null && part.component !== component);
    }
  };
  const setAll = (shown) => {
    setOnly(null);
    for (const { box, part } of live) {
      box.checked = shown;
      scene.setVisible(part.component, shown);
    }
  };
  for (const { row, box, only, part } of live) {
    box.disabled = false;
    only.disabled = false;
    box.addEventListener("change", () => {
      if (scene.only !== null) setOnly(null);
      scene.setVisible(part.component, box.checked);
    });
    only.addEventListener("click", () => {
      setOnly(scene.only === part.component ? null : part.component);
    });
    row.addEventListener("pointerenter", () => scene.highlight(part.component));
    row.addEventListener("pointerleave", () => scene.highlight(null));
    row.addEventListener("focusin", () => scene.highlight(part.component));
    row.addEventListener("focusout", () => scene.highlight(null));
  }
  connectTools(scene, setAll);
  scene.onPick = (component) => pick(live, component);
}

function connectTools(scene, setAll) {
  const slider = element("explode");
  const overlay = element("overlay");
  const side = element("side");
  const clearOverlay = () => {
    overlay.value = "0";
    element("overlay-image").hidden = true;
  };
  slider.addEventListener("input", () => {
    if (scene.overlay > 0) scene.setOverlay(0);
    clearOverlay();
    scene.setExplode(slider.valueAsNumber / 100);
  });
  overlay.addEventListener("input", () => {
    if (slider.value !== "0") {
      slider.value = "0";
      scene.reset();
    }
    const image = element("overlay-image");
    image.hidden = overlay.value === "0";
    image.style.opacity = overlay.valueAsNumber / 100;
    scene.setOverlay(overlay.valueAsNumber / 100);
  });
  side.addEventListener("change", () => {
    clearOverlay();
    slider.value = "0";
    scene.lookFrom(side.value);
  });
  element("wireframe").addEventListener("click", (event) => {
    const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
    event.currentTarget.setAttribute("aria-pressed", String(on));
    scene.setWireframe(on);
  });
  element("reset").addEventListener("click", () => {
    slider.value = "0";
    side.value = "input";
    clearOverlay();
    scene.reset();
  });
  element("show-all").addEventListener("click", () => setAll(true));
  element("tint").addEventListener("click", (event) => {
    const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
    event.currentTarget.setAttribute("aria-pressed", String(on));
    scene.setTint(on);
  });
  for (const control of element("toolbar").querySelectorAll("button, input, select")) {
    control.disabled = false;
  }
}

function pick(rows, component) {
  for (const { row, part } of rows) {
    const chosen = part.component === component;
    row.classList.toggle("chosen", chosen);
    if (chosen) row.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
  element("picked").textContent = component ?? "";
}
