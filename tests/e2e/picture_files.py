"""Pictures as small PNG files, and many of them on one sheet."""

from io import BytesIO
from math import ceil
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

# Colours of a picture: pages have few, and a palette is a third of the size.
COLOURS, SHEET_COLOURS = 256, 128
GAP, LABEL = 16, 22


def keep(png: bytes, path: Path, colours: int = COLOURS) -> None:
    """Write a picture with a palette of its own."""
    image = Image.open(BytesIO(png)).convert("RGB")
    _write(image, path, colours)


def sheet(pictures: dict[str, bytes], path: Path, *, columns: int, width: int) -> None:
    """Write pictures side by side, each `width` wide, in rows of `columns`, with their names below."""
    small = {}
    for name, png in pictures.items():
        image = Image.open(BytesIO(png)).convert("RGB")
        height = round(image.height * width / image.width)
        small[name] = image.resize((width, height), Image.Resampling.LANCZOS)
    tallest = max(image.height for image in small.values())
    across, down = width + GAP, tallest + LABEL + GAP
    whole = Image.new(
        "RGB", (GAP + columns * across, GAP + ceil(len(small) / columns) * down), "#c9cdd3"
    )
    write, font = ImageDraw.Draw(whole), ImageFont.load_default(size=13)
    for place, (name, image) in enumerate(small.items()):
        left, top = GAP + place % columns * across, GAP + place // columns * down
        whole.paste(image, (left, top))
        write.text((left, top + image.height + 3), name, fill="#111111", font=font)
    _write(whole, path, SHEET_COLOURS)


def _write(image: Image.Image, path: Path, colours: int) -> None:
    # Maximum coverage keeps rare colours, the one red word on a grey page; a round of k-means the grey.
    small = image.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    small.save(path, "PNG", optimize=True)
