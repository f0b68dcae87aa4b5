// What is left out of the run that a seed has drawn: the words in which a shorter failing run is told.
//
// A trim never draws anything. The seed draws the whole run as ever, then the trim takes away: people, devices, processes,
// groups, messages, time, faults. Because every process, device, link and fault has dice of its own, what remains does mostly what
// it did before; and because a trim is part of the command line, a trimmed run replays byte for byte like any other.

import Primitives

public struct Trim: Equatable, Sendable {
    /// People at most; the first stay. At least 2.
    public var users: Int?
    /// Devices of one person at most; the first stay.
    public var devices: Int?
    /// Processes at most, of gateway, parser, session, group, last-seen, persistence. At least 1 each.
    public var processes: [Int]?
    /// Groups at most; 0: none.
    public var groups: Int?
    /// Changes of the cluster at most; 0: none.
    public var changes: Int?
    /// Messages that people write at most.
    public var messages: Int?
    /// The faults end after this time, if they did not before.
    public var safety: Moment?
    /// Kinds of faults that do not happen.
    public var without: Set<FaultKind> = []
    /// Only the strikes with these numbers happen, counted from 1; nil: all.
    public var faults: Set<Int>?

    public init() {}

    public static let none = Trim()

    /// The options that say it on a command line, in one order. Empty when nothing is trimmed.
    public var arguments: String {
        var words: [String] = []
        if let users { words.append("--users \(users)") }
        if let devices { words.append("--devices \(devices)") }
        if let processes { words.append("--processes " + processes.map(String.init).joined(separator: "/")) }
        if let groups { words.append("--groups \(groups)") }
        if let changes { words.append("--changes \(changes)") }
        if let messages { words.append("--messages \(messages)") }
        if let safety { words.append("--safety \(safety / 1_000_000)ms") }
        if !without.isEmpty {
            words.append("--without " + FaultKind.allCases.filter(without.contains).map(\.rawValue).joined(separator: ","))
        }
        if let faults { words.append("--faults " + Self.text(faults)) }
        return words.joined(separator: " ")
    }

    public static let options = ["--users", "--devices", "--processes", "--groups", "--changes", "--messages", "--safety", "--without", "--faults"]

    /// Takes one option.
    /// - Parameter option: one of `options`.
    /// - Returns: nil, or a sentence that says what the option wants.
    public mutating func set(_ option: String, to value: String) -> String? {
        switch option {
        case "--users":
            guard let count = Int(value), count >= 2 else { return "--users takes a number from 2 on" }
            users = count
        case "--devices":
            guard let count = Int(value), count >= 1 else { return "--devices takes a number from 1 on" }
            devices = count
        case "--processes":
            let counts = value.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
            guard counts.count == 6, counts.allSatisfy({ $0 > 0 }) else {
                return "--processes takes six numbers from 1 on, like 2/1/3/1/1/1"
            }
            processes = counts
        case "--groups":
            guard let count = Int(value), count >= 0 else { return "--groups takes a number" }
            groups = count
        case "--changes":
            guard let count = Int(value), count >= 0 else { return "--changes takes a number" }
            changes = count
        case "--messages":
            guard let count = Int(value), count >= 0 else { return "--messages takes a number" }
            messages = count
        case "--safety":
            guard let time = Self.time(value) else { return "--safety takes a time like 12s or 1500ms" }
            safety = time
        case "--without":
            for name in value.split(separator: ",") {
                guard let kind = FaultKind(rawValue: String(name)) else {
                    return "--without takes kinds of faults: " + FaultKind.allCases.map(\.rawValue).joined(separator: ", ")
                }
                without.insert(kind)
            }
        case "--faults":
            guard let numbers = Self.numbers(value) else { return "--faults takes numbers like 4..9,12, or none" }
            faults = numbers
        default:
            preconditionFailure("\(option) is no option of a trim")
        }
        return nil
    }

    private static func time(_ text: String) -> Moment? {
        if text.hasSuffix("ms") { return Int64(text.dropLast(2)).flatMap { $0 >= 0 ? $0 * 1_000_000 : nil } }
        if text.hasSuffix("s") { return Int64(text.dropLast()).flatMap { $0 >= 0 ? $0 * 1_000_000_000 : nil } }
        return nil
    }

    private static func numbers(_ text: String) -> Set<Int>? {
        if text == "none" { return [] }
        var numbers: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: ".", omittingEmptySubsequences: true).compactMap { Int($0) }
            if let only = Int(part) {
                numbers.insert(only)
            } else if ends.count == 2, ends[0] <= ends[1], part == "\(ends[0])..\(ends[1])", ends[1] < 1_000_000 {
                numbers.formUnion(ends[0]...ends[1])
            } else {
                return nil
            }
        }
        return numbers
    }

    private static func text(_ numbers: Set<Int>) -> String {
        if numbers.isEmpty { return "none" }
        var ranges: [ClosedRange<Int>] = []
        for number in numbers.sorted() {
            if let last = ranges.last, last.upperBound == number - 1 {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)..\($0.upperBound)" }.joined(separator: ",")
    }
}
