"use strict";
// Sorting and filtering of tables, a larger view of figures, and the mark of the section in view.
// Without scripts the page shows everything all the same.

function sortKey(cell) {
  const given = cell.dataset.v;
  if (given === undefined) return cell.textContent.trim().toLowerCase();
  const value = Number(given);
  return given === "" || Number.isNaN(value) ? null : value;
}

function sortBy(table, column, header) {
  const descending = header.getAttribute("aria-sort") === "ascending";
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => [sortKey(row.cells[column]), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
    return descending ? -order : order;
  });
  body.append(...rows.map(([, row]) => row));
  for (const other of table.tHead.rows[0].cells) {
    if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  }
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
}

for (const table of document.querySelectorAll("table.sortable")) {
  if (table.tBodies[0].rows.length < 4) continue;
  Array.from(table.tHead.rows[0].cells).forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sortBy(table, column, header));
  });
}

for (const input of document.querySelectorAll("input[data-filters]")) {
  const table = document.getElementById(input.dataset.filters);
  const shown = document.getElementById(input.dataset.filters + "-shown");
  const rows = Array.from(table.tBodies[0].rows, (row) => [row, row.textContent.toLowerCase()]);
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      n += row.hidden ? 0 : 1;
    }
    shown.textContent = n === rows.length ? `${n} rows` : `${n} of ${rows.length} rows`;
  };
  input.addEventListener("input", apply);
  apply();
}

// --- downloads: what is shown, from the page itself ---------------------------------------------------

function asText(table) {
  const line = (row) => Array.from(row.cells, (cell) => cell.textContent.replace(/\s+/g, " ").trim()).join("\t");
  const body = Array.from(table.tBodies).flatMap((part) => Array.from(part.rows)).filter((row) => !row.hidden);
  return [...table.tHead.rows, ...body].map(line).join("\n") + "\n";
}

document.querySelectorAll("main .table table").forEach((table, number) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Save as TSV";
  button.addEventListener("click", () => {
    carpeak.tsv(`${table.id || `table_${number + 1}`}.tsv`, asText(table));
  });
  const holder = table.closest(".table");
  let tools = holder.querySelector(".tools");
  if (!tools) {
    tools = Object.assign(document.createElement("div"), { className: "tools" });
    holder.prepend(tools);
  }
  tools.append(button);
});

// Verdicts above the claims filter them.
for (const one of document.querySelectorAll("[data-tally]")) {
  const verdict = one.dataset.tally;
  const rows = document.querySelectorAll(`#t-claims tr[data-verdict="${verdict}"]`);
  if (!rows.length) continue;
  const button = carpeak.el("button", { type: "button", className: "tally", "aria-pressed": "false" }, ...one.childNodes);
  one.append(button);
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    for (const other of document.querySelectorAll("button.tally")) other.setAttribute("aria-pressed", String(other === button && on));
    for (const row of document.querySelectorAll("#t-claims tr[data-verdict]")) row.hidden = on && row.dataset.verdict !== verdict;
  });
}

function bytesOf(uri) {
  return new Blob([decodeURIComponent(uri.slice(uri.indexOf(",") + 1))], { type: "image/svg+xml" });
}

for (const button of document.querySelectorAll("[data-save]")) {
  button.addEventListener("click", () => {
    const image = button.closest("figure").querySelector("img");
    if (button.dataset.save === "svg") {
      carpeak.save(`${button.dataset.name}.svg`, bytesOf(image.src));
      return;
    }
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.naturalWidth, 2 * image.naturalHeight];
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => carpeak.save(`${button.dataset.name}.png`, blob));
  });
}

for (const button of document.querySelectorAll("[data-text], [data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.text || button.dataset.copy);
    if (button.dataset.text) {
      carpeak.save(button.dataset.file, new Blob([text.textContent], { type: "text/plain" }));
      return;
    }
    try {
      await navigator.clipboard.writeText(text.innerText);
      button.textContent = "Copied";
    } catch { // a browser that forbids it: the text is marked, the reader copies it
      getSelection().selectAllChildren(text);
    }
  });
}

for (const box of document.querySelectorAll(".scroll")) {
  box.tabIndex = 0; // keyboards scroll what is focused
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", `Table under ${box.closest("section")?.querySelector("h2")?.textContent || "this heading"}`);
}

// On a phone the numbers come first; the cautions say how many they are.
const cautions = document.getElementById("cautions");
if (cautions && matchMedia("(max-width: 40rem)").matches) cautions.open = false;

const large = document.getElementById("large");
for (const button of document.querySelectorAll("figure .sheet button")) {
  button.addEventListener("click", () => {
    const image = large.querySelector("img");
    image.src = button.querySelector("img").src;
    image.alt = button.querySelector("img").alt;
    large.showModal();
  });
}
large.addEventListener("click", () => large.close());

// Every heading of a section can be linked to, and the list of sections marks the one in view.
for (const heading of document.querySelectorAll("section[id] > h2")) {
  heading.append(" ", carpeak.el("a", { className: "anchor", href: `#${heading.parentElement.id}`, "aria-label": `Link to ${heading.textContent}` }, "#"));
}
const links = new Map(Array.from(document.querySelectorAll("nav a[href^='#']"), (a) => [a.hash.slice(1), a]));
const sections = Array.from(document.querySelectorAll("section[id]")).filter((section) => links.has(section.id));
function markSection() {
  const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
  const begun = sections.filter((section) => section.getBoundingClientRect().top < innerHeight / 4);
  const here = atEnd ? sections.at(-1) : begun.at(-1);
  for (const [id, a] of links) {
    a.classList.toggle("here", id === here?.id);
    if (id === here?.id) a.setAttribute("aria-current", "location");
    else a.removeAttribute("aria-current");
  }
}
let waiting = false;
document.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; markSection(); });
}, { passive: true });
markSection();
