// What was typed after the name of a command: options with and without a value, and operands.
//
// `--name value`, `--name=value`, `--flag`; `--` ends the options, and a lone `-` is an operand. Nothing is abbreviated and
// nothing guessed: an unknown option is refused, and the nearest known one is offered.

/// An option of a command.
public struct OptionSpec: Equatable, Sendable {
    /// Without the dashes.
    public let name: String
    /// What its value is, in capitals; nil for a flag.
    public let value: String?
    public let help: String

    public init(_ name: String, _ value: String? = nil, _ help: String) {
        self.name = name
        self.value = value
        self.help = help
    }
}

/// The parsed words.
public struct Arguments: Equatable, Sendable {
    public private(set) var operands: [String] = []
    private var values: [String: String] = [:]

    /// - Parameter words: without the names of program and command.
    /// - Throws: a usage failure for an unknown option, one that is given twice, or one whose value is missing or not wanted.
    public init(_ words: [String], options: [OptionSpec]) throws(CommandFailure) {
        var index = 0
        var mayBeOption = true
        while index < words.count {
            let word = words[index]
            index += 1
            guard mayBeOption, word != "-", word.hasPrefix("-") else {
                operands.append(word)
                continue
            }
            if word == "--" {
                mayBeOption = false
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0] == "-h" ? "help" : String(parts[0].drop { $0 == "-" })
            guard word.hasPrefix("--") || name == "help", let option = options.first(where: { $0.name == name }) else {
                throw .usage("there is no option \(parts[0])\(Self.suggestion(for: name, among: options))")
            }
            guard values[name] == nil else { throw .usage("--\(name) is given twice") }
            switch (option.value, parts.count) {
            case (nil, 1): values[name] = ""
            case (nil, _): throw .usage("--\(name) takes no value")
            case (_, 2): values[name] = String(parts[1])
            case (.some(let wanted), _):
                guard index < words.count else { throw .usage("--\(name) needs a value: --\(name) \(wanted)") }
                values[name] = words[index]
                index += 1
            }
        }
    }

    /// The value of an option; nil when it was not given.
    public func value(_ name: String) -> String? { values[name] }
    public func has(_ name: String) -> Bool { values[name] != nil }

    /// A whole number of an option within bounds; nil when it was not given.
    public func number(_ name: String, _ range: ClosedRange<Int>) throws(CommandFailure) -> Int? {
        guard let text = values[name] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw .usage("--\(name) must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func suggestion(for name: String, among options: [OptionSpec]) -> String {
        let near = options.map(\.name).filter { !name.isEmpty && ($0.hasPrefix(name) || name.hasPrefix($0)) }
        return near.first.map { "; did you mean --\($0)?" } ?? "; try --help"
    }
}
