"""Media: what a kind of inputs may show in place of a text; Picture, and in `sound` Sound."""

import base64
from typing import Self


class Media(str):
    """A text that stands where nothing else can be shown, and the content of a file.

    A column of them has the dtype object; pandas makes plain texts of them otherwise.
    """

    media_type: str
    content: bytes

    def __new__(cls, alt: str, content: bytes, *, media_type: str) -> Self:
        """`media_type`: one that browsers show or play, as image/png or audio/wav."""
        media = super().__new__(cls, alt)
        media.content, media.media_type = content, media_type
        return media

    @property
    def data_uri(self) -> str:
        """The content as an address that needs no other file."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.content).decode()}"


class Picture(Media):
    """A picture: image/png, image/svg+xml or another that browsers show."""
