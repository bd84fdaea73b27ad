// The form above the stored images, in the words of people, and as the API takes it.

import { filtersInAddress, keepFilters } from "./address.js";
import { getJson } from "./api.js";
import { printable } from "./show.js";

const PATIENCE_MS = 250;
const PERCENT = ["min_score", "max_score"];
const OF_TRUTH = ["wrong", "right", "labelled", "unlabelled"];
// What is no filter, but how things are shown.
const HOW = ["sort", "by", "order"];
const BEYOND = ["true_label", "model", "run", "since", "until", "filename"];
const form = document.getElementById("filters");
const clear = document.getElementById("filters-clear");
const beyond = document.getElementById("more-filters");
const models = document.getElementById("models");
const labels = document.getElementById("labels");

/** Call `changed` with what is to be asked for; `wrong` where the form says nonsense. */
export function startFilters(changed, wrong) {
  let timer = null;

  function take() {
    clearTimeout(timer);
    if (!form.checkValidity()) {
      wrong(form.elements.run.validity.valid ? "Scores lie between 0 and 100 %." : "A run is a number.");
      return;
    }
    clear.hidden = Object.keys(chosen()).length === 0;
    keepFilters(chosen());
    changed();
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(take, PATIENCE_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take();
  });
  form.addEventListener("reset", () => {
    // The fields are empty after this event.
    setTimeout(() => {
      form.elements.label.focus();
      take();
    });
  });

  takeFromAddress();
  clear.hidden = Object.keys(chosen()).length === 0;
  return { query, isFiltered, offerModels, shared };
}

/** The same for another page's address: what restricts, and not how things are shown. */
function shared() {
  return new URLSearchParams(Object.entries(chosen()).filter(([name]) => !HOW.includes(name)));
}

/** What is set, as it stands in the address: scores from 0 to 1, days as they were picked. */
function chosen() {
  const entries = [...new FormData(form)].map(([name, value]) => [name, value.trim()]);
  const set = entries.filter(([, value]) => value !== "");
  return Object.fromEntries(set.map(([name, value]) => [name, PERCENT.includes(name) ? shareOf(value) : value]));
}

/** The same as the API takes it. */
function query() {
  const { truth, ...asked } = chosen();
  if (OF_TRUTH.includes(truth)) asked[truth] = "true";
  if (asked.since) asked.since = midnight(asked.since, 0);
  if (asked.until) asked.until = midnight(asked.until, 1);
  if (asked.filename && !/[*?[]/.test(asked.filename)) asked.filename = `*${asked.filename}*`;
  return asked;
}

function isFiltered() {
  return Object.keys(chosen()).some((name) => !HOW.includes(name));
}

function shareOf(percent) {
  return String(Number((Number(percent) / 100).toPrecision(9)));
}

/** Where a day begins here, or one that is some days later. */
function midnight(day, later) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

function takeFromAddress() {
  for (const [name, value] of filtersInAddress()) {
    const field = form.elements.namedItem(name);
    if (name === "model") models.append(new Option(printable(value), value));
    if (field) field.value = PERCENT.includes(name) ? String(Number((Number(value) * 100).toPrecision(9))) : value;
    if (field && BEYOND.includes(name)) beyond.open = true;
  }
  if (!form.checkValidity()) form.reset();
}

/** The models that were used; one in the address is there already. */
async function offerModels() {
  const known = (await getJson("v1/models?counts=false")).models.map((one) => one.model);
  const offered = [...models.options].map((option) => option.value);
  models.append(...known.filter((one) => !offered.includes(one)).map((one) => new Option(printable(one), one)));
}

/** Other models have other labels than this server's. */
export function offerLabel(label) {
  if (label === null || label === undefined) return;
  if ([...labels.options].some((option) => option.value === label)) return;
  labels.append(new Option("", label));
}
