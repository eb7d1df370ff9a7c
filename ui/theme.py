"""Looks: a calm theme on the system's own fonts. Nothing is fetched from anywhere."""

import gradio as gr
from gradio.themes.utils import sizes
from gradio.themes.utils.colors import Color

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

INDIGO = Color(
    "#eef2fd", "#dfe6fb", "#c3d0f6", "#9db2ef", "#7390e4",
    "#4f6fd6", "#3b57c0", "#31479f", "#2b3d82", "#27366b", "#1a2346",
    name="explorer-indigo",
)  # fmt: skip
SLATE = Color(
    "#f7f8fa", "#eff1f4", "#e2e6eb", "#ccd2da", "#97a1ae",
    "#687482", "#4d5866", "#38424e", "#232b35", "#161c24", "#0f141a",
    name="explorer-slate",
)  # fmt: skip


# Values of gradio's theme variables, by what they dress; a name that ends in _dark is for the dark theme.
PAGE = {
    "body_background_fill": "*neutral_50",
    "body_background_fill_dark": "*neutral_950",
    "body_text_color": "#1b222b",
    "body_text_color_dark": "#e8ecf1",
    "body_text_color_subdued": "#55606d",
    "body_text_color_subdued_dark": "#a5b0bd",
    "background_fill_primary": "white",
    "background_fill_primary_dark": "*neutral_900",
    "background_fill_secondary": "*neutral_50",
    "background_fill_secondary_dark": "*neutral_950",
    "border_color_primary": "*neutral_200",
    "border_color_primary_dark": "#2c3540",
}
BLOCKS = {
    "block_background_fill": "white",
    "block_background_fill_dark": "*neutral_900",
    "block_border_width": "0px",
    "block_shadow": "none",
    "block_label_text_color": "#414b57",
    "block_label_text_color_dark": "#c3ccd6",
    "block_title_text_color": "#303944",
    "block_title_text_color_dark": "#d3dae2",
    "block_title_text_weight": "600",
    "block_info_text_color": "#55606d",
    "block_info_text_color_dark": "#a5b0bd",
    "block_padding": "0px",
    "code_background_fill": "*neutral_50",
    "code_background_fill_dark": "#12171e",
    "panel_border_width": "0px",
}
CONTROLS = {
    "input_background_fill": "white",
    "input_background_fill_dark": "#1b222b",
    "input_border_color": "#c6cdd6",
    "input_border_color_dark": "#3a4552",
    "input_border_width": "1px",
    "input_placeholder_color": "#66717e",
    "input_placeholder_color_dark": "#93a0ae",
    "input_shadow": "none",
    "input_shadow_focus": "0 0 0 3px color-mix(in srgb, *primary_400 30%, transparent)",
    "slider_color": "*primary_500",
    "slider_color_dark": "*primary_400",
}
BUTTONS = {
    "button_primary_background_fill": "*primary_600",
    "button_primary_background_fill_hover": "*primary_700",
    "button_primary_background_fill_dark": "*primary_500",
    "button_primary_background_fill_hover_dark": "*primary_600",
    "button_primary_text_color": "white",
    "button_secondary_background_fill": "white",
    "button_secondary_background_fill_hover": "*neutral_100",
    "button_secondary_background_fill_dark": "#212933",
    "button_secondary_background_fill_hover_dark": "#2a3440",
    "button_secondary_border_color": "#c6cdd6",
    "button_secondary_border_color_dark": "#3a4552",
    "button_secondary_text_color": "#1b222b",
    "button_secondary_text_color_dark": "#e8ecf1",
    "button_border_width": "1px",
    "button_primary_border_color": "*primary_600",
    "button_primary_border_color_dark": "*primary_500",
}
CHOICES = {
    "checkbox_label_padding": "6px 11px",
    "checkbox_label_text_size": "*text_sm",
    "checkbox_label_gap": "7px",
    "checkbox_label_background_fill": "white",
    "checkbox_label_background_fill_dark": "#1b222b",
    "checkbox_label_background_fill_selected": "*primary_50",
    "checkbox_label_background_fill_selected_dark": "#26304d",
    "checkbox_label_text_color_selected": "#1b222b",
    "checkbox_label_text_color_selected_dark": "#e8ecf1",
    "checkbox_label_border_color": "#c6cdd6",
    "checkbox_label_border_color_dark": "#3a4552",
    "checkbox_label_border_color_selected": "*primary_500",
    "checkbox_label_border_color_selected_dark": "*primary_400",
    "checkbox_background_color_selected": "*primary_600",
    "checkbox_background_color_selected_dark": "*primary_400",
}


def theme() -> gr.themes.Base:
    """The theme of the page, light and dark."""
    base = gr.themes.Base(
        primary_hue=INDIGO,
        secondary_hue=INDIGO,
        neutral_hue=SLATE,
        radius_size=sizes.radius_md,
        font=SANS,
        font_mono=MONO,
    )
    return base.set(**PAGE, **BLOCKS, **CONTROLS, **BUTTONS, **CHOICES)
