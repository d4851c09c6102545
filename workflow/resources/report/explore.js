"use strict";
// The interactive maps of cells: points drawn into the pixels of a canvas, no library, no network.

(() => {
  const { inflate } = carpeak;
  const BACK = 0xffffffff; // pixels are read as little-endian ABGR
  const PALE = 0xffeae6e3;
  const RAMP = ["#e4ebf2", "#a9c1d9", "#4f7fae", "#1b4272", "#08203f"]; // low to high
  const CELLS_A_SIDE = 128; // of the grid that finds the cell under the pointer
  const NAMES = {
    t_state: "T-cell state", cell_type: "cell type", sample: "sample", cluster: "cluster", condition: "condition",
    donor: "donor", car_call: "CAR call", car_umis: "CAR UMIs", car_probability: "P(CAR+)", n_umis: "UMIs",
    n_genes: "genes", pct_mito: "mitochondrial %", doublet_score: "doublet score",
  };
  const number = (value) => (value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3))));
  const named = (key) => NAMES[key] || key;

  async function coordinate(text, n) {
    const bytes = await inflate(text);
    const out = new Uint16Array(n);
    for (let i = 0, at = 0; i < n; i++) {
      const folded = bytes[i] | (bytes[n + i] << 8);
      at += folded & 1 ? -((folded + 1) >> 1) : folded >> 1;
      out[i] = at;
    }
    return out;
  }

  function pixel(hex) {
    const value = parseInt(hex.slice(1), 16);
    return (0xff000000 | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
  }

  function ramp(top) {
    // Colours of the bytes 0 to 255; `top` and all above get the last.
    const stops = RAMP.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
    const palette = new Uint32Array(256);
    for (let i = 0; i < 256; i++) {
      const at = Math.min(1, i / top) * (stops.length - 1);
      const left = Math.min(Math.floor(at), stops.length - 2);
      const [r, g, b] = stops[left].map((v, k) => Math.round(v + (stops[left + 1][k] - v) * (at - left)));
      palette[i] = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
    }
    return palette;
  }

  class Cells {
    // One population, unpacked: places, labels (codes), measures (bytes) and genes on demand.
    static async of(raw) {
      const cells = new Cells();
      cells.raw = raw;
      cells.n = raw.n;
      cells.side = 2 ** raw.bits;
      [cells.x, cells.y] = await Promise.all([coordinate(raw.x, raw.n), coordinate(raw.y, raw.n)]);
      cells.labels = new Map();
      for (const label of raw.labels) cells.labels.set(label.key, { ...label, codes: await inflate(label.data) });
      cells.measures = new Map();
      for (const one of raw.measures) cells.measures.set(one.key, { ...one, bytes: await inflate(one.data) });
      cells.genes = new Map();
      cells.first = raw.labels[0].key;
      cells.index();
      return cells;
    }

    async gene(name) {
      if (!this.genes.has(name)) {
        const one = this.raw.genes.values[name];
        const step = this.raw.genes.step;
        const sparse = one.data ? await inflate(one.data) : new Uint8Array(Math.ceil(this.n / step));
        let bytes = sparse;
        if (step > 1) {
          bytes = new Uint8Array(this.n);
          for (let i = 0; i < sparse.length; i++) bytes[i * step] = sparse[i];
        }
        this.genes.set(name, { ...one, bytes, step });
      }
      return this.genes.get(name);
    }

    index() {
      // Cells by the square of a coarse grid they lie in.
      const shift = this.raw.bits - Math.log2(CELLS_A_SIDE);
      const starts = new Uint32Array(CELLS_A_SIDE ** 2 + 1);
      const square = (i) => (this.y[i] >> shift) * CELLS_A_SIDE + (this.x[i] >> shift);
      for (let i = 0; i < this.n; i++) starts[square(i) + 1]++;
      for (let s = 0; s < CELLS_A_SIDE ** 2; s++) starts[s + 1] += starts[s];
      const next = starts.slice();
      const members = new Uint32Array(this.n);
      for (let i = 0; i < this.n; i++) members[next[square(i)]++] = i;
      this.squares = { starts, members, shift };
    }

    nearest(x, y, radius, wanted) {
      const { starts, members, shift } = this.squares;
      const low = (v) => Math.max(0, Math.min(CELLS_A_SIDE - 1, (v - radius) >> shift));
      const high = (v) => Math.max(0, Math.min(CELLS_A_SIDE - 1, (v + radius) >> shift));
      let best = -1;
      let closest = radius * radius;
      for (let row = low(y); row <= high(y); row++) {
        for (let column = low(x); column <= high(x); column++) {
          const square = row * CELLS_A_SIDE + column;
          for (let k = starts[square]; k < starts[square + 1]; k++) {
            const i = members[k];
            const distance = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
            if (distance <= closest && wanted(i)) [best, closest] = [i, distance];
          }
        }
      }
      return best;
    }
  }

  const value = (one, byte) => (byte ? one.low + ((byte - 1) / 254) * (one.high - one.low) : 0);

  function ascending(bytes) {
    // Positions ordered by their byte (counting sort), so that high values are drawn last, on top.
    const starts = new Uint32Array(257);
    for (const byte of bytes) starts[byte + 1]++;
    for (let i = 0; i < 256; i++) starts[i + 1] += starts[i];
    const order = new Uint32Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) order[starts[bytes[i]]++] = i;
    return order;
  }

  function high(bytes, order) {
    // The byte that one in a hundred of the cells above 0 exceed: a few strong cells must not pale the rest.
    const zeros = bytes.reduce((sum, byte) => sum + (byte === 0), 0);
    const rank = Math.min(bytes.length - 1, zeros + Math.floor((bytes.length - zeros) * 0.99));
    return Math.max(1, bytes[order[rank]]);
  }

  class CellMap {
    constructor(root) {
      this.root = root;
      this.part = (name) => root.querySelector(`[data-part="${name}"]`);
      this.loaded = new Map();
      this.view = null;
      this.hidden = new Set();
      this.selection = null;
      this.lassoing = false;
      this.part("population")?.addEventListener("change", () => this.open());
      this.part("colour").addEventListener("change", () => this.recolour());
      this.part("gene").addEventListener("change", () => this.byGene());
      this.part("show").addEventListener("change", () => this.layout());
      this.part("lasso").addEventListener("click", () => this.setLasso(!this.lassoing));
      this.part("in-view").addEventListener("click", () => this.selectInView());
      this.part("clear").addEventListener("click", () => this.select(null));
      this.part("png").addEventListener("click", () => this.save());
      for (const [name, factor] of [["zoom-in", 1.4], ["zoom-out", 1 / 1.4]]) {
        this.part(name).addEventListener("click", () => this.zoom(factor));
      }
      this.part("reset").addEventListener("click", () => this.reset());
      new ResizeObserver(() => this.cells && this.draw()).observe(this.part("panels"));
    }

    async open() {
      const name = this.part("population").value;
      if (!this.loaded.has(name)) {
        const raw = JSON.parse(document.getElementById(`map-${name}`).textContent);
        this.loaded.set(name, await Cells.of(raw));
      }
      this.cells = this.loaded.get(name);
      this.selection = null;
      this.hidden.clear();
      this.fill();
      this.view = { x: this.cells.side / 2, y: this.cells.side / 2, zoom: 1 };
      this.layout();
      await this.recolour();
      this.root.dataset.ready = name;
    }

    fill() {
      const option = (text, chosen) => new Option(text, chosen);
      const group = (label, options) => {
        const made = document.createElement("optgroup");
        made.label = label;
        made.append(...options);
        return made;
      };
      this.part("colour").replaceChildren(
        group("Labels", [...this.cells.labels.keys()].map((key) => option(named(key), `label:${key}`))),
        group("Measures", [...this.cells.measures.keys()].map((key) => option(named(key), `measure:${key}`))),
      );
      const genes = Object.keys(this.cells.raw.genes.values);
      this.part("genes").replaceChildren(...genes.map((gene) => new Option(gene)));
      const conditions = this.cells.labels.get("condition").names;
      const several = conditions.length > 1 ? [option("side by side", "split")] : [];
      this.part("show").replaceChildren(
        ...several, option("all together", "all"), ...conditions.map((name, i) => option(`${name} only`, String(i))),
      );
    }

    layout() {
      const show = this.part("show").value;
      const names = this.cells.labels.get("condition").names;
      const panels = show === "split" ? names.map((_, i) => i) : [show === "all" ? -1 : Number(show)];
      this.panels = panels.map((condition) => {
        const box = document.createElement("div");
        const title = document.createElement("p");
        const canvas = document.createElement("canvas");
        title.textContent = condition < 0 ? "all cells" : names[condition];
        canvas.tabIndex = 0;
        canvas.setAttribute("role", "application");
        canvas.setAttribute("aria-label", `Map of ${title.textContent}. Arrow keys move, plus and minus zoom, 0 shows all.`);
        box.append(title, canvas);
        const panel = { box, canvas, condition, title };
        this.listen(panel);
        return panel;
      });
      this.part("panels").replaceChildren(...this.panels.map((panel) => panel.box));
      this.part("panels").dataset.panels = String(panels.length);
      if (this.colouring) this.draw();
    }

    async byGene() {
      const asked = this.part("gene").value.trim();
      const known = Object.keys(this.cells.raw.genes.values);
      const gene = known.find((name) => name.toLowerCase() === asked.toLowerCase());
      if (!asked) {
        this.say("");
        return this.recolour();
      }
      if (!gene) return this.say(`${asked} is not among the ${known.length} genes of this page; atlas.h5ad holds them all.`);
      const began = performance.now();
      const one = await this.cells.gene(gene);
      this.colouring = { kind: "amount", name: gene, unit: this.cells.raw.genes.unit, one };
      this.say(one.step > 1 ? `Expression is shown for one in ${one.step} cells.` : "");
      this.paint(began);
    }

    async recolour() {
      const began = performance.now();
      const [kind, key] = this.part("colour").value.split(":");
      this.part("gene").value = "";
      this.hidden.clear();
      if (kind === "label") {
        const one = this.cells.labels.get(key);
        this.colouring = { kind: "label", name: named(key), one };
      } else {
        this.colouring = { kind: "amount", name: named(key), unit: "", one: this.cells.measures.get(key) };
      }
      this.paint(began);
    }

    paint(began) {
      const colouring = this.colouring;
      if (colouring.kind === "label") {
        colouring.bytes = colouring.one.codes;
        colouring.palette = new Uint32Array(256);
        colouring.one.colours.forEach((hex, i) => { colouring.palette[i] = pixel(hex); });
        colouring.order = null;
      } else {
        colouring.bytes = colouring.one.bytes;
        colouring.order = ascending(colouring.bytes);
        colouring.top = high(colouring.bytes, colouring.order);
        colouring.palette = ramp(colouring.top);
      }
      this.draw();
      this.legend();
      this.root.dataset.ms = (performance.now() - began).toFixed(1);
    }

    place(panel) {
      const { canvas } = panel;
      const scale = (Math.min(canvas.width, canvas.height) / this.cells.side) * this.view.zoom * 0.96;
      return { scale, left: canvas.width / 2 - this.view.x * scale, top: canvas.height / 2 + this.view.y * scale };
    }

    draw() {
      const ratio = window.devicePixelRatio || 1;
      for (const panel of this.panels) {
        const width = Math.max(1, Math.round(panel.canvas.clientWidth * ratio));
        const height = Math.max(1, Math.round(panel.canvas.clientHeight * ratio));
        if (panel.canvas.width !== width || panel.canvas.height !== height) Object.assign(panel.canvas, { width, height });
        const context = panel.canvas.getContext("2d");
        const image = context.createImageData(width, height);
        this.points(panel, new Uint32Array(image.data.buffer), width, height, ratio);
        context.putImageData(image, 0, 0);
        if (panel.loop) this.outline(context, panel.loop, ratio);
      }
    }

    points(panel, pixels, width, height, ratio) {
      pixels.fill(BACK);
      const { cells, colouring, hidden, selection } = this;
      const { scale, left, top } = this.place(panel);
      const conditions = cells.labels.get("condition").codes;
      const crowd = Math.sqrt((width * height) / cells.n) * Math.sqrt(this.view.zoom);
      const size = Math.max(1, Math.min(Math.round(5 * ratio), Math.round(crowd * 0.62)));
      const half = size >> 1;
      const dot = (i, colour) => {
        const px = Math.round(left + cells.x[i] * scale) - half;
        const py = Math.round(top - cells.y[i] * scale) - half;
        if (px < 0 || py < 0 || px + size > width || py + size > height) return;
        for (let row = 0, at = py * width + px; row < size; row++, at += width) {
          const cut = size > 3 && (row === 0 || row === size - 1) ? 1 : 0; // rounded corners
          for (let column = cut; column < size - cut; column++) pixels[at + column] = colour;
        }
      };
      const inPanel = (i) => panel.condition < 0 || conditions[i] === panel.condition;
      const shown = (i) => inPanel(i) && (!selection || selection[i]) && !(hidden.size && hidden.has(colouring.bytes[i]));
      const plain = panel.condition < 0 && !selection && !hidden.size;
      if (!plain) for (let i = 0; i < cells.n; i++) if (!shown(i)) dot(i, PALE);
      const { bytes, palette, order } = colouring;
      const stride = cells.n % 7919 ? 7919 : 7907; // a prime that does not divide the number of cells
      for (let k = 0; k < cells.n; k++) {
        const i = order ? order[k] : (k * stride) % cells.n; // labels: an even mix, so that none lies on top
        if (plain || shown(i)) dot(i, palette[bytes[i]]);
      }
    }

    legend() {
      const list = this.part("legend");
      const { colouring, cells } = this;
      list.replaceChildren();
      const heading = document.createElement("p");
      heading.textContent = colouring.kind === "label" ? colouring.name : `${colouring.name}${colouring.unit ? ` (${colouring.unit})` : ""}`;
      list.append(heading);
      if (colouring.kind === "label") {
        const sizes = new Uint32Array(256);
        for (const code of colouring.bytes) sizes[code]++;
        colouring.one.names.forEach((name, code) => {
          if (!sizes[code]) return;
          const button = document.createElement("button");
          const mark = document.createElement("span");
          mark.className = "swatch";
          mark.style.background = colouring.one.colours[code];
          button.type = "button";
          button.append(mark, ` ${name} (${sizes[code].toLocaleString("en")})`);
          button.setAttribute("aria-pressed", String(!this.hidden.has(code)));
          button.title = "Click to hide or show";
          button.addEventListener("click", () => {
            if (!this.hidden.delete(code)) this.hidden.add(code);
            button.setAttribute("aria-pressed", String(!this.hidden.has(code)));
            this.draw();
          });
          list.append(button);
        });
        return;
      }
      const bar = document.createElement("div");
      bar.className = "ramp";
      bar.style.background = `linear-gradient(90deg, ${RAMP.join(", ")})`;
      const ends = document.createElement("p");
      let above = 0;
      for (const byte of colouring.bytes) above += byte > 0;
      ends.textContent = `0 to ${number(value(colouring.one, colouring.top))} and more; above 0 in ${number((100 * above * (colouring.one.step || 1)) / cells.n)} % of cells`;
      list.append(bar, ends);
    }

    // --- moving about -----------------------------------------------------------------------------

    listen(panel) {
      const { canvas } = panel;
      let drag = null;
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        drag = { x: event.offsetX, y: event.offsetY };
        if (this.lassoing) panel.loop = [[event.offsetX, event.offsetY]];
      });
      canvas.addEventListener("pointermove", (event) => {
        if (!drag) return this.hover(panel, event);
        if (panel.loop) {
          panel.loop.push([event.offsetX, event.offsetY]);
          return this.draw();
        }
        const ratio = canvas.width / canvas.clientWidth;
        const { scale } = this.place(panel);
        this.view.x -= ((event.offsetX - drag.x) * ratio) / scale;
        this.view.y += ((event.offsetY - drag.y) * ratio) / scale;
        drag = { x: event.offsetX, y: event.offsetY };
        this.draw();
      });
      const end = () => {
        drag = null;
        if (!panel.loop) return;
        const loop = panel.loop;
        panel.loop = null;
        if (loop.length > 2) this.selectLoop(panel, loop);
        else this.draw();
      };
      canvas.addEventListener("pointerup", end);
      canvas.addEventListener("pointercancel", end);
      canvas.addEventListener("pointerleave", () => { this.part("tip").hidden = true; });
      canvas.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && document.activeElement !== canvas) return; // a page scrolls past the map
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
      }, { passive: false });
      canvas.addEventListener("dblclick", () => this.zoom(1.8));
      canvas.addEventListener("keydown", (event) => this.key(event));
    }

    key(event) {
      const step = (this.cells.side / this.view.zoom) * 0.08;
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
      if (moves[event.key]) {
        this.view.x += moves[event.key][0];
        this.view.y += moves[event.key][1];
        this.draw();
      } else if (event.key === "+" || event.key === "=") this.zoom(1.4);
      else if (event.key === "-") this.zoom(1 / 1.4);
      else if (event.key === "0") this.reset();
      else if (event.key === "Escape") this.select(null);
      else return;
      event.preventDefault();
    }

    zoom(factor) {
      this.view.zoom = Math.max(0.5, Math.min(40, this.view.zoom * factor));
      this.draw();
    }

    reset() {
      this.view = { x: this.cells.side / 2, y: this.cells.side / 2, zoom: 1 };
      this.draw();
    }

    under(panel, x, y) {
      const ratio = panel.canvas.width / panel.canvas.clientWidth;
      const { scale, left, top } = this.place(panel);
      return [(x * ratio - left) / scale, (top - y * ratio) / scale, (9 * ratio) / scale];
    }

    hover(panel, event) {
      const tip = this.part("tip");
      const [x, y, radius] = this.under(panel, event.offsetX, event.offsetY);
      const conditions = this.cells.labels.get("condition").codes;
      const found = this.cells.nearest(x, y, radius, (i) => panel.condition < 0 || conditions[i] === panel.condition);
      tip.hidden = found < 0;
      if (found < 0) return;
      const lines = [];
      for (const key of [this.cells.first, "sample", "cluster", "car_call"]) {
        const label = this.cells.labels.get(key);
        lines.push(`${named(key)}: ${label.names[label.codes[found]]}`);
      }
      for (const key of ["car_umis", "car_probability", "n_umis", "n_genes"]) {
        const one = this.cells.measures.get(key);
        if (one) lines.push(`${named(key)}: ${number(value(one, one.bytes[found]))}`);
      }
      if (this.colouring.unit) lines.push(`${this.colouring.name}: ${number(value(this.colouring.one, this.colouring.bytes[found]))}`);
      tip.textContent = lines.join("\n");
      const box = this.root.getBoundingClientRect();
      tip.style.left = `${Math.min(event.clientX - box.left + 14, box.width - 190)}px`;
      tip.style.top = `${event.clientY - box.top + 14}px`;
    }

    // --- selecting --------------------------------------------------------------------------------

    setLasso(on) {
      this.lassoing = on;
      this.part("lasso").setAttribute("aria-pressed", String(on));
      this.root.classList.toggle("lassoing", on);
    }

    outline(context, loop, ratio) {
      context.beginPath();
      loop.forEach(([x, y], i) => (i ? context.lineTo(x * ratio, y * ratio) : context.moveTo(x * ratio, y * ratio)));
      context.closePath();
      context.strokeStyle = "#b0413e";
      context.lineWidth = 1.5 * ratio;
      context.stroke();
    }

    selectLoop(panel, loop) {
      const corners = loop.map(([x, y]) => this.under(panel, x, y));
      const conditions = this.cells.labels.get("condition").codes;
      this.select((i) => {
        if (panel.condition >= 0 && conditions[i] !== panel.condition) return false;
        let inside = false;
        for (let a = 0, b = corners.length - 1; a < corners.length; b = a++) {
          const [ax, ay] = corners[a];
          const [bx, by] = corners[b];
          const [x, y] = [this.cells.x[i], this.cells.y[i]];
          if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
        }
        return inside;
      });
    }

    selectInView() {
      const panel = this.panels[0];
      const [left, top] = this.under(panel, 0, 0);
      const [right, bottom] = this.under(panel, panel.canvas.clientWidth, panel.canvas.clientHeight);
      this.select((i) => this.cells.x[i] >= left && this.cells.x[i] <= right && this.cells.y[i] >= bottom && this.cells.y[i] <= top);
    }

    select(wanted) {
      this.selection = null;
      if (wanted) {
        this.selection = new Uint8Array(this.cells.n);
        for (let i = 0; i < this.cells.n; i++) this.selection[i] = wanted(i) ? 1 : 0;
      }
      this.part("clear").hidden = !wanted;
      this.draw();
      this.tell();
    }

    tell() {
      const table = this.part("selected");
      table.replaceChildren();
      if (!this.selection) return this.say("");
      const label = this.cells.labels.get(this.cells.first);
      const condition = this.cells.labels.get("condition");
      const calls = this.cells.labels.get("car_call");
      const positive = calls.names.indexOf("positive");
      const counts = label.names.map(() => new Uint32Array(condition.names.length));
      const totals = new Uint32Array(condition.names.length);
      const car = new Uint32Array(condition.names.length);
      for (let i = 0; i < this.cells.n; i++) {
        if (!this.selection[i]) continue;
        counts[label.codes[i]][condition.codes[i]]++;
        totals[condition.codes[i]]++;
        car[condition.codes[i]] += calls.codes[i] === positive;
      }
      const n = totals.reduce((sum, one) => sum + one, 0);
      this.say(`${n.toLocaleString("en")} of ${this.cells.n.toLocaleString("en")} cells selected.`);
      const row = (words, tag) => {
        const line = document.createElement("tr");
        line.append(...words.map((word, i) => {
          const cell = document.createElement(tag);
          cell.textContent = word;
          if (i) cell.className = "n";
          return cell;
        }));
        return line;
      };
      const share = (part, whole) => (whole ? `${part.toLocaleString("en")} (${((100 * part) / whole).toFixed(1)} %)` : "0");
      const head = document.createElement("thead");
      head.append(row([named(this.cells.first), ...condition.names], "th"));
      const body = document.createElement("tbody");
      label.names.forEach((name, code) => {
        if (counts[code].some(Boolean)) body.append(row([name, ...Array.from(counts[code], (k, c) => share(k, totals[c]))], "td"));
      });
      body.append(row(["called CAR+", ...Array.from(car, (k, c) => share(k, totals[c]))], "td"));
      body.append(row(["all selected", ...Array.from(totals, (k) => k.toLocaleString("en"))], "td"));
      table.append(head, body);
    }

    say(text) {
      this.part("status").textContent = text;
    }

    save() {
      const gap = 16;
      const width = this.panels.reduce((sum, panel) => sum + panel.canvas.width + gap, gap);
      const height = Math.max(...this.panels.map((panel) => panel.canvas.height)) + 90;
      const sheet = Object.assign(document.createElement("canvas"), { width, height });
      const context = sheet.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, width, height);
      context.fillStyle = "#1f2933";
      context.font = "22px sans-serif";
      let left = gap;
      for (const panel of this.panels) {
        context.fillText(panel.title.textContent, left, 30);
        context.drawImage(panel.canvas, left, 42);
        left += panel.canvas.width + gap;
      }
      const note = this.root.dataset.note || "";
      const key = this.colouring.kind === "label" ? `coloured by ${this.colouring.name}` : `${this.colouring.name}: 0 (pale) to ${number(this.colouring.one.high)} ${this.colouring.unit}`;
      context.fillText(note + key, gap, height - 18);
      sheet.toBlob((blob) => carpeak.save(`map_${this.colouring.name.replace(/\W+/g, "_")}.png`, blob));
    }
  }

  for (const root of document.querySelectorAll(".cell-map")) {
    if (!carpeak.supported) continue; // the static figures below show the same cells
    const map = new CellMap(root);
    root.hidden = false;
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watch.disconnect();
      map.open();
    }, { rootMargin: "400px" });
    watch.observe(root);
  }
})();
