// One connection at the door: requests one after the other, each with its answer before the next is read.
//
//     head --> body --> waiting --> head
//                 \-> answered -->/

import Messages
import Primitives
import WebSocket

struct Connection {
    enum Phase {
        case head(HTTPRequestParser)
        case body(Body)
        /// The cluster was asked, under this name.
        case waiting(ConnectionID)
    }

    /// A request whose body comes in.
    struct Body {
        var request: HTTPRequest
        /// Its answer, known before the body is: then the bytes are dropped.
        var verdict: Answer?
        var bytes: [UInt8] = []
        var bytesLeft: UInt64
    }

    var phase = Phase.head(HTTPRequestParser(mayHaveBody: true))
    /// Came in behind the request that is in work.
    var held: [UInt8] = []
    /// The next answer goes without its body, as RFC 9110, section 9.3.2, wants it of HEAD.
    var isBodyless = false
    /// The next answer is the last.
    var isLast = false
}
