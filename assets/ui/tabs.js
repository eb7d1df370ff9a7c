/* Opening another tab of the page, as a click on it would: for the tour, and for what shows its result elsewhere. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const BAR = "#explorer-tabs > .tab-wrapper", TRIES = 40, PAUSE = 50; // ms

  /* Through the menu where it did not fit. */
  function openTab(id) {
    const own = document.querySelector(`${BAR} [role=tab][data-tab-id="${id}"]`);
    if (own) { own.click(); return; }
    // the menu has names only; the hidden copy of all tabs, by which gradio measures, has them in order
    const names = [...document.querySelectorAll(`${BAR} .tab-container[aria-hidden] button`)].map((tab) => tab.textContent.trim());
    const wanted = names[window.Explorer.address.place(id)];
    const entry = () => [...document.querySelectorAll(`${BAR} .overflow-dropdown button`)].find((one) => one.textContent.trim() === wanted);
    if (!entry()) document.querySelector(`${BAR} .overflow-menu > button`)?.click();
    setTimeout(() => entry()?.click(), 60);
  }

  /* The next key of a visitor, and the next words of a screen reader, are of the panel just opened. */
  function enter(mark, tries = TRIES) {
    const panel = document.querySelector(mark)?.closest("[role=tabpanel]");
    if (!panel?.getClientRects().length) { if (tries) setTimeout(() => enter(mark, tries - 1), PAUSE); return; }
    panel.tabIndex = -1;
    panel.focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  }

  /* The server names a tab and something in it; whoever has gone elsewhere meanwhile stays there. */
  function mountOpener(element, props, watch) {
    watch("opens", () => {
      if (!props.opens || !element.closest("[role=tabpanel]")?.getClientRects().length) return;
      const { tab, mark } = JSON.parse(props.opens);
      openTab(tab);
      enter(mark);
    });
  }

  return { mountOpener, openTab };
})());
