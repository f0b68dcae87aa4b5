// Small changes of a cluster file as its owner wrote it: comments, order and blanks stay.

import Cluster

public enum ClusterEdit: Equatable, Sendable {
    /// The node is to leave: it gets no more work.
    case drain(String)
    /// After all it stays.
    case stay(String)
    /// Its line goes.
    case remove(String)

    /// The file with this change and the next epoch.
    /// - Parameter text: a cluster file without a problem.
    /// - Throws: when the node is not there, or nothing would change.
    public func applied(to text: String, of map: ClusterMap) throws(CommandFailure) -> String {
        let name = node
        guard let node = map.node(named: name) else {
            throw .failure("the cluster has no node \(Printable.line(name)); fantail status lists them")
        }
        switch self {
        case .drain where node.isDraining: throw .failure("\(name) is draining already")
        case .stay where !node.isDraining: throw .failure("\(name) is not draining")
        case .drain, .stay, .remove: break
        }
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            let words = Self.words(line)
            if words.first == "epoch" {
                lines.append(Self.replacing(words[1], by: "\(map.epoch + 1)", in: line))
            } else if words.count > 1, words[0] == node.role.name, words[1] == name {
                switch self {
                case .drain: lines.append(Self.adding("state=draining", to: line))
                case .stay: lines.append(Self.replacing(" state=draining", by: "", in: line))
                case .remove: break
                }
            } else {
                lines.append(line)
            }
        }
        return lines.joined(separator: "\n")
    }

    private var node: String {
        switch self {
        case .drain(let name), .stay(let name), .remove(let name): name
        }
    }

    /// Before the comment.
    private static func words(_ line: String) -> [String] {
        var words: [String] = []
        for word in line.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
            if word.hasPrefix("#") { break }
            words.append(String(word))
        }
        return words
    }

    /// Behind the last word, before the comment.
    private static func adding(_ word: String, to line: String) -> String {
        guard let last = words(line).last, let end = line.ranges(of: last).last(where: { isWord($0, in: line) })?.upperBound
        else { return line }
        return line[..<end] + " " + word + line[end...]
    }

    private static func isWord(_ range: Range<String.Index>, in line: String) -> Bool {
        let comment = line.firstIndex(of: "#") ?? line.endIndex
        return range.upperBound <= comment && (range.upperBound == line.endIndex || line[range.upperBound] == " " || line[range.upperBound] == "\t")
    }

    private static func replacing(_ word: String, by other: String, in line: String) -> String {
        guard let range = line.ranges(of: word).first(where: { isWord($0, in: line) }) else { return line }
        return line.replacingCharacters(range, by: other)
    }
}

extension String {
    fileprivate func replacingCharacters(_ range: Range<Index>, by other: String) -> String { self[..<range.lowerBound] + other + self[range.upperBound...] }
}
