/* What the page's scripts and templates say, in the visitor's language: the browser half of ui/words.py, and the first
   script of all. Texts are found by their English, which is also what stands where a language lacks one. Call it where
   something is written, not where a script is read: gradio sets the page's language in between. */
window.Explorer = (() => {
  "use strict";
  const tables = window.ExplorerWords ?? {}; // language -> English -> its own words

  /* The language is gradio's choice; "pt-BR" falls back to "pt", and that to English, text by text. */
  function known(text) {
    const parts = document.documentElement.lang.split("-");
    for (let count = parts.length; count; count--) {
      const table = tables[parts.slice(0, count).join("-")];
      if (table && Object.hasOwn(table, text)) return table[text];
    }
    return text;
  }

  /* A text in the visitor's language, its {names} filled in. */
  function say(text, values) {
    const words = known(text);
    return values ? words.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole)) : words;
  }
  const SIGNS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;" };
  /* The same for what stands within HTML. */
  const sayHtml = (text) => known(text).replace(/[&<>"']/g, (sign) => SIGNS[sign]);

  return { say, sayHtml };
})();
