// last-seen: when people were here, and who may know.
//
// Purpose    Keeps when its share of the people last did something, says who is online, pushes changes to whoever watches, and
//            changes settings of privacy.
// Requests   One-way: activity, appFront, presenceQuery, settingsQuery of parsers; presenceGone of session shards; unwatch of its
//            like. Calls: lookUp, settingsNews of its like.
// State      Soft: a stamp a person, who is here, who watches whom. A crash loses the stamps of the last five seconds, and clients
//            say again what they watch. Settings are in persistence before they are answered.
// Touches    Nothing; persistence keeps stamps and settings.
// Settings   The common ones (--help). In cluster.conf: `presence` (how long an act counts as being here); `weight`, default 1.
// Weaknesses A shard out of reach goes on by the settings it knew until it is back.

import LastSeenCore
import ServiceKit

ServiceHost.run(.lastSeen, purpose: "who is here, when the others were, and who may know") { start throws(StartFailure) in
    LastSeenCore(selfID: start.selfID, cluster: start.cluster)
}
