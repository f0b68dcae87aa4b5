// JSON as a value whose members keep their order, and its text.

public indirect enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case whole(Int64)
    /// Finite; written with at most three decimals, which is more than any figure here is worth.
    case number(Double)
    case text(String)
    case array([JSONValue])
    case object([Member])

    public struct Member: Equatable, Sendable {
        public var key: String
        public var value: JSONValue
        public init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// - Parameter value: nil and what is not finite become null.
    public static func figure(_ value: Double?) -> JSONValue {
        guard let value, value.isFinite else { return .null }
        return .number(value)
    }

    public static func count(_ value: UInt64) -> JSONValue { .whole(Int64(clamping: value)) }

    /// The member of an object, nil when it is missing.
    public subscript(_ key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The text, two blanks deeper for each level; arrays stay on one line.
    public var rendered: String { rendered(depth: 0, isFlat: false) + "\n" }

    private func rendered(depth: Int, isFlat: Bool) -> String {
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .whole(let value): return String(value)
        case .number(let value): return Words.fixed(value, places: 3, isGrouped: false, keepsZeros: false)
        case .text(let text): return Self.quoted(text)
        case .array(let values): return "[" + values.map { $0.rendered(depth: depth, isFlat: true) }.joined(separator: ", ") + "]"
        case .object(let members):
            guard !members.isEmpty else { return "{}" }
            let parts = members.map { "\(Self.quoted($0.key)): \($0.value.rendered(depth: depth + 1, isFlat: isFlat))" }
            if isFlat { return "{" + parts.joined(separator: ", ") + "}" }
            let indent = String(repeating: "  ", count: depth + 1)
            return "{\n" + parts.map { indent + $0 }.joined(separator: ",\n") + "\n" + String(repeating: "  ", count: depth) + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
