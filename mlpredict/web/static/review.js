// Images are labelled: one by one or many at once, by keyboard, touch and mouse; each step is stored, and undone.

import { getJson } from "./api.js";
import { startFilters } from "./filters.js";
import { Many } from "./review_many.js";
import { One, kindOf, wordsOf } from "./review_one.js";
import { Queue, store } from "./review_queue.js";
import { printable } from "./show.js";

const ONE_KEY_MS = 100;
const TOO_FAST = "Keys that are held down label nothing: one at a time.";
const [says, progress, undo, asOne, asMany, one, many, back, skip, unusable, nextGroup, by, withKeys, otherText] = [
  "says", "progress", "undo", "as-one", "as-many", "one", "many", "back", "skip", "unusable", "next-group", "by", "with-keys", "other-text",
].map((id) => document.getElementById(id));

const filters = startFilters(begin, (reason) => tell(reason, true));
const single = new One(sayOne);
const several = new Many(sayMany);
let queue = null;
let place = 0;
let total = null;
let steps = [];
let saving = Promise.resolve();
let unsaved = 0;
let advanced = 0;
let drawing = 0;

/** Begin anew with what the form asks for. */
async function begin() {
  queue = new Queue(filters.query());
  [place, total, steps] = [0, null, []];
  undo.disabled = true;
  const mine = queue;
  getJson(`v1/review/count?${new URLSearchParams(filters.query())}`).then(({ images }) => {
    if (queue === mine) total = images;
    tellProgress();
  }).catch(() => {});
  await draw();
}

/** Show what is to be labelled now. */
async function draw() {
  const isMany = asMany.getAttribute("aria-pressed") === "true";
  drawing += 1;
  const mine = drawing;
  const isCurrent = () => drawing === mine;
  try {
    if (isMany) await several.show(queue, isCurrent);
    else await drawOne(isCurrent);
  } catch (error) {
    if (isCurrent()) tell(printable(error.message), true);
    return;
  }
  if (!isCurrent()) return;
  many.hidden = !isMany;
  tellProgress();
}

async function drawOne(isCurrent) {
  const item = await queue.at(place);
  if (!isCurrent()) return;
  one.hidden = item === null;
  if (item === null) {
    tell(queue.items.length === 0 ? "There is nothing to review." : "That was the last one.");
    return;
  }
  const [detail, picture] = await Promise.all([
    queue.detail(item).catch(() => null),
    queue.picture(item).catch(() => null),
  ]);
  if (!isCurrent()) return;
  single.show(item, detail, picture?.address ?? null);
  queue.prepare(place + 1);
}

/** Say something of the image that is looked at, and go on. */
function sayOne(body, { isTyped = false } = {}) {
  const item = queue.items[place];
  if (item === undefined || single.item !== item) return;
  if (!isTyped && performance.now() - advanced < ONE_KEY_MS) {
    advanced = performance.now();
    tell(TOO_FAST, true);
    return;
  }
  take([[item, body]], `${wordsOf(body)[0].toUpperCase()}${wordsOf(body).slice(1)}.`);
  go(place + 1);
}

/** Label the rest of a group; the others are looked at one by one. */
function sayMany(labelled, others) {
  take(labelled, `${labelled.length} labelled ${printable(labelled[0][1].label)}.${others.length ? ` ${others.length} are left for later.` : ""}`);
  for (const item of others) {
    const at = queue.items.indexOf(item);
    queue.items.splice(at, 1);
    if (at < place) place -= 1;
  }
  // What is something else comes first when images are looked at one by one.
  queue.items.splice(place, 0, ...others);
  several.pass();
  draw();
}

/** Store what is said of items, in its turn; it can be undone. */
function take(said, words) {
  const step = { said, before: said.map(([item]) => item.said), place, words };
  for (const [item, body] of said) item.said = body;
  steps.push(step);
  undo.disabled = false;
  save(said.map(([item, body]) => ({ input_id: item.record.input_id, ...body })), words, () => {
    said.forEach(([item], at) => (item.said = step.before[at]));
    steps = steps.filter((other) => other !== step);
    undo.disabled = steps.length === 0;
  });
}

/** Send it behind what is on its way; what cannot be stored is said, and was not said of the images. */
function save(images, words, failed) {
  const [mine, name, { source }] = [queue, by.value.trim(), queue];
  unsaved += 1;
  tell("Saving…");
  saving = saving.then(async () => {
    try {
      const answer = await store(images, { by: name, source });
      const left = answer.not_stored.length ? ` ${answer.not_stored.length} cannot have a label: ${answer.not_stored.map(printable).join(", ")}.` : "";
      if (queue === mine) tell(`${words} Saved.${left} ${answer.remarks.map(printable).join(" ")}`.trim(), left !== "");
    } catch (error) {
      failed();
      tell(`Not saved: ${printable(error.message)}`, true);
      if (queue === mine) draw();
    } finally {
      unsaved -= 1;
      tellProgress();
    }
  });
}

/** Take the last step back, and look at its image again. */
function takeBack() {
  const step = steps.pop();
  if (step === undefined) return;
  undo.disabled = steps.length === 0;
  const images = step.said.map(([item], at) => ({
    input_id: item.record.input_id,
    ...(step.before[at] ?? before(item.record)),
  }));
  step.said.forEach(([item], at) => (item.said = step.before[at]));
  several.passed.clear();
  save(images, "Undone.", () => {
    step.said.forEach(([item, body]) => (item.said = body));
    steps.push(step);
    undo.disabled = false;
  });
  go(step.place);
}

/** What was said of an image before anything was said here. */
function before({ true_label: label, labels }) {
  if (label === null || label === undefined) return { label: null };
  return Array.isArray(labels) ? { labels: label.split(",").filter((one) => one !== "") } : { label };
}

function go(to) {
  place = Math.max(0, to);
  advanced = performance.now();
  draw();
}

function tell(words, isWrong = false) {
  says.textContent = words;
  says.classList.toggle("is-wrong", isWrong);
}

function tellProgress() {
  const said = (queue?.items ?? []).filter((item) => item.said !== null && item.said.usable !== false);
  const judged = said.filter((item) => kindOf(item.record) !== "number");
  const right = judged.filter(({ record, said: body }) =>
    body.labels ? [...body.labels].sort().join() === [...record.labels].sort().join() : body.label === record.label);
  const share = judged.length ? `, ${((100 * right.length) / judged.length).toFixed(1)} % of them right` : "";
  const of = total === null ? "" : ` of ${total.toLocaleString("en")}`;
  progress.textContent = `${said.length.toLocaleString("en")}${of} labelled${share}${unsaved ? ", saving…" : ""}`;
}

function choose(isMany) {
  asOne.setAttribute("aria-pressed", String(!isMany));
  asMany.setAttribute("aria-pressed", String(isMany));
  one.hidden = many.hidden = true;
  draw();
}

asOne.addEventListener("click", () => choose(false));
asMany.addEventListener("click", () => choose(true));
undo.addEventListener("click", takeBack);
back.addEventListener("click", () => go(place - 1));
skip.addEventListener("click", () => go(place + 1));
unusable.addEventListener("click", () => sayOne({ usable: false }));
nextGroup.addEventListener("click", () => {
  several.pass();
  draw();
});
withKeys.addEventListener("change", () => document.body.classList.toggle("without-keys", !withKeys.checked));
addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});

addEventListener("keydown", (event) => {
  if (!withKeys.checked || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { target } = event;
  if (target.closest("input, select, textarea, dialog, summary")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  // A button that has the focus is pressed by Enter and Space, as everywhere.
  // Only the small images leave Enter to the page: Space marks them.
  const isOnControl = target.closest("button, a") !== null && target.closest("#tiles, #accept, #confirm") === null;
  if (event.key === "Enter" && isOnControl) return;
  const taken = !many.hidden ? pressMany(event) : !one.hidden && pressOne(event);
  if (taken || pressAny(event)) event.preventDefault();
});

function pressAny({ key, repeat }) {
  if (key.toLowerCase() !== "z" || undo.disabled) return false;
  if (!repeat) takeBack();
  return true;
}

function pressMany({ key, repeat }) {
  if (key === "Enter") {
    if (!repeat) several.confirm();
  } else if (key === "s" || key === "ArrowRight") nextGroup.click();
  else return false;
  return true;
}

function pressOne({ key, repeat }) {
  const actions = new Map([
    ["Enter", () => single.accept()], ["ArrowLeft", () => back.click()], ["ArrowRight", () => skip.click()],
    ["/", () => otherText.focus()], ["!", () => unusable.click()], ["s", () => skip.click()], ["u", () => unusable.click()],
  ]);
  const isText = key.length === 1;
  if (isText && !repeat && single.press(key)) return true;
  if (!actions.has(key)) return false;
  if (repeat && key !== "ArrowLeft") tell(TOO_FAST, true);
  else actions.get(key)();
  return true;
}

by.value = sessionStorage.getItem("reviewer") ?? "";
by.addEventListener("change", () => sessionStorage.setItem("reviewer", by.value.trim()));
filters.offerModels().catch(() => {});
begin();
