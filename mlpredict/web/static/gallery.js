// The stored predictions, newest first, by label and score, a page at a time.

import { getJson } from "./api.js";
import { copyOf, nameOf, printable, showAnswer, showShare, showStored, slot } from "./show.js";

const PAGE_SIZE = 24;
const PATIENCE_MS = 250;
const list = document.getElementById("tiles");
const form = document.getElementById("filters");
const clear = document.getElementById("filters-clear");
const status = document.getElementById("gallery-status");
const more = document.getElementById("more");
const retry = document.getElementById("gallery-retry");
const labels = document.getElementById("labels");

/** `open` shows a record among its neighbours. */
export function startGallery({ open }) {
  const records = [];
  let next = null;
  let loading = new AbortController();
  let timer = null;

  async function load(path, place) {
    loading.abort();
    loading = new AbortController();
    list.setAttribute("aria-busy", "true");
    try {
      const page = await getJson(path, { signal: loading.signal });
      place(page);
      tellState();
    } catch (error) {
      if (error.name === "AbortError") return;
      tellFailure(error);
    }
    list.removeAttribute("aria-busy");
  }

  /** Everything anew: the filters have changed, or nothing has been shown yet. */
  function reload() {
    return load(newestPath(), replace);
  }

  /** What is new comes first; what has been paged through stays. */
  function refresh() {
    return load(newestPath(), (page) => {
      const newest = records[0]?.prediction_id ?? 0;
      const fresh = page.predictions.filter((record) => record.prediction_id > newest);
      if (fresh.length === page.predictions.length) return replace(page);
      records.unshift(...fresh);
      list.prepend(...fresh.map(newTile));
    });
  }

  function replace(page) {
    records.splice(0, records.length, ...page.predictions);
    list.replaceChildren(...page.predictions.map(newTile));
    next = page.next;
  }

  async function older() {
    const last = list.lastElementChild;
    await load(olderPath(), (page) => {
      records.push(...page.predictions);
      list.append(...page.predictions.map(newTile));
      next = page.next;
    });
    last?.nextElementSibling?.querySelector("button").focus();
  }

  /** The server names the next page; only its parameters count, whatever lies before us. */
  function olderPath() {
    return `v1/predictions${new URL(next, document.baseURI).search}`;
  }

  function newTile(record) {
    const item = copyOf("tile");
    showAnswer(item, record);
    showShare(item, record.score);
    slot(item, "filename").textContent = nameOf(record).split("/").pop();
    slot(item, "filename").title = nameOf(record);
    showStored(slot(item, "picture"), record.input_id);
    item.firstElementChild.addEventListener("click", () => open(record, records));
    offerLabel(record.label);
    return item;
  }

  function tellState() {
    const filtered = Object.keys(chosen()).length > 0;
    more.hidden = next === null;
    retry.hidden = true;
    clear.hidden = !filtered;
    status.classList.toggle("is-empty", records.length === 0);
    if (records.length > 0) status.textContent = next === null ? `${records.length} shown, and that is all` : `${records.length} shown`;
    else status.textContent = filtered ? "Nothing stored is like that." : "Nothing is stored yet. What is predicted appears here.";
  }

  function tellFailure(error) {
    status.textContent = printable(error.message);
    retry.hidden = false;
  }

  function filtersChanged() {
    clearTimeout(timer);
    if (!form.checkValidity()) {
      status.textContent = "Scores lie between 0 and 1.";
      return;
    }
    keepInAddress(chosen());
    reload();
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(filtersChanged, PATIENCE_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    filtersChanged();
  });
  form.addEventListener("reset", () => {
    // The fields are empty after this event.
    setTimeout(() => {
      form.elements.label.focus();
      filtersChanged();
    });
  });
  more.addEventListener("click", older);
  retry.addEventListener("click", reload);

  takeFromAddress();
  reload();
  return { records, refresh };
}

/** The filters that are set, by the API's names. */
function chosen() {
  const entries = [...new FormData(form)].map(([name, value]) => [name, value.trim()]);
  return Object.fromEntries(entries.filter(([, value]) => value !== ""));
}

function newestPath() {
  return `v1/predictions?${new URLSearchParams({ limit: PAGE_SIZE, ...chosen() })}`;
}

/** A filtered gallery can be reloaded and sent to somebody. */
function keepInAddress(filters) {
  const query = new URLSearchParams(filters).toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
}

function takeFromAddress() {
  for (const [name, value] of new URLSearchParams(location.search)) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement) field.value = value;
  }
  if (!form.checkValidity()) form.reset();
}

/** Other models have other labels than this server's. */
function offerLabel(label) {
  if (label === null || label === undefined) return;
  if ([...labels.options].some((option) => option.value === label)) return;
  labels.append(new Option("", label));
}
