// What else was predicted of an image.

import { getJson } from "./api.js";
import { answerOf, copyOf, printable, score, showTruth, slot } from "./show.js";

const MOST = 20;
const section = document.getElementById("others");
const list = document.getElementById("others-list");

/** Call `open` with the prediction that is chosen. */
export function startOthers(open) {
  let shown = null;

  /** How many there are, up to `MOST`. */
  async function show(record) {
    if (shown !== record.prediction_id) section.hidden = true;
    shown = record.prediction_id;
    if (record.input_id === null) return 0;
    const page = await getJson(`v1/predictions?input=${record.input_id}&limit=${MOST + 1}`);
    if (shown !== record.prediction_id) return 0;
    const others = page.predictions.filter((one) => one.prediction_id !== record.prediction_id).slice(0, MOST);
    section.hidden = others.length === 0;
    list.replaceChildren(...others.map(item));
    return others.length;
  }

  function item(record) {
    const element = copyOf("other");
    slot(element, "label").textContent = answerOf(record);
    slot(element, "score").textContent = score(record.score);
    showTruth(slot(element, "truth"), record);
    slot(element, "model").textContent = printable(record.model ?? "");
    slot(element, "time").textContent = record.created_at ? new Date(record.created_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
    element.firstElementChild.addEventListener("click", () => open(record));
    return element;
  }

  return { show };
}
