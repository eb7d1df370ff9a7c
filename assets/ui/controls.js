/* The browser half of ui/jobs.py and ui/controls.py: the cancel button, and numbers that are typed;
   and the tabs' arrows. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const { say } = window.Explorer;

  /* ---- work that can be stopped: which events of a tab are going on, and the button that ends them ---- */
  const going = {}, cancels = {};
  let count = 0;
  function begin(tab, event, values) {
    (going[tab] ??= new Map()).set(event, String(++count));
    values[values.length - 1] = String(count); // the hidden last input: how the server knows this piece of work
    showCancel(tab);
    return values;
  }
  function end(tab, event) {
    going[tab]?.delete(event);
    showCancel(tab);
  }
  function showCancel(tab) {
    const button = cancels[tab], idle = !going[tab]?.size;
    if (!button) return;
    if (idle && document.activeElement === button) button.closest(".xp-buttons")?.querySelector("button.primary")?.focus();
    button.disabled = idle;
    if (idle) button.removeAttribute("aria-busy");
  }
  function mountCancel(element, trigger, tab) {
    const button = cancels[tab] = element.querySelector("button");
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-busy")) return;
      button.setAttribute("aria-busy", "true");
      trigger("stop", { jobs: [...(going[tab]?.values() ?? [])] });
    });
    showCancel(tab);
  }

  /* ---- a slider's number box: gradio sends what is typed at once, and turns an emptied box into the minimum.
     Here only what can be used leaves the box, and what cannot is put right, in words, when the box is left. ---- */
  const isBox = (target) => target?.matches?.("input[type=number]") && target.closest(".block")?.querySelector("input[type=range]");
  const rangeOf = (box) => box.closest(".block").querySelector("input[type=range]");

  /* The number to use instead, and why; null for one that is good. */
  function mended(box) {
    const low = Number(box.min), high = Number(box.max), value = Number(box.value), kept = Number(rangeOf(box).value);
    if (box.value.trim() === "" || Number.isNaN(value)) return [kept, say("No number was typed: {kept} is kept.", { kept })];
    if (value < low) return [low, say("{value} is too small: {low} is the least.", { value, low })];
    if (value > high) return [high, say("{value} is too large: {high} is the most.", { value, high })];
    const whole = Math.round(value);
    return box.step === "1" && value !== whole ? [whole, say("{value} is not a whole number: {whole} is used.", { value, whole })] : null;
  }
  function tell(box, words) {
    const block = box.closest(".block");
    let line = block.querySelector(".xp-mended");
    if (!line && !words) return;
    if (!line) {
      line = Object.assign(document.createElement("p"), { className: "xp-note xp-warn xp-mended" });
      line.setAttribute("role", "alert");
      block.append(line);
    }
    line.textContent = words;
  }
  function leave(box) {
    const found = mended(box);
    if (!found) return;
    box.value = String(found[0]);
    box.dispatchEvent(new Event("input", { bubbles: true }));
    tell(box, found[1]);
  }
  document.addEventListener("input", (event) => {
    if (!isBox(event.target)) return;
    if (mended(event.target)) event.stopImmediatePropagation();
    else tell(event.target, "");
  }, true);
  document.addEventListener("blur", (event) => { if (isBox(event.target)) leave(event.target); }, true);
  document.addEventListener("keydown", (event) => { if (event.key === "Enter" && isBox(event.target)) leave(event.target); }, true);

  /* ---- the tabs by their arrows, as a screen reader announces them: gradio has Tab and Enter alone ---- */
  const WAYS = { ArrowRight: (at, count) => (at + 1) % count, ArrowLeft: (at, count) => (at - 1 + count) % count, Home: () => 0, End: (at, count) => count - 1 };
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[role=tab]"), list = tab?.closest(".tab-container");
    if (!list || !(event.key in WAYS) || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...list.querySelectorAll("[role=tab]:not([aria-disabled=true])")];
    const next = all[WAYS[event.key](all.indexOf(tab), all.length)];
    event.preventDefault();
    next.click();
    next.focus();
  });

  /* ---- the marks of a slider: one button for each width of "16,32,64" ---- */
  const marks = (widths) => widths.split(",").map((width) =>
    `<button type="button" data-event="pick" data-index="${Number(width)}" aria-label="${say("{width} dimensions", { width })}">${Number(width)}</button>`).join("");

  return { begin, end, marks, mountCancel };
})());
