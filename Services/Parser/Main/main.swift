// parser: where client bytes become messages, or refusals.
//
// Purpose    Decodes and bounds what clients send (JSON and binary, docs/protocol.md), and routes it by the ring.
// Requests   One-way `clientInput` of gateways. It answers no calls; refusals go straight back to the client.
// State      None. A crash loses the frames it had not passed on; clients repeat them.
// Touches    Nothing.
// Settings   The common ones (--help).
// Weaknesses None known.

import ParserCore
import ServiceKit

ServiceHost.run(.parser, purpose: "client bytes in, typed messages out") { start throws(StartFailure) in
    ParserCore(selfID: start.selfID, cluster: start.cluster)
}
