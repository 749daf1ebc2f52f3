// Corrections of a part's place are shown in the 3D view as they are typed.

const NAMES = ["move_x", "move_y", "move_z", "turn_x", "turn_y", "turn_z", "scale"];

export function previewNudges(frame) {
  const scene = async () => (await frame.contentWindow?.mmpart?.ready) ?? null;
  for (const form of document.querySelectorAll("form[data-component]")) {
    const saved = JSON.parse(form.dataset.saved);
    const show = async () => {
      const view = await scene();
      view?.nudge(form.dataset.component, saved, values(form));
    };
    form.addEventListener("input", show);
    form.querySelector("[data-do=zero]").addEventListener("click", () => {
      for (const name of NAMES) form.elements[name].value = name === "scale" ? "1" : "0";
      show();
    });
  }
}

function values(form) {
  const [x, y, z, roll, pitch, turn, scale] = NAMES.map((name) => form.elements[name].valueAsNumber || 0);
  return { move: [x, y, z], turn_deg: [roll, pitch, turn], scale: scale || 1 };
}
