// Lines of tab-separated fields: how the files of a device are written. Writer and reader, mirror images.

import Primitives

/// Builds one line.
struct FieldLine {
    private(set) var bytes: [UInt8] = []

    /// Fields that need no escape: numbers and names.
    mutating func words(_ words: String...) {
        for word in words { field(Array(word.utf8)) }
    }

    mutating func field(_ field: [UInt8]) {
        if !bytes.isEmpty { bytes.append(0x09) }
        for byte in field {
            switch byte {
            case 0x5C: bytes += [0x5C, 0x5C]
            case 0x09: bytes += [0x5C, UInt8(ascii: "t")]
            case 0x0A: bytes += [0x5C, UInt8(ascii: "n")]
            case 0x0D: bytes += [0x5C, UInt8(ascii: "r")]
            case 0..<0x20, 0x7F: bytes += [0x5C, UInt8(ascii: "x"), Self.hex(byte >> 4), Self.hex(byte & 15)]
            default: bytes.append(byte)
            }
        }
    }

    private static func hex(_ digit: UInt8) -> UInt8 { digit < 10 ? 0x30 + digit : 0x61 + digit - 10 }
}

/// Takes one line apart.
struct FieldReader {
    private var fields: [[UInt8]] = []
    private var index = 0

    /// Nil when an escape is none of ours.
    init?(_ line: ArraySlice<UInt8>) {
        for field in line.split(separator: 0x09, omittingEmptySubsequences: false) {
            guard let plain = Self.unescaped(field) else { return nil }
            fields.append(plain)
        }
    }

    var isAtEnd: Bool { index == fields.count }

    mutating func next() -> [UInt8]? {
        guard index < fields.count else { return nil }
        index += 1
        return fields[index - 1]
    }

    mutating func word() -> String? { next().flatMap { String(validating: $0, as: UTF8.self) } }
    mutating func number() -> UInt64? { word().flatMap { UInt64($0) } }
    mutating func user() -> UserID? { word().flatMap { UserID($0) } }
    mutating func message() -> MessageID? { word().flatMap { MessageID($0) } }
    mutating func stamp() -> Stamp? {
        guard let number = number(), number <= UInt64(Stamp.max.microseconds) else { return nil }
        return Stamp(microseconds: Int64(number))
    }

    private static func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8]? {
        guard field.contains(0x5C) else { return Array(field) }
        var plain: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            guard byte == 0x5C else {
                plain.append(byte)
                continue
            }
            switch rest.popFirst() {
            case 0x5C: plain.append(0x5C)
            case UInt8(ascii: "t"): plain.append(0x09)
            case UInt8(ascii: "n"): plain.append(0x0A)
            case UInt8(ascii: "r"): plain.append(0x0D)
            case UInt8(ascii: "x"):
                guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
                    return nil
                }
                plain.append(high << 4 | low)
            default: return nil
            }
        }
        return plain
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
