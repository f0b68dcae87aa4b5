// What the connections of this shard's people watch.
//
// A connection's list lives at the shard of whoever watches, which knows her settings: she asks only about those whom she lets
// see herself. It tells the shards of the watched, and tells them again when they were away. What they told is not repeated while
// the link between two shards lives; when it breaks, both sides begin anew.

import Messages
import Primitives
import Privacy

struct Homes: Sendable {
    struct Home: Sendable {
        let origin: Origin
        var users: [UserID]
        /// The shard that was asked about the user at the same place; nil: none, or it is gone.
        var asked: [NodeID?]
        /// When the list was last said.
        var saidAt: Instant
    }

    private var homes: [ConnectionPlace: Home] = [:]
    /// A person's connections that watch, oldest first.
    private var places: [UserID: [ConnectionPlace]] = [:]
    private(set) var watchCount = 0

    var count: Int { homes.count }

    subscript(place: ConnectionPlace) -> Home? { homes[place] }

    func connections(of user: UserID) -> [ConnectionPlace] { places[user] ?? [] }

    /// All of them, always in the same order.
    var all: [ConnectionPlace] {
        homes.keys.sorted { ($0.gateway.rawValue, $0.connection.rawValue) < ($1.gateway.rawValue, $1.connection.rawValue) }
    }

    /// The connection watches these from now on; who stays on the list keeps their place.
    /// - Returns: who is not watched any more, with the shards that were asked; and former connections that were given up
    ///   because the person has too many.
    mutating func set(_ origin: Origin, _ users: [UserID], now: Instant) -> (ended: [(UserID, NodeID)], surplus: [ConnectionPlace]) {
        let place = ConnectionPlace(gateway: origin.gateway, connection: origin.connection)
        let former = homes[place]
        let asked = users.map { user in former?.users.firstIndex(of: user).flatMap { former!.asked[$0] } }
        let ended = former.map { Self.asked($0).filter { !users.contains($0.0) } } ?? []
        watchCount += users.count - (former?.users.count ?? 0)
        if users.isEmpty {
            forget(place, of: origin.user)
            return (ended, [])
        }
        homes[place] = Home(origin: origin, users: users, asked: asked, saidAt: now)
        if former == nil { places[origin.user, default: []].append(place) }
        // A connection whose end was never told: an eighth device has not come since.
        let surplus = connections(of: origin.user).dropLast(MessageLimits.deviceCountMax)
        return (ended, Array(surplus))
    }

    /// The connection is gone.
    /// - Returns: whom it watched, with the shards that were asked.
    mutating func remove(_ place: ConnectionPlace) -> [(UserID, NodeID)] {
        guard let home = homes[place] else { return [] }
        watchCount -= home.users.count
        forget(place, of: home.origin.user)
        return Self.asked(home)
    }

    private mutating func forget(_ place: ConnectionPlace, of user: UserID) {
        homes[place] = nil
        places[user]?.removeAll { $0 == place }
        if places[user]?.isEmpty == true { places[user] = nil }
    }

    /// The shard that `place` asked about `user`; nil: none, or it watches them no more.
    func asked(_ place: ConnectionPlace, about user: UserID) -> NodeID? {
        guard let home = homes[place], let index = home.users.firstIndex(of: user) else { return nil }
        return home.asked[index]
    }

    /// Connections that did not say their list for so long.
    func lapsed(since: Instant) -> [ConnectionPlace] { all.filter { homes[$0]!.saidAt < since } }

    /// `node` was asked about `user`, or nobody is.
    mutating func note(_ place: ConnectionPlace, _ user: UserID, asked node: NodeID?) {
        guard let index = homes[place]?.users.firstIndex(of: user) else { return }
        homes[place]!.asked[index] = node
    }

    /// `node` came or went: it knows nothing of what it was asked.
    mutating func forget(_ node: NodeID) {
        for place in Array(homes.keys) {
            for index in homes[place]!.asked.indices where homes[place]!.asked[index] == node { homes[place]!.asked[index] = nil }
        }
    }

    private static func asked(_ home: Home) -> [(UserID, NodeID)] {
        zip(home.users, home.asked).compactMap { user, node in node.map { (user, $0) } }
    }
}
