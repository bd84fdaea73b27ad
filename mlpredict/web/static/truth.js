// What an image really shows: said at a click or typed, and taken back again.

import { change, getJson } from "./api.js";
import { answerOf, printable } from "./show.js";

const MOST_CHOICES = 4;
const section = document.getElementById("truth");
const title = document.getElementById("truth-title");
const undo = document.getElementById("truth-undo");
const form = document.getElementById("truth-form");
const choices = document.getElementById("truth-choices");
const asked = document.getElementById("truth-asked");
const value = document.getElementById("truth-value");
const labels = document.getElementById("truth-labels");

/** `changed` is called with the answer of the server; `tell` with words for a person. */
export function startTruth({ changed, tell }) {
  let record = null;
  // What was said before it was changed here, by the ids of inputs.
  const before = new Map();

  /** Show what is said of a prediction's image, and ask where nothing is. */
  function show(answer) {
    record = answer;
    section.hidden = answer.input_id === null || answer.input_id === undefined;
    if (section.hidden) return;
    title.replaceChildren(...heading(answer));
    const isSaid = isLabelled(answer);
    undo.hidden = !isSaid && !before.has(answer.input_id);
    undo.textContent = before.has(answer.input_id) ? "Undo" : "Take back";
    asked.textContent = isSaid ? "No, it is" : "Wrong? It is";
    value.value = "";
    value.required = !isSeveral(answer);
    value.placeholder = placeholder(answer);
    value.inputMode = isNumber(answer) ? "decimal" : "text";
    const ranked = [...(answer.probabilities ?? [])].sort((a, b) => b.score - a.score).map((one) => one.label);
    labels.replaceChildren(...ranked.map((label) => new Option("", label)));
    choices.replaceChildren(...offered(answer, ranked).map(choice));
  }

  function hide() {
    record = null;
    section.hidden = true;
  }

  function choice({ text, body }) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => say(body));
    return button;
  }

  async function say(body) {
    const { input_id: input } = record;
    await doing(async () => {
      const known = await getJson(path(input));
      const answer = await change("PUT", path(input), { ...body, source: "page" });
      if (answer.result !== "unchanged") before.set(input, known);
      const words = answer.result === "unchanged" ? "That is what was said before." : "Saved.";
      return [answer, [words, ...answer.remarks.map(sentence)].join(" ")];
    });
  }

  async function takeBack() {
    const { input_id: input } = record;
    await doing(async () => {
      const known = before.get(input);
      const answer = known && isLabelled(known)
        ? await change("PUT", path(input), bodyOf(known))
        : await change("DELETE", path(input));
      before.delete(input);
      return [answer, "Taken back."];
    });
  }

  /** Change something, and say what came of it; meanwhile nothing else is changed. */
  async function doing(work) {
    const mine = record;
    const hadFocus = section.contains(document.activeElement);
    section.setAttribute("aria-busy", "true");
    for (const control of controls()) control.disabled = true;
    try {
      const [answer, words] = await work();
      await changed(answer);
      if (record?.prediction_id === mine.prediction_id) tell(words);
    } catch (error) {
      if (record?.prediction_id === mine.prediction_id) tell(printable(error.message));
    }
    section.removeAttribute("aria-busy");
    for (const control of controls()) control.disabled = false;
    // The button that was pressed may be gone.
    if (hadFocus && record?.prediction_id === mine.prediction_id) (undo.hidden ? value : undo).focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = written(record, value.value.trim());
    if (body === null) tell("That is no number.");
    else say(body);
  });
  undo.addEventListener("click", takeBack);
  return { show, hide };
}

function controls() {
  return [undo, ...form.querySelectorAll("button, input")];
}

function path(input) {
  return `v1/inputs/${input}/label`;
}

function isLabelled(answer) {
  return answer.true_label !== null && answer.true_label !== undefined;
}

function isNumber(answer) {
  return typeof answer.value === "number";
}

function isSeveral(answer) {
  return Array.isArray(answer.labels);
}

/** What is said of the image, and whether the prediction is that. */
function heading(answer) {
  if (!isLabelled(answer)) return [document.createTextNode("What is it really?")];
  const truth = document.createElement("bdi");
  truth.textContent = printable(answer.true_label) || "none of the labels";
  const mark = document.createElement("span");
  if (answer.right !== null && answer.right !== undefined) {
    mark.textContent = answer.right ? " ✓ right" : " ✗ wrong";
    mark.className = answer.right ? "right-word" : "wrong-word";
  }
  return [document.createTextNode("It is "), truth, mark];
}

function placeholder(answer) {
  if (isNumber(answer)) return "a number";
  return isSeveral(answer) ? "labels, with commas" : "another label";
}

/** What a click says: that the prediction is right, or what the model thought of next. */
function offered(answer, ranked) {
  if (isNumber(answer)) return [];
  const said = isSeveral(answer) ? { labels: answer.labels } : { label: answer.label };
  if (said.label === null || said.label === undefined) return isSeveral(answer) ? [right(answer, said)] : [];
  const others = ranked.filter((label) => label !== answer.label).slice(0, MOST_CHOICES - 1);
  return [right(answer, said), ...others.map((label) => ({ text: printable(label), body: { label } }))];
}

function right(answer, body) {
  return { text: `✓ ${answerOf(answer)}`, body };
}

/** What was typed, as the API takes it; null where it should be a number and is none. */
function written(answer, text) {
  if (isNumber(answer)) {
    const number = Number(text.replace(",", "."));
    return text !== "" && Number.isFinite(number) ? { value: number } : null;
  }
  if (!isSeveral(answer)) return { label: text };
  return { labels: text.split(",").map((one) => one.trim()).filter((one) => one !== "") };
}

/** What was said before, to be said again. */
function bodyOf(known) {
  const { true_label: label, true_labels: several, labelled_by: by, source } = known;
  const said = several === null ? { label } : { labels: several };
  return by === null ? { ...said, source } : { ...said, source, by };
}

function sentence(text) {
  const first = printable(text);
  return `${first[0].toUpperCase()}${first.slice(1)}.`;
}
