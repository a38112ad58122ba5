"""How the manual is built: ``make docs``, with every warning an error."""

import sys
from pathlib import Path

import numpy.typing

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_ext")]

# In the reference a type reads as it is written, and not as the union of protocols that numpy's name stands for.
numpy.typing.ArrayLike = type("ArrayLike", (), {"__module__": "numpy.typing"})

project = "carsmoo"
author = "carsmoo contributors"
project_copyright = author
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "drawn"]
exclude_patterns = ["_build", "_generated"]
html_theme = "furo"
html_title = "carsmoo"
html_static_path = ["_static"]
html_css_files = ["carsmoo.css"]
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
add_module_names = False

# Nitpicky: a reference inside carsmoo that leads nowhere is an error. What other projects document is not looked up,
# since a build must not need the network.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(numpy|np|pymoo|torch|dist|torchvision|matplotlib|scipy|collections|pathlib|typing|types|os|rich|nn|PIL|threading|abc)\b.*",
    ),
    ("py:exc", r"(?!carsmoo).*"),  # Python's own, which a docstring may name several of at once
    ("py:class", r"carsmoo\.nets\.data\.images\.P"),  # a type variable
    ("py:class", r"(Any|ArrayLike|NDArray|DataFrame|Axes|Figure|Tensor|Path|Console)\b.*"),
    ("py:class", r"(Sequence|Mapping|Callable|Iterable|Iterator)\b.*"),
    (
        "py:class",
        r"DataLike|TrainingData|Images|Batch|Objective|Protection|NewbornGrowth|Arrays|ImageLike|carsmoo\.nets\.latency\.(measure|timing)\.Key|MakeAlgorithm|MakeProblem|Listener|Vocabulary",
    ),  # names of unions of types
    # what public names take, return or derive from, and is not public itself
    (
        "py:class",
        r"(carsmoo\.(nets\.models\.batch_norm|nets\.supernet\.learning|nets\.data\.(pixels|reading)|cost\.structure)\..*)|Source|Layer",
    ),
]
