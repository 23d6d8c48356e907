"""What AWS takes as the value of a tag, and a readable stand-in for what it does not take.

Source: the pattern of a tag in the S3 Control model, `^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$`, at most 256 characters.
"""

import re
import unicodedata

MAX_LENGTH = 256
_PUNCTUATION = frozenset("_.:/=+-@")
_ORDINARY = re.compile("[A-Za-z0-9_.:/=+@-]+( [A-Za-z0-9_.:/=+@-]+)*")
"""Nearly every name; only a shortcut."""
_STAND_INS = str.maketrans(
    {"&": "+", **dict.fromkeys("()[]{}<>", " "), **dict.fromkeys('"“”„«»', ""), **dict.fromkeys("'’‘`", "-")}
)


def is_tag_value(text: str) -> bool:
    """Does AWS take `text` as it is? The empty text, too, is a tag value."""
    return len(text) <= MAX_LENGTH and all(map(_is_allowed, text))


def sanitise(text: str) -> str:
    """A tag value that reads like `text`: always valid, never empty, and `sanitise(sanitise(x)) == sanitise(x)`.

    `O'Brien & Co. (UK), Ltd` becomes `O-Brien + Co. UK Ltd`. White space collapses, what has no stand-in becomes
    one `-` a run, and combining marks that no letter absorbs are dropped.
    """
    if len(text) <= MAX_LENGTH and _ORDINARY.fullmatch(text):
        return text
    composed = unicodedata.normalize("NFC", text)
    spoken = re.sub(r"[,;](?=\s|$)", "", composed).translate(_STAND_INS)
    kept = "".join(_spell(character) for character in spoken)
    dashed = unicodedata.normalize("NFC", re.sub("\0+", "-", kept))
    return " ".join(dashed.split())[:MAX_LENGTH].rstrip() or "-"


def _spell(character: str) -> str:
    """The character, a space for white space, nothing for a combining mark, NUL for what AWS refuses."""
    if character.isspace():
        return " "
    if unicodedata.category(character)[0] == "M":
        return ""
    return character if _is_allowed(character) else "\0"


def _is_allowed(character: str) -> bool:
    return character in _PUNCTUATION or unicodedata.category(character)[0] in "LZN"
