// How many objects an operation allocates: arrays, strings beyond 15 bytes, boxes. A hot path should have none it could do without.
//
// The runtime of Swift lets instruments stand in for its function that allocates objects; ours counts and calls the former. One thread:
// nothing else runs in `bench micro`.
// Source: stdlib/public/SwiftShims and include/swift/Runtime/HeapObject.h of Swift, `_swift_allocObject`.

import Glibc
import Synchronization

enum AllocationCounter {
    private typealias Allocate = @convention(c) (UnsafeRawPointer?, Int, Int) -> UnsafeMutableRawPointer?

    /// What the stand-in needs, which can hold nothing itself: how often it was called, and the address of the runtime's own function.
    private static let count = Atomic(0)
    private static let original = Atomic(UInt(0))

    /// Objects that `body` allocates; nil where the runtime does not offer it, as in an executable that is linked statically.
    static func count(in body: () -> Void) -> Int? {
        guard let slot = dlsym(nil, "_swift_allocObject"),
            let isOn = dlsym(nil, "_swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly")
        else { return nil }
        let function = slot.assumingMemoryBound(to: Allocate.self)
        let flag = isOn.assumingMemoryBound(to: Bool.self)
        let own = function.pointee
        original.store(UInt(bitPattern: unsafeBitCast(own, to: UnsafeRawPointer.self)), ordering: .relaxed)
        function.pointee = { metadata, size, alignment in
            AllocationCounter.count.add(1, ordering: .relaxed)
            let address = UnsafeRawPointer(bitPattern: AllocationCounter.original.load(ordering: .relaxed))!
            return unsafeBitCast(address, to: Allocate.self)(metadata, size, alignment)
        }
        count.store(0, ordering: .relaxed)
        flag.pointee = true
        body()
        flag.pointee = false
        function.pointee = own
        return count.load(ordering: .relaxed)
    }
}
