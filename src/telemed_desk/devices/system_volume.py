"""How loud a microphone is set in the system, where the system tells."""

from telemed_desk.devices.listing import PULSE_PREFIX
from telemed_desk.devices.system import ON_LINUX


def microphone_volume(stable_id: str | None) -> float | None:
    """Return 0 to 1, 0 when muted in the system; None = cannot tell. Asks the sound server, ms.

    Args:
        stable_id: As listed; None means the default microphone.
    """
    if not ON_LINUX:
        return None
    try:
        import pulsectl  # noqa: PLC0415 - loads libpulse, which a PC may lack
    except (ImportError, OSError):
        return None
    wanted = stable_id.removeprefix(PULSE_PREFIX) if stable_id is not None else None
    try:
        with pulsectl.Pulse("telemed-desk-volume") as pulse:
            name = wanted or pulse.server_info().default_source_name
            for source in pulse.source_list():
                if source.name == name:
                    return 0.0 if source.mute else float(source.volume.value_flat)
    except pulsectl.PulseError:
        return None
    return None
