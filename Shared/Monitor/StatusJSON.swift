// The cluster's figures as JSON, for the page /status. Numbers are in seconds, bytes and parts of 1; what is not known is null.

import Cluster

extension ClusterFigures {
    /// - Parameter viewer: the node that looked.
    /// - Complexity: O(nodes squared), for the links.
    public func json(seenFrom viewer: Node, release: String, stampSeconds: Double) -> String {
        var out = JSONText()
        out.object {
            $0.member("cluster", map.name)
            $0.member("epoch", Double(map.epoch))
            $0.member("store", map.storageMode.rawValue)
            $0.member("viewer", viewer.name)
            $0.member("release", release)
            $0.member("at", stampSeconds)
            $0.member("seconds", seconds)
            $0.member("ready", Double(readyCount))
            $0.member("level", Double(level))
            $0.member("clients", clientCount)
            $0.member("messages", messageRate)
            $0.member("deliveries", deliveryRate)
            $0.list("meanings", Self.levelMeanings) { $0.value($1) }
            $0.list("hops", hops) { out, hop in
                out.object {
                    $0.member("from", hop.from.name)
                    $0.member("to", hop.to.name)
                    $0.member("rate", hop.rate)
                    $0.member("median", hop.median)
                    $0.member("p99", hop.p99)
                }
            }
            $0.list("rings", Role.allCases.filter(\.hasRing)) { out, role in
                out.object {
                    $0.member("role", role.name)
                    $0.list("shares", shares(of: role)) { out, share in
                        out.object {
                            $0.member("node", share.node.name)
                            $0.member("part", share.part)
                        }
                    }
                }
            }
            $0.list("nodes", Array(zip(nodes, warnings))) { out, pair in Self.write(pair.0, pair.1, into: &out) }
        }
        return out.text
    }

    private static func write(_ figures: NodeFigures, _ warnings: [String], into out: inout JSONText) {
        out.object {
            $0.member("name", figures.node.name)
            $0.member("role", figures.node.role.name)
            $0.member("state", figures.state.rawValue)
            $0.member("level", Double(figures.level))
            $0.member("pinned", figures.isPinned)
            $0.member("started", figures.startedAt)
            $0.member("cpu", figures.cpu)
            $0.member("memory", figures.memoryBytes)
            $0.member("wait50", figures.waitMedian)
            $0.member("wait99", figures.wait99)
            $0.member("turn99", figures.turn99)
            $0.list("links", figures.links) { out, link in
                out.object {
                    $0.member("peer", link.peer.name)
                    $0.member("up", link.isUp)
                }
            }
            $0.list("work", figures.work) { out, work in
                out.object {
                    $0.member("name", work.name)
                    $0.member("value", work.value)
                    $0.member("unit", work.unit.rawValue)
                }
            }
            $0.list("troubles", figures.troubles) { out, trouble in
                out.object {
                    $0.member("name", trouble.name)
                    $0.member("count", trouble.count)
                }
            }
            $0.list("warnings", warnings) { $0.value($1) }
        }
    }
}

/// JSON, appended piece by piece (RFC 8259).
struct JSONText {
    private(set) var text = ""
    private var needsComma = false

    mutating func object(_ members: (inout JSONText) -> Void) {
        separate()
        text += "{"
        needsComma = false
        members(&self)
        text += "}"
        needsComma = true
    }

    mutating func list<T>(_ name: String, _ items: [T], _ write: (inout JSONText, T) -> Void) {
        key(name)
        text += "["
        needsComma = false
        for item in items { write(&self, item) }
        text += "]"
        needsComma = true
    }

    mutating func member(_ name: String, _ value: String) {
        key(name)
        self.value(value)
    }

    mutating func member(_ name: String, _ value: Bool) {
        key(name)
        text += value ? "true" : "false"
        needsComma = true
    }

    /// Null for what is not known or is no number; infinity, above the last bucket of a histogram, is no number of JSON and becomes a very large one.
    mutating func member(_ name: String, _ value: Double?) {
        key(name)
        switch value {
        case .none: text += "null"
        case .some(let value) where value.isNaN: text += "null"
        case .some(let value) where value.isInfinite: text += "1e9"
        case .some(let value): text += value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
        }
        needsComma = true
    }

    mutating func value(_ value: String) {
        separate()
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
        needsComma = true
    }

    private mutating func key(_ name: String) {
        separate()
        text += "\"\(name)\":"
        needsComma = false
    }

    private mutating func separate() {
        if needsComma { text += "," }
    }
}
