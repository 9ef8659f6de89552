"""Which cameras, microphones and speakers there are, as the media process tells. Pure."""

from dataclasses import dataclass, replace

from telemed_desk.devices.findings import Group
from telemed_desk.media import control

DEVICE_GROUPS = (Group.CAMERA, Group.MICROPHONE, Group.SPEAKER)


@dataclass(frozen=True, slots=True)
class Seen:
    """One device: what chooses it, and its name."""

    spec: str
    name: str


@dataclass(frozen=True, slots=True)
class DevicesSeen:
    """All of them. ``used`` is the spec in use by card; ``told`` are cards heard of at all."""

    cameras: tuple[Seen, ...] = ()
    microphones: tuple[Seen, ...] = ()
    speakers: tuple[Seen, ...] = ()
    used: tuple[tuple[Group, str], ...] = ()
    told: frozenset[Group] = frozenset()

    def listed(self, group: Group) -> tuple[Seen, ...]:
        """Return the devices of a card."""
        if group is Group.CAMERA:
            return self.cameras
        return self.microphones if group is Group.MICROPHONE else self.speakers

    def in_use(self, group: Group) -> str:
        """Return the spec of the device in use; empty = none yet."""
        return dict(self.used).get(group, "")

    def name_in_use(self, group: Group) -> str:
        """Return its name; empty = none yet."""
        spec = self.in_use(group)
        return next((seen.name for seen in self.listed(group) if seen.spec == spec), "")

    def with_news(self, message: control.Cameras | control.SoundDevices) -> "DevicesSeen":
        """Return what is there after a message."""
        used = dict(self.used)
        if isinstance(message, control.Cameras):
            used[Group.CAMERA] = message.in_use
            return replace(
                self,
                cameras=tuple(Seen(camera.spec, camera.name) for camera in message.cameras),
                used=tuple(used.items()),
                told=self.told | {Group.CAMERA},
            )
        used[Group.MICROPHONE], used[Group.SPEAKER] = message.microphone, message.speaker
        return replace(
            self,
            microphones=tuple(Seen(one.spec, one.name) for one in message.microphones),
            speakers=tuple(Seen(one.spec, one.name) for one in message.speakers),
            used=tuple(used.items()),
            told=self.told | {Group.MICROPHONE, Group.SPEAKER},
        )

    def other_than(self, before: "DevicesSeen") -> set[Group]:
        """Return the cards whose devices came, went or were exchanged since.

        The first word of a card is no change, nor is the first device that it opens.
        """
        return {
            group
            for group in DEVICE_GROUPS
            if group in before.told
            and (
                self.listed(group) != before.listed(group)
                or before.in_use(group) not in {"", self.in_use(group)}
            )
        }
