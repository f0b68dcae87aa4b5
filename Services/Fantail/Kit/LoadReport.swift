// What an operator sees of load: the level of every node, and orders to hold one.

import Cluster
import Monitor

/// What a node said of its load.
public struct NodeLoad: Equatable, Sendable {
    public var level: Int
    public var ownLevel: Int
    public var admitPermille: Int
    public var isPinned: Bool
    public var waitUs: Int64
    /// The highest level that the node knows of.
    public var worstLevel: Int
    /// Times that a level changed.
    public var changes: UInt64
    /// Pieces of work by class and outcome, such as `typing_given_up`.
    public var work: [String: UInt64]

    private static let outcomes = ["_admitted", "_delayed", "_merged", "_given_up", "_refused"]

    /// Reads the page `/load`; nil when it is something else.
    public init?(json: String) {
        guard let fields = FlatJSON.fields(json.trimmed), let level = fields["level"].flatMap({ Int($0) }),
            let ownLevel = fields["own_level"].flatMap({ Int($0) }), let admit = fields["admit_permille"].flatMap({ Int($0) }),
            let pinned = fields["pinned"], let wait = fields["wait_us"].flatMap({ Int64($0) }),
            let worst = fields["worst_level"].flatMap({ Int($0) }), let changes = fields["changes"].flatMap({ UInt64($0) })
        else { return nil }
        self.level = level
        self.ownLevel = ownLevel
        admitPermille = admit
        isPinned = pinned == "true"
        waitUs = wait
        worstLevel = worst
        self.changes = changes
        work = [:]
        for (name, value) in fields where Self.outcomes.contains(where: { name.hasSuffix($0) }) { work[name] = UInt64(value) }
    }
}

extension String {
    fileprivate var trimmed: String { String(split(whereSeparator: \.isNewline).first ?? "") }
}

/// What was asked of `fantail load`.
public enum LoadOrder: Equatable, Sendable {
    case show
    /// `level` is nil: measure it. `node` is nil: all.
    case pin(level: Int?, node: String?)

    /// - Throws: a usage failure that says how it is written.
    public init(_ operands: [String]) throws(CommandFailure) {
        func target(_ word: String) -> String? { word == "all" ? nil : word }
        switch operands.count {
        case 0: self = .show
        case 3 where operands[0] == "pin":
            guard let level = Int(operands[1]), (0...4).contains(level) else {
                throw .usage("a level is a number from 0 (nothing is given up) to 4 (new messages are refused)")
            }
            self = .pin(level: level, node: target(operands[2]))
        case 2 where operands[0] == "auto": self = .pin(level: nil, node: target(operands[1]))
        default: throw .usage("say fantail load, fantail load pin LEVEL NODE|all, or fantail load auto NODE|all")
        }
    }

    /// The path of the request, where it is a change.
    public var path: String? {
        guard case .pin(let level, _) = self else { return nil }
        return "/load?pin=\(level.map { "\($0)" } ?? "auto")"
    }
}

/// The table of `fantail load`.
public enum LoadReport {
    private static let meanings = ClusterFigures.levelMeanings

    /// - Parameter loads: for each node of the map, in its order; nil for one that does not answer.
    public static func rows(_ map: ClusterMap, _ loads: [NodeLoad?]) -> [Row] {
        var table = TextTable(["NODE", "LEVEL", "OWN", "WAIT MS", "MAY SEND", "MEANS"], rightAligned: [1, 2, 3, 4])
        for (node, load) in zip(map.nodes, loads) {
            guard let load else {
                table.add([Span(node.name, .bold), Span("-"), Span("-"), Span("-"), Span("-"), Span("no answer", .red)])
                continue
            }
            let meaning = (meanings.indices.contains(load.level) ? meanings[load.level] : "?") + (load.isPinned ? ", held by hand" : "")
            table.add([
                Span(node.name, .bold), Span("\(load.level)"), Span("\(load.ownLevel)"),
                Span("\(load.waitUs / 1_000).\(load.waitUs % 1_000 / 100)"), Span("\(load.admitPermille / 10).\(load.admitPermille % 10) %"),
                Span(meaning, load.level == 0 ? .green : load.level == 4 ? .red : .yellow),
            ])
        }
        guard let highest = loads.compactMap({ $0?.level }).max() else { return table.lines + [Row(), Row(Span("No node answers.", .red))] }
        let summary = highest == 0 ? "Everything is done at once." : "The highest level is \(highest): \(meanings[min(highest, 4)])."
        return table.lines + [Row(), Row(Span(summary, highest == 0 ? .green : .yellow))]
    }
}
