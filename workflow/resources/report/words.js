"use strict";
// The switch between light and dark, and the meaning of words on hover and focus.

(() => {
  const { el } = carpeak;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => {
    button.textContent = dark() ? "Light page" : "Dark page";
    document.dispatchEvent(new Event("carpeak-theme"));
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  label();

  // The first use of a word of the glossary in each section can be asked for its meaning.
  const meanings = new Map(Array.from(document.querySelectorAll("dl.glossary dt"), (dt) => [dt.textContent.trim(), dt.nextElementSibling.textContent.trim()]));
  if (!meanings.size) return;
  const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const words = [...meanings.keys()].sort((a, b) => b.length - a.length).map(escape).join("|");
  const pattern = new RegExp(`(?<![\\w+-])(?:${words})(?![\\w+-])`);
  const skipped = "script, style, a, button, h1, h2, h3, summary, select, input, label, code, pre, svg, nav, dl.glossary, .tested, .cell-map, abbr, [aria-hidden]";

  function mark(section) {
    const seen = new Set();
    const walker = document.createTreeWalker(section, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(skipped)) texts.push(walker.currentNode);
    for (let node of texts) {
      for (let at = 0; at < node.data.length;) {
        const found = node.data.slice(at).match(pattern);
        if (!found) break;
        const place = at + found.index;
        if (seen.has(found[0])) {
          at = place + found[0].length;
          continue;
        }
        seen.add(found[0]);
        const rest = node.splitText(place);
        node = rest.splitText(found[0].length);
        rest.replaceWith(el("abbr", { className: "term", tabIndex: 0, "data-term": found[0], "aria-description": meanings.get(found[0]) }, found[0]));
        at = 0;
      }
    }
  }
  document.querySelectorAll("main > section, main > header").forEach(mark);

  const bubble = el("div", { className: "meaning", hidden: true, role: "tooltip" });
  document.body.append(bubble);
  const show = (term) => {
    bubble.textContent = `${term.dataset.term}: ${meanings.get(term.dataset.term)}`;
    bubble.hidden = false;
    const box = term.getBoundingClientRect();
    const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - bubble.offsetWidth - 8));
    Object.assign(bubble.style, { left: `${left + scrollX}px`, top: `${box.bottom + scrollY + 4}px` });
  };
  const hide = () => { bubble.hidden = true; };
  for (const [event, act] of [["pointerover", show], ["focusin", show]]) {
    document.addEventListener(event, (happened) => {
      const term = happened.target.closest?.("abbr.term");
      if (term) act(term);
      else if (event === "pointerover") hide();
    });
  }
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (happened) => { if (happened.key === "Escape") hide(); });
})();
