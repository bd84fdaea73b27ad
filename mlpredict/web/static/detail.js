// One stored prediction, with its picture and all its probabilities; its address is the page's while it is open.

import { addressWith, openInAddress } from "./address.js";
import { getJson, imageAddress } from "./api.js";
import { startOthers } from "./others.js";
import { copy, save } from "./saving.js";
import { nameOf, printable, showAnswer, showBars, showStored, slot } from "./show.js";

const TIME_STYLE = { dateStyle: "medium", timeStyle: "medium" };
const dialog = document.getElementById("detail");
const picture = slot(dialog, "picture");
const [newer, older, close, zoom, download, link, json] = [
  "newer", "older", "close", "zoom", "download", "link", "json",
].map((name) => document.getElementById(`detail-${name}`));

export function startDetail() {
  let shown = null;
  let whole = null;
  let neighbours = [];
  const others = startOthers((record) => go(record));

  /** Show a record; the arrows go through its neighbours. Back closes it. */
  function open(record, records) {
    neighbours = records;
    history.pushState({ opened: true }, "", addressWith(record.prediction_id));
    showOpen(record);
  }

  /** Show what the address names, or nothing where it names nothing. */
  function follow(records) {
    const id = openInAddress();
    if (id === null) return dialog.open && dialog.close();
    if (String(shown) === id) return undefined;
    neighbours = records;
    return showOpen(records.find((record) => String(record.prediction_id) === id) ?? { prediction_id: id });
  }

  function showOpen(record) {
    show(record);
    if (!dialog.open) dialog.showModal();
  }

  async function show(record) {
    shown = record.prediction_id;
    whole = null;
    tellWhere();
    showKnown(record);
    try {
      const answer = await getJson(`v1/predictions/${record.prediction_id}`);
      if (shown !== record.prediction_id) return;
      whole = answer;
      if (record.input_id === undefined) showKnown(answer);
      showAnswer(dialog, answer);
      showBars(slot(dialog, "bars"), answer.probabilities);
      tell("");
      others.show(answer);
    } catch (error) {
      if (shown === record.prediction_id) tell(printable(error.message));
    }
  }

  function neighbour(step) {
    const at = neighbours.findIndex((record) => String(record.prediction_id) === String(shown));
    return at < 0 ? undefined : neighbours[at + step];
  }

  function go(record) {
    if (!record) return;
    history.replaceState(history.state, "", addressWith(record.prediction_id));
    show(record);
  }

  function tellWhere() {
    // Disabled they would lose the focus.
    newer.setAttribute("aria-disabled", String(!neighbour(-1)));
    older.setAttribute("aria-disabled", String(!neighbour(1)));
  }

  async function saveImage() {
    try {
      const { address, release } = await imageAddress(whole.input_id);
      const blob = await (await fetch(address)).blob();
      release();
      save(nameOf(whole).split("/").pop(), blob, blob.type);
    } catch {
      tell("The image cannot be had.");
    }
  }

  async function copied(text, what) {
    tell((await copy(text, dialog)) ? `${what} copied.` : "This browser does not let the page copy.");
  }

  newer.addEventListener("click", () => go(neighbour(-1)));
  older.addEventListener("click", () => go(neighbour(1)));
  close.addEventListener("click", () => dialog.close());
  zoom.addEventListener("click", () => zoomIn(!dialog.classList.contains("is-zoomed")));
  picture.addEventListener("click", () => zoomIn(!dialog.classList.contains("is-zoomed")));
  download.addEventListener("click", () => whole && saveImage());
  link.addEventListener("click", () => copied(new URL(addressWith(shown), location.href).href, "The link is"));
  json.addEventListener("click", () => whole && copied(JSON.stringify(whole, null, 2), "The JSON is"));
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") go(neighbour(-1));
    if (event.key === "ArrowRight") go(neighbour(1));
  });
  dialog.addEventListener("click", (event) => {
    // The dialog itself is only hit beside its content.
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    shown = null;
    zoomIn(false);
    if (openInAddress() === null) return;
    // Opened by a click, there is an address to go back to; by a link, there is none of ours.
    if (history.state?.opened) goBack();
    else history.replaceState(null, "", addressWith(null));
  });
  return { open, follow };
}

/** Back to where the dialog was opened; browsers may move the focus to the part that the address names. */
function goBack() {
  const focused = document.activeElement;
  addEventListener("popstate", () => setTimeout(() => focused.focus({ preventScroll: true })), { once: true });
  history.back();
}

function zoomIn(large) {
  dialog.classList.toggle("is-zoomed", large);
  zoom.setAttribute("aria-pressed", String(large));
}

function showKnown(record) {
  slot(dialog, "filename").textContent = nameOf(record);
  if (record.input_id === undefined) return tell("Loading…");
  showAnswer(dialog, record);
  showBars(slot(dialog, "bars"), []);
  showFacts(record, null);
  showStored(picture, record.input_id, () => showFacts(record, `${picture.naturalWidth}×${picture.naturalHeight} pixels`));
  return tell("Loading…");
}

function showFacts(record, size) {
  const time = record.created_at && new Date(record.created_at).toLocaleString([], TIME_STYLE);
  const facts = {
    Prediction: record.prediction_id,
    Time: time,
    Model: record.model,
    Size: size,
    Type: record.contenttype,
    Input: record.input_id,
    Run: record.run_id,
  };
  const known = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined);
  slot(dialog, "facts").replaceChildren(...known.flatMap(([name, value]) => [term("dt", name), term("dd", value)]));
}

function term(kind, text) {
  const element = document.createElement(kind);
  element.textContent = printable(String(text));
  return element;
}

function tell(text) {
  slot(dialog, "status").textContent = text;
}
