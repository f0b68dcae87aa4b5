// What is kept of the calls in flight, by the number of the call.
//
// Numbers count upwards and calls end within seconds, so those in flight lie close together: the low bits of a number are a
// place in a table, and only a call whose place is still taken by one that waits long goes to a dictionary. To begin and to
// end a call then takes a few nanoseconds and no hash.

/// At most one value a call.
public struct CallTable<Value: Sendable>: Sendable {
    @usableFromInline struct Slot: Sendable {
        @usableFromInline var call: CallID
        @usableFromInline var value: Value
        @inlinable init(call: CallID, value: Value) {
            self.call = call
            self.value = value
        }
    }

    /// 50 ms of calls at 20,000 a second. What a session shard keeps of a call is 200 bytes, so this is 200 KiB; with twice as
    /// many a hash would be saved now and then.
    @inlinable static var placeCount: Int { 1_024 }

    @usableFromInline var near: ContiguousArray<Slot?>
    @usableFromInline var far: [CallID: Value] = [:]
    @usableFromInline var nearCount = 0

    @inlinable public init() { near = ContiguousArray(repeating: nil, count: Self.placeCount) }

    /// Calls in flight.
    @inlinable public var count: Int { nearCount + far.count }

    @inlinable static func place(_ call: CallID) -> Int { Int(call.rawValue) & (placeCount - 1) }

    @inlinable func isNear(_ call: CallID) -> Bool { near[Self.place(call)]?.call == call }

    @inlinable public func contains(_ call: CallID) -> Bool { isNear(call) || (!far.isEmpty && far[call] != nil) }

    @inlinable public subscript(call: CallID) -> Value? {
        if let slot = near[Self.place(call)], slot.call == call { return slot.value }
        return far.isEmpty ? nil : far[call]
    }

    /// - Precondition: the call is not in the table.
    @inlinable public mutating func insert(_ call: CallID, _ value: Value) {
        precondition(!contains(call))
        let place = Self.place(call)
        if near[place] == nil {
            near[place] = Slot(call: call, value: value)
            nearCount += 1
        } else {
            far[call] = value
        }
    }

    /// - Returns: what was kept; nil when there is no such call.
    @inlinable public mutating func remove(_ call: CallID) -> Value? {
        let place = Self.place(call)
        if let slot = near[place], slot.call == call {
            near[place] = nil
            nearCount -= 1
            return slot.value
        }
        return far.isEmpty ? nil : far.removeValue(forKey: call)
    }
}
