// Small values as people type and read them: spans of time, clock times, message ids.

import Primitives

/// Spans of time: `90s`, `15m`, `24h`, `30d`.
public enum TimeSpan {
    /// Seconds; nil when the text is not a number and one of s, m, h, d, or exceeds ten years.
    public static func seconds(_ text: String) -> Int64? {
        guard let unit = text.last, let number = Int64(text.dropLast()), number > 0, number <= 315_360_000 else { return nil }
        guard text.utf8.first != UInt8(ascii: "+") else { return nil }
        let factor: Int64
        switch unit {
        case "s": factor = 1
        case "m": factor = 60
        case "h": factor = 3_600
        case "d": factor = 86_400
        default: return nil
        }
        let seconds = number * factor
        return seconds <= 315_360_000 ? seconds : nil
    }

    /// A span in its two largest units: `3 d 4 h`, `12 min 5 s`, `7 s`.
    public static func text(seconds: Int64) -> String {
        switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3_600: "\(seconds / 60) min \(seconds % 60) s"
        case ..<86_400: "\(seconds / 3_600) h \(seconds % 3_600 / 60) min"
        default: "\(seconds / 86_400) d \(seconds % 86_400 / 3_600) h"
        }
    }
}

/// Clock times of one time zone.
public struct ClockText: Equatable, Sendable {
    /// East of Greenwich, seconds.
    public let offsetSeconds: Int64
    public init(offsetSeconds: Int64) { self.offsetSeconds = offsetSeconds }

    /// `09:05`
    public func time(_ stamp: Stamp) -> String {
        let second = secondsOfDay(stamp)
        return Self.two(second / 3_600) + ":" + Self.two(second / 60 % 60)
    }

    /// `09:05:07.123456`
    public func preciseTime(_ stamp: Stamp) -> String {
        let fraction = String(1_000_000 + Self.modulo(stamp.microseconds, 1_000_000)).dropFirst()
        return "\(time(stamp)):\(Self.two(secondsOfDay(stamp) % 60)).\(fraction)"
    }

    /// Days since 1970-01-01 in this zone.
    public func day(_ stamp: Stamp) -> Int64 {
        let seconds = Self.floored(stamp.microseconds, 1_000_000) + offsetSeconds
        return Self.floored(seconds, 86_400)
    }

    /// `Mon 23 November 2026`. Source of the calendar: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    public func date(day: Int64) -> String {
        let shifted = day + 719_468
        let era = Self.floored(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(Self.weekdays[Int(Self.modulo(day + 4, 7))]) \(dayOfMonth) \(Self.months[Int(month) - 1]) \(year)"
    }

    private func secondsOfDay(_ stamp: Stamp) -> Int64 {
        Self.modulo(Self.floored(stamp.microseconds, 1_000_000) + offsetSeconds, 86_400)
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    private static func floored(_ number: Int64, _ by: Int64) -> Int64 { (number - modulo(number, by)) / by }
    private static func modulo(_ number: Int64, _ by: Int64) -> Int64 { (number % by + by) % by }
}

/// Names for new messages.
public enum MessageNames {
    /// 22 digits of base 62 hold 128 bits: 62^22 > 2^128. Two messages of one author never meet.
    public static func name(randomBits: UInt128) -> MessageID {
        var rest = randomBits
        var letters: [UInt8] = []
        for _ in 0..<22 {
            letters.append(digits[Int(rest % 62)])
            rest /= 62
        }
        guard let id = MessageID(String(decoding: letters, as: UTF8.self)) else {
            preconditionFailure("22 letters and digits are a message id")
        }
        return id
    }

    private static let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
}
