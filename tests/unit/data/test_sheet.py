"""Contact sheets."""

import numpy as np
from tests.unit.data import sets

from ood_bench.data import contact_sheet


def test_a_contact_sheet_shows_every_image_row_by_row() -> None:
    images = sets.random_pixels(5, 3, 32, 32).images
    sheet = np.asarray(contact_sheet(images, columns=3))
    cell = 2 * 32 + 2  # enlarged twice, and a gap
    assert sheet.shape == (2 * cell + 2, 3 * cell + 2, 3)
    for i, image in enumerate(images):
        top, left = i // 3 * cell + 2, i % 3 * cell + 2
        shown = sheet[top : top + 64 : 2, left : left + 64 : 2].transpose(2, 0, 1)
        assert np.array_equal(shown, image)


def test_a_contact_sheet_of_gray_images_is_gray() -> None:
    sheet = contact_sheet(sets.random_pixels(2, 1, 100, 100).images)
    assert sheet.mode == "L"
    assert sheet.size == (2 * 102 + 2, 104)
