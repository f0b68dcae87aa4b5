// The users of a shard, by name.
//
// What is known of a user is some two hundred bytes, read and changed a dozen times for each message. A dictionary hands out a
// copy for each look and moves the whole of it for each change. So a dictionary keeps places only, and the states lie in an array in
// which they are read and changed; those that are free are used again. The array grows by a quarter, where a dictionary doubles: with
// a hundred thousand users that is some megabytes.

import Primitives

struct UserTable: Sendable {
    private var places: [UserID: Int32] = [:]
    /// Nil where nobody is.
    private var states: ContiguousArray<UserState?> = []
    private var free: [Int32] = []

    var count: Int { places.count }
    var isEmpty: Bool { places.isEmpty }
    /// In no order that may be relied on.
    var keys: Dictionary<UserID, Int32>.Keys { places.keys }

    /// Where a user is, until somebody is removed.
    func place(of user: UserID) -> Int? { places[user].map(Int.init) }

    /// Setting nil removes. A place that was given out before is not to be used afterwards.
    subscript(user: UserID) -> UserState? {
        _read {
            if let place = places[user] { yield states[Int(place)] } else { yield nil }
        }
        _modify {
            if let place = places[user] {
                defer { if states[Int(place)] == nil { remove(user, at: place) } }
                yield &states[Int(place)]
            } else {
                var state: UserState?
                defer { if let state { insert(user, state) } }
                yield &state
            }
        }
    }

    /// - Precondition: somebody is there.
    subscript(place place: Int) -> UserState {
        _read { yield states[place]! }
        _modify { yield &states[place]! }
    }

    private mutating func insert(_ user: UserID, _ state: UserState) {
        if let place = free.popLast() {
            places[user] = place
            states[Int(place)] = state
            return
        }
        if states.count == states.capacity { states.reserveCapacity(states.count + max(8, states.count / 4)) }
        places[user] = Int32(states.count)
        states.append(state)
    }

    private mutating func remove(_ user: UserID, at place: Int32) {
        places[user] = nil
        // The last to go gives everything back.
        guard !places.isEmpty else { return self = UserTable() }
        free.append(place)
    }
}
