// What pages do beside htmx; each part looks for its own element and leaves other pages alone.
import { watchDrop } from "./drop.js";
import { editComponents } from "./components.js";
import { previewNudges } from "./nudges.js";

const run = (id, start) => {
  const found = document.getElementById(id);
  if (found) start(found);
};

run("drop", watchDrop);
run("object-form", editComponents);
run("viewer", previewNudges);
