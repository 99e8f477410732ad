"""OpenVINO without its model converter.

`import openvino` also imports the converter where it can, and that one writes an identity for usage
statistics into the home folder of whoever runs the program. Nothing here converts models, so the
converter is declared absent while OpenVINO is imported; that is also three times as fast.
"""

from __future__ import annotations

import sys
from typing import Any, cast

_CONVERTER = "openvino.tools.ovc"

_absent = "openvino" not in sys.modules and _CONVERTER not in sys.modules
if _absent:
    cast(dict[str, Any], sys.modules)[_CONVERTER] = None
try:
    import openvino as ov
    from openvino import opset15 as op
finally:
    if _absent:
        del sys.modules[_CONVERTER]

__all__ = ["op", "ov"]
