// How much one user may send, and how many connections one address may make: token buckets.
//
// A bucket fills evenly up to a bound and each piece of work takes from it; so a person may be quick for a moment and nobody
// may be quick for ever. These limits are no protection of the cluster as a whole (`LoadBook` is that), they keep one
// client with a bug, or one address with a grudge, from taking the place of a thousand others. Limits are settings
// (`LimitRules` in cluster.conf), 0 turns one off; behind a proxy every client has the proxy's address.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import RPC
import WebSocket

/// What the users connected here have sent of late; all connections of a user share a row. As many rows as users connected.
struct UserRates: Sendable {
    private struct Row: Sendable {
        var user: UserID
        var connectionCount: Int
        var frames: RateBucket
        var bytes: RateBucket
        /// When the user heard of it last.
        var toldAt: Instant?
    }

    private let frames: Int
    private let bytes: Int
    private var rows: [Row] = []
    private var places: [UserID: Int] = [:]
    private var free: [Int] = []

    init(_ rules: LimitRules) {
        frames = rules.framesPerSecond
        bytes = rules.kibPerSecond * 1024
    }

    /// - Returns: the row of a connection, for the calls below.
    mutating func join(_ user: UserID, now: Instant) -> Int {
        if let place = places[user] {
            rows[place].connectionCount += 1
            return place
        }
        let row = Row(
            user: user, connectionCount: 1, frames: RateBucket(rate: frames, burstSeconds: GatewayLimits.rateBurstSeconds, now: now),
            bytes: RateBucket(rate: bytes, burstSeconds: GatewayLimits.rateBurstSeconds, now: now))
        let place = free.popLast() ?? rows.count
        if place == rows.count { rows.append(row) } else { rows[place] = row }
        places[user] = place
        return place
    }

    mutating func leave(_ place: Int) {
        rows[place].connectionCount -= 1
        guard rows[place].connectionCount == 0 else { return }
        places[rows[place].user] = nil
        free.append(place)
    }

    /// - Returns: false when the user sends too much.
    mutating func take(_ place: Int, bytes count: Int, now: Instant) -> Bool {
        let burst = GatewayLimits.rateBurstSeconds
        if frames > 0, !rows[place].frames.take(1, rate: frames, burstSeconds: burst, now: now) { return false }
        return bytes == 0 || rows[place].bytes.take(count, rate: bytes, burstSeconds: burst, now: now)
    }

    /// Whether it is time to say so again: a flood must not be answered by a flood.
    mutating func mayTell(_ place: Int, now: Instant) -> Bool {
        if let toldAt = rows[place].toldAt, now - toldAt < GatewayLimits.rateToldEvery { return false }
        rows[place].toldAt = now
        return true
    }
}

/// Which addresses have connected of late: a bounded table. Whoever finds no place in it shares one bucket with the others.
struct AddressRates: Sendable {
    private let connects: Int
    private var buckets: [ClientAddress: RateBucket] = [:]
    private var others: RateBucket

    init(_ rules: LimitRules) {
        connects = rules.connectsPerSecond
        others = RateBucket(rate: connects, burstSeconds: GatewayLimits.connectBurstSeconds, now: .zero)
    }

    /// - Returns: false when the address connects too often.
    mutating func take(_ address: ClientAddress?, now: Instant) -> Bool {
        guard connects > 0, let address else { return true }
        let burst = GatewayLimits.connectBurstSeconds
        if buckets[address] == nil {
            if buckets.count >= GatewayLimits.addressCountMax { forgetTheFull(now) }
            guard buckets.count < GatewayLimits.addressCountMax else {
                return others.take(1, rate: connects, burstSeconds: burst, now: now)
            }
            buckets[address] = RateBucket(rate: connects, burstSeconds: burst, now: now)
        }
        return buckets[address]!.take(1, rate: connects, burstSeconds: burst, now: now)
    }

    private mutating func forgetTheFull(_ now: Instant) {
        buckets = buckets.filter { entry in
            var bucket = entry.value
            return !bucket.isFull(rate: connects, burstSeconds: GatewayLimits.connectBurstSeconds, now: now)
        }
    }
}

extension GatewayCore {
    /// A frame was dropped unread; its sender hears so, not more often than is of use.
    mutating func tellLimited(_ socket: SocketID, now: Now) {
        counters.framesLimited += 1
        guard case .open(var session) = connections[socket]?.phase, rates.mayTell(session.rate, now: now.instant) else { return }
        let error = ErrorFrame(
            .rateLimited, "too many frames or bytes a second: what comes is dropped unread until you slow down",
            retryMs: GatewayLimits.rateRetryMs)
        let bytes = ServerFrame.error(error).encoded(as: session.encoding)
        if session.outbound.isEmpty { dirty.append(socket) }
        switch session.encoding {
        case .json: FrameEncoder.appendText(bytes, to: &session.outbound)
        case .binary: FrameEncoder.appendBinary(bytes, to: &session.outbound)
        }
        connections[socket]!.phase = .open(session)
    }

    /// Whether a user may connect: whoever could send nothing would only come for an error.
    func hasRoom(for user: UserID, now: Now) -> Bool {
        var path = load.own
        if let shard = sessions.route(user) { path = path.worse(load.load(of: shard)) }
        for parser in parsersUp { path = path.worse(load.load(of: parser)) }
        return LoadBook.isInTurn(user, path, now: now.stamp)
    }
}
