"""Pictures, figures and self-contained HTML pages. Takes tensors and numbers, computes no results of its own."""

from idm.report.blocks import Block, Card, Cards, LabelledPictures, Paragraph, Picture, Table
from idm.report.containers import Fold, Group, SideBySide
from idm.report.curves import Curve, Panel, over_calls
from idm.report.demo_contents import Bound, DemoContents, Denoising, Reconstruction, SampleSet
from idm.report.demo_page import write_demo_page
from idm.report.figures import bound_by_timestep, loss_curve, png, svg
from idm.report.frame import scale_in_words, with_names, with_scale
from idm.report.kinds import SamplePicture, Shown, picture_for, scatter
from idm.report.page import Page
from idm.report.pictures import (
    columns_of,
    grid,
    save_animation,
    save_grid,
    save_picture,
    save_singles,
    tiles_in_row,
)
from idm.report.tiles import tiles

__all__ = [
    "Block",
    "Bound",
    "Card",
    "Cards",
    "Curve",
    "DemoContents",
    "Denoising",
    "Fold",
    "Group",
    "LabelledPictures",
    "Page",
    "Panel",
    "Paragraph",
    "Picture",
    "Reconstruction",
    "SamplePicture",
    "SampleSet",
    "Shown",
    "SideBySide",
    "Table",
    "bound_by_timestep",
    "columns_of",
    "grid",
    "loss_curve",
    "over_calls",
    "picture_for",
    "png",
    "save_animation",
    "save_grid",
    "save_picture",
    "save_singles",
    "scale_in_words",
    "scatter",
    "svg",
    "tiles",
    "tiles_in_row",
    "with_names",
    "with_scale",
    "write_demo_page",
]
