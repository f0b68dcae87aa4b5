// When people were last here: one stamp a person, the newest stands.
//
// This is the service's whole memory of most people, so an entry is a name and a number. One bit of the number says that
// persistence has not got it yet. The table has two generations: when the young one is full it becomes the old one, and what was
// old is forgotten, unless persistence has not got it. Whoever is seen again moves to the young one.

import Messages
import Primitives

package struct SeenTable: Sendable {
    /// A stamp and, in the lowest bit, whether it is still to be stored.
    private struct Mark: Sendable {
        var bits: Int64
        var at: Stamp { Stamp(microseconds: bits >> 1) }
        var isUnsaved: Bool { bits & 1 == 1 }
        init(_ at: Stamp, isUnsaved: Bool) { bits = at.microseconds << 1 | (isUnsaved ? 1 : 0) }
    }

    private var young: [UserID: Mark] = [:]
    private var old: [UserID: Mark] = [:]
    /// Who is still to be stored, each once, in the order in which they were seen.
    private var unsaved: [UserID] = []
    private let capacity: Int
    /// How often a generation was forgotten.
    private(set) var ages = 0

    /// - Parameter capacity: people per generation.
    package init(capacity: Int) { self.capacity = capacity }

    package var count: Int { young.count + old.count }
    var unsavedCount: Int { unsaved.count }

    package subscript(user: UserID) -> Stamp? { (young[user] ?? old[user])?.at }

    /// Somebody did something.
    /// - Returns: false when something newer is known.
    /// - Complexity: O(1).
    @discardableResult
    package mutating func raise(_ user: UserID, to at: Stamp) -> Bool {
        let known = young[user] ?? old[user]
        if let known, known.at >= at { return false }
        if known?.isUnsaved != true { unsaved.append(user) }
        put(Mark(at, isUnsaved: true), for: user)
        return true
    }

    /// As if nobody had ever seen `user`.
    mutating func remove(_ user: UserID) {
        young[user] = nil
        old[user] = nil
    }

    /// Takes everybody who is still to be stored.
    package mutating func drain() -> [SeenBatch.Item] {
        let users = unsaved
        unsaved = []
        return users.compactMap { user in
            guard let mark = young[user] ?? old[user], mark.isUnsaved else { return nil }
            replace(Mark(mark.at, isUnsaved: false), for: user)
            return SeenBatch.Item(user: user, at: mark.at)
        }
    }

    /// These could not be stored: they are to be stored again.
    package mutating func restore(_ items: [SeenBatch.Item]) {
        for item in items {
            guard let mark = young[item.user] ?? old[item.user] else {
                raise(item.user, to: item.at)
                continue
            }
            guard !mark.isUnsaved else { continue }
            unsaved.append(item.user)
            replace(Mark(mark.at, isUnsaved: true), for: item.user)
        }
    }

    private mutating func replace(_ mark: Mark, for user: UserID) {
        if young[user] != nil { young[user] = mark } else { old[user] = mark }
    }

    private mutating func put(_ mark: Mark, for user: UserID) {
        if young.updateValue(mark, forKey: user) == nil {
            old[user] = nil
            if young.count > capacity { age() }
        }
    }

    private mutating func age() {
        ages += 1
        let forgotten = old
        old = young
        young = [:]
        for user in unsaved {
            if old[user] == nil, let mark = forgotten[user] { young[user] = mark }
        }
    }
}
