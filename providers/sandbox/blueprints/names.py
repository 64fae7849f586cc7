"""Names as administrators give them: a scheme or two per tenant, and what breaks naive tools."""

import random

TOPICS = (
    "BitLocker", "Defender Antivirus", "Firewall", "Edge", "OneDrive", "Office", "Wi-Fi", "VPN", "Passwords", "Updates",
    "Kiosk", "Camera", "Bluetooth", "Certificates", "Start menu", "Power", "Printing", "Telemetry", "Lock screen", "Teams",
    "Remote Help", "USB storage", "Windows Hello", "Attack Surface Reduction", "Credential Guard", "Local admins", "LAPS",
    "Delivery Optimization", "Time zone", "Search",
)  # fmt: skip
PLATFORMS = ("windows10", "macOS", "iOS", "android", "linux")
_SHORT = {"windows10": "WIN", "macOS": "MAC", "iOS": "IOS", "android": "AND", "linux": "LNX"}
# Every mark that Windows refuses in a file name, in ways people use it.
_AWKWARD = (
    " (On/Off)", " – Ring: 1", " <Pilot>", ' "strict"', " | EMEA", " What if?", " *new*", " C:\\Temp", " [50%] #2",
)  # fmt: skip
_FOREIGN = (" – Außendienst", " – Ståltråd", " – 財務部", " – Обновления", " – Équipe à Genève", " ✅")
_DESCRIPTIONS = (
    "",
    "",
    None,
    "Owner: workplace team",
    "Agreed in change 4711.\r\nReview every six months.",
    "Replaces the policy of the same name on the old tenant; see the operations manual, chapter 7.",
)


class Namer:
    """Names of one tenant: two of three schemes, as if two administrators had followed one another."""

    def __init__(self, slug: str, chance: random.Random) -> None:
        self._prefix = slug[:3].upper()
        self._chance = chance
        self._schemes = [self._coded, self._bracketed, self._versioned]
        del self._schemes[len(slug) % 3]

    def topic(self) -> str:
        return self._chance.choice(TOPICS)

    def policy(self, number: int, platform: str = "windows10", topic: str = "", purpose: str = "Baseline") -> str:
        """A name that is unique by its number."""
        topic = topic or self.topic()
        name = self._chance.choice(self._schemes)(number, platform, topic, purpose)
        draw = self._chance.random()
        if draw < 0.15:
            name += self._chance.choice(_AWKWARD)
        elif draw < 0.17:
            name += self._chance.choice(_FOREIGN)
        elif draw < 0.178:
            name = f" {name} "
        return name

    def description(self) -> str | None:
        return self._chance.choice(_DESCRIPTIONS)

    def _coded(self, number: int, platform: str, topic: str, purpose: str) -> str:
        scope = self._chance.choice("DU")
        return (
            f"{self._prefix}_{_SHORT.get(platform, 'ALL')}_{scope}_{purpose}_MSFT_{topic.replace(' ', '')}_{number:03}"
        )

    def _bracketed(self, number: int, platform: str, topic: str, purpose: str) -> str:
        return f"[{self._prefix}] CFG-{_SHORT.get(platform, 'ALL')}-{number:03} - {topic} ({purpose})"

    def _versioned(self, number: int, platform: str, topic: str, purpose: str) -> str:
        head = {"windows10": "Win", "macOS": "macOS", "iOS": "iOS", "android": "Android"}.get(platform, "All")
        return f"{head} - {purpose} - {topic} {number} - v{1 + number % 4}.{number % 10}"
