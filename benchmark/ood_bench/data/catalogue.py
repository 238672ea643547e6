"""The catalogue of data sets: sources, published counts and digests, citations."""

from importlib.metadata import entry_points

from ood_bench.data.entry import Entry
from ood_bench.data.installed import GROUP, Catalogue
from ood_bench.data.options import Transform
from ood_bench.data.shape import Shape
from ood_bench.data.sources.cifar import CifarBatches
from ood_bench.data.sources.embedded import Embedded
from ood_bench.data.sources.folder import (
    Unpacked,
    celeba,
    omniglot,
    places365,
    textures,
    tiny_imagenet,
)
from ood_bench.data.sources.generated import constant, noise
from ood_bench.data.sources.hub import Hub
from ood_bench.data.sources.idx import Idx
from ood_bench.data.sources.mat import SvhnMat
from ood_bench.data.sources.tabular import Columns, RootParquet

GRAY28 = Shape(1, 28, 28)
COLOUR32 = Shape(3, 32, 32)

DIGITS = Transform(pad="zero", resize="bicubic", channels="match")
PHOTOS = Transform(crop="square", resize="bicubic", channels="match")


_KRIZHEVSKY = "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"
_TINY_IMAGES = "none stated by the publisher; from the withdrawn 80 Million Tiny Images"
_XIAO = (
    "Xiao, Rasul, Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine "
    "Learning Algorithms, arXiv:1708.07747, 2017"
)
_LECUN = (
    "LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, "
    "Proceedings of the IEEE, 1998"
)
_ZALANDO = "MIT, copyright 2017 Zalando SE"
_LECUN_TERMS = "CC BY-SA 3.0, copyright LeCun and Cortes"
_IMAGENET_TERMS = "non-commercial research and education (ImageNet terms)"

_FASHION_TEST = "1c8babbf019d18d8a1323e0634602a7b"
_MNIST_TEST = "4c570e3accd1e7e784ae258f7045d320"
_FASHION = {"train": "e9558368261a11c41749d72b0343b1c8", "test": _FASHION_TEST}
_MNIST = {"train": "66bec722f2a02e281f66e77909093e8b", "test": _MNIST_TEST}
_FASHION_20K = {"train": "466a33cd39f07e15722d95030e532fa0", "test": _FASHION_TEST}
_MNIST_20K = {"train": "41e863ead280b1a490372f49967c1cce", "test": _MNIST_TEST}

_ENTRIES = (
    Entry(
        "fashion_mnist",
        "FashionMNIST",
        _ZALANDO,
        _XIAO,
        shape=GRAY28,
        counts={"train": 60_000, "test": 10_000},
        sources=(
            RootParquet(),
            Idx(("FashionMNIST/raw", "fashion_mnist", "fashion-mnist")),
            Hub("zalando-datasets/fashion_mnist"),
        ),
        transform=DIGITS,
        digests=_FASHION,
        embedded="fashion_mnist_20k",
    ),
    Entry(
        "mnist",
        "MNIST",
        _LECUN_TERMS,
        _LECUN,
        shape=GRAY28,
        counts={"train": 60_000, "test": 10_000},
        sources=(RootParquet(), Idx(("MNIST/raw", "mnist")), Hub("ylecun/mnist")),
        transform=DIGITS,
        digests=_MNIST,
        embedded="mnist_20k",
    ),
    Entry(
        "fashion_mnist_20k",
        "FashionMNIST, first 20,000 training images and all test images",
        _ZALANDO,
        _XIAO,
        shape=GRAY28,
        counts={"train": 20_000, "test": 10_000},
        sources=(
            Embedded(
                GRAY28,
                {
                    "train": "beddeff9abda8d400b0e7ed491dde0175f22d37a55fd29523bc3691eb216df54",
                    "test": "c75cf50b05e13cab818b3ba738311dd0ec8df5d70ed640a234196ab6137fdd8c",
                },
            ),
        ),
        transform=DIGITS,
        digests=_FASHION_20K,
        first_of="fashion_mnist",
    ),
    Entry(
        "mnist_20k",
        "MNIST, first 20,000 training images and all test images",
        _LECUN_TERMS,
        _LECUN,
        shape=GRAY28,
        counts={"train": 20_000, "test": 10_000},
        sources=(
            Embedded(
                GRAY28,
                {
                    "train": "cdfa2f2c3a5f11762717ecfc7f94b621b591484d974033b354e2845aa4932845",
                    "test": "5e1eb21cfeb6e5be2e144fa23f7ae0a25cc3473087c48793ccd0c26a731b1bac",
                },
            ),
        ),
        transform=DIGITS,
        digests=_MNIST_20K,
        first_of="mnist",
    ),
    Entry(
        "kmnist",
        "Kuzushiji-MNIST",
        "CC BY-SA 4.0, ROIS-DS Center for Open Data in the Humanities",
        "Clanuwat, Bober-Irizar, Kitamoto, Lamb, Yamamoto, Ha, Deep Learning for Classical "
        "Japanese Literature, arXiv:1812.01718, 2018",
        shape=GRAY28,
        counts={"train": 60_000, "test": 10_000},
        sources=(RootParquet(), Idx(("KMNIST/raw", "kmnist")), Hub("tanganke/kmnist")),
        transform=DIGITS,
    ),
    Entry(
        "omniglot",
        "Omniglot, strokes bright on black as in MNIST",
        "MIT, copyright 2015 Brenden Lake",
        "Lake, Salakhutdinov, Tenenbaum, Human-level concept learning through probabilistic "
        "program induction, Science, 2015",
        shape=Shape(1, 105, 105),
        counts={"train": 19_280, "test": 13_180},
        sources=(
            RootParquet(),
            Unpacked("omniglot-py", omniglot),
            Hub("GATE-engine/omniglot", splits={"all": "full"}),
        ),
        transform=Transform(resize="bicubic", channels="match", invert=True),
    ),
    Entry(
        "cifar10",
        "CIFAR-10",
        _TINY_IMAGES,
        _KRIZHEVSKY,
        shape=COLOUR32,
        counts={"train": 50_000, "test": 10_000},
        sources=(
            RootParquet(),
            CifarBatches(
                "cifar-10-batches-py",
                {
                    "train": tuple(f"data_batch_{i}" for i in range(1, 6)),
                    "test": ("test_batch",),
                },
                "labels",
            ),
            Hub("uoft-cs/cifar10", Columns("img", "label")),
        ),
        transform=PHOTOS,
    ),
    Entry(
        "cifar100",
        "CIFAR-100",
        _TINY_IMAGES,
        _KRIZHEVSKY,
        shape=COLOUR32,
        counts={"train": 50_000, "test": 10_000},
        sources=(
            RootParquet(),
            CifarBatches(
                "cifar-100-python", {"train": ("train",), "test": ("test",)}, "fine_labels"
            ),
            Hub("uoft-cs/cifar100", Columns("img", "fine_label")),
        ),
        transform=PHOTOS,
    ),
    Entry(
        "svhn",
        "SVHN, cropped digits",
        "non-commercial use only",
        "Netzer, Wang, Coates, Bissacco, Wu, Ng, Reading Digits in Natural Images with "
        "Unsupervised Feature Learning, NIPS workshop, 2011",
        shape=COLOUR32,
        counts={"train": 73_257, "test": 26_032},
        sources=(
            RootParquet(),
            SvhnMat(),
            Hub("ufldl-stanford/svhn", config="cropped_digits"),
        ),
        transform=PHOTOS,
    ),
    Entry(
        "celeba",
        "CelebA, aligned and cropped",
        "non-commercial research only; copies may not be passed on (CelebA agreement)",
        "Liu, Luo, Wang, Tang, Deep Learning Face Attributes in the Wild, ICCV, 2015",
        shape=Shape(3, 218, 178),
        counts={"train": 162_770, "test": 19_962},
        sources=(
            RootParquet(),
            Unpacked("celeba", celeba),
            Hub("flwrlabs/celeba", Columns("image", "celeb_id")),
        ),
        transform=Transform(crop=148, resize="bicubic", channels="match"),
    ),
    Entry(
        "imagenet32",
        "ImageNet 32×32",
        _IMAGENET_TERMS,
        "Chrabaszcz, Loshchilov, Hutter, A Downsampled Variant of ImageNet as an Alternative to "
        "the CIFAR datasets, arXiv:1707.08819, 2017",
        shape=COLOUR32,
        counts={"train": 1_281_167, "test": 50_000},
        sources=(
            RootParquet(),
            Hub("benjamin-paine/imagenet-1k-32x32", splits={"test": "validation"}),
        ),
        transform=PHOTOS,
    ),
    Entry(
        "tiny_imagenet",
        "Tiny ImageNet",
        _IMAGENET_TERMS,
        "Le, Yang, Tiny ImageNet Visual Recognition Challenge, 2015; Deng, Dong, Socher, Li, Li, "
        "Fei-Fei, ImageNet: A Large-Scale Hierarchical Image Database, CVPR, 2009",
        shape=Shape(3, 64, 64),
        counts={"train": 100_000, "test": 10_000},
        sources=(
            RootParquet(),
            Unpacked("tiny-imagenet-200", tiny_imagenet),
            Hub("zh-plus/tiny-imagenet", splits={"test": "valid"}),
        ),
        transform=Transform(resize="box", channels="match"),
    ),
    Entry(
        "textures",
        "Describable Textures (DTD)",
        "research purposes only",
        "Cimpoi, Maji, Kokkinos, Mohamed, Vedaldi, Describing Textures in the Wild, CVPR, 2014",
        counts={"train": 3_760, "test": 1_880},
        sources=(RootParquet(), Unpacked("dtd/dtd", textures), Hub("tanganke/dtd")),
        transform=PHOTOS,
    ),
    Entry(
        "places365",
        "Places365, small images",
        "non-commercial research and education; copies may not be passed on (Places terms)",
        "Zhou, Lapedriza, Khosla, Oliva, Torralba, Places: A 10 Million Image Database for Scene "
        "Recognition, IEEE Transactions on Pattern Analysis and Machine Intelligence, 2018",
        shape=Shape(3, 256, 256),
        counts={"train": 1_803_460, "test": 36_500},
        sources=(RootParquet(), Unpacked("places365", places365)),
        transform=PHOTOS,
    ),
    Entry(
        "lsun",
        "LSUN bedrooms, the hub's 20 % sample",
        "research purposes only",
        "Yu, Seff, Zhang, Song, Funkhouser, Xiao, LSUN: Construction of a Large-scale Image "
        "Dataset using Deep Learning with Humans in the Loop, arXiv:1506.03365, 2015",
        counts={"train": 287_968, "test": 15_157},
        sources=(RootParquet(), Hub("pcuenq/lsun-bedrooms")),
        transform=PHOTOS,
    ),
    Entry(
        "constant",
        "Constant images",
        "none needed",
        "",
        generate=constant,
        takes=("level", "colour", "count"),
    ),
    Entry("noise", "Uniform noise", "none needed", "", generate=noise, takes=("seed", "count")),
)


def catalogue() -> Catalogue:
    """Return the data sets known by name: ours, and those of installed packages."""
    return Catalogue(_ENTRIES, entry_points(group=GROUP))
