"use strict";
// What all scripts of the page share: unpacking, building elements, saving files, words.
// The page holds its data packed (carpeak/explore/packing.py, packed_table.py); the browser unpacks them itself.

const carpeak = (() => {
  const MISSING = 65535;

  async function inflate(text) {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  const lines = async (text) => new TextDecoder().decode(await inflate(text)).split("\n");

  async function codes(text, n) {
    const bytes = await inflate(text);
    return Uint16Array.from({ length: n }, (_, i) => bytes[i] | (bytes[n + i] << 8));
  }

  async function column(one, n) {
    if (one.kind === "text") return { ...one, values: n ? await lines(one.data) : [] };
    const coded = await codes(one.data, n);
    if (one.kind === "name") return { ...one, codes: coded, names: await lines(one.names) };
    const values = Float64Array.from(coded, (code) => (code === MISSING ? NaN : one.low + code * one.step));
    return { ...one, values };
  }

  // A packed table: { rows, key: column, ... }.
  async function table(packed) {
    const columns = await Promise.all(packed.columns.map((one) => column(one, packed.rows)));
    return Object.assign({ rows: packed.rows }, Object.fromEntries(columns.map((one) => [one.key, one])));
  }

  // An element with properties (those with a dash are attributes) and children; text never becomes markup.
  function el(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) {
      if (key.includes("-") || key === "role" || key === "for") made.setAttribute(key, value);
      else made[key] = value;
    }
    made.append(...children);
    return made;
  }

  function save(name, blob) {
    const link = el("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const tsv = (name, text) => save(name, new Blob([text], { type: "text/tab-separated-values" }));
  const minus = (text) => text.replace("-", "\u2212");
  const fixed = (value, digits) => (Number.isNaN(value) ? "\u2013" : minus(value.toFixed(digits)));

  // The P of a packed -log10 P, in two digits.
  function pValue(strength) {
    if (Number.isNaN(strength)) return "\u2013";
    if (strength >= 300) return "< 1e\u2212300";
    const p = 10 ** -strength;
    return p >= 0.001 ? p.toFixed(3) : minus(p.toExponential(1));
  }

  return { inflate, table, el, save, tsv, fixed, pValue, supported: "DecompressionStream" in window };
})();
