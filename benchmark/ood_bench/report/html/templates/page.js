"use strict";

/** What the page shows, as data. */
const content = JSON.parse(document.getElementById("content").textContent);

/** Return a new element with attributes and children; texts are never read as HTML. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== "") made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** The light or dark page: the system's unless the reader chose. */
function themes() {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  const stored = (() => { try { return localStorage.getItem("ood-bench-theme"); } catch { return null; } })();
  if (stored === "light" || stored === "dark") root.dataset.theme = stored;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("ood-bench-theme", root.dataset.theme); } catch { /* a page of its own origin */ }
    label();
  });
  dark.addEventListener("change", label);
  button.hidden = false;
  label();
}

/** A text beside the element that the pointer or the focus is on. */
const tip = {
  box: document.getElementById("tip"),
  target: null,
  show(target, text) {
    this.target = target;
    this.box.textContent = text;
    this.box.hidden = false;
    const place = target.getBoundingClientRect();
    const { width, height } = this.box.getBoundingClientRect();
    const left = Math.min(Math.max(place.left, 8), innerWidth - width - 8);
    const above = place.top - height - 6;
    this.box.style.left = `${left}px`;
    this.box.style.top = `${above < 50 ? place.bottom + 6 : above}px`;
  },
  hide() { this.box.hidden = true; },
  /** Follow the element that has the focus; leave any other. */
  scrolled() {
    if (this.box.hidden) return;
    if (document.activeElement === this.target) this.show(this.target, this.box.textContent);
    else this.hide();
  },
};
addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hide(); });
addEventListener("scroll", () => tip.scrolled(), { passive: true, capture: true });

/** Return what a cell sorts by: its first number, or its text; absent values come last. */
function sortValue(text) {
  const plain = text.trim().replaceAll(",", "").replace("−", "-").replace(/^[<>] ?/, "");
  const number = /^-?\d+(\.\d+)?(e-?\d+)?/.exec(plain);
  return number ? Number(number[0]) : plain === "–" || plain === "" ? null : plain.toLowerCase();
}

/** Compare two sort values in a direction, 1 or -1; what is absent comes last in both. */
function compare(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return direction * (a - b);
  return direction * String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** Put a button into each heading of a table, which sorts the rows by that column. */
function sortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    if (!heading.textContent.trim()) return;
    const button = element("button", { type: "button" }, ...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      const values = new Map(rows.map((row) => [row, sortValue(row.cells[column].textContent)]));
      rows.sort((a, b) => compare(values.get(a), values.get(b), down ? -1 : 1));
      table.tBodies[0].append(...rows);
    });
  });
}

/** Show what a link leads to, also where it lies in something folded. */
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
}

/** On a narrow screen, fold what is long; links and the search open it. */
function fold() {
  if (!matchMedia("(max-width: 40rem)").matches) return;
  document.querySelectorAll("details.fold").forEach((part) => { part.open = false; });
}

/** Words that the reader looks for, in lower case. */
let wanted = [];

/** Return whether a text has all words that the reader looks for. */
const has = (text) => wanted.every((word) => text.toLowerCase().includes(word));

/** Show only rows, figures and cards with all the words; parts without any are left out. */
function find(text) {
  wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  const all = [...document.querySelectorAll("[data-find]")];
  all.forEach((one) => { one.hidden = !has(`${one.dataset.find} ${one.textContent}`); });
  document.querySelectorAll("main section").forEach((part) => {
    const items = [...part.querySelectorAll("[data-find]")];
    part.hidden = wanted.length > 0 && items.length > 0 && items.every((one) => one.hidden);
  });
  document.querySelectorAll("details.fold:not(.conventions)").forEach((part) => {
    if (wanted.length && part.querySelector("[data-find]:not([hidden])")) part.open = true;
  });
  const left = all.filter((one) => !one.hidden).length;
  document.getElementById("found").textContent = wanted.length ? `${left} of ${all.length}` : "";
  document.dispatchEvent(new Event("find"));
}

themes();
document.querySelectorAll("table.sortable").forEach(sortable);
fold();
const box = document.getElementById("find");
box.hidden = false;
box.addEventListener("input", () => find(box.value));
addEventListener("hashchange", unfold);
unfold();
