// All timers of one core: arm by identity, ask for the next deadline, take what is due.
//
// A binary heap ordered by (deadline, order of arming), so that equal deadlines fire in the order they were armed and a
// replay is exact. Cancelling and re-arming leave the old heap entry behind; it is recognised by its serial and skipped.

/// Timers of one core. `ID` says what each timer is for; at most one timer an ID.
public struct TimerQueue<ID: Hashable & Sendable>: Sendable {
    private struct Entry: Sendable {
        var deadline: Instant
        var serial: UInt64
        var id: ID
        func isBefore(_ other: Entry) -> Bool {
            deadline != other.deadline ? deadline < other.deadline : serial < other.serial
        }
    }

    private var heap: [Entry] = []
    private var current: [ID: UInt64] = [:]
    private var serialNext: UInt64 = 0

    public init() {}

    /// Timers armed now.
    public var count: Int { current.count }

    /// The earliest deadline, nil when nothing is armed. O(1) unless cancelled entries lie on top.
    public mutating func next() -> Instant? {
        dropStale()
        return heap.first?.deadline
    }

    /// Arms `id`, replacing its former deadline. O(log n).
    public mutating func arm(_ id: ID, at deadline: Instant) {
        serialNext += 1
        current[id] = serialNext
        heap.append(Entry(deadline: deadline, serial: serialNext, id: id))
        siftUp(heap.count - 1)
        if heap.count > 64 && heap.count > 4 * current.count { compact() }
    }

    /// Arms `id` only when it is not armed yet.
    public mutating func armIfIdle(_ id: ID, at deadline: Instant) {
        if current[id] == nil { arm(id, at: deadline) }
    }

    public func isArmed(_ id: ID) -> Bool { current[id] != nil }

    public mutating func cancel(_ id: ID) { current[id] = nil }

    /// Takes one timer whose deadline is not after `now`; nil when none is due.
    public mutating func popDue(_ now: Instant) -> ID? {
        dropStale()
        guard let first = heap.first, first.deadline <= now else { return nil }
        removeTop()
        current[first.id] = nil
        return first.id
    }

    private mutating func dropStale() {
        while let top = heap.first, current[top.id] != top.serial { removeTop() }
    }

    private mutating func compact() {
        heap = heap.filter { current[$0.id] == $0.serial }.sorted { $0.isBefore($1) }
    }

    private mutating func removeTop() {
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

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }
}
