// The three ways in for files: chosen, dropped anywhere on the page, pasted.

const zone = document.getElementById("drop");
const input = document.getElementById("files");

/** Call `add` with the files as they come. */
export function startDrops(add) {
  input.addEventListener("change", () => {
    add([...input.files]);
    // The same file may be chosen again.
    input.value = "";
  });
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    zone.classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) zone.classList.remove("is-over");
  });
  document.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    zone.classList.remove("is-over");
    add(await droppedFiles(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    add(files);
  });
}

function hasFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

/** The files of a drop, those in dropped folders included, in the order of their names. */
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  const found = await Promise.all(entries.filter(Boolean).map(filesIn));
  return found.flat();
}

async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const entries = await entriesOf(entry.createReader());
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const found = [];
  for (const inner of entries) {
    // As on the command line: a folder gives what looks like an image, a file that is named is always tried.
    const files = (await filesIn(inner)).filter((file) => file.type.startsWith("image/"));
    found.push(...files);
  }
  return found;
}

async function entriesOf(reader) {
  const entries = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return entries;
    entries.push(...some);
  }
}
