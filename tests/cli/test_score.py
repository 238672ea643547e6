"""`ood-bench score` and `models export`, on the digits of a finished run."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.conftest import NORMAL, Command
from tests.stored import members, unpack

from ood_bench.hashing import file_sha256
from ood_bench.zoo import summary

COLUMNS = ["file", "log_prob", "bits_per_dim", "score", "verdict"]


@pytest.fixture
def photos(tmp_path: Path, digits: dict[str, np.ndarray]) -> Path:
    """Twelve digits as files, some in a folder below."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for i, image in enumerate(digits["high"][:12]):
        Image.fromarray(image[0]).save(folder / ("more" if i % 3 == 0 else ".") / f"{i:02}.png")
    return folder


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


def test_an_exported_model_scores_as_the_run_does_wherever_it_lies(
    finished: Path, photos: Path, tmp_path: Path, ood_bench: Command
) -> None:
    results = finished / "results"
    done = ood_bench("models", "export", "cv-glow", "--results", results, "-o", tmp_path / "kept")
    assert done.status == 0, done.err
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "README.md",
        "course.parquet",
        "data.json",
        "held_out.parquet",
        "model.json",
        "training.json",
        "weights.safetensors",
    ]
    moved = (tmp_path / "kept").rename(tmp_path / "moved")
    for detector in ("likelihood", "typicality", "input_complexity"):
        arguments = ("--images", photos, "--detector", detector)
        before = scored(ood_bench, finished, "--model=cv-glow", *arguments)
        after = scored(ood_bench, tmp_path, "--model", moved, *arguments)
        pd.testing.assert_frame_equal(before, after)


def test_an_exported_model_has_a_card_and_can_be_fetched_by_a_name(
    finished: Path,
    photos: Path,
    tmp_path: Path,
    ood_bench: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OOD_BENCH_ZOO", str(tmp_path / "zoo"))
    results, kept = finished / "results", tmp_path / "kept"
    assert ood_bench("models", "export", "glow", "--results", results, "-o", kept).status == 0
    told = summary(kept)
    (run,) = results.glob("tiny-*")
    table = pd.read_csv(run / "tables" / "results.csv")
    own = table.query("metric == 'bpd_inside' and model == 'glow' and seed == '0'")
    assert told.measured == pytest.approx(own["value"].item(), abs=1e-4)
    assert (told.plugin, told.data, told.measure) == ("glow", "low", "bits per dimension")
    card = (kept / "README.md").read_text()
    training = json.loads((kept / "training.json").read_text())
    assert f"{training['bpd_validation']:.3f}" in card
    assert "# kept\n" in card
    assert json.loads((kept / "data.json").read_text())["name"] == "low"
    assert ood_bench("models", "fetch", "mine", "--from", kept).status == 0
    listed = ood_bench("models", "zoo").out
    assert "mine" in listed
    assert "fetched" in listed
    by_name = scored(ood_bench, tmp_path, "--model=zoo:mine", "--images", photos)
    pd.testing.assert_frame_equal(
        by_name, scored(ood_bench, tmp_path, "--model", kept, "--images", photos)
    )


def test_an_export_has_large_tensors_in_float16_if_bits_per_dimension_stay_the_same(
    finished: Path,
    photos: Path,
    tmp_path: Path,
    ood_bench: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ("models", "export", "glow", "--results", finished / "results")
    full, half = tmp_path / "full", tmp_path / "half"
    monkeypatch.setattr("ood_bench.scoring.half.SMALL", (small := 100,))
    assert ood_bench(*command, "-o", full).status == 0
    done = ood_bench(*command, "--float16", photos, "-o", half)
    assert done.status == 0, done.err
    before, after = (load_file(folder / "weights.safetensors") for folder in (full, half))
    rounded = [name for name, value in after.items() if value.dtype == torch.float16]
    assert rounded
    for name, value in before.items():
        assert torch.equal(after[name], value.half() if name in rounded else value)
        assert (name in rounded) == (value.numel() > small)
    exact, bits = (
        scored(ood_bench, tmp_path, "--model", folder, "--images", photos)["bits_per_dim"]
        for folder in (full, half)
    )
    change = (bits - exact).abs().max()
    assert 0 < change <= 1e-3
    monkeypatch.setattr("ood_bench.scoring.half.TOLERANCE", 0.9 * change)
    assert ood_bench(*command, "--float16", photos, "-o", tmp_path / "fewer").status == 0
    fewer = load_file(tmp_path / "fewer" / "weights.safetensors")
    halved = {name for name, value in fewer.items() if value.dtype == torch.float16}
    assert halved < set(rounded)
    table = scored(ood_bench, tmp_path, "--model", tmp_path / "fewer", "--images", photos)
    assert 0 < (table["bits_per_dim"] - exact).abs().max() <= 0.9 * change
    monkeypatch.setattr("ood_bench.scoring.half.TOLERANCE", 0.0)
    done = ood_bench(*command, "--float16", photos, "-o", tmp_path / "refused")
    assert done.status == 2
    assert "glow@low/0: float16 weights change an image by " in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "refused").exists()
    monkeypatch.setattr("ood_bench.scoring.half.SMALL", (small, 10**9))
    assert ood_bench(*command, "--float16", photos, "-o", tmp_path / "kept").status == 0
    kept = load_file(tmp_path / "kept" / "weights.safetensors")
    assert all(torch.equal(kept[name], value) for name, value in before.items())
    done = ood_bench(*command, "--float16", tmp_path / "nothing", "-o", tmp_path / "refused")
    assert (done.status, len(done.err.splitlines())) == (2, 1)


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


def test_a_model_of_a_file_travels_with_its_source(
    tiny: Path, digits: dict[str, np.ndarray], ood_bench: Command, tmp_path: Path
) -> None:
    (tiny.parent / "normal.py").write_text(NORMAL)
    own = "models={normal: {use: './normal.py:Normal'}}"
    run = ("run", tiny, "--set", own, "--set", "analyses=[]", "--set", "claims=[]")
    assert ood_bench(*run).status == 0
    exported = tmp_path / "exported"
    assert ood_bench("models", "export", "normal", "-o", exported).status == 0
    (tiny.parent / "normal.py").unlink()
    arguments = ("score", "--model", exported, "--images", "high.npz")
    refused = ood_bench(*arguments)
    assert refused.status == 2
    assert len(refused.err.splitlines()) == 1
    assert f"would run the file normal.py (SHA-256 {file_sha256(exported / 'normal.py')})" in (
        refused.err
    )
    assert "--trust-code" in refused.err
    done = ood_bench(*arguments, "-o", "high.csv", "--trust-code")
    assert done.status == 0, done.err
    (exported / "normal.py").write_text(NORMAL + "# changed\n")
    changed = ood_bench(*arguments, "--trust-code")
    assert changed.status == 2
    assert "normal.py is not what was exported" in changed.err


def test_a_model_of_files_travels_with_all_that_it_imports(
    tiny: Path, ood_bench: Command, tmp_path: Path
) -> None:
    folder = tiny.parent
    (folder / "normal.py").write_text(f"from parts import widths\n{NORMAL}")
    (folder / "parts").mkdir()
    (folder / "parts/widths.py").write_text("WIDTH = 0.3\n")
    (folder / "flow.py").write_text(
        "import torch\nfrom torch.distributions import Independent, Normal\n\n"
        "def build(dims):\n    return Independent(Normal(torch.zeros(dims), torch.ones(dims)), 1)\n"
    )
    own = "models={normal: {use: './normal.py:Normal'}, "
    own += "flow: {use: density, options: {build: './flow.py:build'}}}"
    less = [f"--set={name}=[]" for name in ("analyses", "claims")]
    assert ood_bench("run", tiny, "--set", own, "--set=training.steps=0", *less).status == 0
    for model in ("normal", "flow"):
        assert ood_bench("models", "export", model, "-o", tmp_path / "kept" / model).status == 0
    for name in ("normal.py", "parts/widths.py", "flow.py"):
        (folder / name).unlink()
    for model, code in (("normal", "the file parts/widths.py"), ("flow", "'./flow.py:build'")):
        exported = tmp_path / "kept" / model
        arguments = ("score", "--model", exported, "--images", "high.npz", "-o", "high.csv")
        refused = ood_bench(*arguments)
        assert (refused.status, len(refused.err.splitlines())) == (2, 1)
        assert code in refused.err
        assert "--trust-code" in refused.err
        done = ood_bench(*arguments, "--trust-code")
        assert done.status == 0, done.err
    beside = tmp_path / "kept" / "normal" / "torch.py"
    beside.write_text("")
    refused = ood_bench("score", "--model", beside.parent, "--images", "high.npz", "--trust-code")
    assert "'torch.py' is no file of the model that has a checksum" in refused.err


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
