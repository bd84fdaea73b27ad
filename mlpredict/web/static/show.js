// Predictions as a person sees them. Text from files and rows enters the page as text alone.

import { imageAddress } from "./api.js";

const MOST_NUMBERS = 200;
const LONG_LABEL = 12;
const SHORT_ESCAPES = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };
// Control characters, marks that reorder or hide text, halves of characters, line ends in disguise;
// emoji of several people are held together by joiners.
const UNSAFE = /(?!\u200d)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The text with whatever could hide or reorder it written as an escape sequence, as on the terminal. */
export function printable(text) {
  return text.replace(UNSAFE, (character) => {
    const digits = character.codePointAt(0).toString(16);
    if (SHORT_ESCAPES[character]) return SHORT_ESCAPES[character];
    if (digits.length <= 2) return `\\x${digits.padStart(2, "0")}`;
    return digits.length <= 4 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
  });
}

/** A copy of the first element of a <template>. */
export function copyOf(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

/** The element of a copy that shows one thing. */
export function slot(element, name) {
  return element.querySelector(`[data-slot="${name}"]`);
}

/** A score as people read it: 94 %. Near both ends a digit more, and 100 % for what is exactly that. */
export function score(value) {
  if (value === null || value === undefined) return "";
  const percent = value * 100;
  if (percent === 0 || percent === 100) return `${percent}\u00a0%`;
  if (percent < 0.1) return "<0.1\u00a0%";
  if (percent < 1) return `${percent.toFixed(1)}\u00a0%`;
  if (percent >= 99) return `${(Math.floor(percent * 10) / 10).toFixed(1)}\u00a0%`;
  return `${Math.round(percent)}\u00a0%`;
}

export function nameOf(record) {
  return printable(record.filename ?? `prediction ${record.prediction_id}`);
}

/** The label, or all that hold, or what there is instead of one. */
export function answerOf(record) {
  if (Array.isArray(record.labels)) return record.labels.map(printable).join(", ") || "no label";
  if (typeof record.value === "number") return printable([shortNumber(record.value), record.unit ?? ""].join(" ").trim());
  if (record.label !== null && record.label !== undefined) return printable(record.label);
  if (record.likely_class !== null && record.likely_class !== undefined) return `class ${record.likely_class}`;
  const numbers = [record.prediction].flat(Infinity);
  return numbers.length === 1 ? shortNumber(numbers[0]) : `${numbers.length.toLocaleString("en")} numbers`;
}

/** Label and score in their places; the numbers themselves where the task has no labels. */
export function showAnswer(element, record) {
  const label = slot(element, "label");
  label.textContent = answerOf(record);
  label.title = label.textContent;
  label.classList.toggle("is-long", label.textContent.length > LONG_LABEL);
  slot(element, "score").textContent = score(record.score);
  slot(element, "score").title = record.score ?? "";
  const numbers = slot(element, "numbers");
  if (!numbers) return;
  const text = JSON.stringify(record.prediction);
  numbers.hidden = record.score !== null && record.score !== undefined;
  numbers.textContent = text.length > MOST_NUMBERS ? `${text.slice(0, MOST_NUMBERS)}…` : text;
}

/** Whether a prediction is right, and what it should be, where somebody has said that. */
export function showTruth(element, record) {
  const { right, true_label: truth } = record;
  const isKnown = truth !== null && truth !== undefined;
  element.hidden = !isKnown;
  if (!isKnown) return;
  const words = printable(truth) || "none";
  const isJudged = right !== null && right !== undefined;
  element.textContent = isJudged ? (right ? "✓ right" : `✗ is ${words}`) : `is ${words}`;
  element.title = element.textContent;
  element.classList.toggle("right-word", right === true);
  element.classList.toggle("wrong-word", right === false);
}

/** Labels with their scores as bars, the likeliest first. */
export function showBars(list, answers) {
  const ranked = [...(answers ?? [])].sort((a, b) => b.score - a.score);
  list.hidden = ranked.length === 0;
  list.replaceChildren(...ranked.map(bar));
}

/** Where a run has stored the best classes alone, which are an object, that there were others. */
export function showBestOnly(element, { prediction, probabilities }) {
  element.hidden = !Array.isArray(probabilities) || Array.isArray(prediction);
  if (element.hidden) return;
  const count = probabilities.length;
  element.textContent = count === 1 ? "Only the best class is stored." : `Only the ${count} best classes are stored.`;
}

export function showShare(element, share) {
  element.querySelector(".bar-fill").style.setProperty("--share", String(share ?? 0));
}

/** The picture of an input that the server has; what cannot be shown says so. */
export async function showStored(image, inputId, onShown = () => {}) {
  image.dataset.input = inputId ?? "";
  if (inputId === null || inputId === undefined) return showNothing(image);
  try {
    const { address, release } = await imageAddress(inputId);
    // Another picture may have been asked for meanwhile.
    if (image.dataset.input !== String(inputId)) return release();
    showPicture(image, address, release, onShown);
  } catch {
    showNothing(image);
  }
}

/** A picture by its address; small ones keep their pixels. */
export function showPicture(image, address, release = () => {}, onShown = () => {}) {
  image.parentElement.classList.remove("is-missing");
  image.hidden = false;
  image.onload = () => {
    image.classList.toggle("is-small", image.naturalWidth <= 64);
    release();
    onShown();
  };
  image.onerror = () => {
    showNothing(image);
    release();
  };
  image.src = address;
}

/** How often each label was found, the commonest first; the rarest as one bar. */
export function showCounts(list, counts, most) {
  const ranked = [...counts].sort((a, b) => b[1] - a[1]);
  const rest = ranked.slice(most).reduce((sum, [, count]) => sum + count, 0);
  const shown = rest ? [...ranked.slice(0, most), [`${ranked.length - most} others`, rest]] : ranked;
  const greatest = Math.max(...shown.map(([, count]) => count));
  const bars = shown.map(([label, count]) => {
    const item = copyOf("bar");
    slot(item, "label").textContent = label;
    slot(item, "score").textContent = count.toLocaleString("en");
    showShare(item, count / greatest);
    return item;
  });
  list.replaceChildren(...bars);
}

/** The name of a model without the digits of its fingerprint. */
export function modelName(record) {
  return printable((record.model ?? "").replace(/@[0-9a-f]{8}$/, ""));
}

function showNothing(image) {
  image.hidden = true;
  image.removeAttribute("src");
  image.parentElement.classList.add("is-missing");
}

function bar(answer) {
  const item = copyOf("bar");
  slot(item, "label").textContent = printable(answer.label);
  slot(item, "label").title = printable(answer.label);
  slot(item, "score").textContent = score(answer.score);
  slot(item, "score").title = answer.score;
  showShare(item, answer.score);
  return item;
}

function shortNumber(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
}
