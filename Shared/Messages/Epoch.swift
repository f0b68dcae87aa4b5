// Which cluster file a process goes by (message 10).
//
// The hello of a link says so once; whoever takes up a newer file while links are open says it again on each of them. So
// everybody knows of each peer whether the two route by the same table.

import Primitives

/// Anyone to all peers, one-way: from here on this process routes by this epoch. What came before it on the link was routed by
/// the one before.
public struct EpochNews: Equatable, Sendable {
    /// Of the cluster file, 1 and up.
    public var epoch: UInt64

    public init(epoch: UInt64) { self.epoch = epoch }

    func encode(into writer: inout ByteWriter) { writer.u64(epoch) }

    init(from reader: inout ByteReader) throws(DecodeError) { epoch = try reader.u64() }
}
