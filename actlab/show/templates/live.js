"use strict";
// Asks now and then whether there is a newer page; what was opened, sorted and scrolled to is kept over a reload.
(() => {
  const KEPT = "actlab-report", PAUSE_MS = 2000;
  const version = document.documentElement.dataset.version;
  const status = document.getElementById("live");
  const all = (selector) => [...document.querySelectorAll(selector)];

  // what a part is called in its experiment: runs are added from one page to the next
  const named = (part) => `${part.closest("article")?.id} ${part.textContent.trim()}`;

  function keep() {
    const sorted = all("thead th:not([aria-sort='none'])").filter((cell) => cell.hasAttribute("aria-sort"));
    sessionStorage.setItem(KEPT, JSON.stringify({
      sorted: sorted.map((cell) => [named(cell), cell.getAttribute("aria-sort")]),
      open: all("details[open] > summary").map(named),
      pressed: all(".pick[aria-pressed='true']").map(named),
      y: scrollY,
    }));
  }

  function restore() {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    sessionStorage.removeItem(KEPT);
    if (!kept) return;
    const sorted = new Map(kept.sorted);
    for (const cell of all("thead th[aria-sort]"))
      if (sorted.has(named(cell))) sortTable(cell, sorted.get(named(cell)) === "ascending" ? 1 : -1);
    for (const summary of all("summary")) if (kept.open.includes(named(summary))) summary.parentElement.open = true;
    for (const button of all(".pick")) if (kept.pressed.includes(named(button))) button.click();
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
