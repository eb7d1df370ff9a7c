/* gradio's messages have a heading that is a button with a button in it, which a screen reader cannot tell apart:
   the inner one, which closes, stays; folding the heading by mouse goes on as it did. */
new MutationObserver(() => {
  for (const heading of document.querySelectorAll(".toast-header[role=button]")) {
    heading.removeAttribute("role");
    heading.removeAttribute("tabindex");
  }
}).observe(document.documentElement, { subtree: true, childList: true });
