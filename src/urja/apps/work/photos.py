"""Recognises photographs by their file signatures, without decoding them.

A browser shows a photo only under the type found here, so an HTML page or a program cannot be served as a picture.
"""

import struct
from typing import Final

from urja.apps.work.errors import PhotoError
from urja.apps.work.kinds import PhotoKind
from urja.apps.work.models import MOST_PHOTO_BYTES

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = struct.pack(">I", 0) + b"IEND\xaeB`\x82"
_JPEG: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"


def kind_of(content: bytes) -> PhotoKind:
    """Return whether bytes are a JPEG or a PNG image.

    Raises PhotoError for anything else, for a truncated file, and for more than `MOST_PHOTO_BYTES`.
    """
    if not content:
        raise PhotoError("the file is empty")
    if len(content) > MOST_PHOTO_BYTES:
        raise PhotoError(
            f"a photo has at most {MOST_PHOTO_BYTES // 1024} kB, not {len(content) // 1024}: take a smaller one"
        )
    if content.startswith(_JPEG):
        # Some cameras write zeros after the end.
        if content.rstrip(b"\0").endswith(_JPEG_END):
            return PhotoKind.JPEG
        raise PhotoError("the image is incomplete: send it again")
    if content.startswith(_PNG) and content[12:16] == b"IHDR":
        if content.endswith(_PNG_END):
            return PhotoKind.PNG
        raise PhotoError("the image is incomplete: send it again")
    raise PhotoError("a photo must be a JPEG or a PNG image")
