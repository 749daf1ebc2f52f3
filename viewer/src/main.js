// Starts the page: reads the inline data, builds the panel, then the 3D view.
import { buildPanel } from "./panel.js";
import { openScene } from "./scene.js";

const element = (id) => document.getElementById(id);

function modelBytes() {
  const text = element("model").textContent.trim();
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
  return bytes.buffer;
}

function showNotice(text) {
  const notice = element("notice");
  notice.textContent = text;
  notice.hidden = false;
}

async function start() {
  document.body.classList.toggle("embedded", window.location.hash === "#embedded");
  element("overlay-image").src = element("source").src;
  const data = JSON.parse(element("page-data").textContent);
  const panel = buildPanel(data);
  if (!element("model")) {
    element("stage").classList.add("empty");
    showNotice(data.notice);
    return null;
  }
  try {
    const scene = await openScene(element("view"), data, modelBytes());
    panel.connect(scene);
    element("poster").hidden = true;
    return scene;
  } catch (error) {
    element("view").hidden = true;
    element("toolbar").hidden = true;
    showNotice(`The 3D view cannot be shown in this browser (${error.message}).`);
    return null;
  }
}

// For automated checks of the page: resolves to the scene, or null where there is none.
window.mmpart = { ready: start() };
