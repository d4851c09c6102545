"use strict";
// The volcano above the table of genes: hover tells the gene, a click finds it in the table; what the table
// filters out is pale.

carpeak.Volcano = (() => {
  const { el, fixed, pValue } = carpeak;
  const [UP, DOWN, LEAKED] = ["#c0392b", "#2f6690", "#7f8994"];
  const MARGIN = { left: 56, right: 16, top: 12, bottom: 40 };
  const REACH = 12; // px from a point within which the pointer finds it

  const ticks = (low, high, count) => {
    const raw = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw);
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high + 1e-9; at += step) found.push(Number(at.toPrecision(6)));
    return found;
  };

  class Volcano {
    constructor(genes) {
      this.genes = genes;
      this.canvas = el("canvas", {
        tabIndex: 0, role: "application",
        "aria-label": "Volcano plot of the genes in the table. Arrow keys go through the genes of the table in its order.",
      });
      this.tip = el("div", { className: "tip", hidden: true });
      this.box = el("div", { className: "plot" }, this.canvas, this.tip);
      this.canvas.addEventListener("pointermove", (event) => this.hover(event));
      this.canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
      this.canvas.addEventListener("click", (event) => {
        const i = this.nearest(event);
        if (i >= 0) genes.pick(i);
      });
      this.canvas.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => this.draw()).observe(this.canvas);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
      document.addEventListener("carpeak-theme", () => this.draw());
    }

    key(event) {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const { order, picked } = this.genes.table;
      if (!step || !order.length) return;
      event.preventDefault();
      this.genes.pick(order[(order.indexOf(picked) + step + order.length) % order.length]);
    }

    scales() {
      const { data } = this.genes;
      let [reach, top] = [this.genes.told.log2_fold_change * 1.5, 3];
      this.points = [];
      for (let i = 0; i < data.rows; i++) {
        if (!this.genes.inCells(i) || Number.isNaN(data.change.values[i]) || Number.isNaN(data.p_adjusted.values[i])) continue;
        this.points.push(i);
        reach = Math.max(reach, Math.abs(data.change.values[i]));
        top = Math.max(top, data.p_adjusted.values[i]);
      }
      this.reach = reach * 1.05;
      this.top = top * 1.04;
    }

    place(i) {
      const { change, p_adjusted: p } = this.genes.data;
      return this.at(change.values[i], p.values[i]);
    }

    at(x, y) {
      const width = this.canvas.clientWidth - MARGIN.left - MARGIN.right;
      const height = this.canvas.clientHeight - MARGIN.top - MARGIN.bottom;
      return [MARGIN.left + ((x + this.reach) / (2 * this.reach)) * width, MARGIN.top + (1 - y / this.top) * height];
    }

    colour(i) {
      if (!this.genes.changed(i)) return this.soft;
      if (this.genes.source(i)) return LEAKED;
      return this.genes.data.change.values[i] > 0 ? UP : DOWN;
    }

    draw() {
      const { canvas, genes } = this;
      if (!canvas.clientWidth || !genes.table) return;
      const ratio = window.devicePixelRatio || 1;
      Object.assign(canvas, { width: canvas.clientWidth * ratio, height: canvas.clientHeight * ratio });
      const context = canvas.getContext("2d");
      context.scale(ratio, ratio);
      const style = getComputedStyle(canvas);
      this.ink = style.color;
      this.soft = "#9aa5b1";
      this.scales();
      this.axes(context);
      const shown = new Set(genes.table.order);
      const size = (i) => (genes.changed(i) ? 2.6 : 1.6);
      for (const pass of [false, true]) {
        for (const i of this.points) {
          if (shown.has(i) !== pass) continue;
          const [x, y] = this.place(i);
          context.globalAlpha = pass ? 0.85 : 0.16;
          context.fillStyle = this.colour(i);
          context.beginPath();
          context.arc(x, y, size(i), 0, 7);
          context.fill();
        }
      }
      context.globalAlpha = 1;
      this.labels(context, shown);
    }

    axes(context) {
      const { told } = this.genes;
      const [left, bottom] = this.at(-this.reach, 0);
      const [right, top] = this.at(this.reach, this.top);
      Object.assign(context, { strokeStyle: this.soft, fillStyle: this.ink, lineWidth: 0.7, font: "12px sans-serif", textAlign: "center" });
      const line = (x0, y0, x1, y1, dash = []) => {
        context.setLineDash(dash);
        context.beginPath();
        context.moveTo(x0, y0);
        context.lineTo(x1, y1);
        context.stroke();
      };
      line(left, bottom, right, bottom);
      line(left, bottom, left, top);
      for (const tick of ticks(-this.reach, this.reach, 8)) context.fillText(String(tick).replace("-", "\u2212"), this.at(tick, 0)[0], bottom + 15);
      const narrow = this.canvas.clientWidth < 520;
      context.fillText(narrow ? "log2 change" : `log2 change in ${this.genes.cells} T cells, ${told.test} against ${told.reference}`.replace("T cells T cells", "T cells"), (left + right) / 2, bottom + 33);
      context.textAlign = "right";
      for (const tick of ticks(0, this.top, 5)) context.fillText(String(tick), left - 6, this.at(0, tick)[1] + 4);
      context.save();
      context.translate(13, (top + bottom) / 2);
      context.rotate(-Math.PI / 2);
      context.textAlign = "center";
      context.fillText("\u2212log10 adjusted P", 0, 0);
      context.restore();
      const [, limit] = this.at(0, -Math.log10(told.adjusted_p));
      line(left, limit, right, limit, [4, 3]);
      for (const sign of [-1, 1]) {
        const [x] = this.at(sign * told.log2_fold_change, 0);
        line(x, bottom, x, top, [4, 3]);
      }
      context.setLineDash([]);
    }

    // Names beside points: the picked gene, those of the claims, then the strongest, where there is room.
    labels(context, shown) {
      const { genes } = this;
      const { change, p_adjusted: p } = genes.data;
      const weight = (i) => Math.abs(change.values[i]) * Math.sqrt(Math.max(p.values[i], 0));
      const named = new Set(genes.told.named);
      const few = shown.size <= 60;
      const rank = (i) => (i === genes.table.picked ? 2e9 : named.has(genes.gene(i)) ? 1e9 : 0) + weight(i);
      const wanted = this.points.filter((i) => shown.has(i) && (few || genes.changed(i))).sort((a, b) => rank(b) - rank(a)).slice(0, 45);
      if (genes.table.picked >= 0 && genes.inCells(genes.table.picked) && !wanted.includes(genes.table.picked)) wanted.unshift(genes.table.picked);
      const taken = [];
      context.fillStyle = this.ink;
      for (const i of wanted) {
        const picked = i === genes.table.picked;
        const [x, y] = this.place(i);
        context.font = `italic ${picked || named.has(genes.gene(i)) ? "bold " : ""}12px sans-serif`;
        const text = genes.gene(i) + (genes.source(i) ? " \u2020" : "");
        const width = context.measureText(text).width;
        const outside = x + 8 + width > this.canvas.clientWidth || x - 8 - width < MARGIN.left;
        const left = change.values[i] > 0 !== outside ? x + 6 : x - 6 - width;
        const box = [left - 2, y - 7, left + width + 2, y + 7];
        if (!picked && taken.some((one) => box[0] < one[2] && one[0] < box[2] && box[1] < one[3] && one[1] < box[3])) continue;
        taken.push(box);
        context.textAlign = "left";
        context.fillText(text, left, y + 4);
        if (picked) {
          Object.assign(context, { strokeStyle: this.ink, lineWidth: 1.6 });
          context.beginPath();
          context.arc(x, y, 6, 0, 7);
          context.stroke();
        }
      }
    }

    nearest(event) {
      const box = this.canvas.getBoundingClientRect();
      const [px, py] = [event.clientX - box.left, event.clientY - box.top];
      let [best, closest] = [-1, REACH ** 2];
      const shown = new Set(this.genes.table.order);
      for (const i of this.points || []) {
        const [x, y] = this.place(i);
        const distance = (x - px) ** 2 + (y - py) ** 2 + (shown.has(i) ? 0 : 25); // those in the table first
        if (distance < closest) [best, closest] = [i, distance];
      }
      return best;
    }

    hover(event) {
      const i = this.nearest(event);
      this.tip.hidden = i < 0;
      if (i < 0) return;
      const { genes } = this;
      const { change, p_adjusted: p, pct_test: test, pct_reference: reference } = genes.data;
      const share = (value) => `${(100 * value).toFixed(0)} %`;
      this.tip.textContent = `${genes.gene(i)}${genes.source(i) ? ` \u2020 ${genes.source(i)}` : ""}\nlog2 change ${fixed(change.values[i], 2)}\nadjusted P ${pValue(p.values[i])}\n${genes.told.reference} ${share(reference.values[i])}, ${genes.told.test} ${share(test.values[i])} of cells`;
      const [x, y] = this.place(i);
      const right = x > this.canvas.clientWidth - 190;
      Object.assign(this.tip.style, { left: `${right ? x - 175 : x + 22}px`, top: `${Math.max(0, y - 20)}px` });
    }
  }

  return Volcano;
})();
