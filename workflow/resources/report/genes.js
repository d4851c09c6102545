"use strict";
// All tested genes of a contrast: switches, search and a virtual table, tied to the volcano above it.

carpeak.genes = (() => {
  const { el, fixed, pValue } = carpeak;
  const percent = (value) => (Number.isNaN(value) ? "\u2013" : `${(100 * value).toFixed(0)} %`);
  const saved = (value, digits) => (Number.isNaN(value) ? "" : value.toFixed(digits));

  class Genes {
    constructor(root, data, told) {
      Object.assign(this, { root, data, told });
      this.cells = data.cells.names[0] || "";
      this.direction = "both";
      this.wanted = null; // names of genes asked for: an array of words, or the Set of a term's genes
      const named = (one, i) => one.names[one.codes[i]];
      this.gene = (i) => named(data.gene, i);
      this.source = (i) => named(data.ambient_from, i);
      this.row = new Map(); // "cells gene" -> row
      for (let i = 0; i < data.rows; i++) this.row.set(`${named(data.cells, i)} ${this.gene(i)}`, i);
      this.upper = data.gene.names.map((name) => name.toUpperCase());
      this.build();
    }

    changed(i) {
      return this.data.passes.names[this.data.passes.codes[i]] === "yes"; // judged before rounding
    }

    inCells(i) {
      return this.data.cells.names[this.data.cells.codes[i]] === this.cells;
    }

    asked(i) {
      if (!this.wanted) return true;
      const name = this.upper[this.data.gene.codes[i]];
      if (this.wanted instanceof Set) return this.wanted.has(name);
      return this.wanted.some((word) => (this.exact.has(word) ? name === word : name.includes(word)));
    }

    keep(i) {
      const change = this.data.change.values[i];
      return this.inCells(i)
        && (this.direction === "both" || (this.direction === "up" ? change > 0 : change < 0))
        && (!this.only.checked || this.changed(i))
        && !(this.hide.checked && this.source(i))
        && this.asked(i);
    }

    build() {
      const { told, data } = this;
      const { switchOf, check } = carpeak.controls(this, told.name);
      let only, hide;
      [this.only, only] = check(`only changed (adjusted P < ${told.adjusted_p}, log2 change at least ${told.log2_fold_change})`, true);
      [this.hide, hide] = check("hide genes of ambient RNA (\u2020)", false);
      this.search = el("input", { type: "search", placeholder: "e.g. GZMB NKG7", autocomplete: "off" });
      this.search.addEventListener("input", () => this.find(this.search.value));
      const clear = el("button", { type: "button" }, "Clear all filters");
      clear.addEventListener("click", () => this.reset());
      const save = el("button", { type: "button" }, "Save rows as TSV");
      save.addEventListener("click", () => carpeak.tsv(`genes.${told.name}.tsv`, this.table.text()));
      this.status = el("p", { className: "status", "aria-live": "polite" });
      this.table = new carpeak.VirtualTable({
        label: "All tested genes", columns: this.columns(), rows: data.rows,
        keep: (i) => this.keep(i), changed: () => this.tell(), pick: (i) => this.pick(i),
      });
      this.volcano = new carpeak.Volcano(this);
      this.root.replaceChildren(
        el("div", { className: "controls" },
          switchOf("Cells", "cells", data.cells.names.map((name) => [name, name]), "cells"),
          switchOf("Change", "change", [["both", "both"], ["up", `higher in ${told.test}`], ["down", `lower in ${told.test}`]], "direction"),
          only, hide, el("label", { className: "search" }, "Genes", this.search), clear, save),
        this.volcano.box, this.status, this.table.scroller,
      );
      this.root.hidden = false;
      this.table.sort(this.table.columns[1], true);
    }

    columns() {
      const { data, told } = this;
      const number = (key, title, hint, digits = 2, width = "") => ({
        key, title, hint, width, value: (i) => data[key].values[i], text: (i) => fixed(data[key].values[i], digits),
        save: (i) => [saved(data[key].values[i], 3)],
      });
      const share = (key, title, hint) => ({ ...number(key, title, hint), text: (i) => percent(data[key].values[i]), filterable: (i) => 100 * data[key].values[i] });
      const gene = {
        key: "gene", title: "Gene", hint: "\u2020: most likely ambient RNA of the lineage named", width: "8.5rem",
        text: (i) => this.gene(i) + (this.source(i) ? ` \u2020 ${this.source(i)}` : ""),
        cell: (i) => {
          const button = el("button", { type: "button", className: this.source(i) ? "gene leaked" : "gene" }, this.gene(i));
          return this.source(i) ? [button, ` \u2020 ${this.source(i)}`] : [button];
        },
        saved: ["cells", "gene", "ambient_from"], save: (i) => [this.cells, this.gene(i), this.source(i)],
      };
      const interval = {
        key: "interval", title: "95 % interval", hint: "Of cell sampling only", width: "8rem",
        value: (i) => data.change.values[i] - data.half.values[i],
        text: (i) => `${fixed(data.change.values[i] - data.half.values[i], 2)} to ${fixed(data.change.values[i] + data.half.values[i], 2)}`,
        saved: ["low", "high"],
        save: (i) => [saved(data.change.values[i] - data.half.values[i], 3), saved(data.change.values[i] + data.half.values[i], 3)],
      };
      const p = {
        key: "p_adjusted", title: "Adjusted P", hint: "Cells as units: ranks genes, no more", width: "6.2rem", bare: "<=",
        value: (i) => -data.p_adjusted.values[i], filterable: (i) => 10 ** -data.p_adjusted.values[i],
        text: (i) => pValue(data.p_adjusted.values[i]),
        save: (i) => [Number.isNaN(data.p_adjusted.values[i]) ? "" : (10 ** -data.p_adjusted.values[i]).toPrecision(2)],
      };
      return [
        gene,
        { ...number("change", "log2 change", `${told.test} against ${told.reference}, at equal depth`), saved: ["log2_fold_change"] },
        interval,
        { ...number("full", "at full depth", "The same without thinning both sides to equal depth"), saved: ["full_depth"] },
        { ...number("undetected", "in CAR-undetected", "The same change in T cells of these libraries that show no CAR"), saved: ["car_undetected"] },
        { ...number("within", "equal mix of states", "The change in CAR+ T cells if both sides held the same mix of states"), saved: ["equal_mix_of_states"] },
        { ...share("pct_test", `% in ${told.test}`, "Cells that detect the gene, at equal depth"), saved: ["pct_test"] },
        { ...share("pct_reference", `% in ${told.reference}`, "Cells that detect the gene, at equal depth"), saved: ["pct_reference"] },
        number("auc", "AUC", `Chance that a cell of ${told.test} expresses more than one of ${told.reference}`),
        p,
      ];
    }

    find(text) {
      const words = text.toUpperCase().split(/[\s,;]+/).filter(Boolean);
      const known = new Set(this.upper);
      this.exact = new Set(words.filter((word) => known.has(word)));
      this.wanted = words.length ? words : null;
      this.term = "";
      this.table.refresh();
    }

    // The genes of a term that changed in `cells`.
    ofTerm(term, genes, cells) {
      this.reset(false);
      if (this.data.cells.names.includes(cells)) this.switchTo(cells);
      this.wanted = new Set(genes.map((name) => name.toUpperCase()));
      this.term = term;
      this.only.checked = false;
      this.table.refresh();
      this.root.scrollIntoView({ block: "start" });
      this.search.focus({ preventScroll: true });
    }

    switchTo(cells) {
      this.cells = cells;
      for (const input of this.root.querySelectorAll(`input[name="cells-${CSS.escape(this.told.name)}"]`)) input.checked = input.value === cells;
    }

    reset(draw = true) {
      this.search.value = this.term = "";
      this.wanted = null;
      this.hide.checked = false;
      this.direction = "both";
      for (const input of this.root.querySelectorAll(`input[name="change-${CSS.escape(this.told.name)}"]`)) input.checked = input.value === "both";
      if (draw) this.table.clear();
    }

    pick(i) {
      this.table.show(i);
      this.volcano.draw();
      this.tell();
    }

    tell() {
      const shown = this.table.order.length;
      let tested = 0;
      for (let i = 0; i < this.data.rows; i++) tested += this.inCells(i);
      const parts = [el("b", {}, shown.toLocaleString("en")), ` of ${tested.toLocaleString("en")} genes tested in ${this.cells} T cells`.replace("T cells T cells", "T cells")];
      if (this.term) parts.push(`, of the term \u201c${this.term}\u201d`);
      parts.push(". ");
      if (!shown && this.only.checked && this.wanted) {
        const all = el("button", { type: "button" }, "Show genes that did not change");
        all.addEventListener("click", () => { this.only.checked = false; this.table.refresh(); });
        parts.push("None that changed. ", all);
      }
      const i = this.table.picked;
      if (i >= 0 && this.inCells(i)) {
        const { change, half, p_adjusted: p } = this.data;
        parts.push(`${this.gene(i)}: log2 change ${fixed(change.values[i], 2)} (\u00b1 ${half.values[i].toFixed(2)}), adjusted P ${pValue(p.values[i])}${this.source(i) ? `, most likely ambient RNA: ${this.source(i)}` : ""}.`);
      }
      this.status.replaceChildren(...parts);
      this.volcano.draw();
    }
  }

  return Genes;
})();
