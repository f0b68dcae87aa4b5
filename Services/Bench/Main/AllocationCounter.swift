// How many objects an operation allocates: arrays, strings beyond 15 bytes, boxes. A hot path should have none it could do without.
//
// The runtime of Swift lets instruments stand in for its function that allocates objects; ours counts and calls the former. One thread:
// nothing else runs in `bench micro`.
// Source: stdlib/public/SwiftShims and include/swift/Runtime/HeapObject.h of Swift, `_swift_allocObject`.

import Glibc

enum AllocationCounter {
    private typealias Allocate = @convention(c) (UnsafeRawPointer?, Int, Int) -> UnsafeMutableRawPointer?

    /// Only touched by `count`, and by the stand-in while that runs.
    nonisolated(unsafe) private static var count = 0
    nonisolated(unsafe) private static var original: Allocate = { _, _, _ in nil }

    /// Objects that `body` allocates; nil where the runtime does not offer it, as in an executable that is linked statically.
    static func count(in body: () -> Void) -> Int? {
        guard let slot = dlsym(nil, "_swift_allocObject"),
            let isOn = dlsym(nil, "_swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly")
        else { return nil }
        let function = slot.assumingMemoryBound(to: Allocate.self)
        let flag = isOn.assumingMemoryBound(to: Bool.self)
        original = function.pointee
        function.pointee = { metadata, size, alignment in
            AllocationCounter.count += 1
            return AllocationCounter.original(metadata, size, alignment)
        }
        count = 0
        flag.pointee = true
        body()
        flag.pointee = false
        function.pointee = original
        return count
    }
}
