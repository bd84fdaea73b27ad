// One image at a time: the picture, the classes with their keys, and what is said of it.

import { answerOf, nameOf, printable, score } from "./show.js";

const DIGITS = "1234567890";
const LETTERS = "abcdefghijklmnoprtvwxy";
const MOST_CLASSES = 12;
const [picture, name, about, said, accept, classes, other, otherName, otherText, otherLabels] = [
  "one-picture", "one-name", "one-about", "one-said", "accept", "classes", "other", "other-name", "other-text", "other-labels",
].map((id) => document.getElementById(id));

/** How an image is labelled: by one class, several, or a number. */
export function kindOf(record) {
  if (Array.isArray(record.labels)) return "several";
  return typeof record.value === "number" ? "number" : "one";
}

/** The keys of labels: their names, if these are one character each, else digits and letters, else their ranks. */
export function keysOf(labels, ranked) {
  const isKey = (label) => [...label].length === 1 && !" /!".includes(label);
  const inOrder = [...labels].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  if (labels.length > 0 && labels.every(isKey)) return new Map(labels.map((label) => [label, label]));
  const keys = DIGITS + LETTERS.replace(/[qsuz]/g, "");
  if (labels.length > keys.length || labels.every((label) => /^\d+$/.test(label))) {
    return new Map(ranked.slice(0, 9).map((label, rank) => [DIGITS[rank], label]));
  }
  return new Map(inOrder.map((label, place) => [keys[place], label]));
}

/** Shows an item; `say` is called with what the API takes of it. */
export class One {
  constructor(say) {
    this.say = say;
    this.record = null;
    this.keys = new Map();
    this.chosen = new Set();
    accept.addEventListener("click", () => this.accept());
    other.addEventListener("submit", (event) => {
      event.preventDefault();
      this.typed(otherText.value.trim());
    });
  }

  /** Show an image, with its probabilities if there are any. */
  show(item, detail, address) {
    const { record } = item;
    this.record = record;
    this.kind = kindOf(record);
    this.item = item;
    showImage(address, record);
    name.textContent = nameOf(record);
    about.textContent = printable(record.model ?? "");
    const known = item.said === null ? record.true_label : null;
    said.hidden = item.said === null && (known === null || known === undefined);
    said.textContent = item.said === null ? `labelled ${printable(known ?? "")} before` : wordsOf(item.said);
    const ranked = [...(detail?.probabilities ?? [])].sort((a, b) => b.score - a.score);
    const labels = ranked.map((one) => one.label);
    this.keys = this.kind === "number" ? new Map() : keysOf(labels, labels);
    this.chosen = new Set(item.said?.labels ?? record.labels ?? []);
    const keyOf = new Map([...this.keys].map(([key, label]) => [label, key]));
    classes.replaceChildren(...ranked.slice(0, MOST_CLASSES).map((one) => this.button(one, keyOf.get(one.label))));
    otherLabels.replaceChildren(...labels.map((label) => new Option("", label)));
    const isNumber = this.kind === "number";
    otherName.textContent = isNumber ? "Number" : "Another class";
    otherText.value = "";
    otherText.inputMode = isNumber ? "decimal" : "text";
    this.showAccept();
  }

  button({ label, score: share }, key) {
    const button = document.createElement("button");
    button.type = "button";
    if (this.kind === "several") button.setAttribute("aria-pressed", String(this.chosen.has(label)));
    const mark = document.createElement("kbd");
    mark.textContent = key ?? "";
    mark.hidden = key === undefined;
    mark.className = "by-keyboard";
    const text = document.createElement("span");
    text.className = "class-name";
    text.textContent = printable(label);
    const number = document.createElement("span");
    number.className = "score";
    number.textContent = score(share);
    const track = document.createElement("span");
    track.className = "bar-track";
    const fill = document.createElement("span");
    fill.className = "bar-fill";
    fill.style.setProperty("--share", share);
    track.append(fill);
    button.append(mark, text, number, track);
    button.addEventListener("click", () => this.take(label, button));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  /** A class was clicked, or its key pressed. */
  take(label, button = null) {
    if (this.kind !== "several") {
      this.say({ label });
      return;
    }
    if (this.chosen.has(label)) this.chosen.delete(label);
    else this.chosen.add(label);
    const pressed = button ?? [...classes.querySelectorAll("button")].find(
      (one) => one.querySelector(".class-name").textContent === printable(label),
    );
    pressed?.setAttribute("aria-pressed", String(this.chosen.has(label)));
    this.showAccept();
  }

  /** Whether a key is a class. */
  press(key) {
    // Of classes a and A each has its own key; where there is one of them, either key is it.
    const label = this.keys.get(key) ?? this.keys.get(key.toLowerCase()) ?? this.keys.get(key.toUpperCase());
    if (label === undefined) return false;
    this.take(label);
    return true;
  }

  /** What Enter says: that the prediction is right, or what has been chosen. */
  accept() {
    if (this.record === null) return;
    if (this.kind === "several") this.say({ labels: [...this.chosen] });
    else if (this.kind === "number") this.say({ value: this.record.value });
    else if (this.record.label !== null) this.say({ label: this.record.label });
  }

  typed(text) {
    if (this.kind === "number") {
      const number = Number(text.replace(",", "."));
      if (text !== "" && Number.isFinite(number)) this.say({ value: number }, { isTyped: true });
      else otherText.focus();
    } else if (text !== "") {
      if (this.kind === "several") this.take(text);
      else this.say({ label: text }, { isTyped: true });
      otherText.value = "";
    }
  }

  showAccept() {
    const words = this.kind === "several" ? [...this.chosen].map(printable).join(", ") || "none holds" : answerOf(this.record);
    accept.disabled = this.kind === "one" && (this.record.label === null || this.record.label === undefined);
    accept.replaceChildren(accept.disabled ? "No class was predicted" : `✓ ${words} `);
    if (accept.disabled) return;
    const key = document.createElement("kbd");
    key.className = "by-keyboard";
    key.textContent = "Enter";
    accept.append(key);
  }
}

/** What was said, in words. */
export function wordsOf(body) {
  if (body.usable === false) return "not usable";
  if (body.labels) return `labelled ${body.labels.map(printable).join(", ") || "none holds"}`;
  return `labelled ${printable(String(body.label ?? body.value))}`;
}

function showImage(address, record) {
  picture.classList.toggle("is-missing", address === null);
  if (address === null) {
    picture.replaceChildren();
    return;
  }
  const image = document.createElement("img");
  image.alt = `${nameOf(record)}, predicted ${answerOf(record)}`;
  image.addEventListener("load", () => image.classList.toggle("is-small", Math.max(image.naturalWidth, image.naturalHeight) <= 64));
  image.addEventListener("error", () => {
    picture.classList.add("is-missing");
    image.remove();
  });
  image.src = address;
  picture.replaceChildren(image);
}
