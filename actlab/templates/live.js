"use strict";
// Asks now and then whether there is a newer page; what was opened, sorted and scrolled to is kept over a reload.
(() => {
  const KEPT = "actlab-report", PAUSE_MS = 2000;
  const version = document.documentElement.dataset.version;
  const status = document.getElementById("live");
  const all = (selector) => [...document.querySelectorAll(selector)];

  function keep() {
    const sorted = all("thead th").map((cell) => cell.getAttribute("aria-sort"));
    const open = all("details").map((part) => part.open);
    const pressed = all(".pick").filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.textContent);
    sessionStorage.setItem(KEPT, JSON.stringify({sorted, open, pressed, y: scrollY}));
  }

  function restore() {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    sessionStorage.removeItem(KEPT);
    if (!kept) return;
    const headers = all("thead th"), parts = all("details");
    if (headers.length === kept.sorted.length)
      headers.forEach((cell, i) => {
        if (["ascending", "descending"].includes(kept.sorted[i]))
          sortTable(cell, kept.sorted[i] === "ascending" ? 1 : -1);
      });
    if (parts.length === kept.open.length) parts.forEach((part, i) => { part.open = kept.open[i]; });
    for (const button of all(".pick")) if (kept.pressed.includes(button.textContent)) button.click();
    scrollTo(0, kept.y);
  }

  async function look() {
    try {
      const answer = await fetch("/version", {cache: "no-store"});
      const newest = (await answer.text()).trim();
      if (answer.ok && newest !== version) { keep(); location.reload(); return; }
      status.textContent = "This page is watched: it reloads when the runs change.";
    } catch {
      status.textContent = "The watch has ended; this is the last page that it showed.";
    }
    setTimeout(look, PAUSE_MS);
  }

  restore();
  setTimeout(look, PAUSE_MS);
})();
