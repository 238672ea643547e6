"""`ood-bench score`, on the digits of a finished run."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.conftest import Command
from tests.stored import members, unpack

COLUMNS = ["file", "log_prob", "bits_per_dim", "score", "verdict"]


def scored(ood_bench: Command, finished: Path, *arguments: object) -> pd.DataFrame:
    done = ood_bench("score", "--results", finished / "results", *arguments)
    assert done.status == 0, done.err
    return pd.read_csv(io.StringIO(done.out))


def test_files_patterns_and_several_sources_are_scored_in_their_order(
    finished: Path, photos: Path, digits: dict[str, np.ndarray], ood_bench: Command
) -> None:
    table = scored(ood_bench, finished, "--model=glow", "--images", photos)
    by_name = table.set_index("file")["log_prob"]
    single = scored(ood_bench, finished, "--model=glow", "--images", photos / "01.png")
    assert single["file"].tolist() == [str(photos / "01.png")]
    assert single["log_prob"].tolist() == [by_name["01.png"]]
    pattern = scored(ood_bench, finished, "--model=glow", "--images", photos / "0*.png")
    names = ["01.png", "02.png", "04.png", "05.png", "07.png", "08.png"]
    assert pattern["file"].tolist() == [str(photos / name) for name in names]
    assert pattern["log_prob"].tolist() == by_name[names].tolist()
    shell = ("--images", *sorted(photos.glob("0*.png")))
    pd.testing.assert_frame_equal(scored(ood_bench, finished, "--model=glow", *shell), pattern)
    np.savez(photos.parent / "two.npz", images=digits["high"][1:3])
    both = ("--images", photos / "02.png", "--images", photos.parent / "two.npz")
    mixed = scored(ood_bench, finished, "--model=glow", *both, "--images", photos / "01.png")
    two = f"{photos.parent / 'two.npz'}/all"
    expected = [str(photos / "02.png"), f"{two}[0]", f"{two}[1]", str(photos / "01.png")]
    assert mixed["file"].tolist() == expected
    order = ["02.png", "01.png", "02.png", "01.png"]
    assert mixed["log_prob"].tolist() == by_name[order].tolist()


def test_the_old_name_of_the_images_works_with_a_note_and_data_is_the_root_beside_images(
    finished: Path, photos: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = scored(ood_bench, finished, "--model=glow", "--images", photos)
    here = ("score", "--results", finished / "results", "--model=glow")
    monkeypatch.setenv("OOD_BENCH_DATA", str(photos.parent))
    done = ood_bench(*here, "--data", photos)
    note = "--data names the data root now; name the images with --images"
    assert (done.status, done.err.splitlines()[0]) == (0, note)
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(done.out)), new)
    done = ood_bench(*here, "--images", photos, "--data", photos.parent)
    assert (done.status, "--data names" in done.err) == (0, False)
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(done.out)), new)
    done = ood_bench(*here)
    assert (done.status, done.err) == (2, "name the images to score: --images IMAGES\n")
    file = photos / "01.png"
    done = ood_bench(*here, "--images", photos, "--data", file)
    assert (done.status, done.err) == (2, f"--data {file}: {file} is a file; name a folder\n")
    done = ood_bench(*here, "--images", "nothing-*.png")
    assert (done.status, done.err) == (2, "'nothing-*.png': nothing matches\n")


def test_a_folder_is_scored_file_by_file(
    finished: Path, photos: Path, digits: dict[str, np.ndarray], ood_bench: Command
) -> None:
    done = ood_bench("score", "--results", finished / "results", "--model=glow", "--images", photos)
    table = pd.read_csv(io.StringIO(done.out))
    assert table.columns.tolist() == COLUMNS
    assert table["file"].tolist()[:5] == ["01.png", "02.png", "04.png", "05.png", "07.png"]
    assert table["file"].tolist()[-1] == "more/09.png"
    by_file = table.sort_values("file", key=lambda names: names.str[-6:])
    np.savez(photos.parent / "same.npz", images=digits["high"][:12])
    same = scored(ood_bench, finished, "--model=glow", "--images", photos.parent / "same.npz")
    np.testing.assert_allclose(by_file["log_prob"], same["log_prob"], rtol=1e-6)
    np.testing.assert_allclose(-table["log_prob"], table["score"])
    np.testing.assert_allclose(table["score"] / (64 * np.log(2)), table["bits_per_dim"])
    odd = (table["verdict"] == "OOD").sum()
    assert f"{odd} of 12 images are OOD for glow@low/0: likelihood above" in done.err
    assert "5 % of 60 held-out ID images; transform: none" in done.err


def test_the_file_of_a_training_cell_is_a_model_and_so_is_the_folder_of_an_old_one(
    finished: Path, photos: Path, tmp_path: Path, ood_bench: Command
) -> None:
    shutil.copytree(finished / "results", tmp_path / "results")
    (key,) = (
        key
        for key, manifest in members(tmp_path / "results").items()
        if json.loads(manifest.read_text())["name"] == "train/glow@low/0"
    )
    file = tmp_path / f"results/store/cells/{key}.zip"
    named = scored(ood_bench, finished, "--model=glow@low", "--images", photos)
    cell = scored(ood_bench, tmp_path, "--model", file, "--images", photos)
    pd.testing.assert_frame_equal(cell, named)
    old = scored(ood_bench, tmp_path, "--model", unpack(file), "--images", photos)
    pd.testing.assert_frame_equal(old, named)


def test_scores_are_written_as_csv_or_parquet(
    finished: Path, photos: Path, tmp_path: Path, ood_bench: Command
) -> None:
    table = scored(ood_bench, finished, "--model=glow", "--images", photos)
    for name, read in (("a.csv", pd.read_csv), ("below/a.parquet", pd.read_parquet)):
        path = tmp_path / name
        done = ood_bench(
            *("score", "--results", finished / "results"),
            *("--model=glow", "--images", photos, "-o", path),
        )
        assert done.out.strip() == str(path)
        pd.testing.assert_frame_equal(read(path), table, check_dtype=False)


def test_images_of_another_size_are_refused_until_a_transform_is_given(
    finished: Path, photos: Path, ood_bench: Command
) -> None:
    Image.new("RGB", (30, 20), "red").save(photos / "zz.png")
    arguments = ("score", "--results", finished / "results", "--model=glow", "--images", photos)
    refused = ood_bench(*arguments)
    assert refused.status == 2
    assert refused.err.startswith(f"{photos / 'zz.png'} is 3×20×30 but the model takes 1×8×8")
    assert len(refused.err.splitlines()) == 1
    how = "{crop: square, resize: box, channels: match}"
    done = ood_bench(*arguments, "--transform", how)
    assert done.status == 0, done.err
    assert "transform: square crop, box to 8×8, gray" in done.err


def test_files_that_cannot_be_read_are_all_listed_or_left_out_and_counted(
    finished: Path, photos: Path, ood_bench: Command
) -> None:
    (photos / "01.png").write_bytes(b"x")
    (photos / "more/00.png").write_bytes(b"x")
    (photos / ".hidden").write_bytes(b"x")
    arguments = ("score", "--results", finished / "results", "--model=glow", "--images", photos)
    refused = ood_bench(*arguments)
    assert refused.status == 2
    head, *lines = refused.err.splitlines()
    assert head.startswith(f"'{photos}': 2 of 12 images cannot be read")
    assert [line.partition(": ")[0] for line in lines] == [
        f"  {photos / name}" for name in ("01.png", "more/00.png")
    ]
    done = ood_bench(*arguments, "--on-bad", "skip")
    assert done.status == 0, done.err
    table = pd.read_csv(io.StringIO(done.out))
    assert len(table) == 10
    assert not set(table["file"]) & {"01.png", "more/00.png"}
    assert "of 10 images are OOD" in done.err
    assert "transform: none; 3 left out: 1 hidden, 2 not readable" in done.err
    (photos / "link.png").symlink_to("/nowhere")
    assert "link.png: a link that leads nowhere" in ood_bench(*arguments).err
    assert ood_bench(*arguments, "--on-bad", "ignore").status == 2


def test_images_without_pixels_are_not_resized_to_some(
    finished: Path, tmp_path: Path, ood_bench: Command
) -> None:
    np.savez(tmp_path / "none.npz", images=np.zeros((6, 0, 28), np.uint8))
    resized = ("--transform", "{crop: square, resize: bicubic, channels: match}")
    arguments = (
        "--results",
        finished / "results",
        "--model=glow",
        "--images",
        tmp_path / "none.npz",
    )
    refused = ood_bench("score", *arguments, *resized)
    assert refused.status == 2
    assert "none.npz: its images are 1×0×28 and have no pixels" in refused.err


def test_what_was_done_beyond_decoding_is_said(
    finished: Path, photos: Path, ood_bench: Command
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(photos / "01.png").save(photos / "01.png", exif=exif)
    wide = np.zeros((8, 8), np.uint16)
    Image.fromarray(wide).save(photos / "02.png")
    arguments = ("score", "--results", finished / "results", "--model=glow", "--images", photos)
    assert "02.png: more than 8 bits a channel" in ood_bench(*arguments).err
    done = ood_bench(*arguments, "--transform", "{sixteen_bit: scale}")
    assert done.status == 0, done.err
    assert "1 of 12 images scaled from 0 to 65,535 to 0 to 255" in done.err
    assert "1 of 12 images turned by their EXIF orientation" in done.err


def test_what_was_done_to_the_training_images_is_done_to_a_folders(
    tiny: Path, digits: dict[str, np.ndarray], ood_bench: Command
) -> None:
    wide = np.repeat(np.repeat(digits["low"], 2, axis=2), 2, axis=3)
    np.savez("wide.npz", train_images=wide[:600], test_images=wide[600:])
    shrunk = "{npz: wide.npz, transform: {resize: box}}"
    done = ood_bench(
        *("run", tiny, "--set", f"datasets.low={shrunk}", "--set", "pairs[0].shape=[1,8,8]"),
        *("--set", "analyses=[]"),
    )
    assert done.status == 0, done.err
    folder = tiny.parent / "wide"
    folder.mkdir()
    for i in range(5):
        Image.fromarray(wide[i, 0]).save(folder / f"{i}.png")
    done = ood_bench("score", "--model", "glow", "--images", folder)
    assert done.status == 0, done.err
    assert "transform: box to 8×8" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model=glwo", "--images=."), "no trained model 'glwo'; did you mean 'glow'?"),
        (("--model=.", "--images=."), ".: neither an exported model nor a training lies here"),
        (("--model=glow", "--images=fotos"), "neither a file, a folder nor a data set"),
        (("--model=glow", "--images=mnist_2k"), "did you mean 'mnist_20k'?"),
        (("--model=glow", "--images=empty"), "empty holds no images"),
        (("--model=glow", "--images=broken"), "broken/b.png: not a readable image"),
        (("--model=glow", "--images=texts"), "texts/a.txt: not an image"),
        (
            ("--model=glow", "--images=texts/a.txt"),
            "neither an image, a folder of images nor an .npz",
        ),
        (("--model=glow", "--images=big.npz"), "big.npz: row 0 is 1×9×9 but the model takes 1×8×8"),
        (("--model=glow", "--images=x", "-o", "x.txt"), "ends in .csv or .parquet"),
        (("--model=glow", "--images=x", "--accept=1.5"), "accept must be above 0"),
        (("--model=glow", "--images=x", "--detector=waic"), "Waic reads another model (member.*"),
        (("--model=glow", "--images=x", "--detector=dosee"), "did you mean 'dose'?"),
        (
            ("--model=glow", "--images=x", "--detector=gradient_fisher"),
            "reads gradient_norm.* of held-out images, and the model comes with",
        ),
        (("--model=glow", "--images=x", "--transform={rezise: box}"), "rezise: Extra inputs"),
    ],
)
def test_a_mistake_is_one_line(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    digits: dict[str, np.ndarray],
    ood_bench: Command,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "broken", "texts", "x"):
        Path(name).mkdir()
    Image.fromarray(digits["low"][0, 0]).save("broken/a.png")
    Image.fromarray(digits["low"][0, 0]).save("x/a.png")
    Path("broken/b.png").write_bytes(Path("x/a.png").read_bytes()[:40])
    np.savez("big.npz", images=np.zeros((2, 9, 9), np.uint8))
    Path("texts/a.txt").write_text("no image")
    done = ood_bench("score", "--results", finished / "results", *arguments)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_the_latest_run_is_never_an_archive_and_a_model_must_be_trained(
    tiny: Path, ood_bench: Command
) -> None:
    assert ood_bench("run", tiny, "--only", "detect/glow@low/0/high/*").status == 0
    assert ood_bench("archive", "-o", "results/kept").status == 0
    assert ood_bench("score", "--model=glow", "--images", "high.npz", "-o", "a.csv").status == 0
    done = ood_bench("score", "--model=cv-glow", "--images", "high.npz")
    assert done.status == 2
    assert "cv-glow@low/0 is not trained; run the suite again" in done.err


def test_an_archive_and_a_damaged_export_are_one_line_each(
    finished: Path, tmp_path: Path, ood_bench: Command
) -> None:
    results = finished / "results"
    kept, exported = tmp_path / "kept", tmp_path / "exported"
    assert ood_bench("archive", "--results", results, "-o", kept).status == 0
    done = ood_bench("score", "--model=glow", "--run", kept, "--images", kept)
    assert (done.status, "is an archive, which holds no weights" in done.err) == (2, True)
    assert ood_bench("models", "export", "glow", "--results", results, "-o", exported).status == 0
    again = ood_bench("models", "export", "cv-glow", "--results", results, "-o", exported)
    assert again.status == 0
    assert json.loads((exported / "model.json").read_text())["name"] == "cv-glow@low/0"
    weights = exported / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = ood_bench("score", "--model", exported, "--images", kept)
    assert (done.status, "is not what was exported" in done.err) == (2, True)
    shutil.copyfile(kept / "report.md", exported / "model.json")
    done = ood_bench("score", "--model", exported, "--images", kept)
    assert (done.status, "model.json is damaged" in done.err) == (2, True)
    done = ood_bench("models", "export", "glow", "--results", results, "-o", kept)
    assert (done.status, "not empty and no exported model" in done.err) == (2, True)
