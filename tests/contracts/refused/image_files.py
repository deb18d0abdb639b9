"""Files of images, as cases make them."""

import io
import tarfile
import zipfile

import numpy as np
from PIL import Image

from .array_files import npz
from .case import FLAT


def png(width=8, height=8, value=0):
    stream = io.BytesIO()
    pixels = np.arange(width * height).reshape(height, width) + value
    Image.fromarray(pixels.astype(np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def images(*sizes, names=None):
    def make(folder):
        for number, size in enumerate(sizes):
            path = folder / (f"{number}.png" if names is None else names[number])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(*size, number))
        return folder

    return make


def listed(*rows, sizes=((8, 8), (8, 8), (8, 8))):
    def make(folder):
        images(*sizes)(folder)
        (folder / "list.csv").write_text("\n".join(rows) + "\n")
        return folder / "list.csv"

    return make


def shards(*members):
    def make(folder):
        with tarfile.open(folder / "a.tar", "w") as archive:
            for name, content in members:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return folder / "a.tar"

    return make


def stack(width=8, height=8, pages=6):
    def make(folder):
        frames = [Image.fromarray(np.full((height, width), page, np.uint8)) for page in range(pages)]
        for name in ("a", "b"):
            frames[0].save(folder / f"{name}.tif", save_all=True, append_images=frames[1:])
        return folder

    return make


def held_out(folder):
    """Write pictures, and lists of some beside them."""
    (folder / "names.txt").write_text("val/b.png\n")
    (folder / "others.txt").write_text("val/c.png\n")
    (folder / "empty.txt").write_text("\n")
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x00")
    return images((8, 8), (8, 8), names=("a.png", "val/b.png"))(folder)


def with_list(folder):
    held_out(folder)
    return npz(x=FLAT)(folder)


def mixed(folder):
    images((8, 8), (8, 8))(folder)
    np.save(folder / "a.npy", FLAT)
    return folder


def clear(folder):
    for number in range(4):
        Image.new("RGBA", (8, 8), (number, 0, 0, 50 * number)).save(folder / f"{number}.png")
    return folder


def printed(folder):
    for number in range(4):
        Image.new("CMYK", (8, 8), (number, 0, 0, 50 * number)).save(folder / f"{number}.tif")
    return folder


def grey_and_colour(folder):
    images((8, 8), (8, 8))(folder)
    for number in range(2, 4):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    return folder


def zipped(*members):
    def make(folder):
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            for name, content in members:
                archive.writestr(name, content)
        return folder / "a.zip"

    return make


TWO_ZIPPED = zipped(("0.png", png()), ("1.png", png()))

TWO_SIZES = ((8, 8), (9, 8), (8, 8))

CELLS = [png(value=value) for value in range(3)]

UNEVEN = [png(8, 8), png(9, 8), png(8, 8)]
