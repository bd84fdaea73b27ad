// A board to draw on, for models that take one channel.

const EXPORT_PIXELS = 280;
const PEN = 0.085;
const STEP = 1 / 28;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Call `send` with each finished drawing, a PNG file. Without a board on the page nothing happens. */
export function startBoard(send) {
  const canvas = document.getElementById("board");
  if (!canvas) return;
  const paper = document.getElementById("paper");
  const call = document.getElementById("board-call");
  const buttons = ["predict", "undo", "clear"].map((name) => document.getElementById(`board-${name}`));
  const [predict, undo, clear] = buttons;
  // A stroke is a list of points; both coordinates are 0..1.
  const strokes = [];
  let pointer = null;
  const pen = { x: 0.5, y: 0.5, down: false };

  function changed() {
    paint(canvas, strokes, paper.checked);
    if (document.activeElement === canvas && pointer === null) paintPen(canvas, pen, paper.checked);
    for (const button of buttons) button.disabled = strokes.length === 0;
    call.hidden = strokes.length > 0 || pen.down;
    call.classList.toggle("is-on-paper", paper.checked);
  }

  function pointOf(event) {
    const box = canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    pen.down = false;
    strokes.push([pointOf(event)]);
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1).push(...(moves.length ? moves : [event]).map(pointOf));
    changed();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (event.pointerId === pointer) pointer = null;
    });
  }

  canvas.addEventListener("keydown", (event) => {
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) takeBack();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (ARROWS[event.key]) movePen(ARROWS[event.key], event.shiftKey ? 4 : 1);
    else if (event.key === " ") lowerOrLift();
    else if (event.key === "Enter") sendDrawing();
    else return;
    event.preventDefault();
    changed();
  });
  canvas.addEventListener("focus", changed);
  canvas.addEventListener("blur", () => {
    pen.down = false;
    changed();
  });

  function movePen([dx, dy], steps) {
    pen.x = Math.min(1, Math.max(0, pen.x + dx * steps * STEP));
    pen.y = Math.min(1, Math.max(0, pen.y + dy * steps * STEP));
    if (pen.down) strokes.at(-1).push({ x: pen.x, y: pen.y });
  }

  function lowerOrLift() {
    pen.down = !pen.down;
    if (pen.down) strokes.push([{ x: pen.x, y: pen.y }]);
  }

  function takeBack() {
    strokes.pop();
    pen.down = false;
    changed();
    if (strokes.length === 0) canvas.focus();
  }

  function wipe() {
    strokes.length = 0;
    changed();
    canvas.focus();
  }

  async function sendDrawing() {
    if (strokes.length > 0) send(await drawingFile(strokes, paper.checked));
  }

  predict.addEventListener("click", sendDrawing);
  undo.addEventListener("click", takeBack);
  clear.addEventListener("click", wipe);
  paper.addEventListener("change", changed);
  changed();
}

async function drawingFile(strokes, onPaper) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = EXPORT_PIXELS;
  paint(canvas, strokes, onPaper);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return new File([blob], "drawing.png", { type: "image/png" });
}

function paint(canvas, strokes, onPaper) {
  const context = canvas.getContext("2d");
  const size = canvas.width;
  context.fillStyle = onPaper ? "#fff" : "#000";
  context.fillRect(0, 0, size, size);
  context.strokeStyle = onPaper ? "#000" : "#fff";
  context.lineWidth = PEN * size;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    // A line to where it begins: a dot is a stroke, too.
    context.moveTo(stroke[0].x * size, stroke[0].y * size);
    for (const { x, y } of stroke) context.lineTo(x * size, y * size);
    context.stroke();
  }
}

/** Where the keyboard's pen is: a ring, filled when it is down. */
function paintPen(canvas, { x, y, down }, onPaper) {
  const context = canvas.getContext("2d");
  const size = canvas.width;
  context.beginPath();
  context.arc(x * size, y * size, (PEN * size) / 3, 0, 2 * Math.PI);
  context.lineWidth = 4;
  context.strokeStyle = onPaper ? "#0d6b70" : "#5cc4c4";
  context.fillStyle = context.strokeStyle;
  if (down) context.fill();
  context.stroke();
}
