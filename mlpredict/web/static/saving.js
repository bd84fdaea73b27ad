// What leaves the page: files to save, and text to paste elsewhere.

const COLUMNS = ["prediction_id", "input_id", "run_id", "filename", "label", "score", "model", "created_at", "error"];

/** Have the browser save something under a name. */
export function save(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address));
}

/** Records as CSV with a header (RFC 4180). */
export function asCsv(records) {
  const rows = [COLUMNS, ...records.map((record) => COLUMNS.map((column) => record[column] ?? ""))];
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Put text on the clipboard; false where the browser does not allow it. */
export async function copy(text, near) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without https there is only the older way, which needs a selection.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden-visually";
    near.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function cell(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
