"""The boxes of the join link open and seal in WebCrypto, as the patient's page does it."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.protocol.make_vectors import FOLDER, LINK

SCRIPT = Path(__file__).parent / "boxes_in_webcrypto.mjs"


def test_webcrypto_opens_the_vectors_and_we_open_what_it_seals() -> None:
    node = shutil.which("node")
    assert node is not None, "install Debian's package nodejs"
    ran = subprocess.run(
        [node, str(SCRIPT), str(FOLDER / "link.json")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answer = json.loads(ran.stdout)
    boxes = json.loads((FOLDER / "link.json").read_text(encoding="utf-8"))["boxes"]
    assert answer["opened"] == {name: box["plain"] for name, box in boxes.items()}
    assert answer["refused"] == ["altered", "other-direction"]
    assert LINK.open("to-desk", bytes.fromhex(answer["sealed"])).decode() == "Zawadi ñ 試"
