// All timers of one core: arm by identity, ask for the next deadline, take what is due.
//
// A binary heap ordered by (deadline, order of arming), so that equal deadlines fire in the order they were armed and a
// replay is exact. Cancelling and re-arming leave the old heap entry behind; it is recognised by its serial and skipped.

/// Timers of one core. Inlinable, so that each module has its own for its IDs. `ID` says what each timer is for; at most one timer an ID.
public struct TimerQueue<ID: Hashable & Sendable>: Sendable {
    @usableFromInline struct Entry: Sendable {
        @usableFromInline var deadline: Instant
        @usableFromInline var serial: UInt64
        @usableFromInline var id: ID
        @inlinable init(deadline: Instant, serial: UInt64, id: ID) {
            self.deadline = deadline
            self.serial = serial
            self.id = id
        }
        @inlinable func isBefore(_ other: Entry) -> Bool {
            deadline != other.deadline ? deadline < other.deadline : serial < other.serial
        }
    }

    @usableFromInline var heap: [Entry] = []
    @usableFromInline var current: [ID: UInt64] = [:]
    @usableFromInline var serialNext: UInt64 = 0

    @inlinable public init() {}

    /// Timers armed now.
    @inlinable public var count: Int { current.count }

    /// The earliest deadline, nil when nothing is armed. O(1) unless cancelled entries lie on top.
    @inlinable public mutating func next() -> Instant? {
        dropStale()
        return heap.first?.deadline
    }

    /// Arms `id`, replacing its former deadline. O(log n).
    @inlinable public mutating func arm(_ id: ID, at deadline: Instant) {
        serialNext += 1
        current[id] = serialNext
        heap.append(Entry(deadline: deadline, serial: serialNext, id: id))
        siftUp(heap.count - 1)
        if heap.count > 64 && heap.count > 4 * current.count { compact() }
    }

    /// Arms `id` only when it is not armed yet.
    @inlinable public mutating func armIfIdle(_ id: ID, at deadline: Instant) {
        if current[id] == nil { arm(id, at: deadline) }
    }

    @inlinable public func isArmed(_ id: ID) -> Bool { current[id] != nil }

    @inlinable public mutating func cancel(_ id: ID) { current[id] = nil }

    /// Takes one timer whose deadline is not after `now`; nil when none is due.
    @inlinable public mutating func popDue(_ now: Instant) -> ID? {
        dropStale()
        guard let first = heap.first, first.deadline <= now else { return nil }
        removeTop()
        current[first.id] = nil
        return first.id
    }

    @inlinable mutating func dropStale() {
        while let top = heap.first, current[top.id] != top.serial { removeTop() }
    }

    @inlinable mutating func compact() {
        heap = heap.filter { current[$0.id] == $0.serial }.sorted { $0.isBefore($1) }
    }

    @inlinable mutating func removeTop() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { return }
            let right = left + 1
            let child = right < heap.count && heap[right].isBefore(heap[left]) ? right : left
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }

    @inlinable mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }
}
