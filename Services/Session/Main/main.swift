// session: the brain of the delivery path, for its share of the users.
//
// Purpose    Stores a message before it answers `sent`, pushes it to the addressee's devices, chases acknowledgements, and turns
//            them into receipts.
// Requests   One-way: deliver, acknowledge, markRead, attach, detach, poke, historyQuery, membershipQuery, groupNotice. Calls:
//            receipt (answered when durable), expiredReport (when every author's notice is durable), fanOut (when it is stored).
// State      Soft: who is connected where, how far each device is. A crash loses all of it and nothing else: gateways attach
//            their connections again, inboxes are read again.
// Touches    Nothing; persistence keeps everything.
// Settings   The common ones (--help). Its share of the users: `weight` in cluster.conf, default 1.
// Weaknesses A `read` mark is believed for any chat, also for one that never was.

import ServiceKit
import SessionCore

ServiceHost.run(.session, purpose: "stores, pushes and chases the messages of its users") { start throws(StartFailure) in
    SessionCore(selfID: start.selfID, cluster: start.cluster, dice: start.dice())
}
