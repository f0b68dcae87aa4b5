// An object of JSON, written field by field.

struct JSONText {
    private var text = "{"

    var finished: String { text + "}\n" }
    /// As a part of another.
    var nested: String { text + "}" }

    mutating func string(_ key: String, _ value: String) { raw(key, Self.quoted(value)) }
    mutating func number(_ key: String, _ value: Int64) { raw(key, String(value)) }
    mutating func flag(_ key: String, _ value: Bool) { raw(key, value ? "true" : "false") }

    /// - Parameter json: ready.
    mutating func raw(_ key: String, _ json: String) {
        if text.utf8.count > 1 { text += "," }
        text += "\"\(key)\":\(json)"
    }

    mutating func list(_ key: String, _ items: [String]) { raw(key, "[\(items.joined(separator: ","))]") }

    static func quoted(_ value: String) -> String {
        var out = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
