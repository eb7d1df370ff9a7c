/* The browser half of ui/links.py: keeps the page's settings in its address, and copies it as a link. */
window.Explorer.address = (() => {
  "use strict";
  const { say } = window.Explorer;

  const QUIET = 250; // ms: browsers refuse more than some hundred changes of the address in a minute
  const values = new Map();
  let about = null, read = false, given = { set: "", own: [] }, timer = 0, tooLong = [];

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  /* A setting as text; null for one that a link need not or cannot carry. As ui/address.py reads it. */
  function written(key, value) {
    const [kind, first, longest, high] = about.fields[key];
    if (value === null || value === undefined || same(value, first)) return null;
    if (kind === "number" && high !== null && value > high) return null; // of vectors that only this visitor has
    if (kind === "choices" && !value.length && !first?.length) return null;
    if (kind === "flag") return value ? "1" : "0";
    if (kind === "choices") return value.some((part) => String(part).includes(",")) ? null : value.join(",");
    if (kind === "text" && Array.from(value).length > longest) { tooLong.push(key); return null; }
    return String(value);
  }

  function parameters() {
    const found = new URLSearchParams();
    tooLong = [];
    const tab = values.get("tab") ?? about.tab;
    if (tab !== about.tab) found.set("tab", tab);
    if (given.set && given.set !== about.set) found.set("set", given.set);
    for (const key of Object.keys(about.fields)) {
      const text = values.has(key) ? written(key, values.get(key)) : null;
      if (text !== null) found.set(key, text);
    }
    if ([...found.keys()].length) found.set("s", about.version);
    return found;
  }

  /* Others' parameters stay as they are: the theme, and what a host adds. */
  function write() {
    const url = new URL(location.href);
    for (const key of [...url.searchParams.keys()]) {
      if (key === "s" || key === "tab" || key === "set" || key.includes(".")) url.searchParams.delete(key);
    }
    for (const [key, text] of parameters()) url.searchParams.set(key, text);
    if (url.href !== location.href) history.replaceState(history.state, "", url);
  }

  function later() {
    if (!read) return; // the server reads the address first
    clearTimeout(timer);
    timer = setTimeout(write, QUIET);
  }

  function set(key, value) {
    values.set(key, value);
    later();
  }

  function mount(props, watch) {
    about = JSON.parse(props.value);
    given = JSON.parse(props.given);
    // what a link set in a tab that is not open yet sends no event of its own
    watch("restored", () => { read = true; for (const [key, value] of Object.entries(JSON.parse(props.restored))) values.set(key, value); later(); });
    watch("given", () => { given = JSON.parse(props.given); later(); });
  }

  /* What the link leaves out, in words. */
  function lacking() {
    const words = [];
    if (given.own.length) words.push(say("Not in it, as only you have them: {names}. It carries your settings.", { names: given.own.map((name) => say(name)).join(", ") }));
    if (tooLong.length) words.push(say("Not in it, as too long (more than {most} characters): {names}.", { most: about.longest, names: tooLong.join(", ") }));
    return words.join(" ");
  }

  async function copy(said) {
    if (!read) return;
    clearTimeout(timer);
    write();
    const found = parameters().toString(), link = location.origin + location.pathname + (found ? `?${found}` : "");
    const words = document.createElement("span");
    try {
      await navigator.clipboard.writeText(link);
      words.textContent = `${say("Link copied.")} ${lacking()}`;
      said.replaceChildren(words);
    } catch { // no right to the clipboard, as in a frame: select it, so that the keys for copying do
      const box = Object.assign(document.createElement("input"), { value: link, readOnly: true, className: "xp-link-box" });
      box.setAttribute("aria-label", say("Link to this view"));
      words.textContent = `${say("Press Ctrl or Cmd and C to copy.")} ${lacking()}`;
      said.replaceChildren(box, words);
      box.select();
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".xp-link");
    if (button) copy(button.closest(".xp-header").querySelector(".xp-link-said"));
  });

  /* The page of another model begins with what is set here, and in the same theme. */
  function along(link) {
    if (read) { clearTimeout(timer); write(); }
    const url = new URL(link.href);
    for (const [key, text] of new URL(location.href).searchParams) if (!url.searchParams.has(key)) url.searchParams.set(key, text);
    link.href = url.href;
  }
  for (const name of ["click", "auxclick"]) {
    document.addEventListener(name, (event) => { const link = event.target.closest?.(".xp-go-there"); if (link) along(link); }, true);
  }

  const place = (tab) => about?.tabs.indexOf(tab) ?? -1;

  return { set, mount, place };
})();
