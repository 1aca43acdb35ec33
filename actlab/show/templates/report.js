"use strict";
// Sorting: rows go by their data-sort, numbers as numbers; what has no value stays at the end.
function compareCells(a, b, direction) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const x = Number(a), y = Number(b);
  if (Number.isNaN(x) || Number.isNaN(y)) return direction * a.localeCompare(b, "en", {numeric: true});
  return direction * (x - y);
}

function sortTable(header, direction) {
  const table = header.closest("table"), body = table.tBodies[0];
  const column = header.cellIndex;
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  const rows = [...body.rows];
  rows.sort((a, b) => compareCells(a.cells[column].dataset.sort, b.cells[column].dataset.sort, direction));
  body.append(...rows);
}

for (const button of document.querySelectorAll("table.sortable thead button")) {
  button.addEventListener("click", () => {
    const header = button.closest("th"), now = header.getAttribute("aria-sort");
    const first = button.hasAttribute("data-high-first") ? -1 : 1;
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
