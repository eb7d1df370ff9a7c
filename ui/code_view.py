"""Code to copy: Python, and where there is a REST request that does the same, that too, a tab away.

A ``gr.HTML`` that ``assets/ui/code.js`` fills: both texts come with one value, a
:class:`~ui.snippets.Snippet`, so that changing between them takes no round trip, and the choice stays while a
slider renews the code.
"""

from typing import Any

import gradio as gr

TITLE = "The code that does the same"


def code_view(**options: Any) -> gr.HTML:
    """The place for code; its value is a snippet, or a str of Python alone."""
    return gr.HTML(
        "",
        html_template="<div class='xp-code'></div>",
        js_on_load="window.Explorer.mountCode(element, props, watch);",
        apply_default_css=False,
        **options,
    )
