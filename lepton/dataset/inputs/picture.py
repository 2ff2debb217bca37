"""Picture: what a kind of inputs may show in place of a text."""

import base64


class Picture(str):
    """A text that stands for a picture where none can be shown, and the picture itself.

    A column of them has the dtype object; pandas makes plain texts of them otherwise.
    """

    media_type: str
    content: bytes

    def __new__(cls, alt: str, content: bytes, *, media_type: str) -> "Picture":
        """`media_type`: image/png, image/svg+xml or another that browsers show."""
        picture = super().__new__(cls, alt)
        picture.content, picture.media_type = content, media_type
        return picture

    @property
    def data_uri(self) -> str:
        """The picture as the address of an <img>."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.content).decode()}"
