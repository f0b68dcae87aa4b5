// Frames by the dice: every kind, every optional field there and not there, texts of all planes and lengths.

import ClientProtocol
import Primitives

extension SeededGenerator {
    mutating func name(max limit: Int) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+:")
        let length = oneIn(8) ? limit : 1 + pick(0..<min(limit, 20))
        return String((0..<length).map { _ in alphabet[pick(0..<alphabet.count)] })
    }

    mutating func user() -> UserID { UserID(name(max: UserID.bytesMax))! }
    mutating func messageID() -> MessageID { MessageID(name(max: MessageID.bytesMax))! }
    mutating func maybe<T>(_ make: (inout SeededGenerator) -> T) -> T? { oneIn(2) ? nil : make(&self) }

    /// All magnitudes alike: one digit as often as sixteen.
    mutating func number() -> UInt64 { next() % (1 << UInt64(pick(0..<54))) }
    mutating func stamp() -> Stamp { Stamp(microseconds: Int64(number())) }

    mutating func body() -> [UInt8] {
        var body = ""
        let length = oneIn(20) ? pick(0..<4_000) : pick(0..<40)
        for _ in 0..<length {
            switch pick(0..<10) {
            case 0: body.unicodeScalars.append(Unicode.Scalar(UInt8(pick(0..<0x20))))
            case 1: body += ["\"", "\\", "/", "\u{7F}", "\u{2028}"][pick(0..<5)]
            case 2: body.unicodeScalars.append(Unicode.Scalar(UInt32(pick(0x80..<0xD800)))!)
            case 3: body.unicodeScalars.append(Unicode.Scalar(UInt32(pick(0xE000..<0x11_0000)))!)
            default: body.unicodeScalars.append(Unicode.Scalar(UInt8(pick(0x20..<0x7F))))
            }
        }
        return Array(body.utf8)
    }

    mutating func clientFrame() -> ClientFrame {
        switch pick(0..<7) {
        case 0: .hello(cursor: maybe { $0.number() }, ticks: maybe { $0.stamp() })
        case 1: .send(id: messageID(), to: user(), body: body(), after: maybe { $0.messageID() })
        case 2: .ack(upTo: number())
        case 3: .read(with: user(), at: stamp())
        case 4:
            .history(
                ref: maybe { $0.messageID() }, with: maybe { $0.user() }, before: maybe { $0.number() },
                limit: pick(1..<ClientLimits.historyEntryCountMax + 1))
        case 5: .ping(ref: maybe { $0.messageID() })
        default:
            .feature(
                name: ["typing", "group.create", "presence.watch", "media.put", "group.", "group.add_member"][pick(0..<6)],
                ref: maybe { $0.messageID() })
        }
    }

    mutating func entry() -> ServerFrame {
        switch pick(0..<3) {
        case 0: .message(number: number(), from: user(), id: messageID(), at: stamp(), body: body())
        case 1: .copy(number: number(), to: user(), id: messageID(), at: stamp(), body: body())
        default: .expired(number: number(), to: user(), id: messageID(), at: stamp())
        }
    }

    mutating func serverFrame() -> ServerFrame {
        switch pick(0..<10) {
        case 0:
            .welcome(
                user: user(), device: DeviceID(name(max: DeviceID.bytesMax))!, cursor: number(), head: number(),
                ticks: stamp(), time: stamp(), archive: oneIn(2))
        case 1: .sent(id: messageID(), to: user(), at: stamp())
        case 2: .gap(from: number(), to: number())
        case 3: .delivered(with: user(), at: stamp(), rev: stamp())
        case 4: .read(with: user(), at: stamp(), rev: stamp())
        case 5: .noted(with: user(), at: stamp())
        case 6:
            .history(ref: maybe { $0.messageID() }, entries: (0..<pick(0..<6)).map { _ in entry() }, more: oneIn(2))
        case 7: .pong(ref: maybe { $0.messageID() }, time: stamp())
        case 8:
            .error(
                ErrorFrame(
                    ErrorCode.allCases[pick(0..<ErrorCode.allCases.count)], "say \"why\"\n", ref: maybe { $0.messageID() },
                    retryMs: maybe { UInt32(truncatingIfNeeded: $0.next()) }))
        default: entry()
        }
    }
}
