// Wires the parts of the page together.

import { startBoard } from "./board.js";
import { startDetail } from "./detail.js";
import { startDrops } from "./drops.js";
import { startGallery } from "./gallery.js";
import { startSamples } from "./samples.js";
import { startUploads } from "./uploads.js";

const detail = startDetail({
  onTruth: (inputId) => gallery.relabel(inputId).catch(() => {}),
  onDelete: (gone, how) => gallery.remove(gone, how),
});
const gallery = startGallery({ open: detail.open, onLoad: () => detail.follow(gallery.records) });
const uploads = startUploads({
  open: (record) => detail.open(record, gallery.records),
  onRoundEnd: gallery.refresh,
});

startDrops(uploads.add);
startBoard((file) => uploads.add([file]));
startSamples(uploads.add);
addEventListener("popstate", () => detail.follow(gallery.records));
