"""The shape of the house: one namespace over three components, and arrows that never turn."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPONENTS = {
    "backend": ROOT / "backend/mien/backend",
    "models": ROOT / "models/mien/models",
    "protocol": ROOT / "protocol/mien/protocol",
}
MAY_IMPORT = {
    "backend": {"backend", "models", "protocol"},
    "models": {"models"},
    "protocol": {"protocol"},
}
# `mien eval` judges models with what trained them, where the repository is at hand.
MAY_TRAIN = {COMPONENTS["backend"] / "evaluate.py"}
# The form of the networks that is trained, and runs where somebody asks for it.
MAY_USE_TORCH = {
    COMPONENTS["models"] / name
    for name in (
        "motion/diffusion/network.py", "motion/diffusion/torch_runtime.py",
        "motion/diffusion/step_modules.py", "codec/frame_modules.py", "codec/skin_network.py",
        "codec/harmony_network.py", "codec/torch_parts.py", "engine/network.py",
        "engine/number_formats.py", "engine/onnx_export.py", "engine/tensorrt_executor.py",
        "engine/torch_executor.py",
    )
} | set((COMPONENTS["models"] / "codec/gpu").glob("*.py"))  # fmt: skip
MAY_USE_TORCH |= {COMPONENTS["backend"] / name for name in ("gpu_painter.py", "bench/profile.py")}
# Besides torch, in files that are imported where somebody asks for a GPU.
MAY_USE = {"triton": "gpu", "tensorrt": "tensorrt"}
# Rings on a GPU, for who has one.
MAY_USE_CUDA = {COMPONENTS["protocol"] / "cuda_bindings.py"}
DISTRIBUTION_OF = {
    "PIL": "pillow",
    "cv2": "opencv-contrib-python",
    "google": "protobuf",
    "zmq": "pyzmq",
}


def sources(component):
    return sorted(COMPONENTS[component].rglob("*.py"))


def imported_modules(path, *, at_once=False):
    """Every absolute module name that a file imports, wherever it does, or only when imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            if node.module == "mien":
                yield from (f"mien.{alias.name}" for alias in node.names)


def extras():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"base": project["dependencies"], **project["optional-dependencies"]}
    return {
        name: {requirement_name(line) for line in lines if not line.startswith("mien")}
        for name, lines in groups.items()
    }


def requirement_name(line):
    name = line
    for mark in "<>=!~[; ":
        name = name.split(mark, 1)[0]
    return name.lower()


@pytest.mark.parametrize("top", ["backend", "models", "protocol"])
def test_mien_is_a_namespace_without_an_init_file(top):
    assert (ROOT / top / "mien").is_dir()
    assert not (ROOT / top / "mien" / "__init__.py").exists()


@pytest.mark.parametrize("component", COMPONENTS)
def test_imports_follow_the_arrows(component):
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources(component)
        for module in imported_modules(path)
        if module.startswith("mien.") and module.split(".")[1] not in MAY_IMPORT[component]
    ]
    assert sources(component)
    assert wrong == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_no_import_is_relative(component):
    for path in sources(component):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path


@pytest.mark.parametrize("component", COMPONENTS)
def test_no_component_imports_the_training_code(component):
    for path in sources(component):
        found = imported_modules(path, at_once=path in MAY_TRAIN)
        assert not [m for m in found if m.split(".")[0] == "training"], path


def test_only_the_command_line_knows_the_evaluation():
    knows = {
        path for path in sources("backend") if "mien.backend.evaluate" in imported_modules(path)
    }
    assert knows == {COMPONENTS["backend"] / "cli/app.py"}


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_import_of_a_third_party_is_declared(component):
    declared = extras()["base"]
    if component != "protocol":
        declared = declared | extras()["daemon"]
    undeclared = {
        (str(path.relative_to(ROOT)), top)
        for path in sources(component)
        for top in (module.split(".")[0] for module in imported_modules(path))
        if top != "mien"
        and not (top == "torch" and path in MAY_USE_TORCH)
        and not (top == "cuda" and path in MAY_USE_CUDA)
        and not (path in MAY_USE_TORCH and top in extras().get(MAY_USE.get(top, ""), ()))
        and not (top == "training" and path in MAY_TRAIN)
        and top not in sys.stdlib_module_names
        and DISTRIBUTION_OF.get(top, top) not in declared
    }
    assert undeclared == set()


def test_everything_that_the_daemon_extra_declares_is_imported():
    used = {
        DISTRIBUTION_OF.get(module.split(".")[0], module.split(".")[0])
        for component in COMPONENTS
        for path in sources(component)
        for module in imported_modules(path)
    }
    assert extras()["daemon"] - used == set()


def test_the_daemon_extra_does_not_ask_for_torch():
    assert "torch" not in extras()["daemon"] | extras()["base"]


@pytest.mark.parametrize(
    "what",
    [
        "import mien.models.motion.diffusion.generator, mien.models.motion.source,"
        " mien.models.motion.diffusion.openvino_runtime",
        "import mien.models.codec.decoder;"
        "from mien.models.codec.profiles import CPU, learned_parts; learned_parts(CPU)",
    ],
    ids=["the default motion source", "the codec's profile cpu"],
)
def test_what_runs_by_default_needs_no_torch(what):
    # Whatever imports it fails.
    code = f"import sys; sys.modules['torch'] = None;{what};print('fine')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "fine", run.stderr


def test_importing_the_client_brings_in_nothing_heavy():
    code = (
        "import sys, mien.protocol;"
        "heavy = {'torch', 'mediapipe', 'cv2', 'numba', 'PIL', 'av', 'mien.models',"
        " 'mien.backend'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "[]", run.stderr
