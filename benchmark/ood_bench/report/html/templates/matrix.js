
/** The matrix of detectors: a row a model and pair, a column a detector, one metric at a time. */
class Matrix {
  constructor(place, data) {
    this.data = data;
    this.metric = data.metrics[0].id;
    this.where = { model: "", inside: "", outside: "", detector: "" };
    this.sort = { column: -1, direction: 1 };
    this.intervals = false;
    this.columns = [
      { name: "Model", key: "model" }, { name: "ID", key: "inside" }, { name: "OOD", key: "outside" },
      ...data.detectors.map((name, detector) => ({ name, detector })),
    ];
    this.table = element("table", { class: "matrix", id: "matrix-table" });
    this.count = element("span", { role: "status" });
    const wide = element("div", { class: "wide tall", tabindex: "0", role: "region", "aria-label": "Detection matrix" }, this.table);
    const hint = element("span", {}, "Arrow keys move between values; click a value for its histogram.");
    const key = element("p", { class: "key" }, this.count,
      element("span", {}, "worse than chance ", element("span", { class: "ramp" }), " better"), hint);
    place.append(this.controls(), wide, key);
    this.table.addEventListener("keydown", (event) => this.move(event));
    this.table.addEventListener("focusin", (event) => this.tell(event.target));
    this.table.addEventListener("focusout", () => tip.hide());
    this.table.addEventListener("pointerover", (event) => this.tell(event.target));
    this.table.addEventListener("pointerleave", () => tip.hide());
    this.draw();
    document.addEventListener("find", () => this.draw());
  }

  /** Return the words that name detectors and no row; the others are looked for in the rows. */
  named() {
    const rows = this.data.rows.map((row) => this.address(row));
    const detectors = this.data.detectors.map((name) => name.toLowerCase());
    return wanted.filter((word) =>
      detectors.some((name) => name.includes(word)) && !rows.some((row) => row.includes(word)));
  }

  address(row) {
    return `${row.model} ${row.inside} → ${row.outside}`.toLowerCase();
  }

  controls() {
    const metrics = element("div", { class: "switch" });
    for (const { id, name } of this.data.metrics) {
      const input = element("input", { type: "radio", name: "metric", value: id, checked: id === this.metric });
      input.addEventListener("change", () => { this.metric = id; this.draw(); });
      metrics.append(element("label", {}, input, name));
    }
    const intervals = element("input", { type: "checkbox" });
    intervals.addEventListener("change", () => { this.intervals = intervals.checked; this.draw(); });
    const selects = [["model", "Model"], ["inside", "ID"], ["outside", "OOD"], ["detector", "Detector"]].map(([key, name]) => {
      const known = key === "detector" ? this.data.detectors : [...new Set(this.data.rows.map((row) => row[key]))];
      const select = element("select", { "data-filter": key }, element("option", { value: "" }, "all"));
      known.forEach((value, i) => select.append(element("option", { value: String(i) }, value)));
      select.addEventListener("change", () => {
        this.where[key] = select.value === "" ? "" : known[Number(select.value)];
        this.draw();
      });
      return element("label", {}, name, select);
    });
    return element("div", { class: "filters" },
      element("fieldset", {}, element("legend", {}, "Metric"), metrics), ...selects,
      element("label", { class: "check" }, intervals, `${content.level} intervals`));
  }

  rows() {
    const { column, direction } = this.sort;
    const words = wanted.filter((word) => !this.named().includes(word));
    const rows = this.data.rows.filter((row) =>
      ["model", "inside", "outside"].every((key) => !this.where[key] || row[key] === this.where[key])
      && words.every((word) => this.address(row).includes(word)));
    if (column < 0) return rows;
    const { key, detector } = this.columns[column];
    const value = (row) => (key ? row[key] : row.cells[detector].values?.[this.metric]?.[0] ?? null);
    return rows.sort((a, b) => compare(value(a), value(b), direction));
  }

  draw() {
    tip.hide();
    const shown = this.columns.map((column, i) => ({ ...column, i }))
      .filter(({ key, name }) => key || !this.where.detector || name === this.where.detector)
      .filter(({ key, name }) => key || this.named().every((word) => name.toLowerCase().includes(word)));
    const head = element("tr");
    for (const { name, i } of shown) {
      const button = element("button", { type: "button" }, name);
      const sorted = this.sort.column === i && (this.sort.direction > 0 ? "ascending" : "descending");
      button.addEventListener("click", () => {
        const again = this.sort.column === i;
        this.sort = { column: i, direction: again ? -this.sort.direction : 1 };
        this.draw();
        this.table.tHead.rows[0].cells[shown.findIndex((other) => other.i === i)].firstChild.focus();
      });
      head.append(element("th", { scope: "col", "aria-sort": sorted || "" , class: i > 2 ? "number" : "" }, button));
    }
    const rows = this.rows();
    const body = element("tbody", {}, ...rows.map((row) => this.row(row, shown)));
    this.table.replaceChildren(element("thead", {}, head), body);
    this.table.querySelector("[data-tip]")?.setAttribute("tabindex", "0");
    this.count.textContent = `${rows.length} of ${this.data.rows.length} rows`;
  }

  row(row, shown) {
    const made = element("tr", { class: row.gray ? "gray" : "" });
    for (const { key, name, detector } of shown) {
      if (key) made.append(element(key === "model" ? "th" : "td", key === "model" ? { scope: "row" } : {}, row[key]));
      else made.append(element("td", { class: "value" }, this.value(row, row.cells[detector], name)));
    }
    return made;
  }

  value(row, cell, detector) {
    const found = cell.values?.[this.metric];
    const address = `${row.model}, ${row.inside} → ${row.outside}, ${detector}`;
    if (!found) {
      const text = [address, cell.reason || "not measured"].join("\n");
      return element("span", { "data-tip": text, tabindex: "-1" }, "–");
    }
    const [value, low, high] = found;
    const { name } = this.shown();
    const interval = `[${low.toFixed(3)}, ${high.toFixed(3)}]`;
    const images = `${cell.inside.toLocaleString("en")} ID and ${cell.outside.toLocaleString("en")} OOD images`;
    const text = [address, `${name} ${value.toFixed(3)} ${interval}, ${cell.trainings}`, images, cell.note, row.remark].filter(Boolean).join("\n");
    const link = element(row.chart ? "a" : "span", { "data-tip": text, tabindex: "-1", href: row.chart && `#${row.chart}` }, value.toFixed(3));
    if (this.intervals) link.append(element("small", {}, `${interval} ${cell.trainings}`));
    const share = this.share(value, cell);
    link.className = share < 0 ? "below" : "above";
    link.style.setProperty("--share", Math.abs(share).toFixed(3));
    if (row.chart) link.addEventListener("click", () => charts.get(row.chart).only(row.outside));
    return link;
  }

  /** Return how far a value lies from chance: 1 is the best there is, -1 the worst. */
  share(value, cell) {
    const { chance: at, best } = this.shown();
    const chance = cell[at] === undefined ? at : cell[at] / (cell.inside + cell.outside);
    const better = (value - chance) / (best - chance);
    return better >= 0 ? better : -(value - chance) / (1 - best - chance);
  }

  /** Return the metric that is shown: its name, its best value, and what it is at chance. */
  shown() {
    return this.data.metrics.find(({ id }) => id === this.metric);
  }

  tell(target) {
    const shown = target.closest?.("[data-tip]");
    if (!shown) { tip.hide(); return; }
    this.table.querySelectorAll("[aria-describedby]").forEach((other) => other.removeAttribute("aria-describedby"));
    tip.show(shown, shown.dataset.tip);
    shown.setAttribute("aria-describedby", "tip");
  }

  move(event) {
    const from = event.target.closest("td.value");
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -Infinity], End: [0, Infinity] }[event.key];
    if (!from || !step) return;
    event.preventDefault();
    const rows = this.table.tBodies[0].rows;
    const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
    const row = rows[clamp(from.parentElement.sectionRowIndex + step[0], 0, rows.length - 1)];
    const cell = row.cells[clamp(from.cellIndex + step[1], 3, row.cells.length - 1)];
    event.target.tabIndex = -1;
    cell.firstChild.tabIndex = 0;
    cell.firstChild.focus();
  }
}

if (content.matrix.rows.length) new Matrix(document.getElementById("matrix"), content.matrix);
