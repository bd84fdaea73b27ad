// The stored images, each once with the first of its predictions in the order, a page at a time.

import { getJson } from "./api.js";
import { offerLabel, startFilters } from "./filters.js";
import { copyOf, modelName, nameOf, printable, showAnswer, showShare, showStored, showTruth, slot } from "./show.js";

const PAGE_SIZE = 24;
// Where images were predicted very often, a page of the API may be short.
const MOST_SHORT_PAGES = 4;
const list = document.getElementById("tiles");
const status = document.getElementById("gallery-status");
const count = document.getElementById("gallery-count");
const more = document.getElementById("more");
const retry = document.getElementById("gallery-retry");
const report = document.getElementById("to-report");

/** `open` shows a record among its neighbours; `onLoad` is called when the first page has come. */
export function startGallery({ open, onLoad }) {
  const records = [];
  let next = null;
  let images = null;
  let counting = 0;
  let loading = new AbortController();
  const filters = startFilters(reload, (reason) => (status.textContent = reason));

  async function load(path, place) {
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    list.setAttribute("aria-busy", "true");
    try {
      place(await pages(path, signal));
      list.removeAttribute("aria-busy");
      tellState();
    } catch (error) {
      if (error.name === "AbortError") return;
      list.removeAttribute("aria-busy");
      tellFailure(error);
    }
  }

  /** A page, put together of several where those are short. */
  async function pages(path, signal) {
    const found = [];
    for (let asked = 0; asked < MOST_SHORT_PAGES; asked += 1) {
      const page = await getJson(path, { signal });
      found.push(...page.inputs);
      next = page.next;
      if (next === null || found.length >= PAGE_SIZE) break;
      path = nextPath();
    }
    return found;
  }

  /** Everything anew: the filters have changed, or nothing has been shown yet. */
  async function reload() {
    const shared = filters.shared();
    report.href = `report${shared.size ? `?${shared}` : ""}`;
    const loaded = load(firstPath(), replace);
    tellCount();
    await loaded;
    onLoad();
  }

  /** What is new comes first; what has been paged through stays. */
  async function refresh() {
    const shownBefore = next;
    await load(firstPath(), (found) => {
      const newest = found.filter((image) => !isShown(image));
      if (newest.length === found.length || filters.query().sort) return replace(found);
      const renewed = new Set(newest.map((image) => image.input_id));
      for (const [at, record] of [...records.entries()].reverse()) {
        if (!renewed.has(record.input_id)) continue;
        records.splice(at, 1);
        list.children[at].remove();
      }
      records.unshift(...newest.map((image) => image.first));
      list.prepend(...newest.map(newTile));
      next = shownBefore;
    });
    tellCount();
  }

  function isShown(image) {
    return records.some((record) => record.prediction_id === image.first.prediction_id);
  }

  function replace(found) {
    records.splice(0, records.length, ...found.map((image) => image.first));
    list.replaceChildren(...found.map(newTile));
  }

  async function older() {
    const last = list.lastElementChild;
    await load(nextPath(), (found) => {
      records.push(...found.map((image) => image.first));
      list.append(...found.map(newTile));
    });
    last?.nextElementSibling?.querySelector("button").focus();
  }

  function firstPath() {
    return `v1/inputs?${new URLSearchParams({ limit: PAGE_SIZE, ...filters.query() })}`;
  }

  /** The server names the next page; only its parameters count, whatever lies before us. */
  function nextPath() {
    return `v1/inputs${new URL(next, document.baseURI).search}`;
  }

  function newTile(image) {
    const record = image.first;
    const item = copyOf("tile");
    showAnswer(item, record);
    showShare(item, record.score);
    showTruth(slot(item, "truth"), record);
    slot(item, "filename").textContent = nameOf(record).split("/").pop();
    slot(item, "filename").title = nameOf(record);
    slot(item, "model").textContent = modelName(record);
    slot(item, "model").title = printable(record.model ?? "");
    slot(item, "count").textContent = image.predictions > 1 ? `+${image.predictions - 1}` : "";
    slot(item, "count").title = image.predictions > 1 ? `${image.predictions} predictions of this image` : "";
    showStored(slot(item, "picture"), record.input_id);
    item.firstElementChild.addEventListener("click", () => open(record, records));
    offerLabel(record.label);
    return item;
  }

  /** An image is something else than was said before. */
  async function relabel(inputId) {
    const at = records.findIndex((record) => record.input_id === inputId);
    if (at < 0) return;
    const record = records[at];
    const { true_label: truth, right } = await getJson(`v1/predictions/${record.prediction_id}`);
    Object.assign(record, { true_label: truth, right });
    const now = records.indexOf(record);
    if (now >= 0) showTruth(slot(list.children[now], "truth"), record);
  }

  /** A prediction is gone; an image that has others shows the next of them. */
  function remove(gone, { alone }) {
    if (!alone) return reload();
    const at = records.findIndex((record) => record.prediction_id === gone.prediction_id);
    if (at < 0) return undefined;
    records.splice(at, 1);
    list.children[at].remove();
    // What is shown of the next page begins behind the last one: it may be this.
    if (next !== null && at === records.length) return reload();
    return tellCount();
  }

  /** How many there are in all; it takes longer than a page, and nothing waits for it. */
  async function tellCount() {
    const { sort: _order, ...asked } = filters.query();
    images = null;
    counting += 1;
    const mine = counting;
    const path = `v1/predictions/count?${new URLSearchParams(asked)}`;
    try {
      const counted = await getJson(path);
      // The filters may have changed meanwhile.
      if (mine !== counting) return;
      images = counted.images;
      count.textContent = images ? `${amount(images, "image")}, ${amount(counted.predictions, "prediction")}` : "";
      tellState();
    } catch {
      // What is wrong the gallery says.
      count.textContent = "";
    }
  }

  function tellState() {
    if (list.hasAttribute("aria-busy")) return;
    const isAll = next === null || (images !== null && records.length >= images && !filters.query().sort);
    more.hidden = isAll;
    retry.hidden = true;
    status.classList.toggle("is-empty", records.length === 0);
    if (records.length > 0) status.textContent = isAll ? `${records.length} shown, and that is all` : `${records.length} shown`;
    else if (!isAll) status.textContent = "Nothing yet among those that were looked at.";
    else status.textContent = filters.isFiltered() ? "Nothing stored is like that." : nothing();
  }

  function nothing() {
    if (filters.query().sort) return "Nothing stored has a score.";
    return "Nothing is stored yet. What is predicted appears here.";
  }

  function tellFailure(error) {
    status.textContent = printable(error.message);
    retry.hidden = false;
  }

  more.addEventListener("click", older);
  retry.addEventListener("click", reload);

  reload();
  filters.offerModels().catch(() => {});
  return { records, refresh, relabel, remove };
}

function amount(number, thing) {
  return `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;
}
