// Every parser that reads bytes from outside, as a function from bytes to nothing. It must return, whatever the bytes; what
// must hold of its answer it demands.

public struct FuzzTarget: Sendable {
    public let name: String
    /// Whole inputs to begin from.
    public let seeds: [[UInt8]]
    public let run: @Sendable ([UInt8]) -> Void

    init(_ name: String, seeds: [[UInt8]], run: @escaping @Sendable ([UInt8]) -> Void) {
        self.name = name
        self.seeds = seeds
        self.run = run
    }

    /// - Parameter examples: frames of docs/protocol.md, as a client reads them there.
    public static func all(examples: ProtocolExamples) -> [FuzzTarget] {
        clientTargets(examples) + backendTargets + peerTargets + fileTargets + personTargets
    }
}

/// What must hold of an answer; a fuzzer keeps the input when it does not.
func demand(_ holds: Bool, _ what: @autoclosure () -> String) {
    if !holds { fatalError("this does not hold: \(what())") }
}

extension [UInt8] {
    init(ascii text: StaticString) { self = text.withUTF8Buffer { Array($0) } }

    /// Pieces whose lengths the bytes themselves decide, so that a split is part of the input.
    var pieces: [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var rest = self[...]
        while let first = rest.first {
            let count = Swift.min(rest.count, Int(first % 17) + 1)
            pieces.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return pieces
    }
}

/// The frames of docs/protocol.md: lines in backquotes that are JSON, or hexadecimal digits.
public struct ProtocolExamples: Sendable {
    public let json: [[UInt8]]
    public let binary: [[UInt8]]

    public init(document: String) {
        let quoted = document.split(separator: "\n").filter { $0.count > 2 && $0.hasPrefix("`") && $0.hasSuffix("`") }
            .map { $0.dropFirst().dropLast() }
        json = quoted.filter { $0.hasPrefix("{") }.map { Array($0.utf8) }
        binary = quoted.compactMap { Self.bytes(hex: $0) }
    }

    private static func bytes(hex text: Substring) -> [UInt8]? {
        let digits = text.filter { $0 != " " }.compactMap { $0.hexDigitValue.map { UInt8($0) } }
        guard digits.count == text.count(where: { $0 != " " }), digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
