"use strict";
// A table of any length: only the rows in view are in the document. Columns sort and filter; what passes is saved.

carpeak.VirtualTable = (() => {
  const { el } = carpeak;
  const ROW = 32; // px, as .virtual td in tables.css
  const BEYOND = 12; // rows kept above and below those in view

  // The test behind "> 1", "<= 0.01", "1..2" or "0.5"; null for nothing, undefined for what can't be read.
  function numberTest(text, bare) {
    const given = text.trim().replace(/\u2212/g, "-");
    if (!given) return null;
    const number = "(-?\\d*\\.?\\d+(?:e-?\\d+)?)";
    const range = given.match(new RegExp(`^${number}\\s*\\.\\.\\s*${number}$`, "i"));
    if (range) return (value) => value >= Number(range[1]) && value <= Number(range[2]);
    const one = given.match(new RegExp(`^(>=|<=|>|<|=)?\\s*${number}$`, "i"));
    if (!one) return undefined;
    const limit = Number(one[2]);
    return {
      ">": (value) => value > limit, ">=": (value) => value >= limit, "<": (value) => value < limit,
      "<=": (value) => value <= limit, "=": (value) => Math.abs(value - limit) < 1e-9,
    }[one[1] || bare];
  }

  class VirtualTable {
    // columns: { key, title, hint, width, text(i), value(i) for numbers, save(i), bare } ; a column without
    // `value` is text. `keep(i)` is the owner's filter; `changed()` is called after each filter or sort.
    constructor({ label, columns, rows, keep, changed = () => {}, pick = () => {} }) {
      Object.assign(this, { columns, rows, keep, changed, pick });
      this.filters = new Map();
      this.order = new Uint32Array(0);
      this.sorted = { column: null, down: false };
      this.picked = -1;
      this.body = el("tbody");
      this.table = el("table", { "aria-label": label }, this.head(), this.body);
      this.scroller = el("div", { className: "scroll virtual", tabIndex: 0, role: "region", "aria-label": label }, this.table);
      this.scroller.addEventListener("scroll", () => this.render());
      new ResizeObserver(() => this.render()).observe(this.scroller);
    }

    head() {
      const titles = el("tr");
      const inputs = el("tr", { className: "filters" });
      for (const column of this.columns) {
        const button = el("button", { type: "button" }, column.title);
        const th = el("th", { scope: "col", title: column.hint || "", className: column.value ? "n" : "", "aria-sort": "none" }, button);
        if (column.width) th.style.width = column.width;
        button.addEventListener("click", () => this.sort(column));
        titles.append(th);
        column.header = th;
        const input = el("input", {
          type: "search", placeholder: column.value ? (column.bare === "<=" ? "< 0.01" : "> 0") : "contains",
          "aria-label": `Filter ${column.title}`,
        });
        input.addEventListener("input", () => this.filter(column, input));
        inputs.append(el("td", {}, input));
      }
      return el("thead", {}, titles, inputs);
    }

    filter(column, input) {
      let test = null;
      const text = input.value.trim().toLowerCase();
      if (column.value) {
        const passes = numberTest(text, column.bare || ">=");
        input.setAttribute("aria-invalid", String(passes === undefined));
        if (passes) test = (i) => passes(column.filterable ? column.filterable(i) : column.value(i));
      } else if (text) test = (i) => column.text(i).toLowerCase().includes(text);
      if (test) this.filters.set(column.key, test);
      else this.filters.delete(column.key);
      this.refresh();
    }

    clear() {
      this.filters.clear();
      for (const input of this.table.tHead.querySelectorAll("input")) input.value = "";
      this.refresh();
    }

    sort(column, down = this.sorted.column === column ? !this.sorted.down : Boolean(column.value)) {
      this.sorted = { column, down };
      for (const one of this.columns) one.header.setAttribute("aria-sort", one === column ? (down ? "descending" : "ascending") : "none");
      this.refresh();
    }

    refresh() {
      const tests = [...this.filters.values()];
      const kept = [];
      for (let i = 0; i < this.rows; i++) if (this.keep(i) && tests.every((test) => test(i))) kept.push(i);
      const { column, down } = this.sorted;
      if (column) {
        const sign = down ? -1 : 1;
        const compare = new Intl.Collator("en", { numeric: true }).compare;
        kept.sort(column.value
          ? (a, b) => {
            const [x, y] = [column.value(a), column.value(b)];
            if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
            return sign * (x - y) || a - b;
          }
          : (a, b) => sign * compare(column.text(a), column.text(b)) || a - b);
      }
      this.order = Uint32Array.from(kept);
      this.table.setAttribute("aria-rowcount", String(kept.length + 2));
      this.scroller.scrollTop = 0;
      this.drawn = null;
      this.render();
      this.changed();
    }

    render() {
      const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - BEYOND);
      const last = Math.min(this.order.length, first + Math.ceil((this.scroller.clientHeight || 400) / ROW) + 2 * BEYOND);
      const asked = `${first} ${last} ${this.picked}`;
      if (asked === this.drawn) return;
      this.drawn = asked;
      const space = (rows) => {
        const cell = el("td", { colSpan: this.columns.length });
        cell.style.height = `${rows * ROW}px`;
        return el("tr", { className: "space", "aria-hidden": "true" }, cell);
      };
      const shown = [];
      for (let place = first; place < last; place++) shown.push(this.row(this.order[place], place));
      this.body.replaceChildren(space(first), ...shown, space(this.order.length - last));
    }

    row(i, place) {
      const line = el("tr", { "aria-rowindex": String(place + 3), className: i === this.picked ? "picked" : "" });
      for (const column of this.columns) {
        const cell = el("td", { className: column.value ? "n" : "" });
        if (column.cell) cell.append(...column.cell(i));
        else cell.textContent = column.text(i);
        cell.title = cell.textContent;
        line.append(cell);
      }
      line.addEventListener("click", () => this.pick(i));
      return line;
    }

    // Mark row i and bring it into view, where it passes the filters.
    show(i) {
      this.picked = i;
      const place = this.order.indexOf(i);
      if (place >= 0) {
        const top = place * ROW;
        const { scrollTop, clientHeight } = this.scroller;
        if (top < scrollTop || top > scrollTop + clientHeight - 4 * ROW) this.scroller.scrollTop = Math.max(0, top - clientHeight / 2);
      }
      this.render();
    }

    text() {
      const columns = this.columns.filter((column) => column.save !== false);
      const head = columns.flatMap((column) => column.saved || [column.key]).join("\t");
      const line = (i) => columns.flatMap((column) => (column.save ? column.save(i) : [column.text(i)])).join("\t");
      return [head, ...Array.from(this.order, line)].join("\n") + "\n";
    }
  }

  return VirtualTable;
})();

// The switches and boxes above a table: `owner` holds the chosen values and the table that they refresh.
carpeak.controls = (owner, study) => {
  const { el } = carpeak;
  const refresh = () => owner.table.refresh();
  return {
    switchOf(legend, name, options, chosen) {
      const group = el("fieldset", {}, el("legend", {}, legend));
      for (const [value, text] of options) {
        const input = el("input", { type: "radio", name: `${name}-${study}`, value, checked: value === owner[chosen] });
        input.addEventListener("change", () => { owner[chosen] = value; refresh(); });
        group.append(el("label", {}, input, text));
      }
      return group;
    },
    check(text, checked) {
      const input = el("input", { type: "checkbox", checked });
      input.addEventListener("change", refresh);
      return [input, el("label", {}, input, text)];
    },
  };
};
