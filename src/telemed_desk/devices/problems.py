"""Why a device does not work: stable codes with a sentence and a next step."""

from telemed_protocol.errors import KnownError


class DeviceProblem(KnownError):
    """A camera, microphone or speaker cannot be used."""

    code = "TD-DEV-000"


class CameraMissing(DeviceProblem):
    """No camera, or the chosen one is gone (ENOENT, ENODEV)."""

    code = "TD-CAM-001"
    sentence = "No camera is connected."
    next_step = "Plug the camera in, or call with sound only."


class CameraBusy(DeviceProblem):
    """Another program streams from it (EBUSY)."""

    code = "TD-CAM-002"
    sentence = "Another program is using the camera."
    next_step = "Close that program, or call with sound only."


class CameraDenied(DeviceProblem):
    """The system does not let this program open it (EACCES)."""

    code = "TD-CAM-003"
    sentence = "The system blocks the camera for this program."
    next_step = "Allow the camera in the system's privacy settings, or ask your IT contact."


class CameraStalled(DeviceProblem):
    """It opened, but no new picture comes."""

    code = "TD-CAM-004"
    sentence = "The camera is connected but sends no picture."
    next_step = "Unplug it, wait five seconds, and plug it in again."


class CameraSwitchedOff(DeviceProblem):
    """The system keeps the camera from all programs."""

    code = "TD-CAM-005"
    sentence = "The camera is switched off for all programs in the system's settings."
    next_step = "Switch it on in the system's privacy settings, or ask your IT contact."


class MicrophoneMissing(DeviceProblem):
    """No microphone, or the chosen one is gone."""

    code = "TD-MIC-001"
    sentence = "No microphone is connected."
    next_step = "Plug a headset in, or phone the patient."


class MicrophoneFailed(DeviceProblem):
    """It is listed, but opening or reading it fails."""

    code = "TD-MIC-002"
    sentence = "The microphone cannot be opened."
    next_step = "Close other programs that use it, or choose another one."


class MicrophoneDenied(DeviceProblem):
    """The system does not let this program listen."""

    code = "TD-MIC-003"
    sentence = "The system blocks the microphone for this program."
    next_step = "Allow the microphone in the system's privacy settings, or ask your IT contact."


class MicrophoneMuted(DeviceProblem):
    """It is open and gives silence, because somebody muted it outside this program."""

    code = "TD-MIC-004"
    sentence = "The microphone is muted in the system's sound settings."
    next_step = "Switch it on in the sound settings."


class SpeakerMissing(DeviceProblem):
    """No speaker, or the chosen one is gone."""

    code = "TD-SPK-001"
    sentence = "No speaker is connected."
    next_step = "Plug a headset in."


class SpeakerFailed(DeviceProblem):
    """It is listed, but opening or writing to it fails."""

    code = "TD-SPK-002"
    sentence = "The speaker cannot be opened."
    next_step = "Close other programs that use it, or choose another one."


class SpeakerUnplugged(DeviceProblem):
    """What we played through is gone; another speaker is there, but others might hear it."""

    code = "TD-SPK-003"
    sentence = (
        "The headset or speaker in use was unplugged. Sound is off, so that nobody else hears it."
    )
    next_step = "Plug it in again, or choose another speaker."


class SpeakerMuted(DeviceProblem):
    """It is open and plays, and nobody hears it, because it is muted outside this program."""

    code = "TD-SPK-005"
    sentence = "The speaker is muted in the system's sound settings."
    next_step = "Turn it up in the sound settings."


class SpeakerAway(DeviceProblem):
    """The headset or speaker used last is not connected; another one is there."""

    code = "TD-SPK-004"
    sentence = "The speaker used last is not connected. Sound is off, so that nobody else hears it."
    next_step = "Plug it in, or choose another speaker."


class SoundProcessingMissing(DeviceProblem):
    """Echo cancellation, suppression and gain cannot be loaded; the call goes on without."""

    code = "TD-SND-001"
    sentence = "Echo and noise are not removed on this PC."
    next_step = "Use a headset, so that the patient does not hear her or his own voice."


PROBLEMS: dict[str, type[DeviceProblem]] = {
    problem.code: problem
    for problem in (
        CameraMissing,
        CameraBusy,
        CameraDenied,
        CameraStalled,
        CameraSwitchedOff,
        MicrophoneMissing,
        MicrophoneFailed,
        MicrophoneDenied,
        MicrophoneMuted,
        SpeakerMissing,
        SpeakerFailed,
        SpeakerUnplugged,
        SpeakerAway,
        SpeakerMuted,
        SoundProcessingMissing,
    )
}
