// Numbers as people read them.

public enum Words {
    /// A number with `places` decimals (at most 6).
    /// - Parameters:
    ///   - isGrouped: 12,345 instead of 12345.
    ///   - keepsZeros: false drops zeros at the end.
    public static func fixed(_ value: Double, places: Int, isGrouped: Bool = true, keepsZeros: Bool = true) -> String {
        guard value.isFinite, value.magnitude < 1e15 else { return "-" }
        var scale: Int64 = 1
        for _ in 0..<places { scale *= 10 }
        // Beyond 2^53 the decimals of a double mean nothing.
        guard value.magnitude * Double(scale) < 9e15 else { return fixed(value, places: 0, isGrouped: isGrouped) }
        let scaled = Int64((value * Double(scale)).rounded())
        var text = count(UInt64((scaled / scale).magnitude), isGrouped: isGrouped)
        if places > 0 {
            let digits = String((scaled % scale).magnitude)
            var decimals = String(repeating: "0", count: places - digits.count) + digits
            if !keepsZeros { while decimals.hasSuffix("0") { decimals.removeLast() } }
            if !decimals.isEmpty { text += "." + decimals }
        }
        return scaled < 0 ? "-" + text : text
    }

    public static func count(_ value: UInt64, isGrouped: Bool = true) -> String {
        let digits = Array(String(value))
        guard isGrouped else { return String(digits) }
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// A duration in microseconds as milliseconds; `-` when there is none.
    public static func milliseconds(_ us: Int64?) -> String { us.map { fixed(Double($0) / 1_000, places: 2) } ?? "-" }

    /// Bytes as MiB.
    public static func mebibytes(_ bytes: Int) -> String { fixed(Double(bytes) / 1_048_576, places: 1) }

    /// A label as a key: lower case, everything but letters and digits an underscore.
    public static func key(_ label: String) -> String {
        var key = ""
        for character in label.lowercased() {
            if character.isASCII, character.isLetter || character.isNumber {
                key.append(character)
            } else if !key.hasSuffix("_") {
                key.append("_")
            }
        }
        return key.hasSuffix("_") ? String(key.dropLast()) : key
    }
}
