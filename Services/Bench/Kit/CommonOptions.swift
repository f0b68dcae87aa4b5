// Options that several scenarios share, read in one way.

import ClientProtocol
import FantailCLI
import Primitives

extension Arguments {
    public func noOperands() throws(CommandFailure) {
        if let first = operands.first { throw .usage("what is \"\(Printable.line(first))\" for? try --help") }
    }

    func encoding() throws(CommandFailure) -> ClientEncoding {
        switch value("encoding") {
        case nil, "json": .json
        case "binary": .binary
        default: throw .usage("--encoding must be json or binary")
        }
    }

    /// nil: not given.
    func bodyBytes() throws(CommandFailure) -> Int? {
        try number("body", MessageMark.bodyBytesMin...ClientLimits.bodyBytesMax)
    }
}
