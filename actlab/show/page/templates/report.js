"use strict";
// Sorting: rows go by what a column shows, numbers as numbers; what has no value stays at the end.
function sortTable(header, direction) {
  const table = header.closest("table"), isNumber = header.classList.contains("number");
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  const shown = (row) => row.cells[header.cellIndex].firstChild?.textContent.trim() ?? "";
  const number = (row) => Number.parseFloat(shown(row).replace("−", "-").replace(/[,<%]/g, ""));
  const empty = (row) => (isNumber ? Number.isNaN(number(row)) : ["", "–"].includes(shown(row)));
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => empty(a) - empty(b) || direction * (isNumber
    ? number(a) - number(b) : shown(a).localeCompare(shown(b), "en", {numeric: true})) || 0);
  table.tBodies[0].append(...rows);
}

for (const button of document.querySelectorAll("table.sortable thead button")) {
  button.addEventListener("click", () => {
    const header = button.closest("th"), now = header.getAttribute("aria-sort");
    const first = header.classList.contains("number") ? -1 : 1;
    sortTable(header, now === "none" ? first : now === "ascending" ? -1 : 1);
  });
}

// Singling out: what belongs to the chosen conditions stays, in every figure of the experiment, and the rest fades.
for (const article of document.querySelectorAll("article")) {
  const chosen = new Set();
  function show(numbers) {
    article.classList.toggle("singled", numbers.size > 0);
    for (const part of article.querySelectorAll("[data-condition]"))
      part.classList.toggle("chosen", numbers.has(part.dataset.condition));
  }
  function toggle(number) {
    chosen.has(number) ? chosen.delete(number) : chosen.add(number);
    for (const button of article.querySelectorAll(".pick"))
      button.setAttribute("aria-pressed", String(chosen.has(button.dataset.pick)));
    show(chosen);
  }
  article.addEventListener("click", (event) => {
    const part = event.target.closest(".pick, svg [data-condition]");
    if (part) toggle(part.dataset.pick ?? part.dataset.condition);
  });
  article.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const part = event.target.closest(".pick, svg [data-condition]");
    show(part ? new Set([...chosen, part.dataset.pick ?? part.dataset.condition]) : chosen);
  });
  article.addEventListener("pointerleave", () => show(chosen));
  article.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const number of [...chosen]) toggle(number);
  });
}

// A page that is loaded again and again keeps what was opened.
if (document.querySelector("meta[http-equiv='refresh']")) {
  const named = (part) => `${part.closest("article")?.id} ${part.textContent.trim()}`;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const kept = JSON.parse(sessionStorage.getItem("actlab-report") ?? "{}");
  for (const summary of all("summary")) if (kept.open?.includes(named(summary))) summary.parentElement.open = true;
  for (const button of all(".pick"))
    if (kept.picked?.includes(named(button)) && button.getAttribute("aria-pressed") === "false") button.click();
  scrollTo(0, kept.y ?? 0);
  addEventListener("pagehide", () => sessionStorage.setItem("actlab-report", JSON.stringify({
    open: all("details[open] > summary").map(named), picked: all(".pick[aria-pressed='true']").map(named), y: scrollY,
  })));
}
