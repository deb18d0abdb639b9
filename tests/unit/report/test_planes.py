"""Volumes as three planes through the middle."""

import torch

from idm.report.planes import GAP_PIXELS, middle_planes


def test_each_plane_is_the_cut_across_its_axis() -> None:
    x = torch.arange(2 * 3 * 4 * 5.0).view(1, 2, 3, 4, 5)
    found = middle_planes(x)
    # As high as the highest, 4 x 5, 3 x 5 and 3 x 4.
    assert found.shape == (1, 2, 4, 5 + GAP_PIXELS + 5 + GAP_PIXELS + 4)
    torch.testing.assert_close(found[..., :5], x[:, :, 1])
    torch.testing.assert_close(found[..., :3, 6:11], x[:, :, :, 2])
    torch.testing.assert_close(found[..., :3, 12:], x[:, :, :, :, 2])


def test_pixels_are_square_where_voxels_are_not() -> None:
    """Voxels of 3 x 1 x 1 mm: a cut across the last axis has three rows of pixels for each along the first."""
    x = torch.randn(1, 1, 2, 4, 4)
    found = middle_planes(x, (3.0, 1.0, 1.0))
    assert found.shape[2:] == (6, 4 + GAP_PIXELS + 4 + GAP_PIXELS + 4)
    torch.testing.assert_close(found[0, 0, :, -4:], x[0, 0, :, :, 2].repeat_interleave(3, dim=0))
    assert found[0, 0, [0, -1], :4].isnan().all()  # the first cut, 4 x 4, stands in the middle


def test_thin_voxels_do_not_make_a_picture_huge() -> None:
    assert max(middle_planes(torch.zeros(1, 1, 8, 8, 8), (1e-4, 1.0, 1.0)).shape) < 2000
