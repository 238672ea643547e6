
const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 8, right: 8, top: 8, bottom: 38 };
const HEIGHT = 240;

/** Return a new SVG element with attributes and an optional text. */
function shape(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

/** Likelihood histograms of one model: bits per dimension, reversed, so that right is likelier. */
class Chart {
  constructor(figure, data) {
    this.seed = 0;
    this.data = data;
    this.hidden = new Set();
    this.near = false;
    this.plot = element("div", {
      class: "plot", tabindex: "0", role: "group",
      "aria-label": `Likelihood histograms of ${data.model} trained on ${data.inside}: arrow keys move, plus and minus zoom, 0 shows all`,
    });
    this.read = element("span", { class: "read" });
    this.legend = element("div", { class: "legend", role: "group", "aria-label": "Data sets shown" });
    figure.append(this.plot, this.controls(), this.legend);
    this.choose(0);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.plot);
    new IntersectionObserver(([seen]) => {
      if (this.near || !seen.isIntersecting) return;
      this.near = true;
      this.draw();
    }, { rootMargin: "800px" }).observe(this.plot);
  }

  controls() {
    const button = (text, label, act) => {
      const made = element("button", { type: "button", "aria-label": label }, text);
      made.addEventListener("click", act);
      return made;
    };
    const made = element("div", { class: "controls" },
      button("+", "Zoom in", () => this.zoom(0.5)), button("−", "Zoom out", () => this.zoom(2)),
      button("←", "Move to less likely", () => this.pan(0.25)), button("→", "Move to more likely", () => this.pan(-0.25)),
      button("Reset", "Show all again", () => this.reset()));
    if (this.data.seeds.length > 1) {
      const select = element("select", { "aria-label": "Seed" });
      this.data.seeds.forEach(({ seed }, i) => select.append(element("option", { value: String(i) }, `seed ${seed}`)));
      select.addEventListener("change", () => this.choose(Number(select.value)));
      made.append(select);
    }
    made.append(this.read);
    return made;
  }

  /** Show the histograms of one of the seeds. */
  choose(seed) {
    this.shown = this.data.seeds[seed];
    for (const series of this.shown.series) {
      let place = 0;
      series.places ??= series.steps.map((step) => (place += step));
      series.key = `${series.data}\u0000${series.split}`;
    }
    this.view = [...this.shown.view];
    this.legend.replaceChildren(...this.shown.series.map((series) => this.toggle(series)));
    this.draw();
  }

  toggle(series) {
    const swatch = shape("svg", { width: 14, height: 14, "aria-hidden": "true" });
    swatch.append(shape("rect", { x: 1, y: 1, width: 12, height: 12, rx: 2, ...this.look(series) }));
    const text = element("span", {}, `${series.data} (${series.split}), n = ${series.total.toLocaleString("en")}`);
    const button = element("button", { type: "button", "aria-pressed": String(!this.hidden.has(series.key)) }, swatch, text);
    button.dataset.data = series.data;
    button.addEventListener("click", () => {
      if (!this.hidden.delete(series.key)) this.hidden.add(series.key);
      this.pressed();
      this.draw();
    });
    return button;
  }

  pressed() {
    [...this.legend.children].forEach((button, i) =>
      button.setAttribute("aria-pressed", String(!this.hidden.has(this.shown.series[i].key))));
  }

  /** Show the test images of the inside and of one outside data set alone. */
  only(outside) {
    this.hidden = new Set(this.shown.series
      .filter(({ data, split }) => split === "train" || (split === "OOD" && data !== outside))
      .map(({ key }) => key));
    this.pressed();
    this.draw();
  }

  look(series) {
    const train = series.split === "train";
    return {
      fill: series.colour, "fill-opacity": train ? 0 : 0.3, stroke: series.colour, "stroke-width": 1.4,
      ...(train ? { "stroke-dasharray": "4 2" } : {}),
    };
  }

  /** Return densities on bins of a width that fits the view, a power of two of the stored ones. */
  binned(series, width, first, last) {
    const factor = width / this.shown.width;
    const found = new Float64Array(last - first);
    series.places.forEach((place, i) => {
      const bin = Math.floor(place / factor) - first;
      if (bin >= 0 && bin < found.length) found[bin] += series.counts[i];
    });
    return found.map((count) => count / series.total / width);
  }

  /** Draw what is shown, once the reader has come near. */
  draw() {
    const outer = this.plot.clientWidth;
    if (!outer || !this.near) return;
    const [low, high] = this.view;
    const w = outer - MARGIN.left - MARGIN.right;
    const h = HEIGHT - MARGIN.top - MARGIN.bottom;
    let width = this.shown.width;
    while ((high - low) / width > Math.min(130, w / 3)) width *= 2;
    const first = Math.floor(low / width) - 1;
    const last = Math.ceil(high / width) + 1;
    const x = (bits) => MARGIN.left + ((high - bits) / (high - low)) * w;
    const drawn = this.shown.series.filter(({ key }) => !this.hidden.has(key));
    const isNarrow = (series) => series.most - series.least <= 2 * width;
    const curves = drawn.filter((series) => !isNarrow(series))
      .map((series) => ({ series, density: this.binned(series, width, first, last) }));
    const peak = (chosen) => Math.max(0, ...chosen.map(({ density }) => Math.max(...density)));
    const own = peak(curves.filter(({ series }) => series.split !== "OOD"));
    const top = (own ? Math.min(peak(curves), 3 * own) : peak(curves)) * 1.06 || 1;
    const y = (density) => MARGIN.top + h - Math.min(density / top, 1) * h;

    const svg = shape("svg", { viewBox: `0 0 ${outer} ${HEIGHT}`, "aria-hidden": "true" });
    for (const tick of ticks(low, high, Math.max(3, Math.floor(w / 80)))) {
      svg.append(shape("line", { class: "tick", x1: x(tick.value), x2: x(tick.value), y1: MARGIN.top, y2: MARGIN.top + h }));
      svg.append(shape("text", { x: x(tick.value), y: MARGIN.top + h + 15, "text-anchor": "middle" }, tick.text));
    }
    for (const { series, density } of curves) {
      let path = "";
      density.forEach((value, i) => {
        const [left, right] = [x((first + i + 1) * width), x((first + i) * width)];
        path += `${i ? "L" : "M"}${right.toFixed(1)} ${y(value).toFixed(1)}L${left.toFixed(1)} ${y(value).toFixed(1)}`;
      });
      path = `M${x(first * width).toFixed(1)} ${y(0)}L${path.slice(1)}L${x(last * width).toFixed(1)} ${y(0)}`;
      svg.append(shape("path", { d: path, ...this.look(series) }));
    }
    for (const series of drawn.filter(isNarrow)) {
      const at = x(series.median);
      svg.append(shape("line", { x1: at, x2: at, y1: MARGIN.top, y2: MARGIN.top + h, ...this.look(series), "stroke-width": 2 }));
    }
    svg.append(shape("line", { class: "axis", x1: MARGIN.left, x2: MARGIN.left + w, y1: MARGIN.top + h, y2: MARGIN.top + h }));
    svg.append(shape("text", { x: MARGIN.left + w, y: HEIGHT - 5, "text-anchor": "end" }, "bits per dimension, more likely →"));
    this.scale = { bits: (px) => high - ((px - MARGIN.left) / w) * (high - low), x, width, first, last, h };
    this.plot.replaceChildren(svg);
    this.beyond(low, high);
  }

  /** Say in the legend how many images lie beyond the axis. */
  beyond(low, high) {
    [...this.legend.children].forEach((button, i) => {
      const series = this.shown.series[i];
      let count = 0;
      series.places.forEach((place, k) => {
        const middle = (place + 0.5) * this.shown.width;
        if (middle < low || middle > high) count += series.counts[k];
      });
      const unseen = count ? `, ${count === series.total ? "all" : count.toLocaleString("en")} beyond the axis` : "";
      button.lastChild.textContent = `${series.data} (${series.split}), n = ${series.total.toLocaleString("en")}${unseen}`;
    });
  }

  zoom(factor, about = (this.view[0] + this.view[1]) / 2) {
    const least = 4 * this.shown.width;
    const [low, high] = this.view.map((end) => about + (end - about) * factor);
    if (high - low < least) return;
    this.view = [low, high];
    this.draw();
  }

  pan(share) {
    const by = share * (this.view[1] - this.view[0]);
    this.view = this.view.map((end) => end + by);
    this.draw();
  }

  reset() {
    this.view = [...this.shown.view];
    this.hidden.clear();
    this.pressed();
    this.draw();
  }

  listen() {
    const acts = {
      ArrowLeft: () => this.pan(0.1), ArrowRight: () => this.pan(-0.1),
      "+": () => this.zoom(0.7), "=": () => this.zoom(0.7), "-": () => this.zoom(1 / 0.7), 0: () => this.reset(),
    };
    this.plot.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !acts[event.key]) return;
      event.preventDefault();
      acts[event.key]();
    });
    const at = (event) => event.clientX - this.plot.getBoundingClientRect().left;
    let from = null;
    let brush = null;
    this.plot.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" || event.button) return;
      from = at(event);
      brush = shape("rect", { class: "brush", y: MARGIN.top, height: this.scale.h, x: from, width: 0 });
      this.plot.firstChild.append(brush);
      this.plot.setPointerCapture(event.pointerId);
    });
    this.plot.addEventListener("pointermove", (event) => {
      this.tell(this.scale.bits(at(event)));
      if (from === null) return;
      brush.setAttribute("x", Math.min(from, at(event)));
      brush.setAttribute("width", Math.abs(at(event) - from));
    });
    this.plot.addEventListener("pointerup", (event) => {
      if (from === null) return;
      const ends = [from, at(event)].map(this.scale.bits).sort((a, b) => a - b);
      const wide = Math.abs(at(event) - from) > 5;
      from = null;
      brush.remove();
      if (!wide || ends[1] - ends[0] < 4 * this.shown.width) return;
      this.view = ends;
      this.draw();
    });
    this.plot.addEventListener("pointercancel", () => { from = null; brush?.remove(); });
    this.plot.addEventListener("dblclick", () => this.reset());
    this.plot.addEventListener("pointerleave", () => { this.read.textContent = ""; });
  }

  /** Say what share of each series lies in the bin under the pointer. */
  tell(bits) {
    const { width } = this.scale;
    const bin = Math.floor(bits / width);
    const parts = this.shown.series.filter(({ key }) => !this.hidden.has(key)).map((series) => {
      const count = this.binned(series, width, bin, bin + 1)[0] * series.total * width;
      return count > 0 ? `${series.data} (${series.split}) ${Math.round(count).toLocaleString("en")}` : "";
    }).filter(Boolean);
    const digits = width < 0.01 ? 4 : width < 0.1 ? 3 : 2;
    this.read.textContent = `${(bin * width).toFixed(digits)} to ${((bin + 1) * width).toFixed(digits)}: ${parts.join(", ") || "none"}`;
  }
}

/** Return round values in a range, about as many as wanted, with their texts. */
function ticks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((part) => part * power).find((part) => part >= rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) {
    found.push({ value: k * step, text: (k * step).toFixed(digits).replace("-", "−") });
  }
  return found;
}

const charts = new Map(content.charts.map((data) => [data.id, new Chart(document.getElementById(data.id), data)]));
