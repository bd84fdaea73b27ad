// Many small images of one predicted label: those that are something else are clicked, and the rest is labelled.

import { answerOf, nameOf, score } from "./show.js";
import { kindOf } from "./review_one.js";

const LOOKED_AT = 240;
const MOST_TILES = 60;
const [title, help, confirm, tiles] = ["many-title", "many-help", "confirm", "tiles"].map((id) => document.getElementById(id));

/** Shows groups of a queue's images; `say` is called with items and the label of each. */
export class Many {
  constructor(say) {
    this.say = say;
    this.group = [];
    this.label = null;
    this.others = new Set();
    this.passed = new Set();
    confirm.addEventListener("click", () => this.confirm());
  }

  /** The largest group of what is left of the queue's images. */
  async show(queue, isCurrent) {
    await queue.at(LOOKED_AT).catch((error) => {
      if (queue.items.length === 0) throw error;
    });
    if (!isCurrent()) return;
    const open = queue.items.filter((item) => item.said === null && kindOf(item.record) === "one" && item.record.label !== null);
    const groups = Map.groupBy(open, (item) => item.record.label);
    const offered = [...groups].filter(([label]) => !this.passed.has(label));
    const [label, found] = (offered.length ? offered : [...groups]).reduce(
      (most, one) => (one[1].length > most[1].length ? one : most), [null, []],
    );
    if (offered.length === 0) this.passed.clear();
    this.label = label;
    this.group = found.slice(0, MOST_TILES);
    this.others.clear();
    help.hidden = confirm.hidden = this.group.length === 0;
    title.textContent = label === null ? "Nothing is left to be confirmed." : `All of these are ${answerOf(found[0].record)}, but …`;
    tiles.replaceChildren(...this.group.map((item) => this.tile(item, queue)));
    this.count();
  }

  tile(item, queue) {
    const { record } = item;
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    const picture = document.createElement("span");
    picture.className = "picture";
    const image = document.createElement("img");
    image.alt = nameOf(record);
    image.loading = "lazy";
    image.addEventListener("load", () => image.classList.toggle("is-small", Math.max(image.naturalWidth, image.naturalHeight) <= 64));
    const fail = () => picture.replaceChildren(nameOf(record));
    image.addEventListener("error", fail);
    queue.picture(item).then(({ address }) => (image.src = address), fail);
    picture.append(image);
    const note = document.createElement("span");
    note.className = "tile-note";
    const share = document.createElement("span");
    share.textContent = score(record.score);
    const not = document.createElement("span");
    not.className = "tile-not";
    note.append(share, not);
    button.append(picture, note);
    button.addEventListener("click", () => {
      if (this.others.has(item)) this.others.delete(item);
      else this.others.add(item);
      const isOther = this.others.has(item);
      button.setAttribute("aria-pressed", String(isOther));
      not.textContent = isOther ? "not" : "";
      this.count();
    });
    const place = document.createElement("li");
    place.append(button);
    return place;
  }

  count() {
    const rest = this.group.length - this.others.size;
    confirm.disabled = rest === 0;
    if (this.group.length) confirm.textContent = `Label ${rest === this.group.length ? `all ${rest}` : `the other ${rest}`} as ${answerOf(this.group[0].record)}`;
  }

  /** Label all that were not clicked. */
  confirm() {
    const rest = this.group.filter((item) => !this.others.has(item));
    const { label } = this;
    if (rest.length) this.say(rest.map((item) => [item, { label }]), [...this.others]);
  }

  /** Leave this group for later. */
  pass() {
    if (this.label !== null) this.passed.add(this.label);
  }
}
