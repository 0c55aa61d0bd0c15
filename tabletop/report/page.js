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

document.documentElement.classList.add("js");
