// One stored prediction, with its picture and all its probabilities.

import { getJson } from "./api.js";
import { nameOf, printable, showAnswer, showBars, showStored, slot } from "./show.js";

const TIME_STYLE = { dateStyle: "medium", timeStyle: "medium" };
const dialog = document.getElementById("detail");
const newer = document.getElementById("detail-newer");
const older = document.getElementById("detail-older");
const close = document.getElementById("detail-close");

export function startDetail() {
  let shown = null;
  let neighbours = [];

  /** Show a record; the arrows go through its neighbours, the newest first. */
  function open(record, records) {
    neighbours = records;
    show(record);
    if (!dialog.open) dialog.showModal();
  }

  async function show(record) {
    shown = record.prediction_id;
    tellWhere();
    showKnown(record);
    try {
      const whole = await getJson(`v1/predictions/${record.prediction_id}`);
      if (shown !== record.prediction_id) return;
      showAnswer(dialog, whole);
      showBars(slot(dialog, "bars"), whole.probabilities);
      tell("");
    } catch (error) {
      if (shown === record.prediction_id) tell(printable(error.message));
    }
  }

  function place() {
    return neighbours.findIndex((record) => record.prediction_id === shown);
  }

  function neighbour(step) {
    const at = place();
    return at < 0 ? undefined : neighbours[at + step];
  }

  function go(step) {
    const record = neighbour(step);
    if (record) show(record);
  }

  function tellWhere() {
    // Disabled they would lose the focus.
    newer.setAttribute("aria-disabled", String(!neighbour(-1)));
    older.setAttribute("aria-disabled", String(!neighbour(1)));
  }

  newer.addEventListener("click", () => go(-1));
  older.addEventListener("click", () => go(1));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") go(-1);
    if (event.key === "ArrowRight") go(1);
  });
  dialog.addEventListener("click", (event) => {
    // The dialog itself is only hit beside its content.
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => (shown = null));
  return { open };
}

function showKnown(record) {
  slot(dialog, "filename").textContent = nameOf(record);
  showAnswer(dialog, record);
  showBars(slot(dialog, "bars"), []);
  showFacts(record);
  showStored(slot(dialog, "picture"), record.input_id);
  tell("Loading…");
}

function showFacts(record) {
  const time = record.created_at && new Date(record.created_at).toLocaleString([], TIME_STYLE);
  const facts = {
    Prediction: record.prediction_id,
    Time: time,
    Model: record.model,
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
