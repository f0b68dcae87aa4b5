// Strings: what is read, what is refused, and that no place in a word of eight bytes is special.

import ClientProtocol
import Primitives
import Testing

struct JSONTextTests {
    private func body(_ inside: [UInt8]) throws -> [UInt8] {
        let json = text(#"{"type":"send","id":"m","to":"bob","body":""#) + inside + text(#""}"#)
        guard case .send(_, _, let body, _, _) = try ClientFrame.decode(json, as: .json) else {
            preconditionFailure("a send was written")
        }
        return body
    }

    @Test(arguments: [
        (#"plain"#, "plain"), (#""#, ""), (#"\""#, "\""), (#"\\"#, "\\"), (#"\/"#, "/"), (#"\b\f\n\r\t"#, "\u{8}\u{C}\n\r\t"),
        (#"\u0041"#, "A"), (#"\u00e9\u00E9"#, "éé"), (#"\u20AC"#, "€"), (#"\uD83D\uDE00"#, "😀"), (#"\udbff\udfff"#, "\u{10FFFF}"),
        (#"\u0000"#, "\0"), (#"a\u0000b"#, "a\0b"), ("€😀é\u{7F}\u{2028}", "€😀é\u{7F}\u{2028}"), (#"😀\n😀"#, "😀\n😀"),
        (#"<a href=\"x\">"#, "<a href=\"x\">"), (#"\ud7ff\ue000"#, "\u{D7FF}\u{E000}"),
    ])
    func stringIsRead(inside: String, as wanted: String) throws {
        #expect(try body(text(inside)) == text(wanted))
    }

    @Test(arguments: [
        #"\x"#, #"\u12"#, #"\u12G4"#, #"\uD83D"#, #"\uD83Dx"#, #"\uD83D\n"#, #"\uD83D\u0041"#, #"\uDE00"#, #"\uD83D\uD83D"#,
        #"\uDE00\uD83D"#, #"\uDC00\uDC00"#, #"\U0041"#, #"\'"#, "\n", "\t", "\0", "\u{1F}", #"\"#,
    ])
    func stringIsMalformed(inside: String) {
        #expect(refusal { try body(text(inside)) }?.code == .malformed)
    }

    /// Ill-formed UTF-8 of every sort: lone continuation, cut short, overlong, surrogate, beyond the last plane.
    static let illFormed: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x9F, 0xBF], [0xE2, 0x82], [0xE2, 0x82, 0x41],
        [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80],
        [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF],
    ]

    @Test(arguments: illFormed)
    func illFormedUTF8IsMalformedWhereverItStands(bytes: [UInt8]) {
        for before in 0..<18 {
            for after in [0, 1, 9] {
                let inside = [UInt8](repeating: 0x61, count: before) + bytes + [UInt8](repeating: 0x61, count: after)
                #expect(refusal { try body(inside) }?.code == .malformed)
                let binary = ClientFrame.send(id: id("m"), to: bob, body: inside, after: nil).encoded(as: .binary)
                let error = refusal { try ClientFrame.decode(binary, as: .binary) }
                #expect(error?.code == .malformed)
                #expect(error?.ref == id("m"))
                // In a field that nobody asks for, too.
                let json = text(#"{"type":"ack","n":1,"x":""#) + inside + text(#""}"#)
                #expect(refusal { try ClientFrame.decode(json, as: .json) }?.code == .malformed)
            }
        }
    }

    @Test func everyScalarAtAPlanesEdgeIsRead() throws {
        for value in [0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x1_0000, 0x10_FFFF] as [UInt32] {
            let letter = text(String(Character(Unicode.Scalar(value)!)))
            for before in 0..<18 {
                let inside = [UInt8](repeating: 0x61, count: before) + letter
                #expect(try body(inside) == inside)
            }
        }
    }

    @Test func specialBytesAreFoundAtEveryOffsetBehindEveryNeighbour() throws {
        // Neighbours chosen to borrow: one less and one more than each special byte, and bytes with the top bit set.
        let neighbours = ["a", "!", "#", "[", "]", " ", "\u{7F}", "\u{A2}", "ܢ", "\u{80}"]
        let specials: [(UInt8, String)] = [
            (0x22, #"\""#), (0x5C, #"\\"#), (0x00, #"\u0000"#), (0x01, #"\u0001"#), (0x1F, #"\u001f"#), (0x0A, #"\n"#),
        ]
        for neighbour in neighbours {
            for (byte, escaped) in specials {
                for before in 0..<17 {
                    let run = text(String(repeating: neighbour, count: before))
                    let plain = run + [byte] + run
                    let frame = ServerFrame.message(number: 1, from: ana, id: id("m"), at: .zero, body: plain)
                    let json = frame.encoded(as: .json)
                    #expect(json.suffix(2 + 2 * run.count + escaped.utf8.count) == run + text(escaped) + run + text(#""}"#))
                    #expect(try ServerFrame.decode(json, as: .json) == frame)
                }
            }
        }
    }

    @Test func namesOfFieldsMayBeEscaped() throws {
        let json = #"{"\u0074ype":"\u0061ck","\u006e":7}"#
        #expect(try ClientFrame.decode(text(json), as: .json) == .ack(upTo: 7))
        // A NUL is a letter: this is another name.
        let other = #"{"type":"ack","n\u0000":7}"#
        #expect(refusal { try ClientFrame.decode(text(other), as: .json) }?.code == .missingField)
    }
}

/// The error of a refusal, nil when nothing was refused.
func refusal<T>(_ work: () throws -> T) -> ErrorFrame? {
    do {
        _ = try work()
        return nil
    } catch {
        return (error as? FrameRefusal)?.error
    }
}
