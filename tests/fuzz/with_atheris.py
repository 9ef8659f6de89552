"""One target under atheris: ``python -m tests.fuzz.with_atheris TARGET CORPUS [libFuzzer options]``."""

import sys

import atheris

with atheris.instrument_imports(include=["telemed_protocol", "telemed_desk"]):
    from tests.fuzz.targets import feed

if __name__ == "__main__":
    name, folder, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], folder, *options], lambda data: feed(name, data))
    atheris.Fuzz()
