// group: chats of many.
//
// Purpose    Keeps the rules of its share of the groups, appends to their logs, brings each entry to every member's inbox, and
//            tells authors who has it.
// Requests   One-way groupSend, groupAct, groupQuery of parsers; calls groupReceipts of session shards.
// State      Soft: members, unfinished fan-outs and marks of the groups in use. A crash loses nothing: what was begun goes on.
// Touches    Nothing.
// Settings   The common ones (--help). In cluster.conf: `groups` (members at most, tries before an author is told).
// Weaknesses A group lives in one shard: one very busy group is bound by one core.

import GroupCore
import ServiceKit

ServiceHost.run(.group, purpose: "chats of many: rules, order, fan-out, receipts") { start throws(StartFailure) in
    GroupCore(selfID: start.selfID, cluster: start.cluster, dice: start.dice())
}
