// The component list: lines are added, moved, pasted; boxes and points are drawn on the image.
import { drawRegions } from "./regions.js";

const PALETTE = ["#3f7fd0", "#c2571a", "#2f8f5b", "#a33fa8", "#a8851a", "#2a93a6", "#c23a5c", "#6a62d0"];

export function editComponents(form) {
  const list = form.querySelector("#rows");
  const template = form.querySelector("#row-template");
  const told = form.querySelector("#rows-told");
  const drawing = drawRegions(form, list);
  const rows = () => [...list.children];
  const changed = (message) => {
    rows().forEach((row, index) => {
      row.style.setProperty("--part", PALETTE[index % PALETTE.length]);
      row.querySelector("[data-do=up]").disabled = index === 0;
      row.querySelector("[data-do=down]").disabled = index === rows().length - 1;
    });
    if (message) told.textContent = message;
    drawing.show();
  };
  const add = (name = "", hidden = "", count = "1", region = "") => {
    const row = template.content.firstElementChild.cloneNode(true);
    row.querySelector("[name=part_name]").value = name;
    row.querySelector("[name=part_hidden]").value = hidden;
    row.querySelector("[name=part_count]").value = count;
    row.querySelector("[name=part_region]").value = region;
    list.append(row);
    return row;
  };
  const take = (entries) => {
    for (const row of rows()) if (isEmpty(row)) row.remove();
    for (const entry of entries) add(...entry);
    changed(`${entries.length} components taken`);
  };
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    const row = button.closest("li");
    const name = row.querySelector("[name=part_name]").value || "component";
    const actions = {
      up: () => move(row, -1),
      down: () => move(row, 1),
      remove: () => remove(row),
      box: () => drawing.begin(row, "box"),
      points: () => drawing.begin(row, "points"),
    };
    const message = { up: `${name} moved up`, down: `${name} moved down`, remove: `${name} removed` };
    actions[button.dataset.do]();
    changed(message[button.dataset.do]);
    if (button.isConnected && !button.disabled) button.focus();
  });
  const move = (row, step) => {
    const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (other) step < 0 ? other.before(row) : other.after(row);
  };
  const remove = (row) => {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    drawing.end();
    row.remove();
    (next?.querySelector("[name=part_name]") ?? form.querySelector("#add-row")).focus();
  };
  list.addEventListener("input", () => changed());
  list.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.name !== "part_name") return;
    event.preventDefault();
    const row = add();
    event.target.closest("li").after(row);
    changed();
    row.querySelector("[name=part_name]").focus();
  });
  form.querySelector("#add-row").addEventListener("click", () => {
    const row = add();
    changed();
    row.querySelector("[name=part_name]").focus();
  });
  paste(form, take);
  suggested(form, take);
  changed();
  form.dataset.ready = "";
}

function isEmpty(row) {
  const fields = row.querySelectorAll("[name=part_name], [name=part_hidden], [name=part_region]");
  return [...fields].every((field) => !field.value.trim());
}

function paste(form, take) {
  const panel = form.querySelector("#paste");
  const opener = form.querySelector("#paste-open");
  const text = form.querySelector("#paste-text");
  opener.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    opener.setAttribute("aria-expanded", String(!panel.hidden));
    if (!panel.hidden) text.focus();
  });
  form.querySelector("#paste-take").addEventListener("click", () => {
    const lines = text.value.split(/\r?\n/).map((line) => line.trim().replace(/^[-*•]\s+/, "")).filter(Boolean);
    text.value = "";
    panel.hidden = true;
    opener.setAttribute("aria-expanded", "false");
    take(
      lines.map((line) => {
        const [name, ...hidden] = line.split("=");
        return [name.trim(), hidden.join("=").trim()];
      }),
    );
    opener.focus();
  });
}

function suggested(form, take) {
  const place = form.querySelector("#suggestions");
  place.addEventListener("click", (event) => {
    if (!event.target.closest("[data-do=take-suggested]")) return;
    const boxes = [...place.querySelectorAll("input:checked:not(:disabled)")];
    place.replaceChildren();
    take(boxes.map(({ value, dataset }) => [value, dataset.hidden, dataset.count, dataset.region]));
    form.querySelector("#suggest").focus();
  });
}
