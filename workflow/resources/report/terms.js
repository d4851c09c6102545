"use strict";
// All tested terms of a contrast: redundant ones folded under their leader, found by words, synonyms or genes.

carpeak.terms = (() => {
  const { el, fixed, pValue } = carpeak;
  // Each group is one meaning; a search for any of them finds all.
  const SYNONYMS = [
    ["type ii interferon", "interferon-gamma", "interferon gamma", "ifn-gamma", "ifn-\u03b3"],
    ["type i interferon", "interferon-alpha", "interferon-beta", "ifn-alpha", "ifn-beta"],
    ["tumor necrosis factor", "tumour necrosis factor", "tnf-alpha"],
    ["cytotoxicity", "cell killing", "cytolysis"],
    ["t cell", "t-cell", "t lymphocyte"],
    ["tumor", "tumour"],
  ];
  const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const RULES = SYNONYMS.map(([first, ...others]) => [new RegExp(`(?<![\\w-])(?:${[first, ...others].map(escape).join("|")})(?![\\w])`, "g"), first]);
  const plain = (text) => RULES.reduce((done, [pattern, first]) => done.replace(pattern, first), text.toLowerCase());

  class Terms {
    constructor(root, data, told, genes) {
      Object.assign(this, { root, data, told, genes });
      this.cells = data.cells.names[0] || "";
      this.direction = data.direction.names.includes("up") ? "up" : data.direction.names[0] || "";
      this.open = new Set(); // leaders whose terms are unfolded
      this.words = [];
      this.name = (key, i) => data[key].names[data[key].codes[i]];
      this.plain = data.term.names.map(plain);
      this.titles = new Map(Array.from({ length: data.rows }, (_, i) => [this.name("term_id", i), this.name("term", i)]));
      this.build();
    }

    members(i) {
      return this.data.genes.values[i] ? this.data.genes.values[i].split(";") : [];
    }

    matches(i) {
      if (!this.words.length) return true;
      const text = `${this.plain[this.data.term.codes[i]]} ${this.name("term_id", i).toLowerCase()}`;
      const genes = `;${this.data.genes.values[i].toLowerCase()};`;
      return this.words.every((word) => text.includes(word) || genes.includes(`;${word};`));
    }

    folded(i) {
      const leader = this.name("leader", i);
      return this.fold.checked && !this.words.length && leader && leader !== this.name("term_id", i) && !this.open.has(leader);
    }

    inView(i) {
      return this.name("cells", i) === this.cells && this.name("direction", i) === this.direction
        && (!this.only.checked || this.name("passes", i) === "yes");
    }

    build() {
      const { data, told } = this;
      const { switchOf, check } = carpeak.controls(this, told.name);
      let only, fold;
      [this.only, only] = check(`only adjusted P < ${told.adjusted_p}`, true);
      [this.fold, fold] = check("fold redundant terms", true);
      this.search = el("input", { type: "search", placeholder: "words, a gene or a GO id, e.g. type II interferon", autocomplete: "off" });
      this.search.addEventListener("input", () => {
        this.words = this.split(this.search.value);
        this.table.refresh();
      });
      const save = el("button", { type: "button" }, "Save rows as TSV");
      save.addEventListener("click", () => carpeak.tsv(`terms.${told.name}.tsv`, this.table.text()));
      const clear = el("button", { type: "button" }, "Clear all filters");
      clear.addEventListener("click", () => { this.search.value = ""; this.words = []; this.table.clear(); });
      this.status = el("p", { className: "status", "aria-live": "polite" });
      this.detail = el("div", { className: "detail", hidden: true });
      this.table = new carpeak.VirtualTable({
        label: "All tested terms", columns: this.columns(), rows: data.rows,
        keep: (i) => this.inView(i) && this.matches(i) && !this.folded(i),
        changed: () => this.tell(), pick: (i) => this.pick(i),
      });
      this.root.replaceChildren(
        el("div", { className: "controls" },
          switchOf("Cells", "term-cells", data.cells.names.map((name) => [name, name]), "cells"),
          switchOf("Genes", "term-direction", [["up", `higher in ${told.test}`], ["down", `lower in ${told.test}`]], "direction"),
          only, fold, el("label", { className: "search" }, "Terms", this.search), clear, save),
        this.status, this.table.scroller, this.detail,
      );
      this.root.hidden = false;
      this.table.sort(this.table.columns.at(-1), false);
    }

    // Synonyms of several words stay together.
    split(text) {
      let rest = plain(text);
      const found = SYNONYMS.map(([first]) => first).filter((first) => rest.includes(first));
      for (const one of found) rest = rest.split(one).join(" ");
      return [...found, ...rest.split(/\s+/).filter(Boolean)];
    }

    columns() {
      const { data } = this;
      const count = (key, title, hint) => ({ key, title, hint, width: "5.2rem", value: (i) => data[key].values[i], text: (i) => String(data[key].values[i]) });
      const odds = (i) => 2 ** data.odds.values[i];
      const term = {
        key: "term", title: "Term", hint: "", width: "20rem",
        text: (i) => this.name("term", i),
        cell: (i) => [el("button", { type: "button" }, this.name("term", i))],
        saved: ["cells", "direction", "term_id", "term"],
        save: (i) => [this.cells, this.direction, this.name("term_id", i), this.name("term", i)],
      };
      const leader = {
        key: "leader", title: "Stands for it", hint: "The term that holds at least two thirds of its changed genes and a smaller P", width: "9rem",
        text: (i) => {
          const id = this.name("leader", i);
          return !id ? "" : id === this.name("term_id", i) ? this.followers(i) : this.titles.get(id) || id;
        },
        cell: (i) => this.leaderCell(i),
        saved: ["leader"], save: (i) => [this.name("leader", i)],
      };
      return [
        term,
        { key: "term_id", title: "Id", hint: "", width: "6.4rem", text: (i) => this.name("term_id", i), save: false },
        leader,
        { ...count("overlap", "Changed genes", "Genes of the set that changed in this direction"), saved: ["overlap", "genes"], save: (i) => [String(data.overlap.values[i]), data.genes.values[i]] },
        count("set_size", "Tested genes", "Genes of the set that were tested"),
        { key: "odds_ratio", title: "Odds ratio", hint: "", width: "5.2rem", value: odds, text: (i) => fixed(odds(i), 1) },
        {
          key: "p_adjusted", title: "Adjusted P", hint: "", width: "6rem", bare: "<=",
          value: (i) => -data.p_adjusted.values[i], filterable: (i) => 10 ** -data.p_adjusted.values[i],
          text: (i) => pValue(data.p_adjusted.values[i]),
          save: (i) => [Number.isNaN(data.p_adjusted.values[i]) ? "" : (10 ** -data.p_adjusted.values[i]).toPrecision(2)],
        },
      ];
    }

    count(i) {
      const id = this.name("term_id", i);
      let n = 0;
      for (let k = 0; k < this.data.rows; k++) n += this.inView(k) && k !== i && this.name("leader", k) === id;
      return n;
    }

    followers(i) {
      const n = this.count(i);
      return n ? `${n} alike` : "";
    }

    leaderCell(i) {
      const id = this.name("leader", i);
      if (!id || id !== this.name("term_id", i)) return [id ? this.titles.get(id) || id : ""];
      const n = this.count(i);
      if (!n || !this.fold.checked) return [n ? `${n} alike` : ""];
      const open = this.open.has(id);
      const button = el("button", { type: "button", "aria-expanded": String(open) }, `${open ? "fold" : "show"} ${n} alike`);
      button.addEventListener("click", (event) => {
        event.stopPropagation();
        if (open) this.open.delete(id);
        else this.open.add(id);
        const { scrollTop } = this.table.scroller;
        this.table.refresh();
        this.table.scroller.scrollTop = scrollTop;
      });
      return [button];
    }

    pick(i) {
      this.table.show(i);
      const show = el("button", { type: "button" }, "Show them in the table of genes");
      show.addEventListener("click", () => this.genes?.ofTerm(this.name("term", i), this.members(i), this.cells));
      this.detail.replaceChildren(
        el("p", {}, el("b", {}, `${this.name("term", i)} `), `(${this.name("term_id", i)}), ${this.members(i).length} changed genes: `, el("i", {}, this.members(i).join(", "))),
        el("p", {}, show),
      );
      this.detail.hidden = false;
    }

    tell() {
      let [tested, hidden] = [0, 0];
      for (let i = 0; i < this.data.rows; i++) {
        if (this.name("cells", i) !== this.cells || this.name("direction", i) !== this.direction) continue;
        tested++;
        hidden += Boolean(this.inView(i) && this.matches(i) && this.folded(i));
      }
      this.status.replaceChildren(
        el("b", {}, this.table.order.length.toLocaleString("en")),
        ` of ${tested.toLocaleString("en")} terms with a changed gene${hidden ? `; ${hidden.toLocaleString("en")} redundant ones are folded under their leader` : ""}${this.words.length && this.fold.checked ? "; a search looks into folded ones too" : ""}.`,
      );
    }
  }

  return Terms;
})();

// Unpack a contrast's tables when its section comes near.
for (const root of document.querySelectorAll("[data-tested]")) {
  if (!carpeak.supported) continue; // the short tables below hold the most changed
  const name = root.dataset.tested;
  carpeak.views ??= new Map();
  const open = () => {
    if (!carpeak.views.has(name)) {
      carpeak.views.set(name, (async () => {
        const raw = JSON.parse(document.getElementById(`tested-${name}`).textContent);
        const [genes, terms] = await Promise.all([carpeak.table(raw.genes), carpeak.table(raw.terms)]);
        const place = (kind) => document.querySelector(`[data-tested="${CSS.escape(name)}"][data-kind="${kind}"]`);
        const view = { genes: genes.rows ? new carpeak.genes(place("genes"), genes, raw.told) : null };
        view.terms = terms.rows ? new carpeak.terms(place("terms"), terms, raw.told, view.genes) : null;
        for (const static_ of document.querySelectorAll(`[data-static="${CSS.escape(name)}"]`)) static_.classList.add("replaced");
        return view;
      })());
    }
    return carpeak.views.get(name);
  };
  root.openTested = open;
  new IntersectionObserver((entries, watch) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    open();
  }, { rootMargin: "800px" }).observe(root.parentElement);
}

// Links such as a claim's lead to its gene or term in the tables.
for (const link of document.querySelectorAll("a[data-find]")) {
  link.addEventListener("click", async () => {
    const place = document.querySelector(`[data-tested="${CSS.escape(link.dataset.contrast)}"]`);
    const view = place?.openTested && (await place.openTested());
    const one = view?.[link.dataset.kind];
    if (!one) return;
    if (link.dataset.kind === "genes") {
      one.reset(false);
      one.switchTo(link.dataset.cells);
      one.only.checked = false;
      one.search.value = link.dataset.find;
      one.find(link.dataset.find);
      one.pick(one.table.order[0] ?? -1);
    } else {
      one.only.checked = false;
      one.search.value = link.dataset.find;
      one.search.dispatchEvent(new Event("input"));
    }
    one.root.scrollIntoView({ block: "start" });
  });
}
