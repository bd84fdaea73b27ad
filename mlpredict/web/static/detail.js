// One stored prediction, with its picture and all its probabilities; its address is the page's while it is open.

import { addressWith, openInAddress } from "./address.js";
import { change, getJson, imageAddress } from "./api.js";
import { startOthers } from "./others.js";
import { copy, save } from "./saving.js";
import { answerOf, nameOf, printable, showAnswer, showBars, showBestOnly, showStored, slot } from "./show.js";
import { startTruth } from "./truth.js";

const TIME_STYLE = { dateStyle: "medium", timeStyle: "medium" };
const dialog = document.getElementById("detail");
const picture = slot(dialog, "picture");
const confirm = document.getElementById("confirm");
const [newer, older, close, zoom, download, link, json, remove] = [
  "newer", "older", "close", "zoom", "download", "link", "json", "delete",
].map((name) => document.getElementById(`detail-${name}`));

/** `onTruth` is called with an input whose label has changed, `onDelete` with a prediction that is gone. */
export function startDetail({ onTruth, onDelete }) {
  let shown = null;
  let whole = null;
  let neighbours = [];
  let alone = true;
  const others = startOthers((record) => go(record));
  const truth = startTruth({ changed: relabelled, tell });

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
    alone = true;
    tellWhere();
    showKnown(record);
    truth.hide();
    try {
      await showWhole(record);
      if (shown === record.prediction_id) tell("");
    } catch (error) {
      if (shown === record.prediction_id) tell(printable(error.message));
    }
  }

  async function showWhole(record) {
    const answer = await getJson(`v1/predictions/${record.prediction_id}`);
    if (shown !== record.prediction_id) return;
    whole = answer;
    if (record.input_id === undefined) showKnown(answer);
    showAnswer(dialog, answer);
    showBars(slot(dialog, "bars"), answer.probabilities);
    showBestOnly(slot(dialog, "best-only"), answer);
    truth.show(answer);
    const count = await others.show(answer);
    if (shown === record.prediction_id) alone = count === 0;
  }

  /** All predictions of the image are right or wrong anew. */
  async function relabelled(label) {
    onTruth(label.input_id);
    if (whole?.input_id === label.input_id) await showWhole(whole);
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

  function ask() {
    const name = document.createElement("bdi");
    name.textContent = nameOf(whole);
    const image = alone
      ? " The image and what was said of it go, too, as nothing else was predicted of it."
      : " The image stays, as there are other predictions of it.";
    const text = document.getElementById("confirm-text");
    text.replaceChildren(name, `: ${answerOf(whole)}.${whole.input_id === null ? "" : image}`);
    confirm.returnValue = "";
    confirm.showModal();
    document.getElementById("confirm-keep").focus();
  }

  async function deleteShown() {
    const gone = whole;
    const next = neighbour(1) ?? neighbour(-1);
    try {
      await change("DELETE", `v1/predictions/${gone.prediction_id}`);
    } catch (error) {
      if (error.status !== 404) return tell(printable(error.message));
    }
    onDelete(gone, { alone });
    if (shown !== gone.prediction_id) return undefined;
    if (!next) return dialog.close();
    go(next);
    older.focus();
    return undefined;
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
  remove.addEventListener("click", () => whole && ask());
  confirm.addEventListener("close", () => confirm.returnValue === "yes" && deleteShown());
  dialog.addEventListener("keydown", (event) => {
    // There they move the cursor.
    if (event.target.matches("input")) return;
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
