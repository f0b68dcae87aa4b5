// Small notations of the log and the admin pages: JSON strings, times, HTML.

import Primitives

package enum PlainText {
    /// A JSON string with its quotes (RFC 8259, section 7).
    package static func json(_ value: String) -> String {
        var out = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F {
                    out += "\\u00" + hex(UInt64(scalar.value), digits: 2)
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        return out + "\""
    }

    /// Text in a page or in an attribute.
    package static func html(_ value: String) -> String {
        var out = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    package static func hex(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// At most `limitBytes` bytes of UTF-8, cut between characters.
    package static func clipped(_ value: String, limitBytes: Int) -> String {
        guard value.utf8.count > limitBytes else { return value }
        var out = ""
        var bytes = 3
        for scalar in value.unicodeScalars {
            bytes += UTF8.width(scalar)
            if bytes > limitBytes { break }
            out.unicodeScalars.append(scalar)
        }
        return out + "…"
    }

    /// RFC 3339 in UTC with microseconds: `2025-11-23T22:26:00.000001Z`.
    /// The calendar is Howard Hinnant's `civil_from_days`, good for every year that a stamp can name.
    package static func rfc3339(_ stamp: Stamp) -> String {
        let micros = max(0, stamp.microseconds)
        let seconds = micros / 1_000_000
        let z = seconds / 86_400 + 719_468
        let era = z / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let time = seconds % 86_400
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(padded(time / 3600, 2)):"
            + "\(padded(time / 60 % 60, 2)):\(padded(time % 60, 2)).\(padded(micros % 1_000_000, 6))Z"
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
