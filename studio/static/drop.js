// An image may be dropped or pasted instead of chosen.

export function watchDrop(zone) {
  const input = zone.querySelector("input[type=file]");
  const take = (files) => {
    const image = [...(files ?? [])].find((file) => file.type.startsWith("image/"));
    if (!image) return false;
    const list = new DataTransfer();
    list.items.add(image);
    input.files = list.files;
    input.form.requestSubmit();
    return true;
  };
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer?.files);
  });
  document.addEventListener("paste", (event) => {
    if (take(event.clipboardData?.files)) event.preventDefault();
  });
}
