// Who is to be connected and who is: members start a bounded number at a time, because a thousand handshakes at once would
// measure a storm and not the run.

import ChatClient
import Primitives

public struct Roster: Sendable {
    private enum State: UInt8, Sendable {
        /// Not started yet. Then: coming.
        case absent
        /// Started for the first time. Then: live.
        case coming
        case live
        /// Lost its connection. Then: live.
        case away
        /// Left as it was told. Then: live.
        case resting
    }


    private var states: [State]
    /// When a member that is away lost its connection.
    private var awaySince: [Instant]
    private var startNext = 0
    private let inFlightMax: Int

    public private(set) var liveCount = 0
    /// Members that came for the first time.
    public private(set) var arrivedCount = 0
    /// Times that a connection was lost after it had been live.
    public private(set) var lostCount: UInt64 = 0
    /// Times that a member came back.
    public private(set) var returnCount: UInt64 = 0
    /// How long those were away that came back.
    public private(set) var awayTimes = LatencyHistogram()

    /// - Parameter inFlightMax: members that may be on their way at once.
    public init(memberCount: Int, inFlightMax: Int = BenchLimits.handshakesInFlightMax) {
        states = [State](repeating: .absent, count: memberCount)
        awaySince = [Instant](repeating: .zero, count: memberCount)
        self.inFlightMax = inFlightMax
    }

    public var memberCount: Int { states.count }
    public func isLive(_ member: Int) -> Bool { states[member] == .live }
    /// Everybody has been live at least once.
    public var hasAllArrived: Bool { arrivedCount == states.count }
    public var areAllLive: Bool { liveCount == states.count }

    /// The members to start now.
    public mutating func starters() -> Range<Int> {
        let first = startNext
        startNext = min(states.count, max(first, arrivedCount + inFlightMax))
        for member in first..<startNext { states[member] = .coming }
        return first..<startNext
    }

    public mutating func onOnline(_ member: Int, now: Instant) {
        switch states[member] {
        case .live, .absent: return
        case .coming: arrivedCount += 1
        case .resting: break
        case .away:
            returnCount += 1
            awayTimes.record(us: (now - awaySince[member]).microseconds)
        }
        states[member] = .live
        liveCount += 1
    }

    public mutating func onOffline(_ member: Int, now: Instant) {
        guard states[member] == .live else { return }
        states[member] = .away
        awaySince[member] = now
        liveCount -= 1
        lostCount += 1
    }

    /// A member that was told to leave; to let it come again needs no word here.
    public mutating func onStopped(_ member: Int) {
        if states[member] == .live { liveCount -= 1 }
        states[member] = .resting
    }
}
