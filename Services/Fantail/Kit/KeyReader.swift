// From the bytes of a terminal in raw mode to keys.
//
// Three languages are mixed in one stream: UTF-8 text, control characters, and escape sequences (ECMA-48). Between the
// brackets of a paste everything is text, whatever it looks like: a pasted line break must not send half a message. Any split
// of the stream is fine. A lone escape cannot be told from the beginning of a sequence; who reads calls `giveUp()` when
// nothing follows for a moment.

/// What a person did at the keyboard.
public enum Key: Equatable, Sendable {
    case text(String)
    case paste(String)
    case enter
    /// Alt-Enter: a line break inside the message.
    case lineBreak
    case backspace, delete
    case left, right, wordLeft, wordRight, home, end
    case up, down, pageUp, pageDown
    /// ^U, ^K, ^W.
    case eraseLine, eraseToEnd, eraseWord
    /// ^C.
    case interrupt
    /// ^D.
    case endOfInput
    /// ^L.
    case redraw
}

public struct KeyReader: Sendable {
    /// Longest paste, bytes; what is beyond is dropped. A message holds 64 KiB.
    public static let pasteBytesMax = 128 * 1024
    /// Longest escape sequence that is waited for, bytes.
    private static let sequenceBytesMax = 32

    private enum State: Sendable {
        case ground
        /// The bytes so far of one character; how many it takes.
        case character([UInt8], Int)
        /// After ESC.
        case escape
        /// After ESC [ or ESC O: the bytes behind it.
        case sequence([UInt8])
        case paste([UInt8])
    }

    private var state = State.ground

    public init() {}

    /// True in the middle of an escape sequence: call `giveUp()` if nothing comes within about 50 ms.
    public var isWaiting: Bool {
        switch state {
        case .escape, .sequence: true
        case .ground, .character, .paste: false
        }
    }

    /// What was begun is no sequence: forget it.
    public mutating func giveUp() {
        if isWaiting { state = .ground }
    }

    /// - Complexity: O(bytes).
    public mutating func receive(_ bytes: some Sequence<UInt8>, into keys: inout [Key]) {
        for byte in bytes { receive(byte, into: &keys) }
    }

    private mutating func receive(_ byte: UInt8, into keys: inout [Key]) {
        switch state {
        case .ground:
            onGround(byte, into: &keys)
        case .character(var bytes, let length):
            guard byte & 0xC0 == 0x80 else {
                state = .ground
                return onGround(byte, into: &keys)
            }
            bytes.append(byte)
            state = bytes.count < length ? .character(bytes, length) : .ground
            if bytes.count == length, let text = String(validating: bytes, as: UTF8.self) { Self.append(text, to: &keys) }
        case .escape:
            state = .ground
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "O"): state = .sequence([])
            case 0x0D, 0x0A: keys.append(.lineBreak)
            case 0x1B: state = .escape
            case UInt8(ascii: "b"): keys.append(.wordLeft)
            case UInt8(ascii: "f"): keys.append(.wordRight)
            case 0x7F, 0x08: keys.append(.eraseWord)
            default: break
            }
        case .sequence(var bytes):
            bytes.append(byte)
            guard 0x40...0x7E ~= byte else {
                state = bytes.count < Self.sequenceBytesMax ? .sequence(bytes) : .ground
                return
            }
            state = .ground
            onSequence(String(decoding: bytes, as: UTF8.self), into: &keys)
        case .paste(var bytes):
            state = .ground
            bytes.append(byte)
            if bytes.suffix(Self.pasteEnd.count).elementsEqual(Self.pasteEnd) {
                let body = bytes.dropLast(Self.pasteEnd.count).map { $0 == 0x0D ? 0x0A : $0 }
                keys.append(.paste(Printable.text(String(decoding: body, as: UTF8.self))))
                return
            }
            // The end mark is looked for at the end only, so what is dropped must stay in front of it.
            if bytes.count > Self.pasteBytesMax { bytes.remove(at: Self.pasteBytesMax - Self.pasteEnd.count) }
            state = .paste(bytes)
        }
    }

    private mutating func onGround(_ byte: UInt8, into keys: inout [Key]) {
        switch byte {
        case 0x1B: state = .escape
        case 0x0D, 0x0A: keys.append(.enter)
        case 0x7F, 0x08: keys.append(.backspace)
        case 0x01: keys.append(.home)
        case 0x02: keys.append(.left)
        case 0x03: keys.append(.interrupt)
        case 0x04: keys.append(.endOfInput)
        case 0x05: keys.append(.end)
        case 0x06: keys.append(.right)
        case 0x0B: keys.append(.eraseToEnd)
        case 0x0C: keys.append(.redraw)
        case 0x0E: keys.append(.down)
        case 0x10: keys.append(.up)
        case 0x15: keys.append(.eraseLine)
        case 0x17: keys.append(.eraseWord)
        case 0x20..<0x7F: Self.append(String(Unicode.Scalar(byte)), to: &keys)
        case 0xC2...0xDF: state = .character([byte], 2)
        case 0xE0...0xEF: state = .character([byte], 3)
        case 0xF0...0xF4: state = .character([byte], 4)
        default: break
        }
    }

    private mutating func onSequence(_ sequence: String, into keys: inout [Key]) {
        switch sequence {
        case "A": keys.append(.up)
        case "B": keys.append(.down)
        case "C": keys.append(.right)
        case "D": keys.append(.left)
        case "H", "1~", "7~": keys.append(.home)
        case "F", "4~", "8~": keys.append(.end)
        case "3~": keys.append(.delete)
        case "5~": keys.append(.pageUp)
        case "6~": keys.append(.pageDown)
        case "1;5C", "1;3C": keys.append(.wordRight)
        case "1;5D", "1;3D": keys.append(.wordLeft)
        case "200~": state = .paste([])
        default: break
        }
    }

    /// Text that came together stays together, so that a fast typist costs one key and not twenty.
    private static func append(_ text: String, to keys: inout [Key]) {
        if case .text(let before) = keys.last {
            keys[keys.count - 1] = .text(before + text)
        } else {
            keys.append(.text(text))
        }
    }

    private static let pasteEnd: [UInt8] = [0x1B] + Array("[201~".utf8)
}
