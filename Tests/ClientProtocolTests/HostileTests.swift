// Foreign bytes: cut, mutated, invented. A decoder answers with a frame or with a refusal; nothing else may happen.

import ClientProtocol
import Primitives
import Testing

struct HostileTests {
    @Test(arguments: ClientEncoding.allCases)
    func aFrameCutAnywhereIsRefused(encoding: ClientEncoding) {
        for golden in Goldens.client {
            let bytes = golden.frame.encoded(as: encoding)
            // The flag `auto` at the end of a binary frame may be left away.
            let isOptional = encoding == .binary && golden.name.hasSuffix("Auto")
            for length in 0..<bytes.count - (isOptional ? 1 : 0) {
                #expect(refusal { try ClientFrame.decode(Array(bytes[..<length]), as: encoding) } != nil, "\(golden.name) \(length)")
            }
        }
        for golden in Goldens.server {
            let bytes = golden.frame.encoded(as: encoding)
            for length in 0..<bytes.count {
                #expect(refusal { try ServerFrame.decode(Array(bytes[..<length]), as: encoding) } != nil, "\(golden.name) \(length)")
            }
        }
    }

    @Test func garbageIsAnswered() {
        var dice = SeededGenerator(seed: 5)
        var refused = 0
        for _ in 0..<20_000 {
            let bytes = (0..<dice.pick(0..<64)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
            for encoding in ClientEncoding.allCases {
                if refusal({ try ClientFrame.decode(bytes, as: encoding) }) != nil { refused += 1 }
                _ = try? ServerFrame.decode(bytes, as: encoding)
                // The first byte right, the rest invented: deeper into each frame.
                let typed = [UInt8(dice.pick(1..<64))] + bytes
                _ = try? ClientFrame.decode(typed, as: .binary)
                _ = try? ServerFrame.decode(typed, as: .binary)
            }
        }
        #expect(refused > 39_000)
    }

    @Test func garbageOfJSONsOwnLettersIsAnswered() {
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "d83d", "type", "\"type\":", "\"send\"", "\"ack\"", "\"history\"", "\"n\":",
            "\"entries\":", "1", "-", "e", ".", "null", "true", " ", "\u{1}", "é", "😀",
        ]
        var dice = SeededGenerator(seed: 6)
        var refused = 0
        for _ in 0..<20_000 {
            let bytes = text("{" + (0..<dice.pick(0..<24)).map { _ in pieces[dice.pick(0..<pieces.count)] }.joined())
            if refusal({ try ClientFrame.decode(bytes, as: .json) }) != nil { refused += 1 }
            _ = try? ServerFrame.decode(bytes, as: .json)
        }
        #expect(refused > 19_000)
    }

    @Test(arguments: ClientEncoding.allCases)
    func mutatedFramesAreAnsweredAndWhatIsAcceptedHoldsItsBounds(encoding: ClientEncoding) throws {
        var dice = SeededGenerator(seed: 7)
        var refused = 0
        for _ in 0..<10_000 {
            let mutant = mutate(dice.clientFrame().encoded(as: encoding), &dice)
            do {
                // Accepted: then it is a frame like any other, and comes back from the other encoding too.
                let frame = try ClientFrame.decode(mutant, as: encoding)
                for other in ClientEncoding.allCases {
                    #expect(try ClientFrame.decode(frame.encoded(as: other), as: other) == frame)
                }
            } catch {
                refused += 1
            }
            let answer = mutate(dice.serverFrame().encoded(as: encoding), &dice)
            if let frame = try? ServerFrame.decode(answer, as: encoding) {
                for other in ClientEncoding.allCases {
                    #expect(try ServerFrame.decode(frame.encoded(as: other), as: other) == frame)
                }
            }
        }
        #expect(refused > 1_000)
    }

    @Test func nestingWithoutEndIsRefusedEarly() {
        for open in ["[", #"{"a":"#] {
            let bytes = text(#"{"type":"ack","n":1,"x":"# + String(repeating: open, count: 60_000))
            #expect(refusal { try ClientFrame.decode(bytes, as: .json) }?.text.contains("deep") == true)
        }
        // A page inside a page inside a page, in binary: each entry is skipped, none is entered.
        var page: [UInt8] = [25, 0, 0, 0]
        for _ in 0..<1_000 {
            var writer = ByteWriter()
            writer.u8(25)
            writer.bool(false)
            writer.varint(1)
            writer.blob(page)
            writer.bool(false)
            page = writer.bytes
        }
        #expect(refusal { try ServerFrame.decode(page, as: .binary) } == nil)
    }

    /// One to three changes: a byte replaced, flipped, removed, doubled, or the end cut off.
    private func mutate(_ bytes: [UInt8], _ dice: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0...dice.pick(0..<3) where !bytes.isEmpty {
            let place = dice.pick(0..<bytes.count)
            switch dice.pick(0..<5) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: dice.next())
            case 1: bytes[place] ^= 1 << UInt8(dice.pick(0..<8))
            case 2: bytes.remove(at: place)
            case 3: bytes.insert(bytes[place], at: place)
            default: bytes.removeLast(dice.pick(0..<min(4, bytes.count)))
            }
        }
        return bytes
    }
}
