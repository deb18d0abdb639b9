"""A folder of image files, all of one kind and size."""

from collections.abc import Sequence
from pathlib import Path

from idm.core.errors import DataError
from idm.core.text import counted
from idm.data.images.decode import MAX_PIXELS
from idm.data.images.files import LabelRule, find_files, read_labels
from idm.data.images.pixels import PixelRule
from idm.data.images.resize import ImageSize
from idm.data.images.source import ImageList, ImageOptions, ImageSource
from idm.data.parts import TRAIN, choose_part, part_of_name
from idm.data.remarks import listed


class ImageFolder(ImageSource):
    """PNG, JPEG, WebP, BMP and TIFF files below a folder, in the order of their paths.

    Pixels keep the depth of the files (8-bit grey or RGB, 16-bit grey), which is decided by the first file. How they
    are judged, decoded and kept is told in ``idm.data.images.collection``.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        image_size: ImageSize | None = None,
        labels: LabelRule = "auto",
        split: str | None = None,
        upscale: bool = False,
        max_pixels: int = MAX_PIXELS,
        pixels: PixelRule = "refuse",
    ) -> None:
        """Find and check the files.

        Args:
            path: the folder; its sub-folders are included, hidden files are not.
            image_size: what every image is resized and cropped to: the side of a square, or height and width; by
                default all images must have one size, which is kept.
            labels: where classes come from: sub-folders (the first of the path; "parent": the one the file lies in;
                "path": all of them), file names up to the first "_", nowhere, or whichever fits.
            split: which part is read, train, val or test, where folders or files are named so; by default all together.
            upscale: allow images that are smaller than image_size.
            max_pixels: largest image that is opened.
            pixels: what becomes of transparency, CMYK, 16-bit colour and files of several kinds: "refuse"; "convert" to
                grey or RGB of 8 bits without alpha; the same on "white" or "black"; or "keep" alpha as a channel.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: no images; files that are not of one kind or size, by name; no labels where they are asked for.
        """
        super().__init__(
            list_folder(Path(path).absolute(), labels, split), ImageOptions(image_size, upscale, max_pixels, pixels)
        )


def list_folder(root: Path, labels: LabelRule = "auto", split: str | None = None) -> ImageList:
    """Find the images below a folder and their classes; none is opened.

    Raises:
        DataError: no folder, or no images in it or in the part that is read; no labels where they are asked for.
    """
    files, others = find_files(root)
    if not files:
        found = f"{counted(len(others), 'other file')} such as {others[0]}" if others else "an empty folder"
        raise DataError(f"{root}: PNG, JPEG, WebP, BMP or TIFF images wanted, got {found}")
    chosen = choose_part(root, files, split, every=True)
    classes, class_names, note = read_labels(list(chosen.below), labels)
    note += f", {counted(len(others), 'file')} of other kinds skipped" if others else ""
    return ImageList(
        [root / file for file in chosen.files],
        chosen.files,
        classes,
        note,
        class_names,
        skipped=tuple(others),
        remarks=(*chosen.remarks, *(_lists(root, others) if classes is None and labels == "auto" else ())),
    )


def _lists(root: Path, others: Sequence[str]) -> tuple[str, ...]:
    """Say of CSV files beside images without classes that they may hold these; nothing where there is none.

    One to train on comes before others.
    """
    tables = [file for file in others if file.lower().endswith(".csv")]
    tables.sort(key=lambda file: part_of_name(Path(file).stem) != TRAIN)
    if not tables:
        return ()
    told, path = f"no classes, and {listed(tables)}", root / tables[0]
    if len(tables) == 1:
        return (f"{told} is not read; if it lists images and their classes, give its path: {path}",)
    return (f"{told} are not read; if one lists images and their classes, give its path: {path}",)
