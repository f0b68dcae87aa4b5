"""The compact encoding, written from docs/protocol.md alone.

A frame is the same dict as in JSON; its fields stand in the order of the document's last table. That this file is enough to
talk to the server is a test of the document.
"""

# name of the field, and its kind; a ? says that it may be absent
FROM_CLIENT = {
    "hello": (1, [("cursor", "number?"), ("ticks", "number?"), ("attempt", "number?")]),
    "send": (2, [("id", "text"), ("to", "text"), ("after", "text?"), ("body", "text")]),
    "ack": (3, [("n", "number")]),
    "read": (4, [("with", "text"), ("at", "number")]),
    "history": (5, [("ref", "text?"), ("with", "text?"), ("before", "number?"), ("limit", "number")]),
    "ping": (6, [("ref", "text?")]),
    "group": (7, [("ref", "text"), ("group", "text?"), ("change", "change")]),
    "group.info": (8, [("ref", "text?"), ("group", "text")]),
    "group.list": (9, [("ref", "text?"), ("after", "text?")]),
    "receipts": (10, [("ref", "text?"), ("with", "text"), ("at", "number")]),
    "active": (13, [("on", "flag")]),
    "presence": (14, [("ref", "text?"), ("users", "users")]),
    "presence.watch": (48, [("ref", "text?"), ("users", "users")]),
    "settings": (49, [("ref", "text?"), ("last_seen", "visibility?"), ("except", "users?"), ("read_receipts", "flag?")]),
    "block": (50, [("ref", "text?"), ("user", "text"), ("on", "flag")]),
    "group.history": (11, [("ref", "text?"), ("group", "text"), ("before", "number?"), ("limit", "number")]),
    "typing": (12, [("to", "text"), ("on", "flag")]),
    "media.upload": (51, [("ref", "text"), ("name", "text"), ("mime", "text"), ("size", "number"), ("hash", "text"),
                          ("opaque", "flag")]),
    "media.link": (52, [("ref", "text"), ("media", "text"), ("secret", "text")]),
    "media.keep": (53, [("ref", "text"), ("media", "text"), ("secret", "text")]),
}
FEATURE = 15

# number and fields of each change of a group
CHANGES = {
    "create": (1, [("title", "text"), ("users", "users")]),
    "rename": (2, [("title", "text")]),
    "describe": (3, [("text", "text")]),
    "add": (4, [("users", "users")]),
    "remove": (5, [("users", "users")]),
    "leave": (6, []),
    "role": (7, [("role", "role"), ("users", "users")]),
    "settings": (8, [("announce", "flag"), ("receipts", "flag"), ("history", "flag")]),
    "delete": (9, []),
}
VISIBILITIES = {1: "everyone", 2: "nobody"}
ROLES = {1: "member", 2: "admin", 3: "owner"}
GROUP_ENTRY = [("n", "number"), ("group", "text"), ("seq", "number"), ("from", "text"), ("id", "text"), ("at", "number")]

FROM_SERVER = {
    16: ("welcome", [("user", "text"), ("device", "text"), ("cursor", "number"), ("head", "number"), ("ticks", "number"),
                     ("time", "number"), ("archive", "flag")]),
    17: ("sent", [("id", "text"), ("to", "text"), ("at", "number")]),
    18: ("message", [("n", "number"), ("from", "text"), ("id", "text"), ("at", "number"), ("body", "text")]),
    19: ("copy", [("n", "number"), ("to", "text"), ("id", "text"), ("at", "number"), ("body", "text")]),
    20: ("expired", [("n", "number"), ("to", "text"), ("id", "text"), ("at", "number")]),
    21: ("gap", [("from", "number"), ("to", "number")]),
    22: ("delivered", [("with", "text"), ("at", "number"), ("rev", "number")]),
    23: ("read", [("with", "text"), ("at", "number"), ("rev", "number")]),
    24: ("noted", [("with", "text"), ("at", "number")]),
    25: ("history", [("ref", "text?"), ("entries", "frames"), ("more", "flag")]),
    26: ("pong", [("ref", "text?"), ("time", "number")]),
    27: ("error", [("code", "code"), ("text", "text"), ("ref", "text?"), ("retry_ms", "number?")]),
    28: ("group.message", GROUP_ENTRY + [("body", "text")]),
    29: ("group.event", GROUP_ENTRY + [("change", "change")]),
    30: ("group.done", [("ref", "text"), ("group", "text"), ("seq", "number"), ("at", "number")]),
    31: ("group.info", [("ref", "text?"), ("group", "text"), ("title", "text"), ("text", "text"), ("announce", "flag"),
                        ("receipts", "flag"), ("history", "flag"), ("members", [("user", "text"), ("role", "role")])]),
    32: ("group.list", [("ref", "text?"), ("groups", [("group", "text"), ("title", "text")]), ("more", "flag")]),
    33: ("group.counts", [("group", "text"), ("at", "number"), ("got", "number"), ("read", "number"), ("of", "number")]),
    34: ("group.late", [("group", "text"), ("at", "number"), ("count", "number")]),
    35: ("receipts", [("ref", "text?"), ("with", "text"), ("at", "number"),
                      ("entries", [("user", "text"), ("got", "number?"), ("read", "number?")])]),
    36: ("typing", [("from", "text"), ("group", "text?"), ("on", "flag")]),
    37: ("presence", [("ref", "text?"), ("users", [("user", "text"), ("online", "flag"), ("last", "number?")])]),
    38: ("settings", [("ref", "text?"), ("last_seen", "visibility"), ("except", "users"), ("read_receipts", "flag"),
                      ("blocked", "users"), ("rev", "number")]),
    39: ("media.upload", [("ref", "text"), ("url", "text"), ("until", "number")]),
    40: ("media.link", [("ref", "text"), ("url", "text"), ("until", "number")]),
    41: ("media.kept", [("ref", "text")]),
}

CODES = {
    1: "malformed", 2: "unknown_type", 3: "missing_field", 4: "bad_field", 5: "body_too_long", 6: "unsupported", 7: "to_self",
    8: "id_conflict", 9: "predecessor_missing", 10: "cursor_ahead", 11: "ack_ahead", 12: "read_ahead", 13: "hello_missing",
    14: "too_many_devices", 15: "overloaded", 16: "unavailable", 17: "storage_full", 18: "hello_repeated",
    19: "no_such_group", 20: "not_member", 21: "not_allowed", 22: "group_full", 23: "no_change", 24: "bad_users",
    25: "too_many_users", 28: "media_too_large", 29: "media_type", 30: "media_quota", 31: "media_unknown",
    32: "too_many_uploads",
}


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(frame: dict) -> bytes:
    """A client's frame; limit of `history` is 50 when absent, as in JSON."""
    kind = frame["type"]
    if kind not in FROM_CLIENT:
        return bytes([FEATURE]) + _write("text", kind) + _optional("text", frame.get("ref"))
    number, fields = FROM_CLIENT[kind]
    out = bytearray([number])
    for name, field in fields:
        value = frame.get(name)
        if field == "change":
            number, parts = CHANGES[value]
            out += bytes([number]) + b"".join(_write(kind, frame[part]) for part, kind in parts)
        elif field.endswith("?"):
            out += _optional(field[:-1], value)
        else:
            out += _write(field, 50 if name == "limit" and value is None else value)
    if frame.get("auto") and frame["type"] in ("send", "read"):
        out += b"\1"
    return bytes(out)


def _optional(kind: str, value) -> bytes:
    return b"\0" if value is None else b"\1" + _write(kind, value)


def _write(kind: str, value) -> bytes:
    if kind == "number":
        return varint(value)
    if kind == "flag":
        return bytes([value])
    if kind == "role":
        return bytes(number for number, name in ROLES.items() if name == value)
    if kind == "visibility":
        return bytes(number for number, name in VISIBILITIES.items() if name == value)
    if kind == "users":
        return varint(len(value)) + b"".join(_write("text", user) for user in value)
    data = value.encode()
    return varint(len(data)) + data


class Reader:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise ValueError("the frame ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if byte == 0 and shift > 7:
                    raise ValueError("a number that is longer than it needs")
                return value

    def fields(self, kinds: list) -> dict:
        found = {}
        for field, kind in kinds:
            if kind == "change":
                number = self.take(1)[0]
                found["change"], parts = next((name, parts) for name, (other, parts) in CHANGES.items() if other == number)
                found |= self.fields(parts)
                continue
            if isinstance(kind, str) and kind.endswith("?"):
                if not self.field("flag"):
                    continue
                kind = kind[:-1]
            found[field] = self.field(kind)
        return found

    def field(self, kind):
        if isinstance(kind, list):
            return [self.fields(kind) for _ in range(self.number())]
        match kind:
            case "number":
                return self.number()
            case "flag":
                return {0: False, 1: True}[self.take(1)[0]]
            case "text":
                return self.take(self.number()).decode()
            case "code":
                return CODES[self.number()]
            case "role":
                return ROLES[self.take(1)[0]]
            case "visibility":
                return VISIBILITIES[self.number()]
            case "users":
                return [self.field("text") for _ in range(self.number())]
            case "frames":
                return [decode(self.take(self.number())) for _ in range(self.number())]


def decode(data: bytes) -> dict:
    """A server's frame. Bytes behind the known fields are ignored, as the document asks."""
    reader = Reader(data)
    name, fields = FROM_SERVER[reader.take(1)[0]]
    return {"type": name} | reader.fields(fields)
