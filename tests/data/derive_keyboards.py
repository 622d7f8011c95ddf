"""Prints the rows of `stilts/data/noise/keyboards.py` anew, from xkeyboard-config through libxkbcommon.

    python tests/data/derive_keyboards.py

Of each layout the letters, combining marks and digits of rows AE, AD, AC and AB (xkeyboard-config's names, from the
top) are kept, unshifted, and shifted for scripts without case; `_` stands for a key with anything else.
"""

from __future__ import annotations

import ctypes
import unicodedata

KEYS = {"AE": 12, "AD": 12, "AC": 12, "AB": 10}
FEWEST = 5  # characters that make a shifted row worth a line: capitals follow from the letters
LAYOUTS = """
us de fr it es pt latam ro tr az hu fi ee lt vn ng:yoruba sn gr bg ru ua kz ge am ara ir pk il
in in:marathi in:ben in:guj in:guru in:tel in:tam in:mal th mm jp:kana
"""


class _Names(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("rules", "model", "layout", "variant", "options")]


def library() -> ctypes.CDLL | None:
    """libxkbcommon, or None where it is not installed."""
    try:
        xkb = ctypes.CDLL("libxkbcommon.so.0")
    except OSError:
        return None
    pointer, number = ctypes.c_void_p, ctypes.c_uint32
    xkb.xkb_context_new.restype = pointer
    xkb.xkb_keymap_new_from_names.argtypes = [pointer, ctypes.POINTER(_Names), ctypes.c_int]
    xkb.xkb_keymap_new_from_names.restype = pointer
    xkb.xkb_keymap_key_by_name.argtypes = [pointer, ctypes.c_char_p]
    xkb.xkb_keymap_key_by_name.restype = number
    symbols = ctypes.POINTER(ctypes.POINTER(number))
    xkb.xkb_keymap_key_get_syms_by_level.argtypes = [pointer, number, number, number, symbols]
    xkb.xkb_keysym_to_utf32.argtypes = [number]
    xkb.xkb_keysym_to_utf32.restype = number
    return xkb


def derive(xkb: ctypes.CDLL, name: str) -> list[str] | None:
    """The lines of a layout (`layout` or `layout:variant`), or None where xkeyboard-config has it not."""
    layout, _, variant = name.partition(":")
    names = _Names(b"evdev", b"pc105", layout.encode(), variant.encode(), b"")
    keymap = xkb.xkb_keymap_new_from_names(xkb.xkb_context_new(0), ctypes.byref(names), 0)
    if not keymap:
        return None
    lines = []
    for level in (0, 1):
        rows = [[_key(xkb, keymap, f"{row}{i:02}", level) for i in range(1, n + 1)] for row, n in KEYS.items()]
        if level and sum(key != "_" for row in rows for key in row) < FEWEST:
            continue
        lines.append(name + ("^" if level else "") + " | " + " | ".join(" ".join(row).rstrip(" _") for row in rows))
    return lines


def _key(xkb: ctypes.CDLL, keymap: int, name: str, level: int) -> str:
    found = ctypes.POINTER(ctypes.c_uint32)()
    code = xkb.xkb_keymap_key_by_name(keymap, name.encode())
    count = xkb.xkb_keymap_key_get_syms_by_level(keymap, code, 0, level, ctypes.byref(found))
    character = chr(xkb.xkb_keysym_to_utf32(found[0])) if count == 1 else "_"
    if unicodedata.category(character)[0] not in "LMN" or unicodedata.normalize("NFKC", character)[0] != character:
        return "_"
    return "_" if level and (character.isascii() or character.lower() != character) else character


if __name__ == "__main__":
    found = library()
    assert found is not None, "libxkbcommon.so.0 is not installed"
    for name in LAYOUTS.split():
        print("\n".join(derive(found, name) or [f"{name}: not there"]))
