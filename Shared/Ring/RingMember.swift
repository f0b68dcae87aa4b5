// What goes into a ring: members with a name and a weight, and a few parameters that everybody must share.
//
// Nothing else does. Not the order in which the members are written, not the epoch, not an address: whoever knows the
// same names, weights, seed and bound computes the same table, and a node that moves to another box keeps its users.

/// One node's seat on a ring.
public struct RingMember: Hashable, Sendable {
    /// Unique on its ring, 1...`RingLimits.nameBytesMax` bytes of UTF-8. The name decides where the member sits.
    public let name: String
    /// How much the member carries compared with the others, 1...`RingLimits.weightMax`.
    public let weight: Int

    /// - Parameter weight: default 1; a member of weight 2 receives twice the slots of one of weight 1.
    public init(name: String, weight: Int = 1) {
        self.name = name
        self.weight = weight
    }
}

/// What all processes of a cluster must agree on besides the membership.
public struct RingParameters: Hashable, Sendable {
    /// Which version of the cluster this is, 1 and up. Requests name it; it does **not** influence the table, so a new
    /// epoch by itself moves nobody.
    public var epoch: UInt32
    /// Draws another table from the same membership. Changing it moves nearly everybody. Default 0.
    public var seed: UInt64
    /// No member holds more than this many thousandths of its fair share, `RingLimits.loadPermilleRange`.
    /// Default 1,050: five per cent above the mean.
    public var loadPermille: Int

    public init(epoch: UInt32 = 1, seed: UInt64 = 0, loadPermille: Int = RingLimits.loadPermilleDefault) {
        self.epoch = epoch
        self.seed = seed
        self.loadPermille = loadPermille
    }
}

/// Every bound of the ring, with its reason.
public enum RingLimits {
    /// Slots of a table. 65,536 owners of two bytes are 128 KiB, which stays in a core's second-level cache; at 1,000
    /// nodes a node still has 65 slots, enough to balance within 5.5 %. It is the number of values of `RingSlot`, so
    /// that no index can miss the table.
    public static let slotCount = 65_536
    /// Members of one ring. Beyond it a node's share falls under 65 slots and one slot more is 2 % of its load.
    public static let memberCountMax = 1_000
    /// Largest weight. 1...100 covers boxes of very different size; the compile step costs memory and time in
    /// proportion to the sum of all weights (100,000 at most, 800 KB while it runs).
    public static let weightMax = 100
    /// Longest member name, bytes: one DNS label is 63, a fully qualified name 253.
    public static let nameBytesMax = 253
    /// How far above its fair share a member may be loaded, thousandths. Under 1,010 the last free slots fit only a
    /// few members and every change moves much more than it must; above 2,000 the bound bounds nothing.
    public static let loadPermilleRange = 1_010...2_000
    /// See `RingParameters.loadPermille`: 1,050 keeps max/mean under 1.055 for up to 1,000 members.
    public static let loadPermilleDefault = 1_050
    /// Length of `preferenceOrder(of:)`. Eight members that are all down at once is a lost cluster, not a fail-over.
    public static let preferenceCountMax = 8
}

/// Why a ring cannot be built.
public enum RingError: Error, Hashable, Sendable {
    /// A ring needs somebody who owns its slots.
    case noMembers
    /// More members than `RingLimits.memberCountMax`.
    case tooManyMembers(count: Int)
    /// Empty, or longer than `RingLimits.nameBytesMax`.
    case nameLength(name: String)
    /// The same name twice.
    case duplicateName(name: String)
    /// Outside 1...`RingLimits.weightMax`.
    case weight(name: String, weight: Int)
    /// Outside `RingLimits.loadPermilleRange`.
    case loadPermille(Int)
}
