"use strict";
// All of it is comfort: without a script the page shows the same.

const tip = document.getElementById("tip");

function showTip(event) {
  const target = event.target.closest ? event.target.closest("[data-tip]") : null;
  if (!target) {
    tip.hidden = true;
    return;
  }
  tip.textContent = target.dataset.tip;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const right = event.clientX + 14 + box.width > window.innerWidth;
  const x = right ? event.clientX - box.width - 10 : event.clientX + 14;
  const y = Math.min(event.clientY + 14, window.innerHeight - box.height - 6);
  tip.style.transform = "translate(" + Math.max(4, x) + "px," + Math.max(4, y) + "px)";
}
document.addEventListener("pointermove", showTip);
document.addEventListener("pointerdown", showTip);
document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

// By keyboard: the arrow keys go from mark to mark of a chart, and a screen reader reads what the tip says.
for (const chart of document.querySelectorAll("svg[role=img]")) {
  const marks = chart.querySelectorAll("[data-tip]");
  if (!marks.length) continue;
  chart.tabIndex = 0;
  let at = -1;
  const leave = () => {
    if (at >= 0) marks[at].classList.remove("at");
    tip.hidden = true;
  };
  chart.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") leave();
    if (!way) return;
    event.preventDefault();
    leave();
    at = at < 0 && way < 0 ? marks.length - 1 : (at + way + marks.length) % marks.length;
    marks[at].classList.add("at");
    const box = marks[at].getBoundingClientRect();
    showTip({ target: marks[at], clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 });
  });
  chart.addEventListener("blur", leave);
}

// What runs over its edge can be moved by keyboard, too.
for (const part of document.querySelectorAll(".scroll, .copy code, .command, .links")) {
  if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
}

// On paper all is unfolded.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = Array.from(document.querySelectorAll("details:not([open])"));
  for (const one of unfolded) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of unfolded) one.open = false;
});

// One cloud of a scatter plot at a time, in all charts that show the same skill.
const clouds = document.getElementById("ends");
if (clouds) {
  const show = (event) => {
    const over = event.target.closest ? event.target.closest("[data-code]") : null;
    clouds.classList.toggle("focus", Boolean(over));
    for (const part of clouds.querySelectorAll("[data-code]")) {
      part.classList.toggle("on", Boolean(over) && part.dataset.code === over.dataset.code);
    }
  };
  clouds.addEventListener("pointerover", show);
  clouds.addEventListener("pointerleave", show);
}

for (const gallery of document.querySelectorAll(".gallery")) {
  const search = gallery.querySelector("[data-filter]");
  const order = gallery.querySelector("[data-sort]");
  const shown = gallery.querySelector(".shown");
  const list = gallery.querySelector(".cards");
  if (!search) continue;
  const cards = Array.from(list.children);
  const first = 12;
  const all = document.createElement("button");
  all.type = "button";
  all.className = "all";
  all.textContent = "Show all " + cards.length;
  all.addEventListener("click", () => { all.remove(); update(); });
  if (cards.length > first) list.after(all);
  const update = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const byName = (a, b) => a.dataset.name.localeCompare(b.dataset.name);
    const byRate = (a, b) => b.dataset.rate - a.dataset.rate || byName(a, b);
    list.append(...cards.sort(order.value === "name" ? byName : byRate));
    const short = all.isConnected && words.length === 0;
    let count = 0;
    for (const card of cards) {
      const found = words.every((word) => card.dataset.words.includes(word));
      card.hidden = !found || (short && count >= first);
      count += found ? 1 : 0;
    }
    all.hidden = !short;
    shown.textContent = count + " of " + cards.length + " skills";
  };
  search.addEventListener("input", update);
  order.addEventListener("change", update);
  update();
}

const pause = document.getElementById("pause");
const stills = document.querySelectorAll(".moving source");
if (stills.length) {
  const original = stills[0].media;
  pause.hidden = false;
  pause.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Play films" : "Pause films";
    for (const still of stills) still.media = paused ? "all" : original;
  });
}

// Replays: triangles from far to near on a plain canvas, as there may be no graphics card.
function numbers(text, type) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new type(bytes.buffer);
}

function turned(q, at, v, i, out, o) {
  const x = v[i], y = v[i + 1], z = v[i + 2];
  const tx = 2 * (q[1] * z - q[2] * y), ty = 2 * (q[2] * x - q[0] * z), tz = 2 * (q[0] * y - q[1] * x);
  out[o] = x + q[3] * tx + q[1] * tz - q[2] * ty + at[0];
  out[o + 1] = y + q[3] * ty + q[2] * tx - q[0] * tz + at[1];
  out[o + 2] = z + q[3] * tz + q[0] * ty - q[1] * tx + at[2];
}

function replay(holder) {
  const data = JSON.parse(holder.querySelector("script").textContent);
  const poses = numbers(data.poses, Int16Array);
  const pieces = data.pieces.map((p) => ({ c: p.c, m: p.m, v: numbers(p.v, Int16Array), f: numbers(p.f, Uint16Array) }));
  const count = poses.length / (7 * data.frames);
  const canvas = document.createElement("canvas");
  const time = document.createElement("input");
  canvas.width = 480;
  canvas.height = 360;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", holder.dataset.alt + ". Drag, or use the arrow keys, to look from elsewhere.");
  time.type = "range";
  time.className = "time";
  time.max = String(count - 1);
  time.value = "0";
  time.setAttribute("aria-label", "Moment");
  const pen = canvas.getContext("2d");
  const [eye, target] = data.camera.map((p) => p.map((v) => v * 1e4));
  const away = eye.map((v, i) => v - target[i]);
  const far = Math.hypot(...away);
  let yaw = Math.atan2(away[1], away[0]), pitch = Math.asin(away[2] / far), zoom = 1;
  const draw = () => {
    const step = Number(time.value);
    const cy = Math.cos(yaw), sy = Math.sin(yaw), cp = Math.cos(pitch), sp = Math.sin(pitch);
    const focal = 0.9 * canvas.height, faces = [];
    for (const piece of pieces) {
      const world = new Float64Array(piece.v.length), at = (step * data.frames + piece.m) * 7;
      const fixed = piece.m < 0;
      const q = fixed ? [0, 0, 0, 1] : [3, 4, 5, 6].map((k) => poses[at + k] / 32767);
      const place = fixed ? [0, 0, 0] : [0, 1, 2].map((k) => poses[at + k]);
      for (let i = 0; i < piece.v.length; i += 3) turned(q, place, piece.v, i, world, i);
      const seen = new Float64Array(world.length);
      for (let i = 0; i < world.length; i += 3) {
        const x = world[i] - target[0], y = world[i + 1] - target[1], z = world[i + 2] - target[2];
        const ahead = x * cy + y * sy;
        const depth = far * zoom - (ahead * cp + z * sp);
        seen[i] = canvas.width / 2 + (focal * (y * cy - x * sy)) / depth;
        seen[i + 1] = canvas.height / 2 - (focal * (z * cp - ahead * sp)) / depth;
        seen[i + 2] = depth;
      }
      for (let i = 0; i < piece.f.length; i += 3) {
        const [a, b, c] = [piece.f[i] * 3, piece.f[i + 1] * 3, piece.f[i + 2] * 3];
        const area = (seen[b] - seen[a]) * (seen[c + 1] - seen[a + 1]) - (seen[c] - seen[a]) * (seen[b + 1] - seen[a + 1]);
        if (area >= 0 || Math.min(seen[a + 2], seen[b + 2], seen[c + 2]) < 500) continue;
        const u = [0, 1, 2].map((k) => world[b + k] - world[a + k]), w = [0, 1, 2].map((k) => world[c + k] - world[a + k]);
        const n = [u[1] * w[2] - u[2] * w[1], u[2] * w[0] - u[0] * w[2], u[0] * w[1] - u[1] * w[0]];
        const light = 0.7 + (0.3 * (0.3 * n[0] - 0.4 * n[1] + 0.85 * n[2])) / (Math.hypot(...n) || 1);
        // What is large and never moves lies behind all else.
        const back = fixed ? 1e6 + seen[a + 2] : (seen[a + 2] + seen[b + 2] + seen[c + 2]) / 3;
        faces.push([back, seen[a], seen[a + 1], seen[b], seen[b + 1], seen[c], seen[c + 1], piece.c.map((v) => Math.round(v * light))]);
      }
    }
    pen.fillStyle = "#dfe4ea";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    for (const f of faces.sort((one, two) => two[0] - one[0])) {
      pen.fillStyle = pen.strokeStyle = "rgb(" + f[7].join(",") + ")";
      pen.beginPath();
      pen.moveTo(f[1], f[2]);
      pen.lineTo(f[3], f[4]);
      pen.lineTo(f[5], f[6]);
      pen.closePath();
      pen.fill();
      pen.stroke();
    }
    canvas.dataset.drawn = String(faces.length);
  };
  const look = (left, up) => {
    yaw -= left;
    pitch = Math.min(1.5, Math.max(-0.2, pitch + up));
    draw();
  };
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons & 1) look(event.movementX * 0.01, event.movementY * 0.01);
  });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (way) {
      event.preventDefault();
      look(...way);
    }
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom = Math.min(3, Math.max(0.3, zoom * Math.exp(event.deltaY * 0.001)));
    draw();
  }, { passive: false });
  let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches, last = 0;
  time.addEventListener("input", () => { playing = false; draw(); });
  const tick = (now) => {
    if (!canvas.isConnected) return;
    if (playing && now - last > 1000 / data.rate) {
      last = now;
      time.value = String((Number(time.value) + 1) % count);
      draw();
    }
    requestAnimationFrame(tick);
  };
  holder.append(canvas, time);
  draw();
  requestAnimationFrame(tick);
}

for (const holder of document.querySelectorAll(".replay")) {
  const button = holder.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", () => {
    const film = holder.previousElementSibling;
    const on = !holder.querySelector("canvas");
    film.hidden = on;
    button.textContent = on ? "Film" : "3-D";
    if (on) replay(holder);
    else for (const part of holder.querySelectorAll("canvas, .time")) part.remove();
  });
}

document.documentElement.classList.add("js");
