// Who is here: people with an app in front that they used just now.
//
// Only they have an entry, so the table is as large as the number of people who look at their screens. An entry goes when the app
// goes to the background, when its connection ends, or when nothing was done for the threshold: the client says `active` again
// with the next touch. So nothing stays here that nobody vouches for.
//
// The threshold is watched in buckets of half a second. A person stands in one bucket; when it is due and they have done something
// since, they move to a later one. An act costs no timer.

import Messages
import Primitives

struct Fronts: Sendable {
    struct Front: Sendable {
        /// At most one a device; in practice one or two.
        var places: [ConnectionPlace]
        var newest: Stamp
        var bucket: Int64
    }

    private var fronts: [UserID: Front] = [:]
    private var buckets: [Int64: [UserID]] = [:]
    private let threshold: Interval

    /// - Parameter threshold: how long after the last act somebody counts as here.
    init(threshold: Interval) { self.threshold = threshold }

    var count: Int { fronts.count }

    func isHere(_ user: UserID) -> Bool { fronts[user] != nil }

    /// When somebody may fade next; nil: nobody is here.
    var due: Stamp? { buckets.keys.min().map { Stamp(microseconds: $0 * LastSeenLimits.fadeStep.microseconds) } }

    /// An act of somebody who may be here.
    mutating func touch(_ user: UserID, at: Stamp) {
        guard let place = fronts.index(forKey: user) else { return }
        fronts.values[place].newest = max(fronts.values[place].newest, at)
    }

    /// An app came to the front, or was used there.
    /// - Returns: true when the person was not here before.
    mutating func enter(_ user: UserID, _ place: ConnectionPlace, at: Stamp) -> Bool {
        if let index = fronts.index(forKey: user) {
            fronts.values[index].newest = max(fronts.values[index].newest, at)
            if !fronts.values[index].places.contains(place) {
                // A device that connected again without an end of its former connection: the newest count.
                if fronts.values[index].places.count == MessageLimits.deviceCountMax { fronts.values[index].places.removeFirst() }
                fronts.values[index].places.append(place)
            }
            return false
        }
        fronts[user] = Front(places: [place], newest: at, bucket: add(user, newest: at))
        return true
    }

    /// An app went to the background, or its connection ended.
    /// - Returns: true when the person was here and is not any more.
    mutating func leave(_ user: UserID, _ place: ConnectionPlace) -> Bool {
        guard let index = fronts.index(forKey: user), let seat = fronts.values[index].places.firstIndex(of: place) else { return false }
        fronts.values[index].places.remove(at: seat)
        guard fronts.values[index].places.isEmpty else { return false }
        fronts[user] = nil
        return true
    }

    /// Those who did nothing for the threshold, in the order in which they came.
    mutating func fade(now: Stamp) -> [UserID] {
        let last = now.microseconds / LastSeenLimits.fadeStep.microseconds
        var faded: [UserID] = []
        for bucket in buckets.keys.filter({ $0 <= last }).sorted() {
            for user in buckets.removeValue(forKey: bucket)! {
                // Who went and came again stands in another one.
                guard let front = fronts[user], front.bucket == bucket else { continue }
                if front.newest + threshold <= now {
                    fronts[user] = nil
                    faded.append(user)
                } else {
                    fronts[user]!.bucket = add(user, newest: front.newest)
                }
            }
        }
        return faded
    }

    /// The first bucket that is due when the threshold has passed.
    private mutating func add(_ user: UserID, newest: Stamp) -> Int64 {
        let step = LastSeenLimits.fadeStep.microseconds
        let bucket = ((newest + threshold).microseconds + step - 1) / step
        // Whoever comes and goes all the time stands there once.
        if buckets[bucket]?.last != user { buckets[bucket, default: []].append(user) }
        return bucket
    }
}
