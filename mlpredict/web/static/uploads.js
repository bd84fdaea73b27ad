// Images on their way to the server, each a card that shows what came of it.

import { Refusal, predict } from "./api.js";
import { asCsv, save } from "./saving.js";
import { answerOf, copyOf, printable, score, showAnswer, showBars, showPicture, showStored, slot } from "./show.js";
import { fold } from "./summary.js";

const AT_ONCE = 4;
const MOST_BARS = 3;
const MOST_SPOKEN_ONE_BY_ONE = 5;
const list = document.getElementById("results");
const round = document.getElementById("round");
const progress = document.getElementById("progress");
const spoken = document.getElementById("spoken");
const clear = document.getElementById("results-clear");
const downloads = ["csv", "json"].map((kind) => document.getElementById(`download-${kind}`));

/** `open` shows a record; `onRoundEnd` is called when nothing waits any more. */
export function startUploads({ open, onRoundEnd }) {
  const waiting = [];
  const counts = { working: 0, predicted: 0, failed: 0 };
  // By their cards, in the order in which they came.
  const outcomes = new Map();

  function add(files) {
    if (files.length === 0) return;
    const uploads = files.map((file) => ({ file, card: newCard(file) }));
    for (const upload of uploads) slot(upload.card, "retry").addEventListener("click", () => again(upload));
    list.prepend(...uploads.map((upload) => upload.card));
    waiting.push(...uploads);
    work();
  }

  function again(upload) {
    counts.failed -= 1;
    // The button with the focus goes away.
    upload.card.focus();
    waiting.push(upload);
    work();
  }

  function work() {
    while (counts.working < AT_ONCE && waiting.length > 0) {
      counts.working += 1;
      finish(waiting.shift());
    }
    showProgress();
  }

  async function finish({ file, card }) {
    showSending(card);
    const many = waiting.length > MOST_SPOKEN_ONE_BY_ONE;
    try {
      const record = await predict(file, () => showBusy(card));
      counts.predicted += 1;
      outcomes.set(card, record);
      showResult(card, record, open);
      if (!many) say(`${printable(file.name)}: ${answerOf(record)} ${score(record.score)}`);
    } catch (error) {
      counts.failed += 1;
      outcomes.set(card, { filename: file.name, error: error.message });
      if (!(error instanceof Refusal)) console.error(error);
      showFailure(card, error);
      if (!many) say(`${printable(file.name)}: ${printable(error.message)}`);
    }
    counts.working -= 1;
    work();
    if (counts.working > 0) return;
    if (list.childElementCount > MOST_SPOKEN_ONE_BY_ONE) say(progress.textContent);
    onRoundEnd();
  }

  function showProgress() {
    const failures = counts.failed ? `, ${counts.failed} failed` : "";
    const left = counts.working + waiting.length;
    round.hidden = list.childElementCount === 0;
    for (const button of downloads) button.hidden = outcomes.size === 0;
    fold(list, [...outcomes.values()]);
    progress.textContent = `${counts.predicted} predicted${failures}${left ? `, ${left} to go` : ""}`;
  }

  downloads[0].addEventListener("click", () => save("predictions.csv", asCsv([...outcomes.values()]), "text/csv"));
  downloads[1].addEventListener("click", () =>
    save("predictions.json", JSON.stringify([...outcomes.values()], null, 2), "application/json"),
  );
  clear.addEventListener("click", () => {
    for (const card of list.querySelectorAll(":is([data-state=done], [data-state=failed])")) card.remove();
    counts.predicted = counts.failed = 0;
    outcomes.clear();
    showProgress();
    document.getElementById("files").focus();
  });

  return { add };
}

function say(text) {
  spoken.textContent = text;
}

function newCard(file) {
  const card = copyOf("card");
  slot(card, "filename").textContent = printable(file.name);
  slot(card, "filename").title = printable(file.name);
  const address = URL.createObjectURL(file);
  showPicture(slot(card, "picture"), address, () => URL.revokeObjectURL(address));
  return card;
}

function showSending(card) {
  card.dataset.state = "sending";
  card.setAttribute("aria-busy", "true");
  slot(card, "reason").hidden = true;
  slot(card, "retry").hidden = true;
}

function showBusy(card) {
  slot(card, "reason").textContent = "The server is busy; trying again…";
  slot(card, "reason").hidden = false;
}

function showResult(card, record, open) {
  settle(card, "done");
  slot(card, "reason").hidden = true;
  showAnswer(card, record);
  showBars(slot(card, "bars"), record.top?.slice(0, MOST_BARS));
  const picture = slot(card, "picture");
  // What this browser cannot read, the server may have in another form.
  if (picture.hidden) showStored(picture, record.input_id);
  const details = slot(card, "open");
  details.hidden = record.prediction_id === null;
  details.setAttribute("aria-label", `Details of ${printable(record.filename ?? "")}`);
  details.addEventListener("click", () => open(record));
}

function showFailure(card, error) {
  settle(card, "failed");
  slot(card, "reason").textContent = printable(error.message);
  slot(card, "reason").hidden = false;
  slot(card, "retry").hidden = !error.passing;
}

function settle(card, state) {
  card.dataset.state = state;
  card.removeAttribute("aria-busy");
}
