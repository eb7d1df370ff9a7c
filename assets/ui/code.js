/* The browser half of ui/code_view.py: code to copy, in one or two tabs. Texts are only ever set as textContent. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const { say } = window.Explorer;

  const MARKS = {
    "Python": /(?<comment>#.*)|(?<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|(?<word>\b(?:from|import|as|for|in|if|else|def|return|and|or|not|None|True|False)\b)|(?<number>\b\d[\d_.]*\b)/g,
    "REST (curl)": /(?<comment>^#.*)|(?<string>'[^'\n]*'|"(?:[^"\\\n]|\\.)*")|(?<word>\b(?:curl|sed|base64|tr|true|false|null)\b)|(?<number>\b\d[\d.]*\b)/gm,
  };
  let wanted = "Python"; // one choice for all tabs of the page

  /* The two texts of a snippet, and the address to be replaced by the page's own. */
  function parsed(value) {
    if (!value) return null;
    const mark = /\n# The same over REST, at (\S+):\n/.exec(value);
    if (!mark) return { panes: { "Python": value }, origin: null };
    const rest = value.slice(mark.index + mark[0].length).split("\n").map((line) => line.replace(/^# /, "")).join("\n");
    return { panes: { "Python": value.slice(0, mark.index), "REST (curl)": rest }, origin: mark[1] };
  }

  function coloured(text, marks) {
    const parts = [];
    let at = 0;
    for (const found of text.matchAll(marks)) {
      const kind = Object.keys(found.groups).find((name) => found.groups[name] !== undefined);
      const span = document.createElement("span");
      span.className = `xp-code-${kind}`;
      span.textContent = found[0];
      parts.push(text.slice(at, found.index), span);
      at = found.index + found[0].length;
    }
    return [...parts, text.slice(at)];
  }

  async function copy(text, button, live) {
    try {
      await navigator.clipboard.writeText(text);
      live.textContent = say("Copied");
    } catch { // no right to the clipboard, as in a frame: select it, so that the keys for copying do
      getSelection().selectAllChildren(button.closest(".xp-code").querySelector("pre:not([hidden])"));
      live.textContent = say("Selected: now press Ctrl or Cmd and C");
    }
    setTimeout(() => { live.textContent = ""; }, 2500);
  }

  function make(tag, name, attributes = {}, text = "") {
    const made = document.createElement(tag);
    made.className = name;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }

  let views = 0;
  function mountCode(element, props, watch) {
    const root = element.querySelector(".xp-code"), id = `xp-code-${++views}`;
    const choose = (name) => { wanted = name; draw(); root.querySelector("[aria-selected=true]")?.focus(); };

    function tabs(names, shown) {
      const list = make("div", "xp-code-tabs", { role: "tablist", "aria-label": say("Language of the code") });
      names.forEach((name, at) => {
        const on = name === shown;
        const tab = make("button", "xp-code-tab", { type: "button", role: "tab", id: `${id}-tab-${at}`, "aria-selected": String(on), "aria-controls": `${id}-pane`, tabindex: on ? "0" : "-1" }, name);
        tab.addEventListener("click", () => choose(name));
        tab.addEventListener("keydown", (event) => {
          const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (step) { event.preventDefault(); choose(names[(at + step + names.length) % names.length]); }
        });
        list.append(tab);
      });
      return list;
    }

    function draw() {
      const data = parsed(props.value);
      if (!data) { root.replaceChildren(make("p", "xp-explain", {}, say("The code comes with the first result."))); return; }
      const names = Object.keys(data.panes), shown = names.includes(wanted) ? wanted : names[0];
      const base = location.origin + location.pathname.replace(/\/$/, "");
      const text = data.origin ? data.panes[shown].replaceAll(data.origin, base) : data.panes[shown];
      const live = make("span", "xp-code-live", { role: "status" });
      const button = make("button", "xp-code-copy", { type: "button" }, say("Copy"));
      button.addEventListener("click", () => copy(text, button, live));
      const head = make("div", "xp-code-head");
      head.append(names.length > 1 ? tabs(names, shown) : make("span", "xp-code-one", {}, shown), live, button);
      const own = { id: `${id}-pane`, tabindex: "0" };
      const pane = make("pre", "xp-code-pane", names.length > 1 ? { ...own, role: "tabpanel", "aria-labelledby": `${id}-tab-${names.indexOf(shown)}` } : { ...own, role: "region", "aria-label": say("Code") });
      const code = document.createElement("code");
      code.append(...coloured(text, MARKS[shown] ?? /$^/g));
      pane.append(code);
      root.replaceChildren(head, pane);
    }

    watch("value", draw);
    draw();
  }

  return { mountCode };
})());
