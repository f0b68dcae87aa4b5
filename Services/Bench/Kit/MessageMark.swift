// What every message of a run carries, so that its addressee can tell whose it is: run, chat, number, and padding that shows
// whether the text arrived whole.
//
// A body reads `RUN CHAT NUMBER abcdefg...`, the id of the message `CHAT.NUMBER`; chat and number in base 36. Users are named
// for the run too (`RUNu17`), so that nothing which an earlier run left behind can be met. All names stay below 16 bytes, which
// Swift keeps without an allocation.

import ClientProtocol
import Primitives

/// The bodies, ids and user names of one run.
public struct MessageMark: Sendable {
    /// Letters of a run's name.
    public static let runLetterCount = 5
    /// The smallest body: a run, two numbers in base 36 and their blanks.
    public static let bodyBytesMin = runLetterCount + 2 * (numberDigitsMax + 1) + 1
    private static let numberDigitsMax = 7
    private static let blank = UInt8(ascii: " ")

    public let run: String
    public let bodyBytes: Int
    private let prefix: [UInt8]
    private let padding: [UInt8]

    /// - Parameters:
    ///   - random: names the run; two runs on one cluster must differ in it.
    ///   - bodyBytes: at least `bodyBytesMin`.
    public init(random: UInt64, bodyBytes: Int) {
        precondition(bodyBytes >= Self.bodyBytesMin)
        precondition(bodyBytes <= ClientLimits.bodyBytesMax)
        var rest = random
        var letters: [UInt8] = []
        for _ in 0..<Self.runLetterCount {
            letters.append(UInt8(ascii: "a") + UInt8(rest % 26))
            rest /= 26
        }
        run = String(decoding: letters, as: UTF8.self)
        prefix = letters + [Self.blank]
        self.bodyBytes = bodyBytes
        padding = (0..<bodyBytes).map { UInt8(ascii: "a") + UInt8($0 % 26) }
    }

    // MARK: Names

    public func user(_ member: Int) -> UserID { UserID("\(run)u\(member)")! }

    /// The member whose name this is; nil for a name of nobody here.
    public func member(_ user: UserID) -> Int? {
        var rest = user.text.utf8[...]
        for letter in prefix.dropLast() where rest.popFirst() != letter { return nil }
        guard rest.popFirst() == UInt8(ascii: "u"), !rest.isEmpty else { return nil }
        var number = 0
        for digit in rest {
            guard 0x30...0x39 ~= digit, number < 1 << 32 else { return nil }
            number = number * 10 + Int(digit - 0x30)
        }
        return number
    }

    public func id(chat: Int, number: UInt32) -> MessageID {
        var text: [UInt8] = []
        Self.append(UInt64(chat), to: &text)
        text.append(UInt8(ascii: "."))
        Self.append(UInt64(number), to: &text)
        return MessageID(String(decoding: text, as: UTF8.self))!
    }

    /// Chat and number of an id; nil for one that is not of this shape.
    public func parse(_ id: MessageID) -> (chat: Int, number: UInt32)? {
        var bytes = id.text.utf8[...]
        guard let chat = Self.number(&bytes, until: UInt8(ascii: ".")), let number = Self.number(&bytes, until: nil) else {
            return nil
        }
        return (Int(chat), number)
    }

    // MARK: Bodies

    public func body(chat: Int, number: UInt32) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(bodyBytes)
        body.append(contentsOf: prefix)
        Self.append(UInt64(chat), to: &body)
        body.append(Self.blank)
        Self.append(UInt64(number), to: &body)
        body.append(Self.blank)
        body.append(contentsOf: padding[body.count...])
        return body
    }

    /// Chat and number of a body of this run that is whole to the last byte; nil for any other.
    public func parse(_ body: [UInt8]) -> (chat: Int, number: UInt32)? {
        guard body.count == bodyBytes, body.starts(with: prefix) else { return nil }
        var rest = body[prefix.count...]
        guard let chat = Self.number(&rest, until: Self.blank), let number = Self.number(&rest, until: Self.blank) else {
            return nil
        }
        guard rest.elementsEqual(padding[rest.startIndex...]) else { return nil }
        return (Int(chat), number)
    }

    // MARK: Base 36

    private static func append(_ value: UInt64, to out: inout [UInt8]) {
        let start = out.count
        var rest = value
        repeat {
            let digit = UInt8(rest % 36)
            out.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
            rest /= 36
        } while rest > 0
        out[start...].reverse()
    }

    /// Takes digits up to `end`, which is taken too; nil: up to the end of the bytes.
    private static func number<Bytes: Collection<UInt8>>(_ bytes: inout Bytes, until end: UInt8?) -> UInt32?
    where Bytes.SubSequence == Bytes {
        var value: UInt64 = 0
        var digits = 0
        while let byte = bytes.popFirst() {
            if byte == end { return digits > 0 ? UInt32(exactly: value) : nil }
            switch byte {
            case 0x30...0x39: value = value * 36 + UInt64(byte - 0x30)
            case 0x61...0x7A: value = value * 36 + UInt64(byte - 0x61 + 10)
            default: return nil
            }
            digits += 1
            if digits > numberDigitsMax { return nil }
        }
        return end == nil && digits > 0 ? UInt32(exactly: value) : nil
    }
}
