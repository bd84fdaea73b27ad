// The images of a review, in their order, some loaded ahead; and what has been said of them.

import { change, getJson, imageAddress } from "./api.js";

const PAGE = 60;
const AHEAD = 4;

/** Images that are asked for as they are needed; `asked` is what the form says. */
export class Queue {
  constructor(asked) {
    this.asked = asked;
    this.items = [];
    this.source = "review";
    this.next = `v1/review?${new URLSearchParams({ ...asked, limit: PAGE })}`;
    this.seen = new Set();
    this.details = new Map();
    this.pictures = new Map();
    this.loading = null;
  }

  /** The image at a place; null behind the last one. */
  async at(place) {
    while (place >= this.items.length && this.next !== null) await this.more();
    return this.items[place] ?? null;
  }

  /** Load another page; several who ask for it wait for the same one. */
  more() {
    this.loading ??= this.load().finally(() => (this.loading = null));
    return this.loading;
  }

  async load() {
    const page = await getJson(this.next.replace(/^\//, ""));
    this.source = page.source;
    const added = page.images.filter((one) => one.input_id !== null && !this.seen.has(one.input_id));
    for (const one of added) this.seen.add(one.input_id);
    this.items.push(...added.map((record) => ({ record, said: null })));
    // What chance draws again and again is all that there is.
    const isOver = page.next === null || (added.length === 0 && this.asked.order === "random");
    this.next = isOver ? null : page.next;
  }

  /** Have what is behind a place ready when it is wanted. */
  async prepare(place) {
    for (let ahead = place; ahead <= place + AHEAD; ahead += 1) {
      const item = await this.at(ahead).catch(() => null);
      if (item === null) return;
      this.detail(item).catch(() => {});
      this.picture(item).catch(() => {});
    }
    for (const [key, picture] of this.pictures) {
      const at = this.items.findIndex((one) => one.record.input_id === key);
      if (at >= 0 && Math.abs(at - place) > 40) {
        picture.then((one) => one.release()).catch(() => {});
        this.pictures.delete(key);
      }
    }
  }

  /** The probabilities of all labels, with the prediction. */
  detail(item) {
    return kept(this.details, item.record.prediction_id, () => getJson(`v1/predictions/${item.record.prediction_id}`));
  }

  /** The picture's address, loaded by then. */
  picture(item) {
    return kept(this.pictures, item.record.input_id, async () => {
      const picture = await imageAddress(item.record.input_id);
      const image = new Image();
      image.src = picture.address;
      await image.decode().catch(() => {});
      return picture;
    });
  }
}

/** What was made before, or is made now; what failed is made again. */
function kept(made, key, make) {
  if (!made.has(key)) {
    const making = make();
    made.set(key, making);
    making.catch(() => made.delete(key));
  }
  return made.get(key);
}

/** Store what is said of images, all at once; what the server makes of it. */
export function store(images, { by, source }) {
  return change("POST", "v1/labels", { images, source, ...(by ? { by } : {}) });
}
