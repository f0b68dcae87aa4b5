public struct StableHash: Sendable {
    let k0: UInt64
    let k1: UInt64
    public init(k0: UInt64, k1: UInt64) { self.k0 = k0; self.k1 = k1 }
    public func callAsFunction(_ bytes: [UInt8]) -> UInt64 {
        var h = k0 ^ 0xcbf2_9ce4_8422_2325 ^ k1
        for b in bytes { h = (h ^ UInt64(b)) &* 0x100_0000_01b3 }
        return h
    }
}
