// One connection at the HTTP door. A file may be followed by another request; every other answer is the last.

import Media
import WebSocket

struct Connection {
    enum Phase {
        /// The request comes in.
        case head(HTTPRequestParser)
        /// The store is asked about what the request wants; nothing is read meanwhile.
        case asking(HTTPRequest)
        /// Bytes of an upload come in.
        case body
        /// All are there; the store checks them.
        case finishing
        /// A file goes out.
        case sending
    }

    /// What is still to come out of the bucket.
    struct Remote {
        var hash: String
        var range: Range<UInt64>
        /// What is sent before the first bytes; empty when it was.
        var head: [UInt8]
    }

    var phase = Phase.head(HTTPRequestParser(mayHaveBody: true))
    /// The answer that goes out is not the last.
    var isKept = false
    /// Bytes came that no request of ours took in: what follows cannot be read any more.
    var isOutOfStep = false
    /// Who holds it; nil until a link was shown.
    var user: String?
    /// Answers that went out before this request.
    var answerCount = 0
    /// Upload or file that the link names.
    var subject = ""
    /// Of the upload: where the next byte belongs, and how many there are when it is whole.
    var offset: UInt64 = 0
    var size: UInt64 = 0
    /// Bytes of this request's body that have not come in yet.
    var bodyLeft: UInt64 = 0
    var remote: Remote?
    /// What came in behind the head.
    var held: [UInt8] = []
    /// Pieces on their way to the disk.
    var pieceCount = 0
    var isPaused = false
    /// Bytes since the pace was looked at.
    var recentBytes = 0

    var isUploading: Bool {
        if case .body = phase { return true }
        return false
    }
}
