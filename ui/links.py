"""State in the address: every tab registers its settings, a link restores them; see :mod:`ui.address`.

While a page is built, tabs call :func:`register`; at its end :func:`bind` wires all of them. The address is
written by ``assets/ui/address.js`` without a round trip, and read here, once, when the page opens.
"""

import json
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gradio as gr
from gradio.context import get_blocks_context

from ui import address, cards, examples, words
from ui.address import Field
from ui.checks import guarded
from ui.collection import Item
from ui.controls import QUIET, Collection
from ui.points import Points

BUTTON = "<button type='button' class='xp-link' title='An address that opens this view'>Copy link</button>"
COLLECTION = "the collection"
words.speak(COLLECTION)
SAID = "<p class='xp-link-said' role='status'></p>"


@dataclass
class Register:
    """What the tabs of one page have registered.

    Attributes:
        settings: components by "tab.name".
        chosen: the choices of an example set, which all follow the collection.
        uploads: states that hold what is a visitor's own, with what they hold at first and words for them.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    chosen: list[gr.Dropdown] = field(default_factory=list)
    uploads: list[tuple[gr.State, tuple[str, ...], str]] = field(default_factory=list)


_pages: "weakref.WeakKeyDictionary[Any, Register]" = weakref.WeakKeyDictionary()


def _here() -> Register:
    """The register of the page that is being built."""
    return _pages.setdefault(get_blocks_context(), Register())


def register(tab: str, **settings: Any) -> None:
    """Keep these settings of a tab in the address.

    Args:
        tab: id of the ``gr.Tab``.
        **settings: Dropdown, CheckboxGroup, Radio, Slider, Number, Checkbox or Textbox, by a short name.

    Raises:
        TypeError: another component.
    """
    for name, component in settings.items():
        field_of(component)  # now, where the mistake is
        _here().settings[f"{tab}.{name}"] = component


def sets(chosen: gr.Dropdown) -> None:
    """A choice of an example set: it shows the set that the collection holds, whichever tab loaded it."""
    _here().chosen.append(chosen)


def uploads(own: gr.State, named: str) -> None:
    """A visitor's own pictures or points, which no link carries: ``named`` says which when one is copied."""
    words.speak(named)
    _here().uploads.append((own, _digests(own.value), named))


def field_of(component: Any) -> Field:  # noqa: ANN401
    """What a component's value may be.

    Raises:
        TypeError: not one of the components that :func:`register` takes.
    """
    value = component.value
    if isinstance(component, gr.Radio):
        return Field("choice", value, _choices(component))
    if isinstance(component, gr.Dropdown):
        kind = "choices" if component.multiselect else "choice"
        return Field(kind, value, _choices(component))
    if isinstance(component, gr.CheckboxGroup):
        return Field("choices", value, _choices(component))
    if isinstance(component, gr.Slider | gr.Number):
        whole = isinstance(component.step, int) or getattr(component, "precision", None) == 0
        return Field("number", value, low=component.minimum, high=component.maximum, whole=whole)
    if isinstance(component, gr.Checkbox):
        return Field("flag", bool(value))
    if isinstance(component, gr.Textbox):
        longest = min(address.MAX_TEXT, component.max_length or address.MAX_TEXT)
        return Field("text", value or "", longest=longest)
    raise TypeError(f"an address cannot carry a {type(component).__name__}")


def _choices(component: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return tuple(value for _, value in component.choices or ())


def _digests(items: object) -> tuple[str, ...]:
    if isinstance(items, Points):
        return (items.base,)
    return tuple(item.digest for item in items) if isinstance(items, list | tuple) else ()


def example_of(collection: Sequence[Item]) -> str:
    """Name of the example set that the collection is, in whatever order; "" for anything else."""
    found = set(_digests(collection))
    same = (name for name, entry in examples.examples().items() if set(_digests(entry.items)) == found)
    return next(same, "")


def given(parts: Register, collection: Collection, *pictures: object) -> tuple[Any, ...]:
    """The collection or a visitor's pictures or points changed.

    Returns:
        What the page must know, then every choice of an example set.
    """
    name = example_of(collection or ())
    own = [
        named
        for (_, first, named), now in zip(parts.uploads, pictures, strict=True)
        if _digests(now) not in (first, ())
    ]
    if not name:
        own.insert(0, COLLECTION)
    return gr.update(given=json.dumps({"set": name, "own": own})), *[name or None] * len(parts.chosen)


def restore(parts: Register, tabs: Sequence[str], request: gr.Request) -> tuple[Any, ...]:
    """What the address asks for.

    Returns:
        (words, what the page must know, open tab, collection, every setting in the order of the register)
    """
    fields = {key: field_of(component) for key, component in parts.settings.items()}
    view = address.decode(parameters_of(request), fields, tabs, examples.names())
    said = "".join(cards.note(line, "warn") for line in view.said)
    items = examples.example_set(view.example).items if view.example else gr.skip()
    values = [view.values.get(key, gr.skip()) for key in fields]
    found = json.dumps({**({"tab": view.tab} if view.tab else {}), **view.values})
    opened = gr.Tabs(selected=view.tab) if view.tab else gr.skip()
    return said, gr.update(restored=found), opened, items, *values


def parameters_of(request: gr.Request | None) -> Mapping[str, str]:
    """The query of the page's address as a plain mapping."""
    return dict(getattr(request, "query_params", None) or {})


def bind(demo: gr.Blocks, tabs: gr.Tabs, collection: gr.State, said: gr.HTML) -> Any:  # noqa: ANN401
    """Wire everything that was registered on this page.

    Args:
        demo: the page.
        tabs: its tabs, each with an id.
        collection: the items that the tabs share.
        said: where words about a link's faults go.

    Returns:
        The event of the address having been read, for what must come after it.
    """
    parts = _here()
    pages = [tab for tab in tabs.children if isinstance(tab, gr.Tab)]
    names = [str(tab.id) for tab in pages]
    carrier = _carrier(parts, names)
    for tab in pages:
        tab.select(None, js=f"() => window.Explorer.address.set('tab', '{tab.id}')", **QUIET)
    for key, component in parts.settings.items():
        component.change(None, component, js=f"value => window.Explorer.address.set('{key}', value)", **QUIET)
    states = [collection, *(state for state, _, _ in parts.uploads)]
    gr.on(
        [state.change for state in states],
        guarded(partial(given, parts)),
        states,
        [carrier, *parts.chosen],
        **QUIET,
    )

    def read(request: gr.Request) -> tuple[Any, ...]:
        return restore(parts, names, request)

    return demo.load(
        guarded(read), None, [said, carrier, tabs, collection, *parts.settings.values()], **QUIET
    )


def _carrier(parts: Register, tabs: Sequence[str]) -> gr.HTML:
    """Tells the page what there is, without anything to be seen; ``given`` says what a link lacks."""
    fields = {key: field_of(component) for key, component in parts.settings.items()}
    first = {key: [known.kind, known.default, known.longest, known.high] for key, known in fields.items()}
    about = {
        "version": address.VERSION,
        "tab": tabs[0],
        "tabs": list(tabs),
        "fields": first,
        "longest": address.MAX_TEXT,
    }
    start = {"set": next(iter(examples.names()), ""), "own": []}
    return gr.HTML(
        json.dumps({**about, "set": start["set"]}),
        html_template="<span></span>",
        js_on_load="window.Explorer.address.mount(props, watch);",
        apply_default_css=False,
        given=json.dumps(start),
        restored="",
        elem_id="explorer-address",
        elem_classes="xp-unseen",
    )
